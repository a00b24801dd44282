"""Pictures with marks in their pixels, written as the programs write them, block by block.

The watermark is that of invisible-watermark 0.2, `dwtDct`, whose package wants torch, OpenCV and
PyWavelets.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

SD1 = np.unpackbits(np.frombuffer(b"StableDiffusionV1", np.uint8)).tolist()
# As the programs take them out of a number: bin(...)[2:].
SDXL = [int(bit) for bit in bin(0b101100111110110010010000011110111011000110011110)[2:]]
FLUX = [int(bit) for bit in bin(0b001010101111111010000111100111001111010100101110)[2:]]


def paint(width: int = 340, height: int = 266, seed: int = 1) -> Pixels:
    """Paint soft colours with some grain."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(30, 226, (7, 9, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
    grain = rng.normal(0, 3, soft.shape)
    return (soft + grain).clip(0, 255).astype(np.uint8)


def mark(pixels: Pixels, message: list[int], numbers: str) -> Pixels:
    """Write a watermark.

    Args:
        pixels: of shape [height, width, 3], RGB.
        message: bits.
        numbers: `bytes`, `floats`, or `swapped`, floats with red for blue.
    """
    order = slice(None) if numbers == "swapped" else slice(None, None, -1)
    blue, green, red = np.moveaxis(pixels[..., order].astype(np.float64), 2, 0)
    middle = 128 if numbers == "bytes" else 0.5
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = 0.492 * (blue - y) + middle, 0.877 * (red - y) + middle
    if numbers == "bytes":
        y, u, v = (band.round().clip(0, 255) for band in (y, u, v))
    high, wide = (side // 4 * 4 for side in u.shape)
    inner = u[:high, :wide]
    haar = (inner[::2, ::2] + inner[::2, 1::2] + inner[1::2, ::2] + inner[1::2, 1::2]) / 2
    marked, number = haar.copy(), 0
    for top in range(0, haar.shape[0] - 3, 4):
        for left in range(0, haar.shape[1] - 3, 4):
            block = marked[top : top + 4, left : left + 4]
            place = np.unravel_index(np.abs(block.ravel()[1:]).argmax() + 1, block.shape)
            sign, size = (1 if block[place] >= 0 else -1), abs(block[place])
            bit = message[number % len(message)]
            block[place] = sign * (size // 36 + 0.25 + 0.5 * bit) * 36
            number += 1
    inner += np.kron((marked - haar) / 2, np.ones((2, 2)))
    if numbers == "bytes":
        u = u.clip(0, 255).astype(np.uint8).astype(np.float64)
    blue, red = y + (u - middle) / 0.492, y + (v - middle) / 0.877
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    bands = np.stack([blue, green, red], axis=2)[..., order]
    return bands.round().clip(0, 255).astype(np.uint8)


def hide(pixels: Pixels, signature: bytes, content: bytes, size: int | None = None) -> Pixels:
    """Hide bytes in the lowest bits of alpha, or where the signature says so, of all else.

    Args:
        pixels: of shape [height, width, 4], RGBA.
        signature: what begins it.
        content: behind the length.
        size: the length in bits that is written. Default: the right one.
    """
    size = 8 * len(content) if size is None else size
    bits = np.unpackbits(np.frombuffer(signature + size.to_bytes(4) + content, np.uint8)).tolist()
    hidden = pixels.copy()
    bands = [0, 1, 2] if b"rgb" in signature else [3]
    for column in range(hidden.shape[1]):
        for row in range(hidden.shape[0]):
            for band in bands:
                if not bits:
                    return hidden
                hidden[row, column, band] = hidden[row, column, band] & 254 | bits.pop(0)
    return hidden


def opaque(pixels: Pixels) -> Pixels:
    """Add transparency, of which there is none."""
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def save(pixels: Pixels, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()
