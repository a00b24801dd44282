"""The representative data set: the pictures on which the ranges of activations are calibrated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.tools import flatbuffer_utils

from aiart_convert.source import read_picture
from aiart_edge.image import InputRule, read_pixels
from aiart_train.data.split import SplitRow, rows_of

PICTURES = 200
LARGEST_SPREAD = 0.2  # of a range, between two disjoint draws

_SEED = 0


def draw_representative(
    rows: Sequence[SplitRow], count: int = PICTURES
) -> tuple[tuple[SplitRow, ...], tuple[SplitRow, ...]]:
    """Draw the pictures to calibrate on, and as many others to see whether they suffice.

    Of the training part only, every class and source in proportion: in an order by class and
    source, and random within, each draw takes every n-th picture (systematic sampling).

    Args:
        rows: of a split.
        count: how many; the whole training part where it has fewer. Default 200.

    Returns:
        Two disjoint draws of the training part, the same for the same split; the second is empty
        where the first leaves too few.
    """
    train = list(rows_of(rows, "train"))
    np.random.default_rng(_SEED).shuffle(train)  # type: ignore[arg-type]
    train.sort(key=lambda row: (row.label, row.source))
    chosen = _every_nth(train, count)
    others = [row for row in train if row not in set(chosen)]
    return chosen, _every_nth(others, count) if len(others) >= count else ()


def _every_nth(rows: Sequence[SplitRow], count: int) -> tuple[SplitRow, ...]:
    count = min(count, len(rows))
    return tuple(rows[(2 * number + 1) * len(rows) // (2 * count)] for number in range(count))


def manifest(rows: Sequence[SplitRow], data_sha256: str) -> dict[str, object]:
    """Say on which pictures a network was calibrated.

    Args:
        rows: the pictures.
        data_sha256: of the data set they are from.

    Returns:
        What is written beside the model, as JSON.
    """
    return {
        "seed": _SEED,
        "data_sha256": data_sha256,
        "pictures": [
            {"path": row.path, "label": row.label, "source": row.source, "sha256": row.sha256}
            for row in rows
        ],
    }


def spread(network: bytes, other: bytes) -> float:
    """Say how far apart the ranges of two calibrations are.

    Args:
        network: a TFLite flatbuffer, `int8` or `int16x8`.
        other: the same model, calibrated on other pictures.

    Returns:
        The largest relative difference between the ranges of one activation, 0 where all agree.
    """
    ranges, others = _activation_scales(network), _activation_scales(other)
    ratios = [others[name] / scale for name, scale in ranges.items() if name in others]
    return max((max(ratio, 1 / ratio) - 1 for ratio in ratios), default=0.0)


def _activation_scales(network: bytes) -> Mapping[str, float]:
    """Find the scale of each activation; its range is that many steps of the integer type."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(network))
    return {
        tensor.name: float(tensor.quantization.scale[0])
        for tensor in model.subgraphs[0].tensors
        if model.buffers[tensor.buffer].data is None  # weights have data
        and tensor.quantization is not None
        and tensor.quantization.scale is not None
    }


def representative_pixels(
    folder: Path, rows: Sequence[SplitRow], rule: InputRule
) -> Iterator[NDArray[np.uint8]]:
    """Read the pictures to calibrate on, through the edge's own pixel path.

    Two corners of the first picture are set to black and white: the input's range is then exactly
    0 to 255, so that raw uint8 pixels enter the network with scale 1 and zero point 0.

    Args:
        folder: the data folder.
        rows: of the training part.
        rule: how the network wants its pictures.

    Yields:
        uint8 of shape [1, height, width, 3].

    Raises:
        DataError: a picture is not the one that the split was made of.
        PictureError: a picture cannot be read.
    """
    for number, row in enumerate(rows):
        pixels = read_pixels(read_picture(folder, row), rule)
        if number == 0:
            pixels = pixels.copy()
            pixels[0, 0, 0], pixels[0, -1, -1] = 0, 255
        yield pixels
