"""Cross-validation: each picture is scored by a network that has not seen it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from aiart_edge.files import write_atomically
from aiart_train.data.split import SplitRow, rows_of
from aiart_train.evaluation.calibration import cross_fit
from aiart_train.evaluation.evaluate import predict, targets
from aiart_train.evaluation.scores import (
    SCORES,
    ScoredRow,
    add_scores,
    read_scores,
    scores_of,
    write_scores,
)
from aiart_train.learning.fit import Listener, fit
from aiart_train.learning.recipes import Recipe
from aiart_train.report.run import Report
from aiart_train.run_folder import CHECKPOINT, MODEL, write_history


def score_fold(
    recipe: Recipe,
    folder: Path,
    rows: Sequence[SplitRow],
    seed: int,
    number: int,
    fold_folder: Path,
    listener: Listener,
    features: Path,
) -> None:
    """Train on one fold's training part and score its test part.

    The fold's folder becomes a run folder, but for its card and its report.

    Args:
        recipe: what to train and how.
        folder: the data folder.
        rows: of the fold's split.
        seed: of the training.
        number: of the fold.
        fold_folder: of its files; a checkpoint in it is gone on from.
        listener: is told how it goes.
        features: the file in which what a head is fitted on is kept.

    Raises:
        PictureError: a picture of the split cannot be read any more.
        AiartError: a file of the fold cannot be written, or is broken.
    """
    keras.utils.clear_session()  # of the fold before
    checkpoint = fold_folder / CHECKPOINT
    model, history = fit(recipe, folder, rows, seed, checkpoint, listener, features=features)
    kept = None if recipe.epochs else features
    scored: tuple[ScoredRow, ...] = ()
    for part in ("validation", "test"):
        if pictures := rows_of(rows, part):
            scores = predict(model, folder, pictures, recipe.input, features=kept)
            scored += add_scores(pictures, scores, number)
    model.save(fold_folder / MODEL)
    write_history(fold_folder, history)
    write_scores(fold_folder / SCORES, scored)


def is_done(fold_folder: Path) -> bool:
    """Say whether a fold was trained and scored.

    Args:
        fold_folder: of its files, of which the scores come last.
    """
    return (fold_folder / SCORES).exists()


def write_fold(fold_folder: Path, files: Mapping[str, bytes]) -> None:
    """Write what a fold left on another machine.

    Args:
        fold_folder: of its files.
        files: content, by name.

    Raises:
        OutputError: it cannot be written.
    """
    for name in sorted(files, key=SCORES.__eq__):  # these last, since they say that it is done
        write_atomically(fold_folder / name, files[name])


def read_tested(fold_folder: Path) -> tuple[ScoredRow, ...]:
    """Read the scores of a fold's test part.

    Args:
        fold_folder: of a fold that is done.

    Returns:
        The scored rows.

    Raises:
        DataError: they are broken.
    """
    return tuple(row for row in read_scores(fold_folder / SCORES) if row.part == "test")


def pooled_report(
    title: str, networks: str, card: dict[str, Any], rows: Sequence[ScoredRow]
) -> Report:
    """Prepare the report on out-of-fold scores; each fold's decision rule is that of the others.

    Args:
        title: of the report.
        networks: what scored, as in `a network of 5`.
        card: of the cross-validation.
        rows: of all folds.

    Returns:
        The report.
    """
    scores = scores_of(rows)
    return Report(
        title=title,
        pictures=f"pictures, each scored by {networks} that had not seen it",
        fitted_on="the other folds",
        card=card,
        history=None,
        chosen_epoch=None,
        folder=Path(card["data"]["folder"]),
        rows=rows,
        scores=scores,
        decisions=cross_fit(scores, targets(rows), np.array([row.fold for row in rows])),
        apart=tuple(card.get("measure", ())),
    )
