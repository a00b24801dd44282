"""The representative data set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aiart_convert.representative import draw_representative, representative_pixels
from aiart_edge import DataError, InputRule
from aiart_edge.image import read_pixels
from aiart_train.split import SplitRow, read_split

RULE = InputRule(150, 150)


@pytest.fixture
def rows(run_folder: Path) -> tuple[SplitRow, ...]:
    return read_split(run_folder / "split.csv")


@pytest.mark.parametrize(("count", "drawn"), [(2, 2), (20, 20), (49, 49), (50, 51), (1000, 51)])
def test_only_the_training_part_is_ever_drawn(
    count: int, drawn: int, rows: tuple[SplitRow, ...]
) -> None:
    chosen = draw_representative(rows, count)
    assert {row.part for row in chosen} == {"train"}
    assert len(chosen) == drawn


def test_both_classes_are_drawn_in_proportion_and_always_the_same(
    rows: tuple[SplitRow, ...],
) -> None:
    chosen = draw_representative(rows, 20)
    assert Counter(row.label for row in chosen) == {"ai": 10, "human": 10}
    assert draw_representative(rows, 20) == chosen


def test_the_pixels_are_the_edges_and_their_range_is_exactly_0_to_255(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    chosen = draw_representative(rows, 5)
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
