"""Training: a recipe and a split in, a fitted Keras model out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras

from aiart_train.architectures import ARCHITECTURES
from aiart_train.batches import PictureBatches
from aiart_train.recipes import Recipe
from aiart_train.split import SplitRow, rows_of

History = dict[str, list[float]]


def fit(
    recipe: Recipe,
    folder: Path,
    rows: Sequence[SplitRow],
    seed: int,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda _epoch, _figures: None,
) -> tuple[keras.Model, History]:
    """Train a recipe's network on the training part of a split.

    Args:
        recipe: what to train and how.
        folder: the data folder.
        rows: of the split; the test part is not touched.
        seed: of the weights, the dropout and the order of the pictures.
        on_epoch: called after each epoch with its number, from 0, and its figures. Default:
            nothing.

    Returns:
        The model, and for each figure (`loss`, `val_accuracy`, ...) its value after each epoch.

    Raises:
        PictureError: a picture of the split cannot be read any more.
    """
    keras.utils.set_random_seed(seed)
    model = ARCHITECTURES[recipe.architecture](recipe.input)
    model.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        PictureBatches(folder, rows_of(rows, "train"), recipe.input, recipe.batch_size, seed),
        validation_data=PictureBatches(
            folder, rows_of(rows, "validation"), recipe.input, recipe.batch_size
        ),
        epochs=recipe.epochs,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=on_epoch)],
        verbose=0,
    )
    return model, history.history
