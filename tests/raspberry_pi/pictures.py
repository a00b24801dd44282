"""Pictures of all kinds, drawn, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import draw_smooth, draw_strokes


def draw_pictures(folder: Path) -> None:
    """Draw pictures in the formats that both old and new releases of Pillow read.

    Args:
        folder: to write to.
    """
    turned = Image.Exif()
    turned[0x0112] = 6
    soft, hard = draw_smooth(1, (640, 480)), draw_strokes(2, (600, 500))
    see_through = hard.convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(hard.size))
    deep = np.random.default_rng(3).integers(0, 1 << 16, (90, 70), dtype=np.uint16)
    draw_strokes(4, (3000, 2000)).save(folder / "large.jpg")
    soft.save(folder / "soft.jpg", quality=95, subsampling=0)
    hard.save(folder / "hard.jpg", quality=60)
    hard.save(folder / "progressive.jpg", progressive=True)
    hard.save(folder / "turned.jpg", exif=turned)
    hard.convert("CMYK").save(folder / "cmyk.jpg")
    soft.convert("L").save(folder / "grey.jpg")
    soft.save(folder / "soft.png")
    see_through.save(folder / "see-through.png")
    hard.quantize(32).save(folder / "palette.png")
    hard.convert("1").save(folder / "two-colours.png")
    Image.fromarray(deep).save(folder / "deep.png")
    hard.save(folder / "hard.webp", quality=80)
    see_through.save(folder / "see-through.webp", lossless=True)
    hard.save(folder / "animated.gif", save_all=True, append_images=[soft])
    soft.save(folder / "soft.bmp")
    hard.save(folder / "packed.tif", compression="tiff_lzw")
    Image.fromarray(deep.astype(np.float32)).save(folder / "float.tif")
    soft.save(folder / "soft.ppm")
    hard.save(folder / "hard.tga")


def break_pictures(folder: Path) -> None:
    """Write what cannot be read.

    Args:
        folder: to write to.
    """
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no picture")
    draw_strokes(5).save(folder / "cut-short.png")
    whole = (folder / "cut-short.png").read_bytes()
    (folder / "cut-short.png").write_bytes(whole[: len(whole) // 2])
    bomb = bytearray(whole)
    bomb[16:24] = 2 * (100_000).to_bytes(4, "big")
    (folder / "bomb.png").write_bytes(bomb)
