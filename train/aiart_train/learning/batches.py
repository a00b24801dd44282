"""Batches of pictures for Keras, through the edge's own pixel path."""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aiart_edge.decision import LABELS
from aiart_edge.errors import PictureError
from aiart_edge.image import InputRule, read_pixels
from aiart_train.data.split import SplitRow
from aiart_train.learning.augment import augment
from aiart_train.learning.recipes import UNCHANGED, Augmentation

# Of decoded pictures of one size, on disk; what does not fit is decoded again each time.
CACHE_BYTES = 1 << 32

Key = tuple[str, int]  # the SHA-256 of a picture's file, in hex, and the number of the view

# Views are cut out of a picture this much larger than the network's input, so that they are sharp.
_CANVAS = 1.5


class PictureBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Pictures and targets in batches, decoded once and kept in temporary files.

    A batch is (uint8 [n, height, width, 3], float32 [n, 1], float32 [n]): pixels, targets and
    weights; the target is 1 for `human`, as the networks' sigmoid has it. Memory does not grow with
    the number of pictures.

    They come as in `begin_epoch(0)` until `begin_epoch` or `begin_view` is called.

    Args:
        folder: the data folder.
        rows: pictures of one part of a split.
        rule: how the network wants its pictures.
        batch_size: pictures per batch; the last one may be smaller.
        seed: the order and the views are drawn anew for each epoch from this; None keeps the rows'
            order and the pictures as they are. Default None.
        augmentation: how far views differ. Default: not at all.
        balance: what weighs alike, one of `recipes.BALANCES`. Default `none`: each picture.
    """

    def __init__(
        self,
        folder: Path,
        rows: Sequence[SplitRow],
        rule: InputRule,
        batch_size: int,
        seed: int | None = None,
        augmentation: Augmentation = UNCHANGED,
        balance: str = "none",
    ) -> None:
        super().__init__()
        self._folder, self._rows, self._rule = folder, rows, rule
        self.sha256s = [row.sha256 for row in rows]
        self._batch_size, self._seed = batch_size, seed
        ways = (UNCHANGED if seed is None else augmentation).ways
        self._ways = (UNCHANGED, *ways)
        larger = 1 if ways == (UNCHANGED,) else _CANVAS
        self._stored = InputRule(
            round(rule.height * larger), round(rule.width * larger), rule.resize
        )
        self._caches = {
            each: _Cache((each.height, each.width, 3), len(rows)) for each in {rule, self._stored}
        }
        self._weights = _weigh(rows, balance)
        self._balanced = balance != "none"
        self._decoders = ThreadPoolExecutor(os.cpu_count())  # Pillow lets threads run side by side
        self.problem: PictureError | None = None  # of which a backend leaves only a text
        self.begin_epoch(0)

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self._batch_size)

    def __getitem__(
        self, index: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        try:
            pixels = np.stack(list(self._decoders.map(self._view, self._places(index))))
        except PictureError as error:
            self.problem = error
            raise
        return (pixels, *self.targets(index))

    def targets(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give the targets and weights of a batch, without its pixels.

        Args:
            index: of the batch.

        Returns:
            float32 of shapes [n, 1] and [n].
        """
        chosen = self._order[self._places(index)]
        targets = [[LABELS.index(self._rows[position].label)] for position in chosen]
        return np.array(targets, dtype=np.float32), self._shown_weights[chosen]

    def keys(self, index: int) -> list[Key]:
        """Say what stands in a batch of the view that is shown.

        Args:
            index: of the batch.

        Returns:
            Of each picture what alone decides, with the augmentation, how it looks.
        """
        chosen = self._order[self._places(index)]
        return [(self.sha256s[position], self._shown) for position in chosen]

    def begin_epoch(self, number: int) -> None:
        """Draw what an epoch shows: half of it as it is, the rest changed in one way each.

        Balanced pictures are drawn with replacement, as often as they weigh; others come once.

        Args:
            number: of the epoch, from 0; alone decides, with the seed, the order and the views.
        """
        if self._seed is None:
            self.begin_view(0)
            return
        rng, count = np.random.default_rng([self._seed, number]), len(self._rows)
        self._shown, self._shown_weights = number, self._weights
        self._chance = partial(_of_epoch, self._seed, number)
        if self._balanced:
            self._order = rng.choice(count, count, p=self._weights / self._weights.sum())
            self._shown_weights = np.ones_like(self._weights)
        else:
            self._order = rng.permutation(count)
        changes = len(self._ways) - 1  # below 1, as many numbers mean none
        self._shown_ways = np.maximum(rng.integers(1 - changes, changes, count, endpoint=True), 0)

    def begin_view(self, number: int) -> None:
        """Show the pictures in the rows' order: as they are, or changed in one way alone.

        Chance has its way from the picture's file and the number, so that a view is the same in
        every fold.

        Args:
            number: 0 for the pictures as they are; from 1, the ways of the augmentation take turns.
        """
        self._shown, self._order = number, np.arange(len(self._rows))
        self._chance = partial(_of_picture, self.sha256s, number)
        way = (number - 1) % (len(self._ways) - 1) + 1 if number else 0
        self._shown_ways, self._shown_weights = np.full_like(self._order, way), self._weights

    def _places(self, index: int) -> range:
        start = index * self._batch_size
        return range(start, min(start + self._batch_size, len(self._order)))

    def _view(self, place: int) -> NDArray[np.uint8]:
        """Show what comes at a place in the order."""
        position, how = int(self._order[place]), self._ways[self._shown_ways[place]]
        rule = self._rule if how == UNCHANGED else self._stored
        pixels = self._caches[rule].get(position)
        if pixels is None:
            pixels = read_pixels(self._folder / self._rows[position].path, rule)[0]
            self._caches[rule].put(position, pixels)
        if how == UNCHANGED or self._seed is None:
            return pixels
        rng = np.random.default_rng(self._chance(place))
        size = (self._rule.width, self._rule.height)
        return np.asarray(augment(Image.fromarray(pixels), size, how, rng))


def _of_epoch(seed: int, number: int, place: int) -> list[int]:
    return [seed, number, place]


def _of_picture(sha256s: Sequence[str], number: int, place: int) -> list[int]:
    return [number, int(sha256s[place], 16)]


def _weigh(rows: Sequence[SplitRow], balance: str) -> NDArray[np.float32]:
    """Give weights of mean 1."""
    if balance == "none":
        return np.ones(len(rows), dtype=np.float32)
    sizes = Counter((row.label, row.source) for row in rows)
    weights = [sizes[row.label, row.source] ** -0.5 if balance == "source" else 1.0 for row in rows]
    totals: defaultdict[str, float] = defaultdict(float)
    for row, weight in zip(rows, weights, strict=True):
        totals[row.label] += weight
    share = len(rows) / len(LABELS)
    balanced = [
        weight * share / totals[row.label] for row, weight in zip(rows, weights, strict=True)
    ]
    return np.array(balanced, dtype=np.float32)


class _Cache:
    """Pictures of one shape in a nameless temporary file, which vanishes with the process."""

    def __init__(self, shape: tuple[int, int, int], count: int) -> None:
        self._shape, self._size = shape, math.prod(shape)
        self._room = CACHE_BYTES // self._size  # pictures
        self._kept = bytearray(count)  # 1 where the file holds the picture
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the cache
        weakref.finalize(self, self._file.close)

    def get(self, position: int) -> NDArray[np.uint8] | None:
        if not self._kept[position]:
            return None
        content = os.pread(self._file.fileno(), self._size, position * self._size)
        return np.frombuffer(content, dtype=np.uint8).reshape(self._shape)

    def put(self, position: int, pixels: NDArray[np.uint8]) -> None:
        if position >= self._room:
            return
        try:
            self._kept[position] = (
                os.pwrite(self._file.fileno(), pixels.tobytes(), position * self._size)
                == self._size
            )
        except OSError:  # the disk is full: the picture will be decoded again
            self._room = 0
