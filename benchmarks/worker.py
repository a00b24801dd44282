"""What happens in the processes that are measured.

`timed` is called in a long-lived worker; `python -m benchmarks.worker` is a process that classifies
one picture and ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

from aiart_edge.image import read_pixels
from benchmarks.tools import Opened, open_tool
from benchmarks.variants import RUNTIMES, Variant


@dataclass(frozen=True)
class Sample:
    """One timed call.

    Args:
        seconds: that it took.
        p_ai: what it answered, or None where the tool does not say.
    """

    seconds: float
    p_ai: float | None


@dataclass(frozen=True)
class Once:
    """A process that classified one picture, measured from within.

    Args:
        imported: seconds that it took to import the runtime.
        load: seconds from the model's file to a network that can run.
        first: seconds of the first picture.
        peak_memory: bytes, of this process alone.
    """

    imported: float
    load: float
    first: float
    peak_memory: int


def timed(
    variant: Variant, path: Path | None, suite: str, pictures: Sequence[Path]
) -> tuple[Sample, ...]:
    """Time calls, after a picture that is not timed: others have used the caches meanwhile.

    Args:
        variant: to be timed; it is opened at its first turn and stays open.
        path: of its model file.
        suite: `invoke`, `picture` or `batch`.
        pictures: one for each call; a batch takes all of them at once.

    Returns:
        A sample per call.
    """
    opened = _open(variant, path)
    _calls(opened, suite, pictures[:1])[0]()
    calls = _calls(opened, suite, pictures)
    gc.disable()
    try:
        return tuple(map(_time, calls))
    finally:
        gc.enable()


def once(variant: Variant, path: Path | None, picture: Path) -> Once:
    """Classify one picture, in a process that did nothing before.

    Args:
        variant: the tool.
        path: of its model file.
        picture: to classify.

    Returns:
        How long it took, and how much memory.
    """
    began = time.perf_counter()
    _import(variant.runtime)
    imported = time.perf_counter()
    opened = _open(variant, path)
    loaded = time.perf_counter()
    opened.picture(picture)
    done = time.perf_counter()
    return Once(imported - began, loaded - imported, done - loaded, _peak_memory())


@cache
def _open(variant: Variant, path: Path | None) -> Opened:
    _import(variant.runtime)
    return open_tool(variant, path)


def _import(runtime: str) -> None:
    if runtime == "MediaPipe":
        # It imports TensorFlow where it is there, to no use here: 4 s and 650 MiB that are not its.
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    for name in RUNTIMES[runtime]:
        importlib.import_module(name)


def _calls(
    opened: Opened, suite: str, pictures: Sequence[Path]
) -> list[Callable[[], float | None]]:
    if suite == "batch":
        return [partial(opened.classify_all, pictures)]
    if suite == "picture":
        return [partial(opened.picture, picture) for picture in pictures]
    return [partial(opened.invoke, read_pixels(picture, opened.rule)) for picture in pictures]


def _time(call: Callable[[], float | None]) -> Sample:
    began = time.perf_counter()
    p_ai = call()
    return Sample(time.perf_counter() - began, p_ai)


def _peak_memory() -> int:
    """Give the most memory that this process held: a child's ru_maxrss counts its parent's too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) << 10 if found else 0


def main(request: str) -> None:
    """Classify one picture and print what it took, as JSON.

    Args:
        request: JSON of a variant, its model file and a picture.
    """
    variant, path, picture = json.loads(request)
    taken = once(Variant(**variant), Path(path), Path(picture))
    sys.stdout.write(f"\n{json.dumps(asdict(taken))}\n")


if __name__ == "__main__":
    main(sys.argv[1])
