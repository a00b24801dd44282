"""The edge, run in a process of its own as it runs on a device: without TensorFlow.

tflite-runtime 2.14 cannot load a network in a process that imported TensorFlow first, and may crash
the process on a network that it does not understand.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pickle
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aiart_convert import INTEGER, TARGETS
from aiart_edge.errors import AiartError, RuntimeUnavailable
from aiart_edge.evidence import Explainer
from aiart_edge.flatbuffer import add_outputs, check_network
from aiart_edge.image import InputRule, decode, read_pixels
from aiart_edge.installation import install_command
from aiart_edge.model_file import Head
from aiart_edge.runtime import Network

Change = Callable[[Image.Image], bytes]

_X86 = ("x86_64", "AMD64", "i686")


@dataclass(frozen=True)
class Runtime:
    """A TFLite runtime, installed here.

    Args:
        name: with its version, for people.
        module: that has the interpreter.
        kernels: name of the interpreter's set of operators, as in `OpResolverType`.
    """

    name: str
    module: str
    kernels: str = "AUTO"


def installed_runtimes(precision: str, target: str = "tflite") -> tuple[Runtime, ...]:
    """List the runtimes that a network has to pass.

    On x86 tflite-runtime has integer kernels that no ARM device has. Its reference kernels give
    ARM's bits, so they are listed too.

    Args:
        precision: of the network.
        target: one of `aiart_convert.TARGETS`; `litert` leaves tflite-runtime out. Default
            `tflite`.

    Returns:
        LiteRT and tflite-runtime, as far as they are installed.

    Raises:
        RuntimeUnavailable: none is.
    """
    found = []
    if importlib.util.find_spec("ai_edge_litert"):
        name = f"LiteRT {importlib.metadata.version('ai-edge-litert')}"
        found.append(Runtime(name, "ai_edge_litert"))
    if importlib.util.find_spec("tflite_runtime") and target == TARGETS[0]:
        name = f"tflite-runtime {importlib.metadata.version('tflite-runtime')}"
        on_x86 = platform.machine() in _X86
        found.append(Runtime(f"{name}, x86" if on_x86 else name, "tflite_runtime"))
        if on_x86 and precision in INTEGER:
            found.append(Runtime(f"{name}, as on ARM", "tflite_runtime", "BUILTIN_REF"))
    if not found:
        raise RuntimeUnavailable(
            "no TFLite runtime that could check the file is installed: "
            f"run  {install_command('convert')}"
        )
    return tuple(found)


def score_on_edge(
    network: bytes, pictures: Sequence[Path], rule: InputRule, runtime: Runtime
) -> NDArray[np.float64]:
    """Score pictures with a TFLite network, on the edge's own path.

    Args:
        network: a TFLite flatbuffer.
        pictures: files.
        rule: how the network wants its pictures.
        runtime: to run it with.

    Returns:
        float64 of shape [n, 2], p(ai) and p(human), not calibrated.

    Raises:
        PictureError: a picture cannot be read.
        RuntimeUnavailable: the runtime died.
        ValueError: the edge or the runtime refuses the network.
    """
    found: NDArray[np.float64]
    (found,) = score_versions_on_edge(network, pictures, rule, runtime, (None,))
    return found


def score_versions_on_edge(
    network: bytes,
    pictures: Sequence[Path],
    rule: InputRule,
    runtime: Runtime,
    changes: Sequence[Change | None],
) -> NDArray[np.float64]:
    """Score pictures that were changed first; otherwise as `score_on_edge` does.

    Args:
        network: a TFLite flatbuffer.
        pictures: files.
        rule: how the network wants its pictures.
        runtime: to run it with.
        changes: from a whole picture to the bytes of a changed one; None leaves it as it is.

    Returns:
        float64 of shape [changes, n, 2].

    Raises:
        PictureError, RuntimeUnavailable, ValueError: as there.
    """
    return _ask(runtime, _score, network, pictures, rule, runtime, changes)


def explain_on_edge(
    network: bytes,
    head: Head,
    pictures: Sequence[Path | NDArray[np.uint8]],
    rule: InputRule,
    runtime: Runtime,
) -> NDArray[np.float64]:
    """Explain a TFLite network's answers, beside what it answers without being asked why.

    Args:
        network: a TFLite flatbuffer.
        head: what makes its logit.
        pictures: files, or pixels.
        rule: how the network wants its pictures.
        runtime: to run it with.

    Returns:
        float64 of shape [n, 4]: p(ai), not calibrated, not asked and asked; the logit; and the sum
        of all evidence.

    Raises:
        PictureError: a picture cannot be read.
        RuntimeUnavailable: the runtime died.
        ValueError: the edge or the runtime refuses the network.
        ModelFileError: the head is not the network's.
    """
    return _ask(runtime, _explain, network, head, pictures, rule, runtime)


def _ask(runtime: Runtime, job: Callable[..., list[Any]], *request: Any) -> NDArray[np.float64]:
    """Have a job done in another process, which may die of it."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=pickle.dumps((job, request)),
        capture_output=True,  # delegates announce themselves, and Ctrl-C reaches it too
        check=False,
    )
    if done.returncode != 0:
        why = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeUnavailable(f"{runtime.name} died on the converted network ({why or 'crash'})")
    answer: list[Any] | Exception = pickle.loads(done.stdout)
    if isinstance(answer, Exception):
        raise answer
    return np.array(answer, dtype=np.float64)


def _answer(request: bytes) -> list[Any] | Exception:
    job, arguments = pickle.loads(request)
    try:
        answer: list[Any] = job(*arguments)
    except (AiartError, ValueError) as error:
        return error
    return answer


def _score(
    network: bytes,
    pictures: Sequence[Path],
    rule: InputRule,
    runtime: Runtime,
    changes: Sequence[Change | None],
) -> list[Any]:
    loaded = _load(network, runtime)
    return [
        [
            loaded.scores(read_pixels(change(decode(picture)) if change else picture, rule))
            for picture in pictures
        ]
        for change in changes
    ]


def _explain(
    network: bytes,
    head: Head,
    pictures: Sequence[Path | NDArray[np.uint8]],
    rule: InputRule,
    runtime: Runtime,
) -> list[Any]:
    plain = _load(network, runtime)
    asked = Explainer(_load(network, runtime, head.outputs), Path("network"), head)
    rows = []
    for picture in pictures:
        pixels = read_pixels(picture, rule)
        found = asked.explain(pixels)
        total = float(found.places.sum()) + found.intercept
        rows.append([plain.scores(pixels)[0], found.scores[0], found.logit, total])
    return rows


def _load(network: bytes, runtime: Runtime, outputs: Sequence[int] = ()) -> Network:
    library = importlib.import_module(f"{runtime.module}.interpreter")
    content = add_outputs(network, outputs)
    check_network(content)  # what the edge refuses must not be written
    interpreter = library.Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=library.OpResolverType[runtime.kernels],
    )
    return Network(interpreter, more=len(outputs))


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(_answer(sys.stdin.buffer.read())))
