"""`aiart-edge batch`, killed again and again, beside one run that was not and `classify_many`.

`python -m benchmarks.batch_soak --pictures 100000 --kills 20` draws so many small pictures, has
them classified by `classify_many`, by a run that nobody disturbs, and by one that is killed
(SIGKILL) at random moments and started again at once. It prints the processor's time of the first
two, which is the measure on a busy machine, and the memory that the second held in its course, and
exits with 1 where the results differ, a picture is missing or twice, or a process was left.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import click
import numpy as np
from PIL import Image

from aiart_edge.program import run

_BATCH = (sys.executable, "-m", "aiart_edge", "batch")
_MANY = """
import sys
from pathlib import Path
from aiart_edge import Classifier
paths = sorted(Path(sys.argv[1]).rglob("*.jpg"))
with Classifier.load() as classifier:
    for _ in classifier.classify_many(paths, jobs=int(sys.argv[2])):
        pass
"""
_SIZE = (96, 72)  # pixels
_CHILDREN = ("children_user", "children_system")
_LONGEST = 60.0  # seconds until the processes of a dead run must be gone


def draw(folder: Path, pictures: int, size: tuple[int, int] = _SIZE) -> None:
    """Draw pictures, a thousand to a folder.

    Args:
        folder: for them.
        pictures: how many.
        size: of each, width and height in pixels. Default: a small one.
    """
    for number in range(pictures):
        below = folder / f"{number // 1000:04}"
        below.mkdir(exist_ok=True)
        corners = np.random.default_rng(number).integers(0, 256, (3, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(corners).resize(size, Image.Resampling.BICUBIC)
        picture.save(below / f"{number:07}.jpg")


def observe(command: list[str], every: float = 1) -> tuple[float, list[int]]:
    """Run a command to its end, and weigh its processes now and then.

    Args:
        command: whose processes all end with it.
        every: seconds. Default 1.

    Returns:
        The processor's time that it took, in seconds, and the bytes that all of its processes held
        together, in the course of time.
    """
    before, held = os.times(), []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        while process.poll() is None:
            with suppress(OSError, StopIteration):  # one of them ended meanwhile
                held.append(sum(_memory(pid) for pid in (process.pid, *children_of(process.pid))))
            time.sleep(every)
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} ended with {process.returncode}")
    after = os.times()
    spent = (getattr(after, name) - getattr(before, name) for name in _CHILDREN)
    return sum(spent), held


def _memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def children_of(pid: int) -> Iterator[int]:
    """Give the processes below a process.

    Args:
        pid: its number.

    Yields:
        Their numbers.
    """
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            yield child
            yield from children_of(child)


def kill(command: list[str], seconds: float) -> list[int]:
    """Start a run and kill it.

    Args:
        command: to run.
        seconds: that it has.

    Returns:
        The processes that outlived it for long.
    """
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        below = [*children_of(process.pid)] if process.poll() is None else []
        process.kill()
    end = time.monotonic() + _LONGEST
    while (left := [pid for pid in below if _lives(pid)]) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def read_results(out: Path) -> Mapping[str, bytes]:
    """Read all results of a run.

    Args:
        out: its folder.

    Returns:
        The content of each of its files, by name.
    """
    return {path.name: path.read_bytes() for path in sorted((out / "results").iterdir())}


@click.command()
@click.option("--pictures", type=int, default=100_000, show_default=True)
@click.option("--kills", type=int, default=20, show_default=True)
@click.option("--jobs", type=int, default=2, show_default=True)
@click.option("--shard-size", type=int, default=200, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(pictures: int, kills: int, jobs: int, shard_size: int, seed: int) -> None:
    """Classify, be killed, and account for every picture."""
    chance = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "pictures")
        folder.mkdir()
        draw(folder, pictures)
        given = [f"--jobs={jobs}", f"--shard-size={shard_size}", "--no-origin"]
        command = [*_BATCH, str(folder), *given, "--out"]
        many, _ = observe([sys.executable, "-c", _MANY, str(folder), str(jobs)])
        began = time.monotonic()
        batch, held = observe([*command, f"{name}/whole"])
        took = time.monotonic() - began
        left: list[int] = []
        for _ in range(kills):
            left += kill([*command, f"{name}/killed"], chance.uniform(0, 2 * took / (kills + 1)))
        subprocess.run([*command, f"{name}/killed"], check=True, stderr=subprocess.DEVNULL)  # noqa: S603
        whole, killed = (read_results(Path(name, out)) for out in ("whole", "killed"))
    lines = [line for content in killed.values() for line in content.splitlines()]
    paths = {json.loads(line)["path"] for line in lines}
    click.echo(f"{pictures} pictures, {jobs} processes, {kills} kills, seed {seed}")
    click.echo(f"results the same as an unbroken run's: {'yes' if whole == killed else 'NO'}")
    click.echo(f"records: {len(lines)}, of {len(paths)} pictures")
    click.echo(f"processes left behind: {len(left)}")
    click.echo(
        f"processor time: classify_many {many:.1f} s, batch {batch:.1f} s; "
        f"throughput {many / batch:.0%} of classify_many's"
    )
    early, late = held[len(held) // 5], max(held[len(held) // 5 :])
    click.echo(f"memory: {early / 1e6:.1f} MB after a fifth, {late / 1e6:.1f} at most after it")
    if whole != killed or not pictures == len(lines) == len(paths) or left:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    run(main)
