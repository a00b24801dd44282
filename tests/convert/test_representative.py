"""The representative data set."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from aiart_convert.quantize import convert, with_two_scores
from aiart_convert.representative import (
    draw_representative,
    manifest,
    representative_pixels,
    spread,
)
from aiart_edge import DataError, InputRule
from aiart_edge.image import read_pixels
from aiart_train.data.split import SplitRow, read_split

RULE = InputRule(150, 150)


@pytest.fixture
def rows(run_folder: Path) -> tuple[SplitRow, ...]:
    return read_split(run_folder / "split.csv")


@pytest.mark.parametrize(
    ("count", "sizes"), [(2, (2, 2)), (25, (25, 25)), (26, (26, 0)), (51, (51, 0)), (500, (51, 0))]
)
def test_only_the_training_part_is_ever_drawn_and_no_picture_twice(
    count: int, sizes: tuple[int, int], rows: tuple[SplitRow, ...]
) -> None:
    chosen, others = draw_representative(rows, count)
    assert {row.part for row in chosen + others} == {"train"}
    assert (len(chosen), len(others)) == sizes
    assert len(set(chosen + others)) == sum(sizes)


def test_classes_and_sources_are_drawn_in_proportion_and_always_the_same(
    rows: tuple[SplitRow, ...],
) -> None:
    mixed = [
        replace(row, source="big" if number % 4 else "small") for number, row in enumerate(rows)
    ]
    whole = Counter((row.label, row.source) for row in mixed if row.part == "train")
    for draw in draw_representative(mixed, 20):
        found = Counter((row.label, row.source) for row in draw)
        for stratum, size in whole.items():
            assert found[stratum] == pytest.approx(20 * size / whole.total(), abs=1)
    assert draw_representative(rows, 20) == draw_representative(rows, 20)


def test_the_manifest_names_every_picture_with_its_hash(rows: tuple[SplitRow, ...]) -> None:
    chosen, _ = draw_representative(rows, 2)
    assert manifest(chosen, "ab") == {
        "seed": 0,
        "data_sha256": "ab",
        "pictures": [
            {"path": row.path, "label": row.label, "source": row.source, "sha256": row.sha256}
            for row in chosen
        ],
    }


def test_the_spread_is_that_of_the_activation_that_differs_most() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    )
    two = with_two_scores(model, InputRule(4, 4))
    bright, dim = (
        convert(two, "int8", [np.full((1, 4, 4, 3), level, dtype=np.uint8)].copy)
        for level in (200, 100)
    )
    assert spread(bright, bright) == 0
    assert spread(bright, dim) == pytest.approx(1, abs=0.01)
    assert spread(dim, bright) == pytest.approx(1, abs=0.01)


def test_the_pixels_are_the_edges_and_their_range_is_exactly_0_to_255(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    chosen, _ = draw_representative(rows, 5)
    first, *rest = representative_pixels(art, chosen, RULE)
    assert (first.min(), first.max()) == (0, 255)
    assert (first != read_pixels(art / chosen[0].path, RULE)).sum() <= 6
    for row, pixels in zip(chosen[1:], rest, strict=True):
        assert (pixels == read_pixels(art / row.path, RULE)).all()


def test_a_picture_that_was_swapped_or_removed_is_refused(
    tmp_path: Path, rows: tuple[SplitRow, ...]
) -> None:
    path = tmp_path / rows[0].path
    with pytest.raises(DataError, match="cannot be opened"):
        list(representative_pixels(tmp_path, rows[:1], RULE))
    path.parent.mkdir()
    path.write_bytes(b"another picture")
    with pytest.raises(DataError, match="has changed since the split was made"):
        list(representative_pixels(tmp_path, rows[:1], RULE))
