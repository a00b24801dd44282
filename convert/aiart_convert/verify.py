"""Verification: does the converted network answer as the Keras model does?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from aiart_edge.decision import LABELS, DecisionRule
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import Decisions, apply_rule
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
        balanced_drop: how far its balanced accuracy lies below the Keras model's; 0 where a class
            has no picture.
        auc_drop: likewise, the area under the ROC curve.
        opposite: share of the pictures whose verdict is `ai` by one and `human` by the other, both
            by the network's own rule.
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
    balanced_drop: float
    auc_drop: float
    opposite: float
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
        max_balanced_drop: how far its balanced accuracy may lie below. Default 1: anywhere.
        max_auc_drop: likewise, the area under the ROC curve. Default 1: anywhere.
        max_opposite: share of the verdicts that may turn from `ai` to `human` or back. Default 1.
    """

    max_drop: float = 0.01
    min_agreement: float = 0.98
    max_balanced_drop: float = 1.0
    max_auc_drop: float = 1.0
    max_opposite: float = 1.0

    def shortfalls(self, figures: Verification) -> tuple[str, ...]:
        """Say where a network falls short.

        Args:
            figures: of one runtime.

        Returns:
            A phrase for each figure that is not good enough; none where it may leave.
        """
        n, keras_right = figures.n, figures.keras_accuracy * figures.n
        least, alike = (1 - self.max_drop) * keras_right, self.min_agreement * n
        found = (
            (
                least / n - figures.accuracy,
                f"it answers {round(figures.accuracy * n)} of {n} pictures rightly (Keras "
                f"{round(keras_right)}, so at least {least:.2f} are asked)",
            ),
            (
                self.min_agreement - figures.agreement,
                f"it answers {round(figures.agreement * n)} of {n} pictures as Keras does (at "
                f"least {alike:.2f} are asked)",
            ),
            (
                figures.balanced_drop - self.max_balanced_drop,
                f"its balanced accuracy is {100 * figures.balanced_drop:.2f} points below Keras's "
                f"(at most {100 * self.max_balanced_drop:g})",
            ),
            (
                figures.auc_drop - self.max_auc_drop,
                f"its AUC is {figures.auc_drop:.4f} below Keras's (at most {self.max_auc_drop:g})",
            ),
            (
                figures.opposite - self.max_opposite,
                f"{round(figures.opposite * n)} of {n} verdicts turn from ai to human or back (at "
                f"most {self.max_opposite * n:.2f})",
            ),
        )
        return tuple(phrase for missing, phrase in found if missing > _ROUNDING)


def bar_for(precision: str) -> Bar:
    """Give the bar that fits a precision.

    Weights of 8 bits and activations of float move the logit of a vision transformer by some tenth
    of its spread, and no two processors agree on its last digits: more answers change than in int8,
    so what must hold are the figures, and the verdicts.

    Args:
        precision: one of `aiart_convert.PRECISIONS`.

    Returns:
        The bar.
    """
    if precision != "dynamic":
        return Bar()
    return Bar(min_agreement=0.96, max_balanced_drop=0.005, max_auc_drop=0.003, max_opposite=0.003)


def verify(
    runtime: str,
    rows: Sequence[SplitRow],
    keras_scores: NDArray[np.float64],
    scores: NDArray[np.float64],
    decision: DecisionRule,
    verdicts: Verdicts,
) -> Verification:
    """Compare a converted network's scores with the Keras model's.

    Args:
        runtime: that gave the scores.
        rows: the pictures.
        keras_scores: float of shape [n, 2], p(ai) and p(human).
        scores: the converted network's, likewise.
        decision: its rule.
        verdicts: what the converted network's are worth, on the same pictures.

    Returns:
        The comparison.
    """
    paired = compare(rows, keras_scores, rows, scores)
    drift = np.abs(scores - keras_scores)[:, 0]
    before, after = measure(rows, keras_scores), measure(rows, scores)
    opposite = [
        {first, second} == set(LABELS)
        for first, second in zip(
            *(apply_rule(each, decision).verdicts for each in (keras_scores, scores)), strict=True
        )
    ]
    return Verification(
        runtime=runtime,
        n=len(rows),
        keras_accuracy=paired.accuracy_a,
        accuracy=paired.accuracy_b,
        agreement=float((answer(scores) == answer(keras_scores)).mean()),
        mean_drift=float(drift.mean()),
        largest_drift=float(drift.max()),
        balanced_drop=(before.balanced_accuracy or 0) - (after.balanced_accuracy or 0),
        auc_drop=(before.auc or 0) - (after.auc or 0),
        opposite=float(np.mean(opposite)),
        p_value=paired.p_value,
        chance=float(fisher_exact(before.confusion, alternative="greater").pvalue),
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
