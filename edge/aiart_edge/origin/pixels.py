"""Marks in pixels: what a picture's own numbers say, where nothing has changed them since.

Two kinds can be read: a text in the lowest bits, as NovelAI writes it, and the open watermark of
Stable Diffusion and FLUX, `dwtDct` of invisible-watermark 0.2. Both are lost with the first lossy
copy. This module alone of the wing takes numpy.

For the watermark the picture's U is halved in size (a step of Haar's transform), and cut into
blocks of four by four. The largest value of a block, the first left out, says a bit by the half of
a step of 36 in which it lies; the bits of the message come in turn. Since pictures lean towards one
bit or the other, it is not cut at a half here, but how often each bit is set is compared with the
message: that finds it where the package's own decoder reads another text.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aiart_edge.origin.bounds import LONGEST_TEXT, Bounds
from aiart_edge.origin.markers import find_marks
from aiart_edge.origin.statement import PIXELS, Field, Mark

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

_MOST_PIXELS = 4_000_000
LOSSLESS = {"BMP", "PNG", "PPM", "QOI", "TGA", "TIFF", "WEBP"}
_LOSSLESS_TIFF = {"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "zstd"}
_MOST_CHUNKS = 100  # of a WebP, before its pixels

STEALTH = "stealth-text"
_SIGNATURES = {
    "A": {b"stealth_pnginfo": False, b"stealth_pngcomp": True},
    "RGB": {b"stealth_rgbinfo": False, b"stealth_rgbcomp": True},
}
_NAMES = {"A": "alpha", "RGB": "red, green and blue"}
_SIGNATURE, _HEAD = 15, 19  # bytes; the text's length in bits stands behind the signature
_MOST_KEYS = 100

_SMALLEST = 256 * 256  # pixels, that the encoder takes
_BAND = 1 << 18  # pixels at a time, which stay in the processor's cache
_SIDE = 8  # pixels of a block
_STEP = 36


class Watermark(NamedTuple):
    """A message that a program writes into its pictures.

    Args:
        kind: its name.
        by: what made the picture.
        message: its bits.
        numbers: as which the program had the picture, and so where the middle of U lay: `bytes`,
            `floats`, or `swapped`, floats with red in the place of blue. Any of them.
        known_from: where it is known from.
        chance: at most, that a message drawn at random fits a picture as well. Default 1e-8.
    """

    kind: str
    by: str
    message: str
    numbers: Sequence[str]
    known_from: str
    chance: float = 1e-8


WATERMARKS = (
    Watermark(
        "watermark-sd1",
        "Stable Diffusion 1",
        "".join(f"{byte:08b}" for byte in b"StableDiffusionV1"),
        ("bytes",),
        "CompVis/stable-diffusion, scripts/txt2img.py",
        1e-15,  # no message drawn at random: pictures of its letters' mean fit with 1e-9
    ),
    Watermark(
        "watermark-sdxl",
        "Stable Diffusion XL",
        f"{0xB3EC907BB19E:b}",
        ("floats", "swapped"),
        "Stability-AI/generative-models; diffusers, which swapped red and blue until February 2024",
    ),
    Watermark(
        "watermark-flux",
        "FLUX",
        f"{0x2AFE879CF52E:b}",  # 46 bits: the program, too, loses the two zeros before them
        ("floats",),
        "black-forest-labs/flux, its util.py",
    ),
)


class Seen(NamedTuple):
    """What was found in a picture's pixels.

    Args:
        marks: of any kind. Default none.
        gaps: why they were not read to their end. Default they were.
        fields: the texts that stand there. Private. Default none.
    """

    marks: tuple[Mark, ...] = ()
    gaps: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()

    def __repr__(self) -> str:
        """Leave out what is private."""
        return f"Seen(marks={self.marks}, gaps={self.gaps})"


def look(image: Image.Image) -> Seen | None:
    """Look for marks in the pixels of a picture.

    At most four megapixels are looked at: for a watermark the first in row order, for a text as
    many columns as it takes.

    Args:
        image: of Pillow's, as it stands in its file; it need not be decoded yet.

    Returns:
        What was found; None where the file is not lossless, and was not looked at.
    """
    if image.format not in LOSSLESS or not _is_lossless(image):
        return None
    bounds = Bounds()
    fields: list[Field] = []
    marks: list[Mark] = []
    for bands in _SIGNATURES:
        if set(bands) <= set(image.getbands()):
            text = _read_hidden(image, bands, bounds)
            if text is not None:
                where = f"{PIXELS}, lowest bits of {_NAMES[bands]}"
                said = list(_as_fields(text, where))
                fields += said
                marks += list(find_marks(said)) or [Mark("ai", STEALTH, where, "likely")]
    for watermark, chance in find_chances(image).items():
        if chance <= watermark.chance:
            where = f"{PIXELS}, watermark"
            marks.append(Mark("ai", watermark.kind, where, "declared", watermark.by))
    return Seen(tuple(marks), tuple(bounds.gaps), tuple(fields))


def _is_lossless(image: Image.Image) -> bool:
    if image.format == "TIFF":
        return image.info.get("compression") in _LOSSLESS_TIFF
    # The transparency of a WebP is lossless in any case.
    return image.format != "WEBP" or image.mode == "RGBA" or _has_lossless_chunk(image)


def _has_lossless_chunk(image: Any) -> bool:
    at = 12
    for _ in range(_MOST_CHUNKS):
        image.fp.seek(at)
        head = image.fp.read(8)
        if head[:4] in {b"VP8L", b"VP8 ", b"ANMF", b""}:
            return bool(head[:4] == b"VP8L")
        at += 8 + (int.from_bytes(head[4:], "little") + 1 & ~1)
    return False


def _read_hidden(image: Image.Image, bands: str, bounds: Bounds) -> str | None:
    """Read the text in the lowest bits; None where there is none, empty where it is broken."""
    head = _lowest_bits(image, bands, _HEAD)
    packed = _SIGNATURES[bands].get(head[:_SIGNATURE])
    if packed is None:
        return None
    size = int.from_bytes(head[_SIGNATURE:]) // 8
    content = _lowest_bits(image, bands, _HEAD + min(size, LONGEST_TEXT + 1))[_HEAD:]
    if len(content) < min(size, LONGEST_TEXT + 1):
        bounds.gaps.append("the text in its pixels is cut off")
    if packed:
        content = bounds.inflate(content, 16 + zlib.MAX_WBITS)  # as gzip
    else:
        bounds.text(len(content))
    return bounds.cut(content).decode(errors="replace")


def _lowest_bits(image: Image.Image, bands: str, count: int) -> bytes:
    """Read so many bytes, if there are, column by column, and of a pixel one band after another."""
    pixels = -(-8 * count // len(bands))
    columns = min(image.width, -(-pixels // image.height))
    rows = image.height if columns > 1 else min(image.height, pixels)
    part = image.crop((0, 0, columns, rows))
    part = part.getchannel(bands) if bands == "A" else part.convert(bands)
    bits = np.asarray(part).swapaxes(0, 1).reshape(-1)[: 8 * count] & 1
    return np.packbits(bits[: len(bits) // 8 * 8]).tobytes()


def _as_fields(text: str, where: str) -> Iterator[Field]:
    """Give the texts of a PNG that a hidden text copies: an object of them, or webui's alone."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    texts = said if isinstance(said, dict) else {"parameters": text}
    for key, value in list(texts.items())[:_MOST_KEYS]:
        if isinstance(value, str):
            yield Field(f"png:{key}", value, where)


def find_chances(image: Image.Image) -> dict[Watermark, float]:
    """Say of each watermark how likely a message drawn at random would fit a picture as well.

    Args:
        image: of Pillow's.

    Returns:
        A bound of the probability, 0 to 1; none where the picture cannot carry a watermark.
    """
    width, height = image.size
    if (
        image.mode not in {"RGB", "RGBA"}
        or width * height < _SMALLEST
        or min(width, height) < _SIDE
    ):
        return {}
    bits = _read_bits(image)
    return {
        watermark: min(
            1.0,
            len(watermark.numbers)  # of tries
            * min(_find_chance(bits[name], watermark) for name in watermark.numbers),
        )
        for watermark in WATERMARKS
    }


def _read_bits(image: Image.Image) -> dict[str, NDArray[np.bool_]]:
    """Read a bit of each block, as it is for each kind of numbers that wrote it."""
    columns = image.width // _SIDE
    rows = min(image.height, _MOST_PIXELS // image.width) // _SIDE
    at_once = max(1, _BAND // (_SIDE * image.width))
    largest = {name: [np.empty(0, np.float32)] for name in ("bytes", "floats", "swapped")}
    for row in range(0, rows, at_once):
        box = (0, row * _SIDE, columns * _SIDE, min(rows, row + at_once) * _SIDE)
        if image.mode == "RGB":
            halved = image.reduce(2, box)
        else:  # without transparency, by which Pillow would weigh
            halved = image.crop(box).convert("RGB").reduce(2)
        red, green, blue = (np.asarray(band, np.float32) for band in halved.split())
        u = _mix(red, green, blue)
        largest["bytes"].append(_largest(u) + 256)
        largest["floats"].append(_largest(np.abs(u + 1)))
        largest["swapped"].append(_largest(np.abs(_mix(blue, green, red) + 1)))
    half = np.float32(_STEP / 2)
    return {name: np.concatenate(values) % (2 * half) > half for name, values in largest.items()}


def _mix(
    red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give U by Haar, twice the mean of four pixels' .492 (B - Y), with its middle at zero.

    The first of each block is its neighbour, for it does not count.
    """
    u: NDArray[np.float32]
    u = np.float32(-0.294216) * red + np.float32(-0.577608) * green + np.float32(0.871824) * blue
    u[::4, ::4] = u[::4, 1::4]
    return u


def _largest(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the largest of each block."""
    rows: NDArray[np.float32] = values.reshape(-1, 4, values.shape[1]).max(axis=1)
    largest: NDArray[np.float32] = np.stack([rows[:, n::4] for n in range(4)]).max(axis=0)
    return largest.ravel()


def _find_chance(bits: NDArray[np.bool_], watermark: Watermark) -> float:
    """Bound the chance that a message drawn at random fits the bits of a picture as well.

    Whatever the picture, this is Hoeffding's inequality for a sum of its counts with random signs
    (W. Hoeffding, Probability inequalities for sums of bounded random variables, 1963, theorem 2).
    """
    message = np.frombuffer(watermark.message.encode(), np.uint8) == ord("1")
    whole = bits[: len(bits) // len(message) * len(message)]
    counts = whole.reshape(-1, len(message)).sum(axis=0, dtype=np.int64)
    lean = len(message) * counts - counts.sum()  # whole numbers, so that flat is zero
    fit, most = int(lean @ np.where(message, 1, -1)), int(lean @ lean)
    return float(np.exp(-(fit**2) / (2 * most))) if fit > 0 else 1.0
