"""The representative data set: the pictures on which int8's ranges are calibrated."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError
from aiart_edge.image import InputRule, read_pixels
from aiart_train.split import SplitRow, rows_of

PICTURES = 200
_SEED = 0


def draw_representative(rows: Sequence[SplitRow], count: int = PICTURES) -> tuple[SplitRow, ...]:
    """Draw the pictures to calibrate on: of the training part only, both classes in proportion.

    Args:
        rows: of a split.
        count: how many; the whole training part where it has hardly more. Default 200.

    Returns:
        Rows of the training part; the same for the same split.
    """
    train = rows_of(rows, "train")
    if len(train) < count + len(LABELS):  # train_test_split wants one of each class left over
        return train
    labels = [row.label for row in train]
    chosen, _ = train_test_split(train, train_size=count, stratify=labels, random_state=_SEED)
    return tuple(chosen)


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
        path = folder / row.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(
                path, f"a picture of the split cannot be opened ({error.strerror})"
            ) from error
        if hashlib.sha256(content).hexdigest() != row.sha256:
            raise DataError(path, "the picture has changed since the split was made: train again")
        pixels = read_pixels(content, rule)
        if number == 0:
            pixels = pixels.copy()
            pixels[0, 0, 0], pixels[0, -1, -1] = 0, 255
        yield pixels
