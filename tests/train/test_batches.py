"""Batches of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiart_edge import InputRule
from aiart_edge.image import read_pixels
from aiart_train import batches
from aiart_train.batches import PictureBatches
from aiart_train.dataset import scan
from aiart_train.split import SplitRow, draw_split

RULE = InputRule(20, 30)


@pytest.fixture(scope="module")
def rows(art: Path) -> tuple[SplitRow, ...]:
    return draw_split(scan(art), seed=0)


def collect(source: PictureBatches) -> tuple[np.ndarray, np.ndarray]:
    pixels, targets = zip(*(source[number] for number in range(len(source))), strict=True)
    return np.concatenate(pixels), np.concatenate(targets)


def test_each_picture_comes_once_an_epoch_through_the_edges_pixel_path(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    source = PictureBatches(art, rows, RULE, batch_size=32)
    pixels, targets = collect(source)
    assert [len(source[number][0]) for number in range(len(source))] == [32, 32, 16]
    assert targets[:, 0].tolist() == [float(row.label == "human") for row in rows]
    for row, got in zip(rows, pixels, strict=True):
        assert np.array_equal(got, read_pixels(art / row.path, RULE)[0])


def test_a_full_cache_changes_nothing_but_the_time(
    art: Path, rows: tuple[SplitRow, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = collect(PictureBatches(art, rows, RULE, batch_size=32))
    monkeypatch.setattr(batches, "CACHE_BYTES", 5 * 20 * 30 * 3)
    source = PictureBatches(art, rows, RULE, batch_size=32)
    for _ in range(2):
        assert np.array_equal(collect(source)[0], expected[0])


def test_the_order_is_drawn_anew_each_epoch_and_only_by_the_seed(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    one, other = (PictureBatches(art, rows, RULE, 32, shuffle_seed=3) for _ in range(2))
    first = collect(one)[1]
    assert np.array_equal(first, collect(other)[1])
    one.on_epoch_end()
    other.on_epoch_end()
    assert not np.array_equal(first, collect(one)[1])
    assert np.array_equal(collect(one)[1], collect(other)[1])
