"""A cross-validation, converted: each fold's network scores what it has not seen, on the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from aiart_convert.conversion import to_network
from aiart_convert.edge_process import Runtime, score_on_edge, score_versions_on_edge
from aiart_convert.quantize import Form
from aiart_convert.representative import draw_representative, representative_pixels
from aiart_convert.source import find_run, read_picture
from aiart_edge.decision import LABELS, DecisionRule, Verdict
from aiart_train.data.split import rows_of
from aiart_train.evaluation.calibration import apply_rule
from aiart_train.evaluation.perturbations import PERTURBATIONS
from aiart_train.evaluation.robustness import Robustness, measure_changes
from aiart_train.evaluation.scores import ScoredRow, add_scores
from aiart_train.keras_file import load_keras


@dataclass(frozen=True, eq=False)
class ConvertedFold:
    """What the file of a fold says.

    Args:
        rows: of the test part, scored.
        changed: float64 of shape [1 + perturbations, n, 2], of the pictures that were to be
            changed: as they are, then with each perturbation.
    """

    rows: tuple[ScoredRow, ...]
    changed: NDArray[np.float64]


def score_converted_fold(
    folder: Path,
    number: int,
    precision: str,
    runtime: Runtime,
    form: Form,
    to_change: Sequence[ScoredRow] = (),
) -> ConvertedFold:
    """Convert the network of one fold, and score the fold's test part with it.

    Args:
        folder: of the fold, a run folder.
        number: of the fold.
        precision: one of `aiart_convert.PRECISIONS`.
        runtime: that runs the network.
        form: how the network shall be.
        to_change: pictures of the test part that are scored changed, too. Default none.

    Returns:
        The scores.

    Raises:
        ValueError: the network cannot be converted.
        AiartError: the fold is broken, or a picture is not the one that was split.
    """
    keras.utils.clear_session()  # of the fold before
    source = find_run(folder, None, folder.parent)
    model, rule = load_keras(source.path)
    first, _ = draw_representative(source.rows, form.calibration)
    representative = partial(representative_pixels, source.folder, first, rule)
    _, network = to_network(source, model, rule, precision, form, representative)
    test = rows_of(source.rows, "test")
    for row in test:
        read_picture(source.folder, row)
    pictures = [source.folder / row.path for row in test]
    rows = add_scores(test, score_on_edge(network, pictures, rule, runtime), number)
    ways = (None, *PERTURBATIONS.values())
    changed = np.empty((len(ways), 0, len(LABELS)))
    if to_change:
        chosen = [source.folder / row.path for row in to_change]
        changed = score_versions_on_edge(network, chosen, rule, runtime, ways)
    return ConvertedFold(rows, changed)


def judge_changes(
    rows: Sequence[ScoredRow], folds: Sequence[ConvertedFold], rules: Sequence[DecisionRule]
) -> tuple[Robustness, ...]:
    """Say whether answers and verdicts survive changes, each verdict by its fold's rule.

    Args:
        rows: the pictures that were changed, those of the first fold first.
        folds: what their files say.
        rules: of each fold.

    Returns:
        The figures of the unchanged pictures, then of each perturbation.
    """
    numbers = np.array([row.fold for row in rows])

    def verdicts_of(scores: NDArray[np.float64]) -> tuple[Verdict, ...]:
        found = np.empty(len(scores), dtype=object)
        for number, rule in enumerate(rules, start=1):
            found[numbers == number] = apply_rule(scores[numbers == number], rule).verdicts
        return tuple(found)

    return measure_changes(rows, np.concatenate([fold.changed for fold in folds], 1), verdicts_of)
