"""What is compared: a tool, a runtime, a precision and a number of threads, by suite."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiart_edge.files import EMBEDDED_MODEL

SUITES = ("invoke", "picture", "cold", "batch")
PRECISIONS = ("float32", "float16", "dynamic", "int8", "int16x8")

# A tool that is not aiart's is shown on the precisions that people choose first.
_PEER_PRECISIONS = ("float32", "int8")

# The modules that make each runtime: what must be installed, and what is imported before a load is
# timed.
RUNTIMES = {
    "tflite-runtime": ("tflite_runtime.interpreter",),
    "LiteRT": ("ai_edge_litert.interpreter",),
    "MediaPipe": ("mediapipe", "mediapipe.tasks.python.vision"),
    "Keras": ("tensorflow", "keras", "scipy", "sklearn", "aiart_train.run_folder"),
    "Pillow": ("PIL.Image",),
}
_TFLITE = ("tflite-runtime", "LiteRT")


@dataclass(frozen=True)
class Variant:
    """One way to classify a picture.

    Args:
        tool: a key of `TOOLS`.
        precision: of the model file; empty where a tool runs no network.
        runtime: a key of `RUNTIMES`.
        threads: of the runtime; 0 where the tool leaves no choice.
    """

    tool: str
    precision: str
    runtime: str
    threads: int

    def __str__(self) -> str:
        parts = (self.tool, self.precision, self.runtime, str(self.threads or ""))
        return "-".join(part.replace(" ", "_") for part in parts if part)


@dataclass(frozen=True)
class Tool:
    """A tool.

    Args:
        about: what it is, for a reader.
        suites: those of `SUITES` that say something about it.
    """

    about: str
    suites: tuple[str, ...]


TOOLS = {
    "Keras model(x)": Tool("the original, called; a batch goes in at once", SUITES),
    "Keras predict": Tool("the original, by its method predict; likewise", SUITES),
    "aiart": Tool("this project's edge", SUITES),
    "aiart-edge": Tool(
        "the command aiart-edge classify, with the runtime that it prefers", ("cold",)
    ),
    "MediaPipe": Tool("MediaPipe Tasks, ImageClassifier", ("picture", "cold", "batch")),
    "label_image": Tool(
        "a bare interpreter loop, as in TensorFlow's label_image example",
        ("picture", "cold", "batch"),
    ),
    "invoke alone": Tool("floor: the runtime's invoke and nothing else", ("invoke", "picture")),
    "decode alone": Tool(
        "floor: Pillow's decoding of the picture in full and nothing else", ("picture", "batch")
    ),
}


@dataclass(frozen=True)
class Models:
    """The files that the variants run.

    Args:
        tflite: by precision, those that are there.
        keras: the original, or None.
    """

    tflite: dict[str, Path]
    keras: Path | None

    def file_of(self, variant: Variant) -> Path | None:
        """Find the file that a variant runs.

        Args:
            variant: of any tool.

        Returns:
            Its path, or None where it is not there or the tool runs none.
        """
        if variant.runtime == "Keras":
            return self.keras
        return self.tflite.get(variant.precision)


def find_models(run: Path | None) -> Models:
    """Find what can be compared.

    Args:
        run: a run folder that was converted, or None for the embedded model alone.

    Returns:
        The files.
    """
    if run is None:
        return Models({"int8": EMBEDDED_MODEL}, None)
    files = {name: run / f"model-{name}.tflite" for name in PRECISIONS}
    keras = run / "model.keras"
    return Models(
        {name: path for name, path in files.items() if path.is_file()},
        keras if keras.is_file() else None,
    )


def all_variants(cores: int) -> Iterator[Variant]:
    """List what the suites compare, whether it can run here or not.

    Args:
        cores: of this machine.

    Yields:
        Each variant.
    """
    threads = [count for count in (1, 2, 4) if count <= cores]
    for count in threads:
        for call in ("Keras model(x)", "Keras predict"):
            yield Variant(call, "float32", "Keras", count)
        for precision in PRECISIONS:
            for runtime in _TFLITE:
                yield Variant("aiart", precision, runtime, count)
    yield Variant("aiart-edge", "int8", preferred_runtime(), 1)
    for precision in _PEER_PRECISIONS:
        yield Variant("MediaPipe", precision, "MediaPipe", 0)
        for runtime in _TFLITE:
            yield Variant("label_image", precision, runtime, 1)
            yield Variant("invoke alone", precision, runtime, 1)
    yield Variant("decode alone", "", "Pillow", 1)


def preferred_runtime() -> str:
    """Name the runtime that the edge takes of those that are installed.

    Returns:
        LiteRT where it is there, as `aiart_edge.runtime` says.
    """
    return "LiteRT" if is_installed("ai_edge_litert") else "tflite-runtime"


def why_not(variant: Variant, models: Models) -> str:
    """Say why a variant cannot run here.

    Args:
        variant: to be run.
        models: the files that are there.

    Returns:
        A phrase, or nothing if it can be tried.
    """
    missing = [name for name in RUNTIMES[variant.runtime] if not is_installed(name.split(".")[0])]
    if missing:
        return "not installed"
    if variant.tool != "decode alone" and models.file_of(variant) is None:
        return "no such file in the run"
    return ""


def is_installed(package: str) -> bool:
    """Tell whether a package is there, without importing it.

    Args:
        package: a top-level import name.

    Returns:
        Whether it is.
    """
    return importlib.util.find_spec(package) is not None


def suites_of(variants: Sequence[Variant]) -> Iterator[tuple[str, Variant]]:
    """Pair variants with the suites that say something about them.

    Args:
        variants: of any tool.

    Yields:
        A suite and a variant, suite by suite.
    """
    for suite in SUITES:
        for variant in variants:
            if suite in TOOLS[variant.tool].suites:
                yield suite, variant
