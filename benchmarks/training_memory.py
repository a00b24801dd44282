"""Peak memory of a training, which the number of pictures must not raise.

`python -m benchmarks.training_memory [SMALL LARGE]` draws data sets of so many pictures, fits a
head and trains one epoch on each in a process of its own, and prints the peaks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from PIL import Image

SIDE = 40  # pixels of a picture
_MIB = 1 << 10  # ru_maxrss counts KiB, on Linux

_FIT = ("-c", "from aiart_train.cli import program; program()", "fit")
# Small pictures, but all of the features that a head is fitted on.
_RECIPE = ("--recipe", "lite0", "--size", "46", "--head-views", "1", "--epochs", "1")


def draw_noise(folder: Path, count: int) -> None:
    """Draw a data set of noise, of which no two pictures look alike.

    Args:
        folder: of the data set; made.
        count: of its pictures, half of each class.
    """
    rng = np.random.default_rng(0)
    for name in ("ai", "human"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        noise = Image.frombytes("RGB", (SIDE, SIDE), rng.bytes(SIDE * SIDE * 3))
        noise.save(folder / ("ai", "human")[number % 2] / f"{number}.png", compress_level=0)


def peak_memory(data: Path, runs: Path) -> float:
    """Train on a data set in a fresh process.

    Args:
        data: its folder.
        runs: the folder of the run.

    Returns:
        The most memory that the process held at once, in MiB.

    Raises:
        CalledProcessError: the training failed.
    """
    command = [sys.executable, *_FIT, "--data", str(data), "--runs", str(runs), *_RECIPE]
    process = subprocess.Popen(command, stdout=sys.stderr)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command)
    return usage.ru_maxrss / _MIB


@click.command()
@click.argument("counts", metavar="[SMALL LARGE]", nargs=2, type=int, default=(1_000, 20_000))
def main(counts: tuple[int, int]) -> None:
    """Print the peak memory of a training on SMALL and on LARGE pictures."""
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            data = Path(folder, str(count))
            draw_noise(data, count)
            peaks.append(peak_memory(data, Path(folder, "runs")))
    click.echo("| pictures | peak memory |\n|---:|---:|")
    for count, peak in zip(counts, peaks, strict=True):
        click.echo(f"| {count:,} | {peak:.0f} MiB |")
    click.echo(f"\nratio {peaks[1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
