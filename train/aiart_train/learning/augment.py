"""Augmentation: views of a picture that leave its class as it is, drawn alike for both classes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance

from aiart_train.learning.recipes import Augmentation

_MIRRORED = 0.5  # share of the views
_LEAST_SCALE = 0.5  # of the network's input, to which a picture is reduced at most
_QUALITIES = (30, 95)  # of JPEG
_FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


def augment(
    image: Image.Image, size: tuple[int, int], how: Augmentation, rng: np.random.Generator
) -> Image.Image:
    """Draw one view of a picture.

    Args:
        image: RGB, larger than `size` so that a part of it is still sharp.
        size: width and height that the network wants, in pixels.
        how: how far the view may differ.
        rng: the only source of chance.

    Returns:
        RGB, of that size.
    """
    kept = 1 - how.zoom * rng.random()
    left, top = (rng.random(2) * (1 - kept) * image.size).tolist()
    box = (left, top, left + kept * image.width, top + kept * image.height)
    scale = rng.uniform(_LEAST_SCALE, 1) if rng.random() < how.rescale else 1.0
    reduced = (max(1, round(scale * size[0])), max(1, round(scale * size[1])))
    view = image.resize(reduced, _FILTERS[rng.integers(len(_FILTERS))], box)
    if how.flip and rng.random() < _MIRRORED:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if how.colour:
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            view = enhancer(view).enhance(rng.uniform(1 - how.colour, 1 + how.colour))
    if rng.random() < how.jpeg:
        view = _through_jpeg(view, int(rng.integers(*_QUALITIES, endpoint=True)))
    return view if view.size == size else view.resize(size, Image.Resampling.BILINEAR)


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")
