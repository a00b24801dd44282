"""Batches of pictures for Keras, through the edge's own pixel path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from aiart_edge.decision import LABELS
from aiart_edge.image import InputRule, read_pixels
from aiart_train.split import SplitRow

CACHE_BYTES = 1 << 30  # of decoded pictures; what does not fit is decoded again each time


class PictureBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Pictures and targets in batches, decoded as they are needed.

    A batch is (uint8 [n, height, width, 3], float32 [n, 1]); the target is 1 for `human`, as the
    sigmoid of the original network has it.

    Args:
        folder: the data folder.
        rows: pictures of one part of a split.
        rule: how the network wants its pictures.
        batch_size: pictures per batch; the last one may be smaller.
        shuffle_seed: the order is drawn anew for each epoch from this; None keeps the rows' order.
            Default None.
    """

    def __init__(
        self,
        folder: Path,
        rows: Sequence[SplitRow],
        rule: InputRule,
        batch_size: int,
        shuffle_seed: int | None = None,
    ) -> None:
        super().__init__()
        self._folder, self._rows, self._rule = folder, rows, rule
        self._batch_size, self._seed = batch_size, shuffle_seed
        self._room = CACHE_BYTES // (rule.height * rule.width * 3)  # pictures
        self._cache: dict[int, NDArray[np.uint8]] = {}
        self._epoch = 0
        self._order = self._draw_order()

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        start = index * self._batch_size
        chosen = self._order[start : start + self._batch_size]
        targets = [[LABELS.index(self._rows[position].label)] for position in chosen]
        pixels = np.concatenate([self._pixels(int(position)) for position in chosen])
        return pixels, np.array(targets, dtype=np.float32)

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order; Keras calls this."""
        self._epoch += 1
        self._order = self._draw_order()

    def _draw_order(self) -> NDArray[np.int_]:
        order = np.arange(len(self._rows))
        if self._seed is not None:
            np.random.default_rng([self._seed, self._epoch]).shuffle(order)
        return order

    def _pixels(self, position: int) -> NDArray[np.uint8]:
        if position in self._cache:
            return self._cache[position]
        pixels = read_pixels(self._folder / self._rows[position].path, self._rule)
        if len(self._cache) < self._room:
            self._cache[position] = pixels
        return pixels
