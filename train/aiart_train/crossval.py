"""Cross-validation: each picture is scored by a network that has not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from aiart_train.evaluate import predict
from aiart_train.fit import Listener, fit
from aiart_train.recipes import Recipe
from aiart_train.run_folder import CHECKPOINT, write_history
from aiart_train.scores import SCORES, ScoredRow, add_scores, read_scores, write_scores
from aiart_train.split import SplitRow, rows_of


def score_fold(
    recipe: Recipe,
    folder: Path,
    rows: Sequence[SplitRow],
    seed: int,
    number: int,
    fold_folder: Path,
    listener: Listener,
) -> tuple[ScoredRow, ...]:
    """Train on one fold's training part and score its test part, or read what was scored before.

    Args:
        recipe: what to train and how.
        folder: the data folder.
        rows: of the fold's split.
        seed: of the training.
        number: of the fold.
        fold_folder: of its files; a checkpoint in it is gone on from.
        listener: is told how it goes.

    Returns:
        The scored rows of the test part.

    Raises:
        PictureError: a picture of the split cannot be read any more.
        AiartError: a file of the fold cannot be written, or is broken.
    """
    if (fold_folder / SCORES).exists():
        return read_scores(fold_folder / SCORES)
    keras.utils.clear_session()  # of the fold before
    checkpoint = fold_folder / CHECKPOINT
    model, history = fit(recipe, folder, rows, seed, checkpoint, listener)
    test = rows_of(rows, "test")
    scores = predict(model, folder, test, recipe.input)
    write_history(fold_folder, history)
    write_scores(fold_folder / SCORES, add_scores(test, scores, [number] * len(test)))
    return read_scores(fold_folder / SCORES)
