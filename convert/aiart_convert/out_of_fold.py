"""What a cross-validation, converted, says of a file that is made like those of its folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from aiart_convert.verify import Verdicts, weigh_verdicts
from aiart_edge.decision import DecisionRule
from aiart_edge.errors import DataError
from aiart_train.evaluation.calibration import cross_fit, fit_decision
from aiart_train.evaluation.evaluate import measure, targets
from aiart_train.evaluation.scores import SCORES, read_scores, scores_of


@dataclass(frozen=True)
class OutOfFold:
    """What a cross-validation says of a file like those that it judged.

    Args:
        rule: the decision rule, fitted on all folds.
        metrics: figures of the answers by name.
        verdicts: what verdicts are worth, by rules that were fitted on the other folds.
    """

    rule: DecisionRule
    metrics: Mapping[str, float | None]
    verdicts: Verdicts

    @property
    def figures(self) -> dict[str, float | None]:
        """All figures, as they stand in a file."""
        return {**self.metrics, **asdict(self.verdicts)}


def read_out_of_fold(folder: Path) -> OutOfFold:
    """Fit a decision rule on the scores of a cross-validation, and measure what it is worth.

    Args:
        folder: that `crossval` left.

    Returns:
        Both.

    Raises:
        DataError: the scores are missing or broken, or not of a cross-validation.
    """
    rows = read_scores(folder / SCORES)
    numbers = [row.fold for row in rows]
    if None in numbers:
        raise DataError(folder, "not what  crossval  leaves, of all folds")
    scores, classes, folds = scores_of(rows), targets(rows), np.array(numbers)
    figures = measure(rows, scores)
    return OutOfFold(
        fit_decision(scores, classes, folds),
        {"n": figures.n, "accuracy": figures.accuracy, "auc": figures.auc},
        weigh_verdicts(rows, cross_fit(scores, classes, folds), in_sample=False),
    )
