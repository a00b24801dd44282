"""How fast the classifier is on this device."""

from __future__ import annotations

import io
import itertools
import resource
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiart_edge.doctor import device_model
from aiart_edge.files import EMBEDDED_MODEL

if TYPE_CHECKING:
    from aiart_edge.image import Source

_STAGES = ("decode", "preprocess", "invoke", "total")
_PERCENTILES = (50, 90, 99)
_DRAWN_SIZE = (1024, 768)  # pixels

_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")  # Raspberry Pi


def measure(
    model: Path,
    pictures: Sequence[str],
    *,
    count: int,
    threads: int | None = None,
    runtime: str = "auto",
) -> dict[str, Any]:
    """Measure the classifier's start and its latency; in a fresh process, or the imports say 0.

    Args:
        model: the model file.
        pictures: files, taken in turn; without any, a JPEG of 1024 x 768 is drawn.
        count: how many times to measure.
        threads: of the runtime. Default: see `Classifier.load`.
        runtime: see `runtime.find_runtime`. Default `auto`.

    Returns:
        What stands in the report: times in milliseconds.

    Raises:
        PictureError: a picture cannot be read.
        ModelFileError: the model file cannot be used.
        RuntimeUnavailable: no TFLite runtime that works is installed.
    """
    before = device_state()
    start = time.perf_counter()
    import numpy as np
    import PIL.Image

    from aiart_edge.classifier import Classifier
    from aiart_edge.image import decode, reduced_side, resize
    from aiart_edge.model_file import read_model_file
    from aiart_edge.networks import load_own, settle
    from aiart_edge.runtime import WHEELS, find_runtime, import_interpreter

    ready = time.perf_counter()
    file = read_model_file(model)
    threads, runtime = settle(file, threads, runtime)
    read = time.perf_counter()
    name = find_runtime(runtime)
    import_interpreter(name)
    imported = time.perf_counter()
    network = load_own(file, threads=threads, runtime=name, trusted=model == EMBEDDED_MODEL)
    loaded = time.perf_counter()
    sources: list[Source] = list(pictures) or [_draw()]
    classifier = Classifier(lambda: network, file.description)
    drawn = time.perf_counter()
    classifier.classify(sources[0])
    first = time.perf_counter() - drawn

    rule = file.description.input
    clock = np.empty((count, 1 + len(_STAGES)))
    for row, source in zip(clock, itertools.cycle(sources), strict=False):
        row[0] = time.perf_counter()
        image = decode(source, at_least=reduced_side(rule))
        row[1] = time.perf_counter()
        pixels = resize(image, rule)
        row[2] = time.perf_counter()
        network.scores(pixels)
        row[3] = time.perf_counter()
        classifier.classify(source)
        row[4] = time.perf_counter()
    times = 1e3 * np.percentile(np.diff(clock), _PERCENTILES, axis=0)
    return {
        "model": file.description.name,
        "precision": file.description.precision,
        "runtime": f"{WHEELS[name]} {version(WHEELS[name])}",
        "threads": threads,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "device": device_model(),
        "pictures": len(pictures) or "one, drawn",
        "count": count,
        "import_ms": round(1e3 * (ready - start + imported - read), 2),
        "load_ms": round(1e3 * (read - ready + loaded - imported), 2),
        "first_ms": round(1e3 * first, 2),
        **{
            f"{stage}_ms": {
                f"p{part}": round(float(value), 2)
                for part, value in zip(_PERCENTILES, column, strict=True)
            }
            for stage, column in zip(_STAGES, times.T, strict=True)
        },
        "peak_memory_mb": round(peak_memory() / 1e6, 1),
        "before": before,
        "after": device_state(),
    }


def device_state() -> dict[str, str]:
    """Read what makes the same device slower at one time than at another.

    Returns:
        The governor of the clock and the throttling flags of a Raspberry Pi (0x0: never), each
        `unknown` where the device does not say.
    """
    state = {"governor": "unknown", "throttled": "unknown"}
    with suppress(OSError):
        state["governor"] = _GOVERNOR.read_text().strip()
    with suppress(OSError, subprocess.SubprocessError):
        command = ["vcgencmd", "get_throttled"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
        state["throttled"] = done.stdout.strip().split("=")[-1]
    with suppress(OSError):
        state["throttled"] = "0x" + _THROTTLED.read_text().strip()
    return state


def peak_memory() -> int:
    """Give the most memory that this process has held at once.

    Returns:
        Bytes.
    """
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):  # ru_maxrss counts what the parent held, too
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _draw() -> bytes:
    """Draw a JPEG that costs about what a photograph costs to decode."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    width, height = _DRAWN_SIZE
    soft = Image.fromarray(rng.integers(16, 240, (height // 8, width // 8, 3), dtype=np.uint8))
    grain = rng.integers(0, 16, (height, width, 1), dtype=np.uint8)
    pixels = np.asarray(soft.resize(_DRAWN_SIZE, Image.Resampling.BILINEAR)) + grain
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=90)
    return content.getvalue()
