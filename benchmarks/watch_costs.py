"""What `aiart-edge watch` costs while nothing happens, whatever it has seen.

`python -m benchmarks.watch_costs` starts it beside folders and ledgers of many names, waits until
it has settled, and prints the share of a core that it takes and the memory that it holds, above
what it holds beside an empty folder. Then it puts one picture among many files that are none, and
prints how long that waits for its verdict.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image

from aiart_edge.watch import STATE_FILE

_WATCH = (sys.executable, "-c", "from aiart_edge.cli import program; program()", "watch")
_SETTLED = 15.0  # seconds after its first words
_GONE = "gone"  # the names are in the ledger alone


@dataclass(frozen=True)
class Cost:
    """What a watcher takes.

    Args:
        core: share of one, 0 to 1.
        memory: resident, bytes.
        peak: the most that was resident, bytes.
    """

    core: float
    memory: int
    peak: int


def fill(folder: Path, number: int, *, here: bool) -> None:
    """Make a ledger of many names.

    Args:
        folder: empty.
        number: of names.
        here: make the files, too.
    """
    with (folder / STATE_FILE).open("w") as ledger:
        for name in (f"picture-{each:07}.jpg" for each in range(number)):
            modified = 0
            if here:
                path = os.path.join(folder, name)  # noqa: PTH118  a million times
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
                modified = os.stat(path).st_mtime_ns  # noqa: PTH116
            ledger.write(json.dumps([name, 0, modified]) + "\n")


def measure(folder: Path, seconds: float) -> Cost:
    """Watch a folder in which nothing happens.

    Args:
        folder: whose files are done.
        seconds: to measure.

    Returns:
        What it costs.
    """
    with subprocess.Popen([*_WATCH, folder], stderr=subprocess.PIPE) as watcher:  # noqa: S603
        assert watcher.stderr
        watcher.stderr.readline()
        time.sleep(_SETTLED)
        before = _ticks(watcher.pid)
        time.sleep(seconds)
        used = _ticks(watcher.pid) - before
        status = Path(f"/proc/{watcher.pid}/status").read_text().splitlines()
        sizes = {line.split(":")[0]: line.split()[1] for line in status if line.endswith(" kB")}
        watcher.terminate()
    share = used / os.sysconf("SC_CLK_TCK") / seconds
    return Cost(share, int(sizes["VmRSS"]) << 10, int(sizes["VmHWM"]) << 10)


def wait_for_verdict(folder: Path, others: int) -> float:
    """Measure how long a picture waits among files that are none and came before it.

    Args:
        folder: empty.
        others: how many.

    Returns:
        Seconds from the watcher's first words.
    """
    for number in range(others):
        path = folder / f"{number}.txt"
        path.write_text("no picture")
        os.utime(path, (1, 1))
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "picture.jpg")
    with subprocess.Popen(  # noqa: S603
        [*_WATCH, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as watcher:
        assert watcher.stdout
        assert watcher.stderr
        watcher.stderr.readline()
        began = time.monotonic()
        while b'"verdict"' not in watcher.stdout.readline():
            pass
        waited = time.monotonic() - began
        watcher.terminate()
    return waited


def _ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@click.command()
@click.option("--seconds", type=float, default=60, show_default=True, help="To measure each.")
@click.option("--most", type=int, default=1_000_000, show_default=True, help="Names.")
def main(seconds: float, most: int) -> None:
    """Print what watching costs beside many names, and how long a picture waits among others."""
    click.echo("| files done | of a core | memory, MB | at most, MB |\n|---|---:|---:|---:|")
    floor = 0.0
    for number, here in ((0, True), (min(50_000, most), True), (most, True), (most, False)):
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), number, here=here)
            cost = measure(Path(folder), seconds)
        floor = floor or cost.memory / 1e6
        name = f"{number:,}{'' if here else ', all gone'}"
        memory, peak = (f"+{size / 1e6 - floor:.1f}" for size in (cost.memory, cost.peak))
        click.echo(f"| {name} | {cost.core:.2%} | {memory} | {peak} |")
    click.echo(f"\nmemory beside an empty folder: {floor:.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        others = min(20_000, most)
        waited = wait_for_verdict(Path(folder), others)
    click.echo(f"a picture among {others:,} older files that are none: {waited:.1f} s")


if __name__ == "__main__":
    main()
