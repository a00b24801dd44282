"""Splits: the place where leakage would begin."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiart_edge import DataError
from aiart_train.dataset import Dataset, Picture
from aiart_train.duplicates import group, near_pairs
from aiart_train.split import draw_split, read_split, rows_of, write_split


def make_dataset(ai: int, human: int, alike: int = 1) -> Dataset:
    """A data set in which each run of `alike` pictures shows nearly the same."""
    labels = ["ai"] * ai + ["human"] * human
    pictures = tuple(
        Picture(f"{label}/{number}", label, label, f"{number:064}", _spread(number // alike) ^ 1)
        for number, label in enumerate(labels)
    )
    return Dataset(Path("art"), pictures, ())


def _spread(number: int) -> int:
    """Hashes that are far apart."""
    return number * 0x9E3779B97F4A7C15 % (1 << 64)


@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=30), st.data())
def test_near_pairs_are_exactly_those_within_four_bits(
    hashes: list[int], data: st.DataObject
) -> None:
    for original in hashes[:10]:
        flips = data.draw(st.sets(st.integers(0, 63), max_size=6))
        hashes.append(original ^ sum(1 << bit for bit in flips))
    expected = [
        (one, other)
        for one, other in combinations(range(len(hashes)), 2)
        if (hashes[one] ^ hashes[other]).bit_count() <= 4
    ]
    assert near_pairs(hashes) == expected


def test_pictures_linked_through_a_third_are_one_group() -> None:
    first, second, third, alone = group([0b0, 0b1111, 0b11111111, (1 << 64) - 1])
    assert first == second == third != alone


@pytest.mark.parametrize("seed", range(5))
def test_no_near_duplicate_group_is_cut(seed: int) -> None:
    rows = draw_split(make_dataset(120, 90, alike=3), seed)
    parts: dict[int, set[str]] = {}
    for row in rows:
        parts.setdefault(row.group, set()).add(row.part)
    assert len(parts) < len(rows)
    assert all(len(names) == 1 for names in parts.values())


def test_the_parts_have_the_original_studys_proportions_in_both_classes() -> None:
    rows = draw_split(make_dataset(500, 450), seed=0)
    counts = Counter((row.part, row.label) for row in rows)
    for label, total in (("ai", 500), ("human", 450)):
        assert counts["test", label] == total * 0.2
        assert counts["validation", label] == total * 0.16
        assert counts["train", label] == total * 0.64


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    dataset = make_dataset(60, 60)
    assert draw_split(dataset, 7) == draw_split(dataset, 7)
    assert draw_split(dataset, 7) != draw_split(dataset, 8)


def test_a_split_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    rows = draw_split(make_dataset(30, 30), seed=0)
    rows = (replace(rows[0], path='ai/a "quoted", odd\r\nname é \udcff.jpg'), *rows[1:])
    write_split(tmp_path / "split.csv", rows)
    assert read_split(tmp_path / "split.csv") == rows


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("validation", "holiday"),
        lambda text: text.replace(",human,", ",robot,"),
        lambda text: text.replace("label", "colour"),
        lambda text: text[: len(text) // 2],
        lambda text: text + "one,cell\n",
        lambda text: text.replace("validation", "train"),
        lambda _text: "",
    ],
)
def test_a_broken_split_is_refused(spoil: object, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    write_split(path, draw_split(make_dataset(30, 30), seed=0))
    path.write_text(spoil(path.read_text()))  # type: ignore[operator]
    with pytest.raises(DataError, match=r"split\.csv"):
        read_split(path)


@pytest.mark.parametrize("shared", ["path", "sha256", "group"])
def test_a_split_with_a_picture_in_two_parts_is_refused(shared: str, tmp_path: Path) -> None:
    first, *rest = draw_split(make_dataset(30, 30), seed=0)
    twin = next(row for row in rest if row.part != first.part)
    leak = replace(twin, path="new", sha256="f" * 64, group=999)
    leak = replace(leak, **{shared: getattr(first, shared)})
    write_split(tmp_path / "split.csv", (first, *rest, leak))
    with pytest.raises(DataError, match="the split leaks"):
        read_split(tmp_path / "split.csv")


@pytest.mark.parametrize(
    "dataset", [make_dataset(4, 40), make_dataset(9, 40), make_dataset(40, 40, alike=40)]
)
def test_too_few_different_pictures_for_three_parts_are_refused(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="each class needs at least 10 pictures"):
        draw_split(dataset, seed=0)


def test_the_real_data_are_split_as_the_original_study_did(shared_data: Path) -> None:
    from aiart_train.dataset import scan

    rows = draw_split(scan(shared_data / "kaggle"), seed=0)
    sizes = [len(rows_of(rows, part)) for part in ("train", "validation", "test")]
    assert sum(sizes) == 960
    assert sizes == pytest.approx([614, 154, 192], abs=3)
