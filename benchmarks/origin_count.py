"""Counts what the pictures in folders say of themselves.

`python -m benchmarks.origin_count FOLDER...` prints how many say what, by which marker, and the
processor time of a file. On pictures that people made, what is counted as ai, partly-ai or
edited-with-ai is a false alarm: `--list` names them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import click

from aiart_edge import origin
from aiart_edge.errors import PictureError, printable
from aiart_edge.inputs import examine, find_inputs
from aiart_edge.program import run

_BY_AI = {"ai", "partly-ai", "edited-with-ai"}


def read_all(folders: tuple[Path, ...]) -> Iterator[tuple[str, origin.Origin, float]]:
    """Read every picture below folders, and give its path, what it says, and the time it took."""
    for found in find_inputs(map(str, folders), recursive=True):
        if examine(found).outcome is None:
            began = time.process_time()
            try:
                said = origin.read(found.path)
            except PictureError:
                continue
            yield found.path, said, time.process_time() - began


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--list", "listed", is_flag=True, help="Name the files that declare AI.")
def main(folders: tuple[Path, ...], listed: bool) -> None:
    """Count what the pictures in FOLDERS say of themselves."""
    counts: Counter[tuple[str, str]] = Counter()
    gaps: Counter[str] = Counter()
    times = []
    for path, said, taken in read_all(folders):
        kind = said.marks[0].kind if said.marks else "no mark"
        counts[said.says, kind] += 1
        gaps.update(said.gaps[:1])
        times.append(taken * 1e3)
        if listed and said.says in _BY_AI:
            click.echo(f"{said.says}, {kind}: {printable(path)}")
    click.echo("| says | marker | files |\n|---|---|---:|")
    for (says, kind), count in sorted(counts.items(), key=lambda item: -item[1]):
        click.echo(f"| {says} | {kind} | {count} |")
    for reason, count in gaps.most_common():
        click.echo(f"\nnot read to the end: {count}, {reason}")
    alarms = sum(count for (says, _), count in counts.items() if says in _BY_AI)
    share = quantiles(times, n=100) if len(times) > 1 else times * 99
    click.echo(
        f"\n{alarms} of {len(times)} files declare AI. Processor time of a file: "
        f"{sum(times) / len(times):.2f} ms on average, {share[98]:.2f} ms at the 99th percentile"
    )


if __name__ == "__main__":
    run(main)
