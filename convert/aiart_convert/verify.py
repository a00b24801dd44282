"""Verification: does the converted network answer as the Keras model does?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiart_edge.decision import DecisionRule
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import apply_rule
from aiart_train.evaluation.comparison import compare
from aiart_train.evaluation.evaluate import answer, measure_decisions

_ROUNDING = 1e-9  # shares of whole pictures are not that close to a bar without being on it


@dataclass(frozen=True)
class Verification:
    """How a converted network, run by one runtime, compares with the Keras model.

    Args:
        runtime: that ran it, with its version.
        n: number of pictures.
        keras_accuracy: of the Keras model.
        accuracy: of the converted network.
        agreement: share of the pictures that both answer alike.
        mean_drift: mean difference of p(ai), before calibration.
        largest_drift: its maximum.
        p_value: of McNemar's exact test: how likely a difference in accuracy at least as large is
            where neither is better.
        coverage: share of the pictures that get a verdict other than `unsure`.
        covered_accuracy: share of right verdicts among those, None where there are none.
        human_called_ai: share of the human pictures whose verdict is `ai`, None where there are
            none.
    """

    runtime: str
    n: int
    keras_accuracy: float
    accuracy: float
    agreement: float
    mean_drift: float
    largest_drift: float
    p_value: float
    coverage: float
    covered_accuracy: float | None
    human_called_ai: float | None


@dataclass(frozen=True)
class Bar:
    """What a converted network must reach, with each runtime.

    Args:
        max_drop: how much of the Keras model's accuracy it may lose, as a share of that. Default
            0.01, as in MLPerf.
        min_agreement: share of the pictures that it must answer as the Keras model does. Default
            0.98.
    """

    max_drop: float = 0.01
    min_agreement: float = 0.98

    def is_reached(self, figures: Verification) -> bool:
        """Say whether a network may leave.

        Args:
            figures: of one runtime.

        Returns:
            Whether neither accuracy nor agreement is too low.
        """
        least = (1 - self.max_drop) * figures.keras_accuracy
        return (
            figures.accuracy >= least - _ROUNDING
            and figures.agreement >= self.min_agreement - _ROUNDING
        )


def verify(
    runtime: str,
    rows: Sequence[SplitRow],
    keras_scores: NDArray[np.float64],
    scores: NDArray[np.float64],
    decision: DecisionRule,
) -> Verification:
    """Compare a converted network's scores with the Keras model's.

    Args:
        runtime: that gave the scores.
        rows: the pictures.
        keras_scores: float of shape [n, 2], p(ai) and p(human).
        scores: the converted network's, likewise.
        decision: the converted file's rule.

    Returns:
        The comparison.
    """
    paired = compare(rows, keras_scores, rows, scores)
    drift = np.abs(scores - keras_scores)[:, 0]
    verdicts = measure_decisions(rows, apply_rule(scores, decision))
    return Verification(
        runtime=runtime,
        n=len(rows),
        keras_accuracy=paired.accuracy_a,
        accuracy=paired.accuracy_b,
        agreement=float((answer(scores) == answer(keras_scores)).mean()),
        mean_drift=float(drift.mean()),
        largest_drift=float(drift.max()),
        p_value=paired.p_value,
        coverage=verdicts.coverage,
        covered_accuracy=verdicts.covered_accuracy,
        human_called_ai=verdicts.human_called_ai,
    )
