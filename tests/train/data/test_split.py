"""Splits: the place where leakage would begin."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from aiart_edge import DataError
from aiart_train.data.dataset import Dataset, Picture
from aiart_train.data.duplicates import group, near_pairs
from aiart_train.data.split import (
    SplitRow,
    check_split,
    draw_folds,
    draw_split,
    hold_out,
    number_folds,
    read_groups,
    read_split,
    rows_of,
    write_split,
)


def make_picture(number: int, label: str, source: str, look: int, bit: int = 0) -> Picture:
    """A picture that only those of the same `look` are like; they may differ in a `bit`."""
    phash = look * 0x9E3779B97F4A7C15 % (1 << 64) ^ (1 << bit)
    path = f"{source}/{number}"
    return Picture(path, label, source, f"{number:064}", phash, "PNG", 40, 40, 99, 0)


def make_dataset(ai: int, human: int, alike: int = 1) -> Dataset:
    """A data set in which each run of `alike` pictures shows nearly the same."""
    labels = ["ai"] * ai + ["human"] * human
    pictures = tuple(
        make_picture(number, label, label, number // alike, number % alike)
        for number, label in enumerate(labels)
    )
    return Dataset(Path("art"), pictures, ())


def make_sources(sizes: list[int]) -> Dataset:
    """A data set in which both classes have sources of these sizes."""
    sources = [
        (label, f"{label}/{number}")
        for label in ("ai", "human")
        for number, size in enumerate(sizes)
        for _ in range(size)
    ]
    pictures = tuple(make_picture(n, *source, look=n) for n, source in enumerate(sources))
    return Dataset(Path("art"), pictures, ())


@st.composite
def draw_dataset(draw: st.DrawFn) -> Dataset:
    """Sources of several sizes in both classes; some pictures look like one of another source."""
    dataset = make_sources(draw(st.lists(st.integers(2, 5), min_size=7, max_size=9)))
    pictures = list(dataset.pictures)
    anywhere = st.integers(0, len(pictures) - 1)
    for one, other in draw(st.lists(st.tuples(anywhere, anywhere), max_size=2)):
        pictures[one] = replace(pictures[one], phash=pictures[other].phash)
    return replace(dataset, pictures=tuple(pictures))


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


@settings(max_examples=20, deadline=None)
@given(draw_dataset(), st.integers(0, 99), st.booleans(), st.booleans())
def test_folds_test_each_picture_once_cut_nothing_and_hold_both_classes(
    dataset: Dataset, seed: int, by_source: bool, validated: bool
) -> None:
    try:
        folds = draw_folds(dataset, seed, by_source, validated=validated)
    except DataError:
        reject()
    paths = [picture.path for picture in dataset.pictures]
    assert sorted(row.path for rows in folds for row in rows_of(rows, "test")) == sorted(paths)
    for rows in folds:
        assert [row.path for row in rows] == paths
        assert len({(row.part, row.label) for row in rows}) == (6 if validated else 4)
        assert len({(row.part, row.phash) for row in rows}) == len({row.phash for row in rows})
        if by_source:
            sources = {row.source for row in rows}
            assert len({(row.part, row.source) for row in rows}) == len(sources)


def test_a_split_is_the_first_fold() -> None:
    dataset = make_dataset(60, 60, alike=2)
    assert draw_split(dataset, 3) == draw_folds(dataset, 3)[0]


@pytest.mark.parametrize("sizes", [[4, 4, 4, 4, 4], [100, 4, 4, 4, 4]])
def test_five_sources_of_each_class_are_enough(sizes: list[int]) -> None:
    assert len(draw_folds(make_sources(sizes), seed=0, by_source=True)) == 5


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([20, 20, 20, 20], "each class needs at least 5 sources"),
        ([1, 1, 1, 1, 1], "its sources cannot be split into 5 folds with both classes in each"),
    ],
)
def test_too_few_sources_are_refused(sizes: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        draw_folds(make_sources(sizes), seed=0, by_source=True)


@pytest.mark.parametrize(("ai", "human", "alike", "count"), [(9, 20, 1, 5), (6, 9, 3, 2)])
def test_folds_of_a_part_cut_no_group_and_are_as_many_as_its_pictures_allow(
    ai: int, human: int, alike: int, count: int
) -> None:
    rows = [
        SplitRow(str(n), label, "", n // alike, "validation", "", 0)
        for n, label in enumerate(["ai"] * ai + ["human"] * human)
    ]
    numbers = number_folds(rows)
    assert numbers is not None
    assert set(numbers) == set(range(count))
    folds = {(row.group, int(number)) for row, number in zip(rows, numbers, strict=True)}
    assert len(folds) == len({row.group for row in rows})


def test_a_part_with_one_picture_of_a_class_has_no_folds() -> None:
    rows = [
        SplitRow(str(n), label, "", n, "train", "", 0) for n, label in enumerate(["ai", "human"])
    ]
    assert number_folds(rows) is None


def write_groups(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["source,group", *lines]) + "\n")
    return path


@pytest.mark.parametrize("above", ["", "art/", "data/art/"])
def test_sources_of_a_group_are_tested_together(above: str, tmp_path: Path) -> None:
    dataset = replace(make_sources([6] * 12), folder=tmp_path / "data/art")
    tied = [f"{label}/{number}" for label in ("ai", "human") for number in range(3)]
    path = write_groups(tmp_path / "groups.csv", *(f"{above}{name},one artist" for name in tied))
    groups = read_groups(path, dataset)
    splits = [draw_split(dataset, 0, True, tied=groups)]
    splits += draw_folds(dataset, 0, True, 3, tied=groups)
    for split in splits:
        parts = {row.part for row in split if row.source in tied}
        assert len(parts) == 1
    assert {row.source for row in splits[0]} == {picture.source for picture in dataset.pictures}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["ai/elsewhere,one"], "none of its sources is in"),
        (["music/0,one"], "none of its sources is in"),
        (["ai/0,one", "ai/0,two"], "the source ai/0 stands in two groups"),
        (["ai/0,one", "art/ai/0,two"], "the source ai/0 stands in two groups"),
        (["ai/0"], "line 2 of the groups is broken"),
        (["ai/0,"], "line 2 of the groups is broken"),
        ([",one"], "line 2 of the groups is broken"),
    ],
)
def test_groups_that_cannot_be_meant_are_refused(
    lines: list[str], message: str, tmp_path: Path
) -> None:
    dataset = replace(make_sources([6] * 5), folder=tmp_path / "art")
    with pytest.raises(DataError, match=message):
        read_groups(write_groups(tmp_path / "groups.csv", *lines), dataset)


def test_more_folds_need_more_pictures() -> None:
    assert len(draw_folds(make_dataset(20, 20), seed=0, count=10)) == 10
    with pytest.raises(DataError, match="each class needs at least 20 pictures"):
        draw_folds(make_dataset(19, 20), seed=0, count=10)


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


@pytest.mark.parametrize("phash", ["", "00ff", "x" * 16, "00FF00FF00FF00FF"])
def test_a_split_with_a_broken_perceptual_hash_is_refused(phash: str, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    rows = draw_split(make_dataset(30, 30), seed=0)
    write_split(path, rows)
    path.write_text(path.read_text().replace(f"{rows[0].phash:016x}", phash))
    with pytest.raises(DataError, match=r"split\.csv: line 2 of the split is broken"):
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


def test_a_split_with_near_duplicates_in_two_parts_is_refused(tmp_path: Path) -> None:
    first, *rest = draw_split(make_dataset(30, 30), seed=0)
    twin = next(row for row in rest if row.part != first.part)
    leak = replace(twin, path="new", sha256="f" * 64, group=999, phash=first.phash ^ 0b1111)
    write_split(tmp_path / "split.csv", (first, *rest, leak))
    with pytest.raises(DataError, match=f"new .{leak.part}. looks like {first.path}"):
        read_split(tmp_path / "split.csv")


def split_of(dataset: Dataset, **changed: object) -> list[SplitRow]:
    """A split of a data set, of which a picture was another one then."""
    first, *rest = draw_split(dataset, seed=0)
    return [replace(first, **changed), *rest]  # type: ignore[arg-type]


def test_a_split_fits_its_own_data_set_and_one_with_more_pictures() -> None:
    dataset = make_dataset(30, 30)
    fewer = replace(dataset, pictures=dataset.pictures[5:-5])
    check_split(dataset, split_of(dataset))
    check_split(dataset, split_of(fewer))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"path": "ai/gone"}, "ai/gone: this picture of the split is not there"),
        ({"sha256": "f" * 64}, "ai/0: this picture of the split is another one now"),
        ({"phash": 77}, "ai/0: this picture of the split is another one now"),
        ({"label": "human"}, "ai/0: this picture of the split is another one now"),
    ],
)
def test_a_split_of_other_pictures_is_refused(changed: dict[str, object], message: str) -> None:
    dataset = make_dataset(30, 30)
    with pytest.raises(DataError, match=message):
        check_split(dataset, split_of(dataset, **changed))


@pytest.mark.parametrize(
    "dataset", [make_dataset(4, 40), make_dataset(9, 40), make_dataset(40, 40, alike=40)]
)
def test_too_few_different_pictures_for_three_parts_are_refused(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="each class needs at least 10 pictures"):
        draw_split(dataset, seed=0)


def test_what_another_split_tests_on_is_held_out_with_what_looks_like_it() -> None:
    dataset = make_dataset(60, 60, alike=3)
    other = draw_split(replace(dataset, pictures=dataset.pictures[::3]), seed=1)
    moved = [replace(row, path=f"elsewhere/{row.path}") for row in other]
    held_out = hold_out(dataset, moved)
    tested = {row.path for row in rows_of(other, "test")}
    assert {picture.path for picture in held_out} > tested
    assert len(held_out) == 3 * len(tested)
    rows = draw_split(dataset, seed=0, held_out=held_out)
    assert {row.path for row in rows_of(rows, "test")} == {picture.path for picture in held_out}
    assert {row.label for row in rows_of(rows, "validation")} == {"ai", "human"}


def test_a_split_of_which_nothing_is_here_cannot_be_held_out() -> None:
    dataset = make_dataset(60, 60)
    other = replace(dataset, pictures=dataset.pictures[::2])
    with pytest.raises(DataError, match="no picture of the test part to hold out"):
        hold_out(replace(dataset, pictures=dataset.pictures[1::2]), draw_split(other, seed=0))


def test_the_real_data_are_split_as_the_original_study_did(shared_data: Path) -> None:
    from aiart_train.data.dataset import scan

    rows = draw_split(scan(shared_data / "kaggle"), seed=0)
    committed = Path(__file__).parents[3] / "benchmarks" / "kaggle-split.csv"
    assert rows == read_split(committed)  # which the embedded model's training holds out
    sizes = [len(rows_of(rows, part)) for part in ("train", "validation", "test")]
    assert sum(sizes) == 960
    assert sizes == pytest.approx([614, 154, 192], abs=3)
