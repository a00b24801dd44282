"""Training: a recipe and a split in, a fitted Keras model out.

A checkpoint is written as each epoch begins. All chance comes from seeds and the epoch's number, so
a training that goes on from there ends with the weights of an unbroken one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from aiart_edge.errors import AiartError, RunFolderError
from aiart_train.data.split import SplitRow, rows_of
from aiart_train.learning.architectures import ARCHITECTURES
from aiart_train.learning.batches import PictureBatches
from aiart_train.learning.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from aiart_train.learning.features import FeatureBatches, open_cache
from aiart_train.learning.kernels import fold_scales, round_kernels
from aiart_train.learning.linear_head import fit_head
from aiart_train.learning.recipes import HEAD, Recipe

History = dict[str, list[float]]

_WARMED = 10  # the share of a cosine schedule in which the rate rises is one in this

# As TensorFlow, JAX, PyTorch and Python itself put it.
_OUT_OF_MEMORY = re.compile("ResourceExhausted|RESOURCE_EXHAUSTED|OutOfMemory|MemoryError")


class UnfitRecipe(ValueError):
    """A recipe does not fit its architecture."""


@dataclass(frozen=True)
class Listener:
    """What is told of a training while it runs; nothing by default.

    Args:
        on_step: called after each step with its number in the epoch, from 1, and their count.
        on_epoch: called after each epoch with its number, from 1, and its figures.
        on_begin: called before each epoch with its number.
    """

    on_step: Callable[[int, int], None] = lambda _step, _steps: None
    on_epoch: Callable[[int, dict[str, float]], None] = lambda _epoch, _figures: None
    on_begin: Callable[[int], None] = lambda _epoch: None


def fit(
    recipe: Recipe,
    folder: Path,
    rows: Sequence[SplitRow],
    seed: int,
    checkpoint: Path | None = None,
    listener: Listener = Listener(),
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext,
    features: Path | None = None,
) -> tuple[keras.Model, History]:
    """Train a recipe's network on the training part of a split.

    Args:
        recipe: what to train and how.
        folder: the data folder.
        rows: of the split; the test part is not touched. Without a validation part, which early
            stopping needs, there are no figures of it.
        seed: of the weights, the dropout, the order of the pictures and their views.
        checkpoint: a file; where it exists, the training goes on from it. Default: none is written.
        listener: is told how it goes. Default: nobody.
        scope: in which the model and its optimisers are built; see `workers.Workers`. Default: a
            plain one.
        features: the file in which what the head is fitted on is kept, see `features.file_of`.
            Default: none is.

    Returns:
        The model, not compiled, and for each figure (`loss`, `val_accuracy`, ...) its value after
        the head's fit, which counts as an epoch, and after each epoch; `kept` is 1 where the
        weights are those that were kept.

    Raises:
        PictureError: a picture of the split cannot be read any more.
        RunFolderError: the checkpoint is broken, or of another network.
        UnfitRecipe: the recipe does not fit its architecture.
        AiartError: the training does not fit into memory.
    """
    model = _begin_with(recipe, seed, scope)
    first = _first_to_learn(model, recipe)  # before anything takes its time
    # What never learns need not lie in a checkpoint.
    learnt = model.variables if recipe.epochs else model.get_layer(HEAD).variables
    train, validation = rows_of(rows, "train"), rows_of(rows, "validation")
    batches = PictureBatches(
        folder, train, recipe.input, recipe.batch_size, seed, recipe.augmentation, recipe.balance
    )
    held_out = PictureBatches(folder, validation, recipe.input, recipe.batch_size)
    with _plain_errors(batches, held_out):
        if checkpoint and checkpoint.exists():
            state = read_checkpoint(checkpoint)
        else:
            state = _begin(model, recipe, batches, held_out, listener, features)
            if checkpoint and recipe.head_views:
                write_checkpoint(checkpoint, state)
        if state.kept:
            _restore(learnt, state.kept, checkpoint)
        if recipe.epochs:
            with scope():
                _prepare(model, recipe, first, len(batches))
            keeper = _Keeper(state, checkpoint, batches, recipe.patience, listener)
            averager = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
            model.fit(
                batches,
                validation_data=held_out if validation else None,
                epochs=recipe.epochs,
                initial_epoch=state.epoch,
                # In this order the keeper sees the averaged weights.
                callbacks=[averager, keeper] if recipe.averaging else [keeper],
                shuffle=False,  # Keras would draw the order from Python's own generator
                verbose=0,
            )
            state = keeper.state
    _restore(learnt, state.kept, checkpoint)
    trained = _copy(model)
    if recipe.head_views:  # what the epochs behind the head's fit have moved
        round_kernels(trained)
    return trained, state.history


def compute_features(
    recipe: Recipe,
    folder: Path,
    rows: Sequence[SplitRow],
    seed: int,
    features: Path,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> int:
    """Compute what the head is fitted on, before the trainings that share it.

    So it is the same whichever of them is first. What lies there is not computed again.

    Args:
        recipe: whose head is fitted.
        folder: the data folder.
        rows: all pictures that one of the trainings has.
        seed: of the trainings.
        features: the file in which it is kept.
        progress: wraps the steps that are walked through. Default: nothing.

    Returns:
        How many views of pictures were computed.

    Raises:
        PictureError: a picture cannot be read any more.
        UnfitRecipe: the recipe does not fit its architecture.
        AiartError: it does not fit into memory, or there is no room for the file.
    """
    model = _begin_with(recipe, seed)
    batches = PictureBatches(
        folder, rows, recipe.input, recipe.batch_size, seed, recipe.augmentation
    )
    with _plain_errors(batches), open_cache(features, model) as cache:
        seen, before = FeatureBatches(batches, model, cache), len(cache)
        for step in progress(range(recipe.head_views * len(seen))):
            view, number = divmod(step, len(seen))
            seen.begin_view(view)
            seen[number]
        return len(cache) - before


def _begin_with(
    recipe: Recipe, seed: int, scope: Callable[[], AbstractContextManager[Any]] = nullcontext
) -> keras.Model:
    """Build the network from which a training begins."""
    keras.utils.set_random_seed(seed)
    with scope():
        model = build(recipe)
    if recipe.head_views:
        fold_scales(model)
        round_kernels(model)
    return model


def build(recipe: Recipe) -> keras.Model:
    """Build a recipe's network.

    Args:
        recipe: names its architecture.

    Returns:
        The model, not compiled.

    Raises:
        UnfitRecipe: the architecture cannot have that size.
    """
    try:
        return ARCHITECTURES[recipe.architecture](recipe.input, recipe.dropout)
    except ValueError as error:  # Keras tells in many lines which layer had nothing left
        raise UnfitRecipe(
            f"Expected a size that {recipe.architecture} can have. Received {recipe.size}."
        ) from error


@contextmanager
def _plain_errors(*sources: PictureBatches) -> Iterator[None]:
    """Say in one line what a backend wraps in many, each in its own way."""
    try:
        yield
    except Exception as error:
        for source in sources:
            if source.problem:
                raise source.problem from error
        if _OUT_OF_MEMORY.search(f"{type(error).__name__} {error}"):
            raise AiartError(
                "the training does not fit into memory: take a smaller --size or --batch-size"
            ) from error
        raise


def _begin(
    model: keras.Model,
    recipe: Recipe,
    batches: PictureBatches,
    held_out: PictureBatches,
    listener: Listener,
    features: Path | None,
) -> Checkpoint:
    """Fit the head, if the recipe does, and say how good it is."""
    if not recipe.head_views:
        return Checkpoint()
    listener.on_begin(1)
    fitted = _copy(model)  # with it no other worker is waited for: each fits the same head
    layer = fitted.get_layer(HEAD)
    with open_cache(features, fitted) as cache:
        seen, seen_held_out = (FeatureBatches(each, fitted, cache) for each in (batches, held_out))
        fit_head(
            layer,
            seen,
            recipe.head_views,
            recipe.head_penalty,
            recipe.head_consistency,
            listener.on_step,
        )
        head = keras.Sequential([keras.Input(layer.input.shape[1:]), layer])
        head.compile(loss=_loss(recipe), metrics=["accuracy"])
        figures = head.evaluate(seen, verbose=0, return_dict=True)
        if len(held_out):
            on_validation = head.evaluate(seen_held_out, verbose=0, return_dict=True)
            figures |= {f"val_{name}": value for name, value in on_validation.items()}
    figures = {name: float(value) for name, value in figures.items()}
    model.set_weights(fitted.get_weights())  # and leave the random state as it was
    listener.on_epoch(1, figures)
    learnt = model if recipe.epochs else model.get_layer(HEAD)
    return Checkpoint().after_epoch(figures, _values(learnt.variables), always=True)


def _copy(model: keras.Model) -> keras.Model:
    """Leave the optimiser behind, and the other workers, whom a prediction would wait for."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    copy.trainable = True
    return copy


def _prepare(model: keras.Model, recipe: Recipe, first: int, steps: int) -> None:
    """Freeze the layers before the first that learns, and compile."""
    for number, layer in enumerate(model.layers):
        layer.trainable = number >= first and not isinstance(layer, keras.layers.BatchNormalization)
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        warm = math.ceil(recipe.epochs * steps / _WARMED)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, recipe.epochs * steps - warm), warmup_target=rate, warmup_steps=warm
        )
    averaging = {"use_ema": True, "ema_momentum": recipe.averaging} if recipe.averaging else {}
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, **averaging),
        loss=_loss(recipe),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)


def _loss(recipe: Recipe) -> keras.Loss:
    return keras.losses.BinaryCrossentropy(label_smoothing=recipe.label_smoothing)


def _first_to_learn(model: keras.Model, recipe: Recipe) -> int:
    """Give the number of the first layer that learns."""
    for number, layer in enumerate(model.layers):
        if layer.name.startswith(recipe.train_from):
            return number
    raise UnfitRecipe(
        f"Expected train_from to begin a layer's name. Received {recipe.train_from!r}."
    )


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Writes checkpoints, remembers the weights to keep, and stops when patience is exhausted."""

    def __init__(
        self,
        state: Checkpoint,
        path: Path | None,
        batches: PictureBatches,
        patience: int,
        listener: Listener,
    ) -> None:
        super().__init__()
        self.state, self._path, self._batches = state, path, batches
        self._patience, self._listener = patience, listener

    def set_model(self, model: keras.Model) -> None:
        """Put a broken training's weights where they were; Keras calls this."""
        super().set_model(model)
        if self.state.variables:
            _restore(self._variables(), self.state.variables, self._path)

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        """Write the checkpoint, and draw the epoch's order."""
        before = len(self.state.history.get("loss", ()))
        self._listener.on_begin(before + 1)
        self._batches.begin_epoch(before)
        self.state = self.state.at_epoch(epoch, _values(self._variables()))
        if self._path:
            write_checkpoint(self._path, self.state)

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
        """Tell of the step."""
        self._listener.on_step(batch + 1, self.params["steps"])

    def on_epoch_end(
        self,
        epoch: int,  # noqa: ARG002
        logs: dict[str, float] | None = None,
    ) -> None:
        """Judge the epoch."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.state = self.state.after_epoch(
            figures, _values(self.model.variables), always=not self._patience
        )
        self._listener.on_epoch(len(self.state.history["loss"]), figures)
        if self._patience and self.state.waited >= self._patience:
            self.model.stop_training = True

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]


def _values(variables: Sequence[Any]) -> list[Any]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _restore(variables: Sequence[Any], values: Sequence[Any], checkpoint: Path | None) -> None:
    try:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    except ValueError as error:
        raise RunFolderError(
            str(checkpoint), "the checkpoint is of another network: train from the start"
        ) from error
