"""What a device has, and whether the classifier answers on it as it should."""

from __future__ import annotations

import importlib
import math
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aiart_edge.errors import AiartError

if TYPE_CHECKING:
    from aiart_edge.model_file import ModelDescription

State = Literal["ok", "warning", "failure"]

_OLDEST_GLIBC = (2, 34)  # that the wheels of both runtimes take
# Instructions that make a network faster.
_FEATURES = {"neon", "asimd", "asimddp", "i8mm", "sve", "avx", "avx2", "avx512f", "avx512_vnni"}

_SAME_BITS = 1e-6
_NEARLY = 1e-3
_LEAST = 1e-6  # of a probability, for which float32 still has digits


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        name: of the thing.
        state: `ok`, `warning`, or `failure` where the classifier cannot be trusted to work.
        found: what it is.
        remedy: what to do, where something is wrong. Default none.
    """

    name: str
    state: State
    found: str
    remedy: str | None = None


def examine(model: Path, runtime: str = "auto") -> Iterator[Check]:
    """Examine this device, the packages, the model file and the network's answers.

    Args:
        model: the model file.
        runtime: see `runtime.find_runtime`. Default `auto`.

    Yields:
        What was found; after a failure, what needs the failed thing is left out.
    """
    yield _python()
    yield Check("device", "ok", f"{device_model()}, {os.uname().machine}, {_bits()}-bit Python")
    yield _glibc()
    yield Check("cpu features", "ok", " ".join(cpu_features()) or "none that matters")
    packages = [_package("numpy", "numpy"), _package("pillow", "PIL.Image")]
    yield from packages
    if any(check.state == "failure" for check in packages):
        return
    runtime_check = _attempt("runtime", lambda: _runtime(runtime))
    yield runtime_check
    model_check = _attempt("model", lambda: _model(model))
    yield model_check
    if {runtime_check.state, model_check.state} == {"ok"}:
        yield _attempt("answers", lambda: _answers(model, runtime))


def device_model() -> str:
    """Name this device, as its firmware does.

    Returns:
        `Raspberry Pi 4 Model B Rev 1.4`, or the processor's name elsewhere.
    """
    for path, key in (("/proc/device-tree/model", ""), ("/proc/cpuinfo", "model name")):
        try:
            text = Path(path).read_text(errors="replace")
        except OSError:
            continue
        lines = [line for line in text.split("\n") if line.startswith(key)]
        if lines:
            return lines[0].split(":")[-1].strip("\0 ")
    return platform.processor() or "unknown"


def cpu_features() -> list[str]:
    """List what the processor has of the instructions that matter to a network.

    Returns:
        Names as the Linux kernel has them, sorted.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").split("\n")
    except OSError:
        return []
    lists = [line for line in lines if line.lower().startswith(("flags", "features"))]
    found = {word for line in lists for word in line.split()}
    return sorted(found & _FEATURES)


def _python() -> Check:
    found = f"{platform.python_version()} ({sys.executable})"
    return Check("python", "ok", found)


def _bits() -> int:
    return 64 if sys.maxsize > 1 << 32 else 32


def _glibc() -> Check:
    name, number = platform.libc_ver()
    if name != "glibc":
        problem = "the runtimes are published for glibc alone: use a Debian or Raspberry Pi OS"
        return Check("libc", "failure", name or "not glibc", problem)
    if tuple(map(int, number.split(".")[:2])) < _OLDEST_GLIBC:
        need = ".".join(map(str, _OLDEST_GLIBC))
        problem = f"the runtimes need {need}: use Debian 12, Raspberry Pi OS Bookworm, or later"
        return Check("libc", "failure", f"glibc {number}", problem)
    return Check("libc", "ok", f"glibc {number}")


def _package(package: str, module: str) -> Check:
    try:
        importlib.import_module(module)
        return Check(package, "ok", version(package))
    except (ImportError, PackageNotFoundError) as error:
        remedy = f"run  pip install --force-reinstall {package}"
        return Check(package, "failure", " ".join(str(error).split()), remedy)


def _attempt(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except AiartError as error:
        problem, _, remedy = error.format_message().rpartition(": ")
        return Check(name, "failure", problem, remedy)


def _runtime(wanted: str) -> Check:
    from aiart_edge.runtime import WHEELS, find_runtime, kernels_of

    name = find_runtime(wanted)
    found = f"{WHEELS[name]} {version(WHEELS[name])}, {kernels_of(name)} kernels"
    return Check("runtime", "ok", found)


def _model(path: Path) -> Check:
    from aiart_edge.model_file import read_model_file

    model = read_model_file(path)
    found = f"{model.description.name} {model.description.precision}, its SHA-256 is right"
    return Check("model", "ok", found)


def _answers(path: Path, wanted: str) -> Check:
    """Compare the answers to the golden pictures; a runtime that dies takes nobody along."""
    from aiart_edge.golden import PICTURES, draw_golden
    from aiart_edge.isolated import IsolatedNetwork
    from aiart_edge.model_file import read_model_file
    from aiart_edge.networks import settle
    from aiart_edge.runtime import WHEELS, find_runtime, kernels_of

    model = read_model_file(path)
    description = model.description
    runtime = find_runtime(settle(model, 1, wanted)[1])
    expected = description.golden.get(kernels_of(runtime))
    if not expected:
        remedy = "convert it again with this version's aiart-convert"
        return Check("answers", "warning", "the model file holds none to compare with", remedy)
    network = IsolatedNetwork(path, description.input, threads=1, runtime=runtime)
    pictures = [draw_golden(number, description.input) for number in range(PICTURES)]
    answers = [float(network.scores(picture)[0]) for picture in pictures]
    network.close()
    found, is_right = _compare(answers, expected, description)
    if not is_right:
        remedy = f"run  pip install --force-reinstall {WHEELS[runtime]}  or try another --runtime"
        return Check("answers", "failure", found, remedy)
    return Check("answers", "ok", f"{PICTURES} golden pictures: {found} the model file's")


def _compare(
    answers: Sequence[float], expected: Sequence[float], description: ModelDescription
) -> tuple[str, bool]:
    """Say how far answers lie from those of the file, and whether that is near enough."""
    if (tolerance := description.tolerance) is not None:
        pairs = zip(map(_logit, answers), map(_logit, expected), strict=True)
        furthest = max(abs(one - other) for one, other in pairs)
        if furthest <= tolerance:
            return f"logits within {furthest:.2g} ({tolerance:g} is allowed) of", True
        far = f"logits up to {furthest:.2g} ({tolerance:g} is allowed)"
    else:
        furthest = max(abs(one - other) for one, other in zip(answers, expected, strict=True))
        if furthest <= _SAME_BITS:
            return "the same bits as", True
        if furthest <= _NEARLY and description.precision != "int8":
            return f"within {furthest:.0e} of", True
        far = f"up to {furthest:.3f}"
    return f"{far} from the model file's: verdicts on this device are wrong", False


def _logit(p_ai: float) -> float:
    p_ai = min(max(p_ai, _LEAST), 1 - _LEAST)
    return math.log(p_ai / (1 - p_ai))
