"""Calibration: the decision rule that belongs to a set of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from aiart_edge.decision import LABELS, DecisionRule, calibrate

MOST_FALSE = 0.05  # share of human art that may be called `ai`, and of AI art called `human`

_TEMPERATURES = (0.05, 20.0)


def fit_decision(scores: NDArray[np.float64], targets: NDArray[np.int_]) -> DecisionRule:
    """Fit the temperature and the unsure band on scores that nothing was trained on.

    The temperature is the one with the least log loss (Guo et al. 2017). The band is the narrowest
    that calls at most 5% of these human pictures `ai` and at most 5% of these AI pictures `human`.

    Args:
        scores: float of shape [n, 2], p(ai) and p(human).
        targets: int of shape [n], positions in `LABELS`.

    Returns:
        The rule.
    """
    temperature = float(
        minimize_scalar(
            lambda t: log_loss(targets, 1 - calibrate(scores, t), labels=range(len(LABELS))),
            bounds=_TEMPERATURES,
            method="bounded",
        ).x
    )
    p_ai = calibrate(scores, temperature)
    high = _least_threshold(p_ai[targets == LABELS.index("human")])
    low = 1 - _least_threshold(1 - p_ai[targets == LABELS.index("ai")])
    if low > high:  # both bars hold anywhere between the two: no band is needed
        low = high = min(max(0.5, high), low)
    return DecisionRule(temperature, low, high)


def _least_threshold(p_wrong: NDArray[np.float64]) -> float:
    """Give the least threshold that at most `MOST_FALSE` of the probabilities reach."""
    descending = np.append(np.sort(p_wrong)[::-1], 0.0)
    first_refused = float(descending[int(MOST_FALSE * len(p_wrong))])
    above = descending[descending > first_refused]
    return (first_refused + float(above.min() if above.size else 1.0)) / 2
