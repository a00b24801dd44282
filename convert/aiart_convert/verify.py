"""Verification: does the converted network answer as the Keras model does?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiart_edge.decision import DecisionRule, calibrate, decide
from aiart_train.evaluate import answer, targets
from aiart_train.split import SplitRow


@dataclass(frozen=True)
class Verification:
    """How a converted network compares with the Keras model on the same pictures.

    Args:
        n: number of pictures.
        keras_accuracy: of the Keras model.
        accuracy: of the converted network.
        agreement: share of the pictures that both answer alike.
        mean_drift: mean difference of p(ai), before calibration.
        largest_drift: its maximum.
        coverage: share of the pictures that get a verdict other than `unsure`.
        covered_accuracy: share of right verdicts among those, 0 where there are none.
        human_called_ai: share of the human pictures whose verdict is `ai`.
    """

    n: int
    keras_accuracy: float
    accuracy: float
    agreement: float
    mean_drift: float
    largest_drift: float
    coverage: float
    covered_accuracy: float
    human_called_ai: float


def verify(
    rows: Sequence[SplitRow],
    keras_scores: NDArray[np.float64],
    scores: NDArray[np.float64],
    decision: DecisionRule,
) -> Verification:
    """Compare a converted network's scores with the Keras model's.

    Args:
        rows: the pictures.
        keras_scores: float of shape [n, 2], p(ai) and p(human).
        scores: the converted network's, likewise.
        decision: the converted file's rule.

    Returns:
        The comparison.
    """
    truth, keras_answers, answers = targets(rows), answer(keras_scores), answer(scores)
    drift = np.abs(scores - keras_scores)[:, 0]
    verdicts = [decide(float(p_ai), decision) for p_ai in calibrate(scores, decision.temperature)]
    pairs = [(row.label, verdict) for row, verdict in zip(rows, verdicts, strict=True)]
    covered = [label == verdict for label, verdict in pairs if verdict != "unsure"]
    of_human = [verdict == "ai" for label, verdict in pairs if label == "human"]
    return Verification(
        n=len(rows),
        keras_accuracy=float((keras_answers == truth).mean()),
        accuracy=float((answers == truth).mean()),
        agreement=float((answers == keras_answers).mean()),
        mean_drift=float(drift.mean()),
        largest_drift=float(drift.max()),
        coverage=len(covered) / len(rows),
        covered_accuracy=sum(covered) / max(len(covered), 1),
        human_called_ai=sum(of_human) / max(len(of_human), 1),
    )
