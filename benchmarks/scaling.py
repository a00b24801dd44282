"""What a million pictures cost, on so many cores: measured on a few, told of many by Amdahl's law.

`python -m benchmarks.scaling --strong BODY.tflite` has `aiart-edge batch` classify pictures of 1024
by 768 pixels by one process and by two, on this machine and on a Ray cluster of it alone. Each runs
on few pictures and on many, so that the difference is free of what a start takes. The processor's
time counts, of the driver and of all others apart. The strong network's own time stands in for the
embedded one's; the cascade asks it of the share of pictures of which the embedded one is unsure.

Amdahl's law with the driver as the serial part: n cores take d + w / n seconds a picture, where d
is the driver's time and w the others', measured with two processes at once. Storage, network and a
memory that many cores share count as free.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from aiart_edge.files import EMBEDDED_MODEL, PATH
from aiart_edge.model_file import read_model_file
from aiart_edge.program import run
from aiart_edge.runtime import import_interpreter
from benchmarks.batch_soak import children_of, draw

_BATCH = (sys.executable, "-m", "aiart_edge", "batch")
_SIZE = (1024, 768)  # pixels
_EVERY = 0.1  # seconds between two looks at the processes
_TICKS = os.sysconf("SC_CLK_TCK")  # of a second, in which Linux counts
_INVOCATIONS = 20
_CORES = (1, 2, 4, 8, 16, 32, 64, 128)
_MILLION = 1_000_000


@dataclass(frozen=True)
class Cost:
    """Seconds, of a run or of one picture.

    Args:
        driver: of the processor, by the process that was started.
        others: likewise, by all below it.
        wall: that passed.
    """

    driver: float
    others: float
    wall: float


def observe(command: list[str]) -> Cost:
    """Run a command to its end, and count its processes' time.

    Args:
        command: to run.

    Returns:
        What it took.
    """
    spent: dict[int, float] = {}
    began = time.monotonic()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        while process.poll() is None:
            with suppress(OSError):  # one of them ended meanwhile
                spent |= dict(_times(process.pid))
            time.sleep(_EVERY)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} ended with {process.returncode}")
    driver = spent.pop(process.pid)
    return Cost(driver, sum(spent.values()), time.monotonic() - began)


def _times(pid: int) -> Iterator[tuple[int, float]]:
    for each in (pid, *children_of(pid)):
        user, system = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:13]
        yield each, (int(user) + int(system)) / _TICKS


def measure(folder: Path, few: int, many: int, *options: str) -> Cost:
    """Measure what one more picture costs in a run.

    Args:
        folder: has the folders `few` and `many`; results are left in it.
        few: pictures in the one.
        many: in the other.
        options: of `aiart-edge batch`.

    Returns:
        Seconds a picture.
    """
    runs = [
        observe([*_BATCH, str(folder / name), "--shard-size=20", f"--out={out}", *options])
        for name in ("few", "many")
        for out in [tempfile.mkdtemp(dir=folder)]
    ]
    one, other = (np.array([cost.driver, cost.others, cost.wall]) for cost in runs)
    driver, others, wall = ((other - one) / (many - few)).tolist()
    return Cost(driver, others, wall)


def time_network(content: bytes, runtime: str) -> float:
    """Measure what a network takes of the processor, by one thread.

    Args:
        content: of its file.
        runtime: `litert`, say.

    Returns:
        Seconds a picture.
    """
    interpreter = import_interpreter(runtime)(model_content=content, num_threads=1)
    tensor = interpreter.get_input_details()[0]
    interpreter.resize_tensor_input(tensor["index"], [1, *tensor["shape"][1:]])
    interpreter.allocate_tensors()
    pixels = np.random.default_rng(0).integers(0, 127, [1, *tensor["shape"][1:]])
    interpreter.set_tensor(tensor["index"], pixels.astype(tensor["dtype"]))
    interpreter.invoke()
    began = time.process_time()
    for _ in range(_INVOCATIONS):
        interpreter.invoke()
    return (time.process_time() - began) / _INVOCATIONS


@click.command()
@click.option("--few", type=int, default=100, show_default=True)
@click.option("--many", type=int, default=700, show_default=True)
@click.option("--strong", type=PATH, help="A TFLite file of the strong network.")
@click.option("--unsure", type=float, default=0.523, show_default=True, help="By the first.")
@click.option("--runtime", default="litert", show_default=True)
def main(few: int, many: int, strong: Path | None, unsure: float, runtime: str) -> None:
    """Measure what a picture costs, and tell what a million would."""
    ways = {
        f"{where}, {jobs}": (f"--jobs={jobs}", f"--runtime={runtime}", *ray)
        for where, ray in (("batch", ()), ("Ray", ("--ray=local",)))
        for jobs in (1, 2)
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for below, pictures in (("few", few), ("many", many)):
            (folder / below).mkdir()
            draw(folder / below, pictures, _SIZE)
        costs = {way: measure(folder, few, many, *options) for way, options in ways.items()}
    click.echo("| processes | driver, ms | others, ms | pictures a second | by Amdahl's law |")
    click.echo("|---|---:|---:|---:|---:|")
    for way, cost in costs.items():
        told = 1 / (cost.driver + costs[f"{way[:-1]}1"].others / int(way[-1]))
        click.echo(
            f"| {way} | {cost.driver * 1e3:.2f} | {cost.others * 1e3:.1f} | {1 / cost.wall:.1f} | "
            f"{told:.1f} |"
        )
    works = {"embedded": costs["batch, 2"].others}
    if strong:
        embedded = time_network(read_model_file(EMBEDDED_MODEL).network, runtime)
        second = time_network(strong.read_bytes(), runtime)
        click.echo(f"\nnetworks alone: embedded {embedded * 1e3:.1f} ms, strong {second * 1e3:.0f}")
        works["strong"] = works["embedded"] - embedded + second
        works["cascade"] = works["embedded"] + unsure * second
    click.echo(f"\n| cores | {' | '.join(f'{work}, hours' for work in works)} |")
    click.echo(f"|---:|{'---:|' * len(works)}")
    driver = costs["batch, 2"].driver
    for cores in _CORES:
        hours = (_MILLION * (driver + work / cores) / 3600 for work in works.values())
        click.echo(f"| {cores} | {' | '.join(f'{each:.2f}' for each in hours)} |")


if __name__ == "__main__":
    run(main)
