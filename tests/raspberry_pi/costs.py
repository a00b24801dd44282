"""What aiart costs on emulated Raspberry Pis: counted, recorded, and put into the document."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from tests.raspberry_pi.document import DOCUMENT
from tests.raspberry_pi.systems import HERE, Pi

REPOSITORY = HERE.parents[1]
RECORDED = REPOSITORY / "benchmarks" / "raspberry_pi.json"

_PYTHON = "/opt/aiart/bin/python"
_CLASSIFY = ("/opt/aiart/bin/aiart-edge", "classify", "--runtime")
SAMPLE = "van-gogh-auvers-1890.jpg"
STEPS = (
    *("start Python", "import numpy", "import Pillow", "import the runtime", "load the model"),
    *("decode and resize", "first inference", "inference"),
)
WHOLE, FLOOR = "aiart-edge classify, whole", "bare script, whole"
MEMORY, INSTALLED = "peak memory, kB", "installed, kB"
_NAMES = {"litert": "LiteRT", "tflite": "tflite-runtime"}


@dataclass(frozen=True)
class Published:
    """What others measured on a real device; docs/raspberry-pi.md names them.

    Args:
        name: of the device.
        core: one of `CORES`.
        hertz: its clock.
        milliseconds: that MobileNetV2 1.0 takes there in int8.
        instructions: millions of them that it takes under emulation, with LiteRT.
    """

    name: str
    core: str
    hertz: float
    milliseconds: float
    instructions: float


_PUBLISHED = (
    Published("Raspberry Pi 3 B+", "cortex-a53", 1.4e9, 30, 114.1),
    Published("Raspberry Pi 4", "cortex-a72", 1.8e9, 17, 114.1),
    Published("Raspberry Pi 5", "cortex-a76", 2.4e9, 4.0, 49.6),
)

Costs = dict[str, dict[str, int]]


def tolerance(name: str) -> float:
    """Tell by what share a cost may rise and still count as unchanged.

    Args:
        name: of the cost.

    Returns:
        The share. Memory's is the larger one: of the libraries, a process maps what the host's page
        cache holds. One build took 67.5 to 69.3 MB on two hosts; its instructions are exact.
    """
    return 0.05 if name == MEMORY else 0.02


def count_costs(pi: Pi) -> Costs:
    """Count what a cold start costs in a system, with each runtime, on each core.

    Args:
        pi: the system.

    Returns:
        By system, runtime and core: instructions by step, and kilobytes.
    """
    for program in (HERE / "cold_start.py", REPOSITORY / "benchmarks" / "bare_script.py"):
        shutil.copy(program, pi.root / "root")
    for runtime in pi.system.runtimes:  # leaves the bytecode behind
        pi.run(_PYTHON, "cold_start.py", runtime, SAMPLE)
        pi.run(*_CLASSIFY, runtime, SAMPLE)
    pi.run(*_bare_script(pi))
    return {
        f"{pi.system.name}, {_NAMES[runtime]}, {core}": _count(pi, runtime, core)
        for runtime in pi.system.runtimes
        for core in pi.system.cores
    }


def _count(pi: Pi, runtime: str, core: str) -> dict[str, int]:
    counts, memory = pi.count(_PYTHON, "cold_start.py", runtime, SAMPLE, core=core)
    costs = dict(zip(STEPS, counts, strict=False))
    costs[WHOLE] = sum(pi.count(*_CLASSIFY, runtime, SAMPLE, core=core)[0])
    if runtime == pi.system.runtimes[0]:  # it takes no other
        costs[FLOOR] = sum(pi.count(*_bare_script(pi), core=core)[0])
    costs[MEMORY] = int(memory)
    costs[INSTALLED] = _installed(pi)
    return costs


def _bare_script(pi: Pi) -> tuple[str, ...]:
    (model,) = pi.root.glob("opt/aiart/lib/python3*/site-packages/aiart_edge/models/*.tflite")
    return _PYTHON, "bare_script.py", f"/{model.relative_to(pi.root)}", SAMPLE


def _installed(pi: Pi) -> int:
    """Add up what pip and apt put among Python's packages, without pip and bytecode, in kB."""
    folders = [*pi.root.glob("opt/aiart/lib/python3*/site-packages/*")]
    folders += [
        pi.root / "usr/lib/python3/dist-packages" / name for name in ("numpy", "PIL", "click")
    ]
    kept = [path for path in folders if not re.match("pip|setuptools|pkg_res|_dist", path.name)]
    files = (file for folder in kept for file in folder.rglob("*") if file.suffix != ".pyc")
    return sum(file.stat().st_size for file in files if file.is_file()) // 1000


def read_recorded() -> Costs:
    """Read the costs that were agreed on."""
    found: Costs = json.loads(RECORDED.read_text())
    return found


def record(costs: Costs) -> None:
    """Agree on costs: write them, and the document's tables of them.

    Args:
        costs: counted.
    """
    RECORDED.write_text(json.dumps(costs, indent=1) + "\n")
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), costs))


def with_tables(document: str, costs: Costs) -> str:
    """Put the tables into the document, in place of the ones that are there."""
    for name, lines in (("counted", _counted(costs)), ("expected", _expected(costs))):
        table = "".join(f"{line}\n" for line in lines)
        start, end = f"<!-- {name} -->\n", "<!-- up to here -->"
        before, _, rest = document.partition(start)
        document = f"{before}{start}\n{table}\n{end}{rest.partition(end)[2]}"
    return document


def _counted(costs: Costs) -> Iterator[str]:
    steps = (*STEPS, WHOLE, FLOOR)
    yield f"| millions of instructions | {' | '.join(steps)} |"
    yield f"|---|{'---:|' * len(steps)}"
    for where, of_it in costs.items():
        row = (f"{of_it[step] / 1e6:.1f}" if step in of_it else "" for step in steps)
        yield f"| {where} | {' | '.join(row)} |"
    yield ""
    yield "| | peak memory | installed |"
    yield "|---|---:|---:|"
    seen = {where.rpartition(", ")[0]: of_it for where, of_it in costs.items()}
    for where, of_it in seen.items():
        yield f"| {where} | {of_it[MEMORY] / 1e3:.0f} MB | {of_it[INSTALLED] / 1e3:.0f} MB |"


def _expected(costs: Costs) -> Iterator[str]:
    yield (
        "| device | MobileNetV2, published | its instructions | the embedded model's | estimate "
        "| cold start |"
    )
    yield "|---|---:|---:|---:|---:|---:|"
    for device in _PUBLISHED:
        of_it = costs[f"Bookworm 64-bit, LiteRT, {device.core}"]
        inference = of_it["inference"] / 1e6
        yield (
            f"| {device.name} | {device.milliseconds:g} ms | {device.instructions:.1f} M "
            f"| {inference:.1f} M | {device.milliseconds * inference / device.instructions:.0f} ms "
            f"| {of_it[WHOLE] / device.hertz:.1f} s |"
        )
