"""The pixel path: a picture's bytes to the pixels that a network sees.

Training, calibration, evaluation, benchmarks and the device all call `read_pixels`; there is no
other way from a file to a network in this project, so that a score never depends on the room it was
made in.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from aiart_edge.errors import PictureError

Source = str | PathLike[str] | bytes

# Their decoders start other programs or depend on the platform.
_REFUSED_FORMATS = frozenset({"EPS", "WMF"})

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _squash(image: Image.Image, rule: InputRule) -> Image.Image:
    return image.resize((rule.width, rule.height), Image.Resampling.BILINEAR)


_RESIZERS: dict[str, Callable[[Image.Image, InputRule], Image.Image]] = {"squash": _squash}


@dataclass(frozen=True)
class InputRule:
    """How a network wants its pictures.

    Args:
        height: pixels.
        width: pixels.
        resize: `squash` ignores the aspect ratio (Pillow's antialiased bilinear filter). Default
            `squash`.
    """

    height: int
    width: int
    resize: str = "squash"

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"Expected a size above 0. Received {self.height}x{self.width}.")
        if self.resize not in _RESIZERS:
            raise ValueError(
                f"Expected a resize rule among {sorted(_RESIZERS)}. Received {self.resize!r}."
            )


def read_pixels(source: Source, rule: InputRule) -> NDArray[np.uint8]:
    """Read a picture as the network wants it.

    Args:
        source: a file, or the bytes of one, in any format that Pillow knows by its content.
        rule: the network's.

    Returns:
        uint8 of shape [1, height, width, 3], RGB, 0 to 255.

    Raises:
        PictureError: it cannot be read.
    """
    # JPEG may reduce while it decodes, down to twice the size wanted: beyond that it would show.
    image = decode(source, at_least=2 * max(rule.height, rule.width))
    return np.asarray(_RESIZERS[rule.resize](image, rule), dtype=np.uint8)[np.newaxis]


def decode(source: Source, *, at_least: int = 0) -> Image.Image:
    """Decode a picture to upright RGB, transparency on white, the first frame of an animation.

    Args:
        source: a file, or the bytes of one.
        at_least: a short side, in pixels, below which a big JPEG must not be reduced while it is
            decoded. Default 0: no reduction.

    Returns:
        An image of mode RGB.

    Raises:
        PictureError: it cannot be read.
    """
    name = "<bytes>" if isinstance(source, bytes) else Path(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as stream:
            if not stream.read(1):
                raise PictureError(name, "the file is empty")
            stream.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a picture is read or refused, nothing between
                return _decode_stream(stream, at_least)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(name, "not a picture in a format that Pillow knows") from error
    except Exception as error:  # a broken file makes a decoder raise anything
        problem = getattr(error, "strerror", None) or error
        raise PictureError(name, f"cannot be read ({problem})") from error


def _decode_stream(stream: BinaryIO, at_least: int) -> Image.Image:
    image = Image.open(stream)
    if image.format in _REFUSED_FORMATS:
        raise ValueError(
            f"{image.format} files are refused, since reading them runs other programs"
        )
    if at_least:
        image.draft(None, (at_least, at_least))
    image.load()
    return _to_rgb(_turn_upright(image))


def _turn_upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  broken EXIF data says nothing about the picture itself
        return image
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_grey_to_8_bit(image).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return image.convert("RGB")


def _deep_grey_to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float grey, which Pillow's own conversion clips at 255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64)).clip(min=0)
    whites = (1, 255, 65535) if image.mode == "F" else (65535,)
    white = next((white for white in whites if values.max() <= white), values.max())
    return Image.fromarray((values * (255 / white)).round().astype(np.uint8))
