"""What a network as it was pretrained sees in pictures, computed once and kept for many heads."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from aiart_edge.errors import OutputError
from aiart_train.learning.batches import Key, PictureBatches
from aiart_train.learning.recipes import FROM_CHANCE, HEAD, Recipe


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
        self._head = np.dtype([("picture", "u1", 32), ("view", "<i4")])
        self._record = np.dtype([*self._head.descr, ("features", "<f2", width)])
        try:
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise self._refusal(error) from error
        weakref.finalize(self, self._file.close)
        whole = self._file.seek(0, os.SEEK_END) // self._record.itemsize
        self._file.truncate(whole * self._record.itemsize)
        self._count = whole
        self._places: dict[Key, int] = {}
        for place in range(whole):
            (head,) = np.frombuffer(self._read(place, self._head.itemsize), self._head)
            self._places[head["picture"].tobytes().hex(), int(head["view"])] = place

    def __len__(self) -> int:
        return len(self._places)

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
        rest = memoryview(record.tobytes())
        try:
            while rest:  # a file without a buffer may take less at once
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._refusal(error) from error
        self._places[key] = self._count
        self._count += 1

    def read(self, keys: Sequence[Key]) -> NDArray[np.float16]:
        """Read features that are there; what is read does not stay in memory.

        Args:
            keys: of the pictures and views.

        Returns:
            float16 of shape [keys, width].

        Raises:
            KeyError: one of them is not there.
        """
        found = np.empty((len(keys), self.width), np.float16)
        for row, key in zip(found, keys, strict=True):
            content = self._read(self._places[key], self._record.itemsize)
            row[:] = np.frombuffer(content, self._record)["features"]
        return found

    def _read(self, place: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, place * self._record.itemsize)

    def _refusal(self, error: OSError) -> OutputError:
        return OutputError(
            self._path,
            f"no room for features ({error.strerror}): make some, keep them in another folder with "
            "--features, or take fewer --head-views",
        )


class FeatureBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches of pictures as a network's head sees them.

    A batch is (float32 [n, features], float32 [n, 1], float32 [n]): features, targets and weights.
    A picture is decoded, and run through the network, only where its features are not kept yet.

    Args:
        pictures: of which one view at a time is shown, see `PictureBatches.begin_view`.
        model: whose last layer is called `p_human`; what lies before that must be what all
            features of the cache are of.
        cache: keeps features.
    """

    def __init__(self, pictures: PictureBatches, model: keras.Model, cache: FeatureCache) -> None:
        super().__init__()
        self._pictures, self._cache = pictures, cache
        self._body = keras.Model(model.inputs, model.get_layer(HEAD).input)

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(
        self, index: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        keys = self._pictures.keys(index)
        if not all(key in self._cache for key in keys):
            pixels, *_ = self._pictures[index]
            found = np.asarray(self._body.predict_on_batch(pixels), dtype=np.float32)
            for key, features in zip(keys, found, strict=True):
                if key not in self._cache:
                    self._cache.add(key, features)
        return (self._cache.read(keys).astype(np.float32), *self._pictures.targets(index))

    def begin_view(self, number: int) -> None:
        """Show another view; see `PictureBatches.begin_view`."""
        self._pictures.begin_view(number)

    def read(self, view: int, block: slice) -> NDArray[np.float32]:
        """Read features that were computed before.

        Args:
            view: its number.
            block: of the pictures, in the rows' order.

        Returns:
            float32 of shape [n, features].
        """
        keys = [(sha256, view) for sha256 in self._pictures.sha256s[block]]
        return self._cache.read(keys).astype(np.float32)


def width_of(model: keras.Model) -> int:
    """Say how many features a network's head sees.

    Args:
        model: whose last layer is called `p_human`.

    Returns:
        Their number.
    """
    width: int = model.get_layer(HEAD).input.shape[-1]
    return width


def file_of(recipe: Recipe, seed: int) -> str:
    """Name the file in which the features of a recipe's network are kept.

    Args:
        recipe: of any head; its views have a file of their own.
        seed: of the network's weights, where none are pretrained.

    Returns:
        The name of a file.
    """
    how = recipe.augmentation
    changes = [f"{name}-{value:g}" for name, value in vars(how).items() if value]
    parts = [recipe.architecture, str(recipe.size), recipe.resize]
    parts += [f"seed-{seed}"] if recipe.architecture in FROM_CHANCE else []
    parts += changes if recipe.head_views > 1 else []
    return "-".join(parts) + ".f16"


@contextmanager
def open_cache(path: Path | None, model: keras.Model) -> Iterator[FeatureCache]:
    """Open the cache of a network's features.

    Args:
        path: of its file; None for one that goes with the block.
        model: the network.

    Yields:
        The cache.

    Raises:
        OutputError: it cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield FeatureCache(path or Path(folder, "features.f16"), width_of(model))
