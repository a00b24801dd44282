"""What happens to a picture on the web: it is encoded again, reduced, blurred, cropped."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

from PIL import Image, ImageFilter

Perturbation = Callable[[Image.Image], bytes]

_WEBP = 80  # quality
_BLUR_SIGMA = 2  # pixels of the full picture
_CROPS = (0.9, 0.8)  # of each side


def _jpeg(image: Image.Image, quality: int) -> bytes:
    return _encode(image, "JPEG", quality=quality)


def _webp(image: Image.Image, quality: int) -> bytes:
    return _encode(image, "WEBP", quality=quality)


def _halve_and_back(image: Image.Image) -> bytes:
    half = image.resize((max(image.width // 2, 1), max(image.height // 2, 1)))
    return _encode(half.resize(image.size))


def _blur(image: Image.Image) -> bytes:
    return _encode(image.filter(ImageFilter.GaussianBlur(_BLUR_SIGMA)))


def _crop(image: Image.Image, kept: float) -> bytes:
    width, height = max(round(kept * image.width), 1), max(round(kept * image.height), 1)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return _encode(image.crop((left, top, left + width, top + height)))


def _encode(image: Image.Image, file_format: str = "PPM", **options: int) -> bytes:
    """Encode to bytes; PPM loses nothing and takes no time."""
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


# From a whole picture of mode RGB to the bytes of a changed one, which `read_pixels` reads.
PERTURBATIONS: dict[str, Perturbation] = {
    **{f"JPEG {quality}": partial(_jpeg, quality=quality) for quality in (95, 75, 50, 30)},
    f"WebP {_WEBP}": partial(_webp, quality=_WEBP),
    "half size and back": _halve_and_back,
    f"Gaussian blur, {_BLUR_SIGMA} px": _blur,
    **{f"centre crop, {kept:.0%} of each side": partial(_crop, kept=kept) for kept in _CROPS},
}
