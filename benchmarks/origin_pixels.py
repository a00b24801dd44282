"""Counts the marks in the pixels of lossless pictures, and what it costs to look for them.

`python -m benchmarks.origin_pixels FOLDER...` prints how many pictures have which mark, how near
the others came to a watermark, the processor time a megapixel, and the memory beside the decoded
picture. On pictures that people made, each mark is a false alarm: `--list` names them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click
import numpy as np
from PIL import Image

from aiart_edge.bench import peak_memory
from aiart_edge.errors import PictureError, printable
from aiart_edge.image import look_at
from aiart_edge.inputs import examine, find_inputs
from aiart_edge.origin import look_at_pixels, pixels
from aiart_edge.program import run

_BIG = 1_000_000  # pixels, of which the time is taken
_SIDE = 2_000  # pixels of the picture whose memory is taken


class Looked(NamedTuple):
    """What a look at a picture gave.

    Args:
        seen: the marks.
        size: pixels.
        taken: seconds of the processor, without decoding.
        chance: of the nearest watermark; None where the picture cannot carry one.
    """

    seen: pixels.Seen
    size: int
    taken: float
    chance: float | None


def look_closely(image: Image.Image) -> Looked | None:
    """Look at a picture that is lossless."""
    if image.format not in pixels.LOSSLESS or image.format == "WEBP":
        return None
    image.load()
    began = time.process_time()
    seen = look_at_pixels(image)
    taken = time.process_time() - began
    if seen is None:
        return None
    chance = min(pixels.find_chances(image).values(), default=None)
    return Looked(seen, image.width * image.height, taken, chance)


def look_at_all(folders: tuple[Path, ...]) -> Iterator[tuple[str, Looked]]:
    """Look at every lossless picture below folders."""
    for found in find_inputs(map(str, folders), recursive=True):
        if examine(found).outcome is None:
            try:
                looked = look_at(found.path, look_closely)
            except PictureError:
                continue
            if looked:
                yield found.path, looked


def measure_memory() -> int:
    """Give the bytes that a look at four megapixels takes beside the decoded picture."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (_SIDE, _SIDE, 4), dtype=np.uint8))
    image.format = "PNG"
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from here on
    before = peak_memory()
    look_at_pixels(image)
    return peak_memory() - before


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--list", "listed", is_flag=True, help="Name the files with marks.")
def main(folders: tuple[Path, ...], listed: bool) -> None:
    """Count the marks in the pixels of the pictures in FOLDERS."""
    click.echo(f"four megapixels take {measure_memory() / 1e6:.0f} MB beside the picture")
    marks: Counter[str] = Counter()
    able = total = 0
    nearest = 1.0
    times = []
    for path, looked in look_at_all(folders):
        total += 1
        able += looked.chance is not None
        for mark in looked.seen.marks:
            marks[mark.kind] += 1
            if listed:
                click.echo(f"{mark.kind}: {printable(path)}")
        if not looked.seen.marks:
            nearest = min(nearest, looked.chance or 1.0)
        if looked.size >= _BIG:
            times.append(looked.taken * 1e3 / (min(looked.size, 4_000_000) / 1e6))
    click.echo(
        f"{total} lossless pictures, {able} of which could carry a watermark: "
        f"{dict(marks) or 'no mark'}; of those without, a random message fits the nearest as well "
        f"with a chance of {nearest:.1g}. {median(times or [0]):.1f} ms a megapixel "
        f"(median of {len(times)} pictures of a megapixel and more)"
    )


if __name__ == "__main__":
    run(main)
