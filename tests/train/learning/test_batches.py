"""Batches of pictures."""

from __future__ import annotations

import gc
import os
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiart_edge import InputRule, PictureError
from aiart_edge.image import read_pixels
from aiart_train.data.dataset import scan
from aiart_train.data.split import SplitRow, draw_split
from aiart_train.learning import batches
from aiart_train.learning.batches import PictureBatches
from aiart_train.learning.recipes import Augmentation

RULE = InputRule(20, 30)
PICTURE_BYTES = 20 * 30 * 3
VIEWS = Augmentation(flip=True, zoom=0.3, jpeg=0.5)


@pytest.fixture(scope="module")
def rows(art: Path) -> tuple[SplitRow, ...]:
    return draw_split(scan(art), seed=0)


@pytest.fixture
def copy(art: Path, tmp_path: Path) -> Path:
    """A copy of the data folder that a test may harm."""
    return shutil.copytree(art, tmp_path / "copy")


def collect(source: PictureBatches) -> tuple[np.ndarray, np.ndarray]:
    pixels, targets, _ = zip(*(source[number] for number in range(len(source))), strict=True)
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


def test_each_picture_is_decoded_once(copy: Path, rows: tuple[SplitRow, ...]) -> None:
    source = PictureBatches(copy, rows, RULE, batch_size=32)
    first = collect(source)[0]
    shutil.rmtree(copy)
    source.begin_epoch(1)
    assert np.array_equal(collect(source)[0], first)


def test_each_picture_is_decoded_once_as_it_is_and_once_for_its_views(
    copy: Path, rows: tuple[SplitRow, ...]
) -> None:
    source = PictureBatches(copy, rows, RULE, batch_size=32, seed=3, augmentation=VIEWS)
    for number in range(2):
        source.begin_view(number)
        collect(source)
    shutil.rmtree(copy)
    for number in range(3):
        source.begin_epoch(number)
        assert len(collect(source)[0]) == 80


def test_what_does_not_fit_into_the_cache_is_decoded_again(
    copy: Path, rows: tuple[SplitRow, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CACHE_BYTES", 5 * PICTURE_BYTES)
    source = PictureBatches(copy, rows, RULE, batch_size=1)
    first = collect(source)[0]
    assert np.array_equal(collect(source)[0], first)
    shutil.rmtree(copy)
    assert np.array_equal(source[4][0][0], first[4])
    with pytest.raises(PictureError):
        source[5]


def test_a_full_disk_changes_nothing_but_the_time(art: Path, rows: tuple[SplitRow, ...]) -> None:
    expected = collect(PictureBatches(art, rows, RULE, batch_size=32))[0]
    source = PictureBatches(art, rows, RULE, batch_size=32)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 * PICTURE_BYTES + 100, hard))
    try:
        got = [collect(source)[0] for _ in range(2)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert all(np.array_equal(pixels, expected) for pixels in got)


def test_the_temporary_file_goes_with_the_batches(art: Path, rows: tuple[SplitRow, ...]) -> None:
    def deleted() -> list[str]:
        targets = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        return sorted(target for target in targets if target.endswith("(deleted)"))

    gc.collect()
    before = deleted()
    source = PictureBatches(art, rows, RULE, batch_size=32)
    assert len(deleted()) == len(before) + 1
    del source
    gc.collect()
    assert deleted() == before


def test_the_order_is_drawn_from_the_seed_and_the_number_of_the_epoch_alone(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    one, other, third = (PictureBatches(art, rows, RULE, 32, seed) for seed in (3, 3, 4))
    other.begin_epoch(5)  # what went before does not matter
    orders = []
    for number in range(3):
        for source in (one, other, third):
            source.begin_epoch(number)
        orders.append(collect(one)[0])
        assert np.array_equal(orders[-1], collect(other)[0])
        assert not np.array_equal(orders[-1], collect(third)[0])
    assert not np.array_equal(orders[0], orders[1])
    assert sorted(x.tobytes() for x in orders[0]) == sorted(x.tobytes() for x in orders[1])


def test_without_a_seed_each_epoch_is_the_same(art: Path, rows: tuple[SplitRow, ...]) -> None:
    source = PictureBatches(art, rows, RULE, 32)
    first = collect(source)[0]
    source.begin_epoch(1)
    assert np.array_equal(collect(source)[0], first)


def test_views_have_the_rules_size_and_differ_between_epochs(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    source = PictureBatches(art, rows, RULE, 32, seed=3, augmentation=VIEWS)
    seen = []
    for number in range(2):
        source.begin_epoch(number)
        pixels, targets = collect(source)
        assert (pixels.shape, pixels.dtype) == ((80, 20, 30, 3), np.uint8)
        assert targets.sum() == 40
        seen.append({view.tobytes() for view in pixels})
    plain = {view.tobytes() for view in collect(PictureBatches(art, rows, RULE, 32))[0]}
    assert seen[0] & seen[1] <= plain
    assert seen[0] != seen[1]


def test_half_of_an_epoch_is_changed_and_the_rest_as_it_is(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    looks = {picture.tobytes() for picture in collect(PictureBatches(art, rows, RULE, 80))[0]}
    how = Augmentation(zoom=0.9, colour=0.9)
    source = PictureBatches(art, rows, RULE, 80, seed=3, augmentation=how)
    unchanged = []
    for number in range(5):
        source.begin_epoch(number)
        unchanged += [view.tobytes() in looks for view in source[0][0]]
    assert np.mean(unchanged) == pytest.approx(0.5, abs=0.1)


def test_balanced_pictures_are_drawn_as_often_as_they_weigh(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    ai = [row for row in rows if row.label == "ai"][:20]
    human = [row for row in rows if row.label == "human"][:5]
    source = PictureBatches(art, [*ai, *human], RULE, 25, seed=3, balance="class")
    shares = []
    for number in range(40):
        source.begin_epoch(number)
        _, targets, weights = source[0]
        assert weights.tolist() == [1] * 25
        shares.append(targets.mean())
    assert np.mean(shares) == pytest.approx(0.5, abs=0.06)


def test_a_training_that_goes_on_sees_the_views_of_an_unbroken_one(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    unbroken, resumed = (PictureBatches(art, rows, RULE, 32, 3, VIEWS) for _ in range(2))
    for number in range(3):
        unbroken.begin_epoch(number)
        last = collect(unbroken)[0]
    resumed.begin_epoch(2)
    assert np.array_equal(collect(resumed)[0], last)


def test_views_show_their_own_picture(art: Path, rows: tuple[SplitRow, ...]) -> None:
    """Mirrored at most, a view has its picture's mean colour."""
    source = PictureBatches(art, rows, RULE, 80, seed=3, augmentation=Augmentation(flip=True))
    plain = PictureBatches(art, rows, RULE, 80, seed=3)
    for number in range(2):
        source.begin_epoch(number)
        plain.begin_epoch(number)
        means, expected = (each[0][0].mean(axis=(1, 2)) for each in (source, plain))
        assert np.allclose(means, expected, atol=3)
        assert np.array_equal(source[0][1], plain[0][1])


def test_the_first_view_for_a_head_is_the_picture_as_it_is_in_the_rows_order(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    source = PictureBatches(art, rows, RULE, 32, seed=3, augmentation=VIEWS)
    source.begin_view(0)
    for found, expected in zip(
        collect(source), collect(PictureBatches(art, rows, RULE, 32)), strict=True
    ):
        assert np.array_equal(found, expected)


def test_each_further_view_for_a_head_is_changed_in_the_next_way_alone(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    source = PictureBatches(art, rows, RULE, 32, seed=3, augmentation=VIEWS)
    seen = set()
    ways = (Augmentation(flip=True, zoom=0.3), Augmentation(flip=True, jpeg=0.5))
    for number, way in enumerate(ways * 2, 1):
        alone = PictureBatches(art, rows, RULE, 32, seed=3, augmentation=way)
        for each in (source, alone):
            each.begin_view(number)
        assert np.array_equal(collect(source)[0], collect(alone)[0])
        assert np.array_equal(collect(source)[1], [[row.label == "human"] for row in rows])
        seen.add(collect(source)[0].tobytes())
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        ("none", [1, 1, 1, 1, 1, 1]),
        ("class", [0.75, 0.75, 0.75, 0.75, 1.5, 1.5]),
        # The three pictures of one source weigh the square root of 3 times as much as a single one.
        ("source", [*[3**0.5 / (3**0.5 + 1)] * 3, 3 / (3**0.5 + 1), 1.5, 1.5]),
    ],
)
def test_weights_balance_what_they_are_told_to(
    balance: str, expected: list[float], art: Path, rows: tuple[SplitRow, ...]
) -> None:
    ai = [row for row in rows if row.label == "ai"][:4]
    human = [row for row in rows if row.label == "human"][:2]
    sources = ["a", "a", "a", "b", "c", "c"]
    few = [replace(row, source=name) for row, name in zip([*ai, *human], sources, strict=True)]
    weights = PictureBatches(art, few, RULE, batch_size=32, balance=balance)[0][2]
    assert weights == pytest.approx(np.array(expected), rel=1e-6)
