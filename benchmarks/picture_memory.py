"""Memory that reading a picture takes, whatever its format and size.

`python -m benchmarks.picture_memory` draws big pictures, reads each in a process of its own, and
prints the process's peak, and how much of it each pixel took. `aiart_edge.image` estimates with
these figures. Then it reads four of the largest PNG at once, with less and less memory that counts
as free.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
import pillow_heif
from PIL import Image

_READ = """
import sys
from aiart_edge import Classifier, PictureError, memory
from aiart_edge.bench import peak_memory
if len(sys.argv) > 3:
    memory.available_memory = lambda: int(sys.argv[3])
jobs = int(sys.argv[2])
with Classifier.load() as classifier:
    for result in classifier.classify_many([sys.argv[1]] * jobs, jobs=jobs):
        if isinstance(result, PictureError):
            sys.exit(result.problem)
print(peak_memory())
"""
_AT_ONCE = 4
_FREE = (600, 1_000, 2_000, 4_000)  # MB


@dataclass(frozen=True)
class Case:
    """A picture to read.

    Args:
        name: for the table.
        size: width and height, in pixels.
        kind: Pillow's name of the format.
        mode: Pillow's name of the mode.
        options: of the format.
    """

    name: str
    size: tuple[int, int]
    kind: str
    mode: str = "RGB"
    options: Mapping[str, object] = field(default_factory=dict)


_SMALL, _BIG = (3_000, 2_000), (6_000, 4_000)  # 6 and 24 megapixels
_PROGRESSIVE = {"progressive": True, "quality": 85}
CASES = (
    Case("JPEG, 100 megapixels", (12_500, 8_000), "JPEG", options={"quality": 85}),
    Case("JPEG, 65,500 x 590", (65_500, 590), "JPEG", options={"quality": 85}),
    Case("JPEG, CMYK, 100 megapixels", (12_500, 8_000), "JPEG", "CMYK"),
    Case("JPEG, progressive, 100 megapixels", (12_500, 8_000), "JPEG", options=_PROGRESSIVE),
    Case(
        "JPEG, progressive, 4:4:4, 60 megapixels",
        (10_000, 6_000),
        "JPEG",
        options={**_PROGRESSIVE, "subsampling": 0},
    ),
    Case("JPEG, progressive, 12 megapixels", (4_000, 3_000), "JPEG", options=_PROGRESSIVE),
    Case("PNG", _BIG, "PNG"),
    Case("PNG, transparent", _BIG, "PNG", "RGBA"),
    Case("PNG, grey and transparent", _BIG, "PNG", "LA"),
    Case("PNG, palette", _BIG, "PNG", "P"),
    Case("PNG, 16-bit grey", _SMALL, "PNG", "I;16"),
    Case("TIFF", _BIG, "TIFF", options={"compression": "tiff_lzw"}),
    Case("TIFF, float", _SMALL, "TIFF", "F"),
    Case("BMP", _BIG, "BMP"),
    Case("GIF", _BIG, "GIF", "P"),
    Case("WebP", _SMALL, "WEBP", options={"method": 0}),
    Case("WebP, transparent", _SMALL, "WEBP", "RGBA", {"lossless": True, "method": 0}),
    Case("AVIF", _SMALL, "AVIF", options={"speed": 10}),
    Case("HEIC", _SMALL, "HEIF"),
    Case("JPEG 2000", _SMALL, "JPEG2000"),
    Case("JPEG 2000, transparent", _SMALL, "JPEG2000", "RGBA"),
)
_LARGEST_PNG = Case("PNG, 45.9 megapixels", (7_900, 5_810), "PNG")


def draw(case: Case, path: Path) -> None:
    """Draw soft blobs and write them.

    Args:
        case: what to draw.
        path: the file to write.
    """
    blobs = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    image = Image.fromarray(blobs).resize(case.size, Image.Resampling.BICUBIC)
    if case.mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(case.mode)
    image.save(path, case.kind, **case.options)


def peak_memory(picture: Path, jobs: int = 1, free: int | None = None) -> tuple[float, str]:
    """Classify a picture in a fresh process.

    Args:
        picture: the file.
        jobs: how many times, all at once. Default 1.
        free: the memory that counts as free, in bytes. Default: what is free.

    Returns:
        The most memory that the process held at once, in bytes, and what it complained of.
    """
    command = [sys.executable, "-c", _READ, str(picture), str(jobs), *([str(free)] if free else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        return float("nan"), done.stderr.strip()
    return float(done.stdout), ""  # LiteRT greets on standard error


@click.command()
def main() -> None:
    """Print the peak memory of reading pictures of many formats."""
    pillow_heif.register_heif_opener()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        draw(Case("floor", (300, 300), "JPEG"), path)
        floor, _ = peak_memory(path)
        click.echo(f"A picture of 300 x 300: {floor / 1e6:.0f} MB\n")
        click.echo("| picture | peak memory | above that floor, bytes a pixel |\n|---|---:|---:|")
        for case in CASES:
            draw(case, path)
            peak, complaint = peak_memory(path)
            each = (peak - floor) / (case.size[0] * case.size[1])
            click.echo(f"| {case.name} | {complaint or f'{peak / 1e6:.0f} MB'} | {each:.1f} |")
        draw(_LARGEST_PNG, path)
        click.echo(f"\n| {_AT_ONCE} of {_LARGEST_PNG.name}, where free are | peak memory |")
        click.echo("|---|---:|")
        for free in _FREE:
            peak, complaint = peak_memory(path, _AT_ONCE, free * 1_000_000)
            click.echo(f"| {free:,} MB | {complaint or f'{peak / 1e6:.0f} MB'} |")


if __name__ == "__main__":
    main()
