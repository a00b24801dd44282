"""Verification: does the converted network answer as the Keras model does?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from aiart_edge.decision import LABELS
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import Decisions
from aiart_train.evaluation.comparison import compare
from aiart_train.evaluation.evaluate import (
    VERDICTS,
    answer,
    measure,
    measure_decisions,
    wilson_interval,
)

_ROUNDING = 1e-9  # shares of whole pictures are not that close to a bar without being on it


@dataclass(frozen=True)
class Verdicts:
    """What verdicts are worth. An end of an interval is None where its share is.

    Args:
        ai_n: number of pictures of AI art.
        human_n: of human art.
        coverage: share of the pictures that get a verdict other than `unsure`.
        covered_accuracy: share of right verdicts among those, None where there are none.
        covered_accuracy_low: of its 95% Wilson interval, likewise the next.
        covered_accuracy_high: see above.
        human_called_ai: share of the human pictures whose verdict is `ai`, None where there are
            none.
        human_called_ai_low: of its 95% Wilson interval, likewise the next.
        human_called_ai_high: see above.
        in_sample: 1 where a picture had a say in the rule of its own verdict, which flatters; 0
            where none had.
    """

    ai_n: int
    human_n: int
    coverage: float
    covered_accuracy: float | None
    covered_accuracy_low: float | None
    covered_accuracy_high: float | None
    human_called_ai: float | None
    human_called_ai_low: float | None
    human_called_ai_high: float | None
    in_sample: int


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
        chance: how likely the Keras model's answers would fit the classes at least as well if they
            had nothing to do with them (Fisher's exact test).
        verdicts: what the converted network's are worth.
    """

    runtime: str
    n: int
    keras_accuracy: float
    accuracy: float
    agreement: float
    mean_drift: float
    largest_drift: float
    p_value: float
    chance: float
    verdicts: Verdicts


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
    verdicts: Verdicts,
) -> Verification:
    """Compare a converted network's scores with the Keras model's.

    Args:
        runtime: that gave the scores.
        rows: the pictures.
        keras_scores: float of shape [n, 2], p(ai) and p(human).
        scores: the converted network's, likewise.
        verdicts: what the converted network's are worth, on the same pictures.

    Returns:
        The comparison.
    """
    paired = compare(rows, keras_scores, rows, scores)
    drift = np.abs(scores - keras_scores)[:, 0]
    return Verification(
        runtime=runtime,
        n=len(rows),
        keras_accuracy=paired.accuracy_a,
        accuracy=paired.accuracy_b,
        agreement=float((answer(scores) == answer(keras_scores)).mean()),
        mean_drift=float(drift.mean()),
        largest_drift=float(drift.max()),
        p_value=paired.p_value,
        chance=float(
            fisher_exact(measure(rows, keras_scores).confusion, alternative="greater").pvalue
        ),
        verdicts=verdicts,
    )


def weigh_verdicts(rows: Sequence[SplitRow], decisions: Decisions, in_sample: bool) -> Verdicts:
    """Say what verdicts are worth.

    Args:
        rows: the pictures.
        decisions: made of their scores.
        in_sample: whether a picture had a say in its own verdict.

    Returns:
        The figures.
    """
    figures = measure_decisions(rows, decisions)
    counts, support = np.array(figures.verdicts), Counter(row.label for row in rows)
    covered = int(counts[:, [VERDICTS.index(label) for label in LABELS]].sum())
    called_ai = int(counts[LABELS.index("human"), VERDICTS.index("ai")])
    right = round((figures.covered_accuracy or 0) * covered)
    right_low, right_high = _interval(right, covered)
    called_low, called_high = _interval(called_ai, support["human"])
    return Verdicts(
        ai_n=support["ai"],
        human_n=support["human"],
        coverage=figures.coverage,
        covered_accuracy=figures.covered_accuracy,
        covered_accuracy_low=right_low,
        covered_accuracy_high=right_high,
        human_called_ai=figures.human_called_ai,
        human_called_ai_low=called_low,
        human_called_ai_high=called_high,
        in_sample=int(in_sample),
    )


def _interval(count: int, n: int) -> tuple[float | None, float | None]:
    return wilson_interval(count, n) if n else (None, None)
