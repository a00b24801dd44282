"""What a network as it was pretrained sees in pictures, computed once and kept for many heads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aiart_edge.errors import OutputError
from aiart_edge.image import InputRule, read_pixels
from aiart_train.learning.augment import augment
from aiart_train.learning.recipes import Augmentation

# Crops of .5 to 1 of the area, reduced to .5 to 1 of the size and enlarged again, as JPEG.
VIEW = Augmentation(flip=True, zoom=0.3, rescale=1, jpeg=1)

_CANVAS = 1.5  # times the network's size, out of which views are cut so that they are sharp

Key = tuple[str, int]  # the SHA-256 of a picture's file, in hex, and the number of the view


class FeatureCache:
    """Features by picture and view, in one file, all by one network.

    A record is the SHA-256, the number of the view, and the features as float16. Records are only
    appended, so that a computation that is broken off loses nothing but a half-written last one.

    Args:
        path: of the file; made where it is not there.
        width: features of one picture.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path, width: int) -> None:
        self._path, self.width = path, width
        self._record = np.dtype(
            [("picture", "u1", 32), ("view", "<i4"), ("features", "<f2", width)]
        )
        try:
            with path.open("ab") as file:
                whole = file.tell() // self._record.itemsize
                file.truncate(whole * self._record.itemsize)
        except OSError as error:
            raise OutputError(path, f"cannot be written ({error.strerror})") from error
        self._count = whole
        self._places = {
            (record["picture"].tobytes().hex(), int(record["view"])): place
            for place, record in enumerate(self._records())
        }

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def add(self, key: Key, features: NDArray[np.float32]) -> None:
        """Keep the features of one view.

        Args:
            key: of the picture and the view.
            features: of shape [width], within float16's range.

        Raises:
            OutputError: they cannot be written.
        """
        record = np.zeros(1, self._record)
        record["picture"] = np.frombuffer(bytes.fromhex(key[0]), np.uint8)
        record["view"], record["features"] = key[1], features
        try:
            with self._path.open("ab") as file:
                file.write(record.tobytes())
        except OSError as error:
            raise OutputError(self._path, f"cannot be written ({error.strerror})") from error
        self._places[key] = self._count
        self._count += 1

    def read(self, keys: Sequence[Key]) -> NDArray[np.float16]:
        """Read features that are there.

        Args:
            keys: of the pictures and views.

        Returns:
            float16 of shape [keys, width].

        Raises:
            KeyError: one of them is not there.
        """
        places = [self._places[key] for key in keys]
        found: NDArray[np.float16] = self._records()["features"][places]
        return found

    def _records(self) -> NDArray[np.void]:
        if not self._count:  # which cannot be mapped
            return np.zeros(0, self._record)
        return np.memmap(self._path, self._record, "r", shape=(self._count,))


def view_of(path: Path, sha256: str, size: int, number: int) -> NDArray[np.uint8]:
    """Read a picture as it is, or changed in all ways at once.

    Args:
        path: of the picture.
        sha256: of its file; with the number, the only source of chance.
        size: pixels a side.
        number: of the view; 0 is the picture as it is.

    Returns:
        uint8 of shape [1, size, size, 3].

    Raises:
        PictureError: it cannot be read.
    """
    if number == 0:
        return read_pixels(path, InputRule(size, size))
    canvas = round(_CANVAS * size)
    image = Image.fromarray(read_pixels(path, InputRule(canvas, canvas))[0])
    rng = np.random.default_rng([number, int(sha256, 16)])
    return np.asarray(augment(image, (size, size), VIEW, rng))[np.newaxis]
