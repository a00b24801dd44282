"""Calibration: the decision rule that belongs to a set of scores, and what it makes of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from aiart_edge.decision import LABELS, DecisionRule, Verdict, calibrate, decide

MOST_FALSE = 0.05  # share of human art that may be called `ai`, and of AI art called `human`

_TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True, eq=False)
class Decisions:
    """What decision rules make of scores.

    Args:
        p_ai: float64 of shape [n], calibrated.
        verdicts: one per picture.
        rules: the rule, or after `cross_fit` one per fold, in the order of the folds' numbers.
    """

    p_ai: NDArray[np.float64]
    verdicts: tuple[Verdict, ...]
    rules: tuple[DecisionRule, ...]


def fit_decision(
    scores: NDArray[np.float64],
    targets: NDArray[np.int_],
    folds: NDArray[np.int_] | None = None,
) -> DecisionRule:
    """Fit the temperature and the unsure band on scores that nothing was trained on.

    The temperature is the one with the least log loss (Guo et al. 2017). The band is the narrowest
    that calls at most 5% of these human pictures `ai` and at most 5% of these AI pictures `human`.
    Where folds differ, as sources do, that would not hold of pictures from elsewhere: then it is
    as wide as it takes to hold of all folds together, each with a band that the others give.

    Args:
        scores: float of shape [n, 2], p(ai) and p(human).
        targets: int of shape [n], positions in `LABELS`.
        folds: int of shape [n], the number of each picture's fold. Default: all are of one.

    Returns:
        The rule.
    """
    numbers = np.zeros(len(scores), dtype=int) if folds is None else folds
    is_human = targets == LABELS.index("human")
    temperature = float(
        minimize_scalar(
            lambda t: _log_loss(calibrate(scores, t), is_human),
            bounds=_TEMPERATURES,
            method="bounded",
        ).x
    )
    p_ai = calibrate(scores, temperature)
    high = _least_threshold(p_ai[is_human], numbers[is_human])
    low = 1 - _least_threshold(1 - p_ai[~is_human], numbers[~is_human])
    if low > high:  # both bars hold anywhere between the two: no band is needed
        low = high = min(max(0.5, high), low)
    return DecisionRule(temperature, low, high)


def apply_rule(scores: NDArray[np.float64], rule: DecisionRule) -> Decisions:
    """Apply one rule to scores.

    Args:
        scores: float of shape [n, 2], p(ai) and p(human).
        rule: fitted on the scores of other pictures.

    Returns:
        The probabilities and verdicts.
    """
    p_ai = calibrate(scores, rule.temperature)
    return Decisions(p_ai, tuple(decide(float(p), rule) for p in p_ai), (rule,))


def cross_fit(
    scores: NDArray[np.float64],
    targets: NDArray[np.int_],
    folds: NDArray[np.int_],
    differ: bool = True,
) -> Decisions:
    """Apply to the scores of each fold the rule that is fitted on those of all other folds.

    So no picture has a say in its own verdict, as none has in its own out-of-fold score.

    Args:
        scores: float of shape [n, 2], p(ai) and p(human).
        targets: int of shape [n], positions in `LABELS`.
        folds: int of shape [n], the number of each picture's fold.
        differ: whether the folds are of different sources or networks, for which each rule is
            fitted as `fit_decision` does with folds. Default True.

    Returns:
        The probabilities and verdicts.

    Raises:
        ValueError: there is only one fold.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:  # noqa: PLR2004
        raise ValueError(f"Expected at least 2 folds. Received {len(numbers)}.")
    p_ai = np.empty(len(scores))
    verdicts = np.empty(len(scores), dtype=object)
    rules = []
    for number in numbers:
        held_out = folds == number
        others = folds[~held_out] if differ else None
        rule = fit_decision(scores[~held_out], targets[~held_out], others)
        decisions = apply_rule(scores[held_out], rule)
        p_ai[held_out], verdicts[held_out] = decisions.p_ai, decisions.verdicts
        rules.append(rule)
    return Decisions(p_ai, tuple(verdicts), tuple(rules))


def _log_loss(p_ai: NDArray[np.float64], is_human: NDArray[np.bool_]) -> float:
    """Give sklearn's `log_loss`, less its checks: a conversion asks for it a thousand times."""
    p_true = np.where(is_human, 1 - p_ai, p_ai)
    return -float(np.log(p_true.clip(np.finfo(p_true.dtype).eps)).mean())


def _least_threshold(p_wrong: NDArray[np.float64], folds: NDArray[np.int_]) -> float:
    """Give the least threshold that at most `MOST_FALSE` of the probabilities reach.

    Of several folds, that many at most may also reach the threshold that the others alone give.
    """
    numbers = np.unique(folds)
    share, most = MOST_FALSE, MOST_FALSE * len(p_wrong)
    while len(numbers) > 1 and share > 0:
        reached = sum(
            np.count_nonzero(p_wrong[folds == one] >= least_reached(p_wrong[folds != one], share))
            for one in numbers
        )
        if reached <= most:
            break
        share -= 1 / len(p_wrong)
    return least_reached(p_wrong, max(share, 0.0))


def least_reached(p_wrong: NDArray[np.float64], share: float) -> float:
    """Give the least threshold that at most this share of the probabilities reach.

    Args:
        p_wrong: float of shape [n], of what is not the case.
        share: 0 to 1.

    Returns:
        The threshold, half way between two probabilities.
    """
    descending = np.append(np.sort(p_wrong)[::-1], 0.0)
    first_refused = float(descending[int(share * len(p_wrong))])
    above = descending[descending > first_refused]
    return (first_refused + float(above.min() if above.size else 1.0)) / 2
