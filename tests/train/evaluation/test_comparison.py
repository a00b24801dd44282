"""Comparing two runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge import DataError
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.comparison import Comparison, compare, describe

N = 20
ROWS = [
    SplitRow(f"{number}.jpg", ("ai", "human")[number % 2], "", number, "test", f"{number:064}", 0)
    for number in range(N)
]


def scores_with(wrong: set[int]) -> NDArray[np.float64]:
    """Scores that are wrong on these pictures of `ROWS`."""
    p_ai = np.array(
        [0.9 if (row.label == "ai") != (n in wrong) else 0.1 for n, row in enumerate(ROWS)]
    )
    return np.stack([p_ai, 1 - p_ai], axis=1)


def compare_wrong(wrong_a: set[int], wrong_b: set[int]) -> Comparison:
    return compare(ROWS, scores_with(wrong_a), ROWS, scores_with(wrong_b))


def test_the_four_counts_and_mcnemars_test_are_those_worked_out_by_hand() -> None:
    got = compare_wrong({0, 1, 2, 3, 4, 5, 6, 10}, {7, 10})
    assert (got.n, got.both_right, got.only_a_right, got.only_b_right, got.both_wrong) == (
        (N, 11, 1, 7, 1)
    )
    assert (got.accuracy_a, got.accuracy_b) == (0.6, 0.9)
    assert got.difference == pytest.approx(0.3)
    assert got.p_value == pytest.approx(2 * (1 + 8) / 2**8)


def test_the_interval_is_agresti_and_mins() -> None:
    # Half a picture more in each cell: difference (7.5 - 1.5) / 22, and Wald's interval of it.
    difference, spread = 6 / 22, np.sqrt((9 / 22 - (6 / 22) ** 2) / 22)
    got = compare_wrong({0, 1, 2, 3, 4, 5, 6, 10}, {7, 10}).difference_interval
    assert got == pytest.approx((difference - 1.96 * spread, difference + 1.96 * spread), abs=1e-4)


def test_the_interval_and_the_test_turn_round_with_the_runs() -> None:
    one, other = compare_wrong({1, 2, 3}, {4}), compare_wrong({4}, {1, 2, 3})
    low, high = one.difference_interval
    assert other.difference_interval == pytest.approx((-high, -low))
    assert other.p_value == one.p_value


def test_runs_that_never_differ_are_not_told_apart() -> None:
    got = compare_wrong({1, 2}, {1, 2})
    assert (got.difference, got.p_value) == (0, 1)
    assert got.difference_interval[0] < 0 < got.difference_interval[1]


def test_pictures_are_paired_by_name_and_content_in_any_order() -> None:
    swapped = replace(ROWS[0], sha256="f" * 64)
    rows_b = [swapped, *ROWS[:0:-1]]
    scores_b = scores_with({5})[[0, *range(N - 1, 0, -1)]]
    got = compare(ROWS, scores_with({5}), rows_b, scores_b)
    assert (got.n, got.both_right, got.both_wrong) == (N - 1, N - 2, 1)


@pytest.mark.parametrize("rows_b", [ROWS[10:], []])
def test_runs_without_a_common_picture_are_refused(rows_b: list[SplitRow]) -> None:
    with pytest.raises(DataError, match="no picture in common"):
        compare(ROWS[:10], scores_with(set())[:10], rows_b, scores_with(set())[: len(rows_b)])


def test_runs_that_differ_on_a_pictures_class_are_refused() -> None:
    rows_b = [replace(ROWS[0], label="human"), *ROWS[1:]]
    with pytest.raises(DataError, match=r"0\.jpg: the two runs have it in different classes"):
        compare(ROWS, scores_with(set()), rows_b, scores_with(set()))


def test_a_person_reads_which_run_is_better_or_that_it_may_be_chance() -> None:
    clear = describe(compare_wrong(set(range(12)), set()), "old", "new")
    assert clear.endswith("new is better, beyond chance.")
    assert "difference  +60.0 points" in clear
    assert "only A 0, only B 12" in clear
    other_way = describe(compare_wrong(set(), set(range(12))), "old", "new")
    assert other_way.endswith("old is better, beyond chance.")
    unclear = describe(compare_wrong({1, 2}, {3}), "old", "new")
    assert unclear.endswith("The difference may well be chance.")
