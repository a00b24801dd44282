"""Comparison: is one run better than another, on the pictures that both were tested on?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from aiart_edge.errors import DataError
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.evaluate import answer, targets

SIGNIFICANT = 0.05  # a p-value below it is called a difference


@dataclass(frozen=True)
class Comparison:
    """Two runs, A and B, on the pictures that both scored.

    Args:
        n: number of those pictures.
        both_right: of them, those that both answer rightly.
        only_a_right: those that only A answers rightly.
        only_b_right: those that only B answers rightly.
        both_wrong: those that neither does.
        accuracy_a: share of A's right answers.
        accuracy_b: share of B's.
        difference: B's accuracy less A's.
        difference_interval: its 95% interval for paired answers (Agresti and Min 2005, "Simple
            improved confidence intervals for comparing matched proportions"): Wald's, with half a
            picture added to each of the four counts.
        p_value: of McNemar's exact test (1947): how likely a difference at least as large is where
            neither run is better.
    """

    n: int
    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    accuracy_a: float
    accuracy_b: float
    difference: float
    difference_interval: tuple[float, float]
    p_value: float


def compare(
    rows_a: Sequence[SplitRow],
    scores_a: NDArray[np.float64],
    rows_b: Sequence[SplitRow],
    scores_b: NDArray[np.float64],
) -> Comparison:
    """Compare two runs on the pictures that both scored: same path, same file.

    Args:
        rows_a: the pictures that A was tested on, not trained on.
        scores_a: float of shape [n, 2], p(ai) and p(human), by A.
        rows_b: likewise by B.
        scores_b: likewise by B.

    Returns:
        The comparison.

    Raises:
        DataError: there is no such picture, or the runs differ on the class of one.
    """
    truth_a, truth_b = _by_picture(rows_a, targets(rows_a)), _by_picture(rows_b, targets(rows_b))
    common = sorted(truth_a.keys() & truth_b.keys())
    if not common:
        raise DataError("the two runs", "they scored no picture in common; use the same data")
    for picture in common:
        if truth_a[picture] != truth_b[picture]:
            raise DataError(picture[0], "the two runs have it in different classes")
    answer_a, answer_b = (
        _by_picture(rows_a, answer(scores_a)),
        _by_picture(rows_b, answer(scores_b)),
    )
    right_a, right_b = (
        np.array([answers[picture] == truth_a[picture] for picture in common])
        for answers in (answer_a, answer_b)
    )
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    return Comparison(
        n=len(common),
        both_right=int((right_a & right_b).sum()),
        only_a_right=only_a,
        only_b_right=only_b,
        both_wrong=int((~right_a & ~right_b).sum()),
        accuracy_a=float(right_a.mean()),
        accuracy_b=float(right_b.mean()),
        difference=(only_b - only_a) / len(common),
        difference_interval=_paired_interval(only_a, only_b, len(common)),
        # Where the runs never differ there is nothing to test.
        p_value=float(binomtest(only_b, only_a + only_b).pvalue) if only_a + only_b else 1.0,
    )


def describe(comparison: Comparison, name_a: str, name_b: str) -> str:
    """Write a comparison for a person.

    Args:
        comparison: of two runs.
        name_a: what A is called.
        name_b: what B is called.

    Returns:
        A few lines.
    """
    low, high = comparison.difference_interval
    if comparison.only_a_right == comparison.only_b_right == 0:
        verdict = "They answer every picture alike."
    elif comparison.p_value >= SIGNIFICANT:
        verdict = "The difference may well be chance."
    else:
        better = name_b if comparison.difference > 0 else name_a
        verdict = f"{better} is better, beyond chance."
    return (
        f"{comparison.n} pictures in the test parts of both\n"
        f"  accuracy    {comparison.accuracy_a:.1%}  A = {name_a}\n"
        f"              {comparison.accuracy_b:.1%}  B = {name_b}\n"
        f"  difference  {100 * comparison.difference:+.1f} points, B less A "
        f"(95% interval {100 * low:+.1f} to {100 * high:+.1f})\n"
        f"  right       both {comparison.both_right}, only A {comparison.only_a_right}, "
        f"only B {comparison.only_b_right}, neither {comparison.both_wrong}\n"
        f"  McNemar's exact test  p = {comparison.p_value:.2g}\n"
        f"{verdict}"
    )


def _by_picture(rows: Sequence[SplitRow], values: NDArray[np.int_]) -> dict[tuple[str, str], int]:
    return {(row.path, row.sha256): int(value) for row, value in zip(rows, values, strict=True)}


def _paired_interval(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """Give the 95% interval of B's accuracy less A's; half a picture joins each of four counts."""
    only_a_more, only_b_more, total = only_a + 0.5, only_b + 0.5, n + 2
    difference = (only_b_more - only_a_more) / total
    spread = math.sqrt((only_a_more + only_b_more) / total - difference**2) / math.sqrt(total)
    reach = float(norm.ppf(0.975)) * spread
    return max(difference - reach, -1.0), min(difference + reach, 1.0)
