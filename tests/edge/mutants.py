"""Damaged pictures, read one after the other: `python tests/edge/mutants.py COUNT [SEED]`.

Fails if one is neither read nor refused with one line, takes more than 5 seconds of the processor,
or drives the process's memory above 500 MB. What a crash was about is left as `mutant-...` in the
folder for temporary files.
"""

from __future__ import annotations

import faulthandler
import io
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageDraw

from aiart_edge import InputRule, PictureError
from aiart_edge.bench import peak_memory
from aiart_edge.image import read_pixels

RULE = InputRule(96, 96)
SLOWEST = 5.0  # seconds
MOST_MEMORY = 500e6  # bytes
LAST = Path(tempfile.gettempdir(), f"mutant-{os.getpid()}")  # what a crash leaves behind

VARIANTS = {
    "JPEG": [{}, {"progressive": True}, {"subsampling": 0, "restart_marker_blocks": 2}],
    "PNG": [{}, {"pnginfo": None, "optimize": True}],
    "TIFF": [{"compression": name} for name in ("raw", "tiff_lzw", "tiff_deflate", "jpeg")],
    "WEBP": [{}, {"lossless": True}],
    "GIF": [{}, {"save_all": True, "append_images": [Image.new("P", (64, 48), 3)]}],
    "BMP": [{}, {"bits": 1}],
}
MODES = ("RGB", "RGBA", "P", "L", "LA", "1", "I;16", "CMYK", "F")


def draw_originals() -> Iterator[tuple[str, bytes]]:
    """Write a picture in every format and mode that Pillow can write and reads again."""
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    ImageDraw.Draw(image).ellipse((10, 5, 50, 40), fill="orange", outline="blue")
    Image.init()
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in sorted(Image.SAVE.keys() & Image.OPEN.keys()):
        for mode in MODES:
            for options in VARIANTS.get(kind, [{}]):
                file = io.BytesIO()
                picture = (
                    image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
                )
                try:
                    picture.save(file, kind, exif=exif, **options)
                    read_pixels(file.getvalue(), RULE)
                except (OSError, ValueError, KeyError, PictureError):
                    continue  # this format has no such mode
                yield kind, file.getvalue()


def mutate(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    """Flip bytes, cut off, splice in a part of another picture, repeat a part, change a number."""
    changed = bytearray(content)
    kind = rng.integers(7)
    if kind == 0:
        return content[: rng.integers(len(content))]
    if kind == 1:
        start, end = sorted(rng.integers(len(other), size=2))
        at = rng.integers(len(content))
        return content[:at] + other[start:end] + content[at + rng.integers(end - start + 1) :]
    if kind == 2:  # a scan, a strip, a chunk, a box, where it happens to fit
        start, end = sorted(rng.integers(len(content), size=2))
        times = rng.integers(1, 3 + 100_000 // (1 + end - start))
        return content[:end] + content[start:end] * times + content[end:]
    if kind == 3:  # a size, a count, an offset
        number = int(rng.choice([0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 10_000, 65_500]))
        width, order = (2 if number < 1 << 16 else 4), ("big", "little")[rng.integers(2)]
        at = rng.integers(min(len(content), 400))
        return content[:at] + number.to_bytes(width, order) + content[at + width :]
    near = min(len(content), 80) if kind == 4 else len(content)
    for at in rng.integers(near, size=rng.integers(1, 17)):
        changed[at] = rng.choice([0, 255, rng.integers(256), changed[at] ^ 1 << rng.integers(8)])
    return bytes(changed)


def main(count: int, seed: int = 0) -> None:
    """Read so many mutants."""
    faulthandler.enable()
    originals = list(draw_originals())
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        kind, content = originals[number % len(originals)]
        _, other = originals[rng.integers(len(originals))]
        mutant = mutate(rng, content, other)
        LAST.write_bytes(mutant)
        start = time.process_time()
        try:
            read_pixels(mutant, RULE)
            outcome = "read"
        except PictureError as error:
            outcome = "refused" if len(error.format_message().splitlines()) == 1 else "?"
        taken = time.process_time() - start
        assert taken < SLOWEST, (number, kind, taken)
        assert outcome != "?", (number, kind)
        slowest = max(slowest, taken)
        outcomes[outcome] += 1
    LAST.unlink()
    peak = peak_memory()
    assert peak < MOST_MEMORY, peak
    kinds = len({kind for kind, _ in originals})
    sys.stdout.write(
        f"{count} mutants of {len(originals)} files in {kinds} formats: {dict(outcomes)}; "
        f"the slowest took {slowest:.2f} s, the process {peak / 1e6:.0f} MB\n"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
