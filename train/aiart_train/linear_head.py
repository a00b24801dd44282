"""The fit of a linear head, by logistic regression on the features that a network has already.

Nothing else in a network changes, so that each picture is run through it only once per view. The
features lie in a temporary file: memory grows with neither pictures nor views.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from aiart_edge.errors import AiartError
from aiart_train.batches import PictureBatches
from aiart_train.recipes import HEAD

# What int8 blurs a mean of ReLU6 features by, at most. Added to each feature's own deviation, it
# keeps the head from leaning on features that vary less than int8 can tell.
_BLUR = 0.03

_ITERATIONS = 1000  # some fifty are needed


def fit_head(
    model: keras.Model,
    batches: PictureBatches,
    views: int,
    penalty: float,
    on_step: Callable[[int, int], None],
) -> None:
    """Set the weights of a network's head to those of a penalised logistic regression.

    The features are standardised first, so that the penalty treats them alike.

    Args:
        model: its last layer, `p_human`, gets new weights.
        batches: of the training part.
        views: epochs of `batches` to fit on.
        penalty: of the sum of squared weights, beside the weighted mean of the cross-entropy.
        on_step: is called after each batch with its number, from 1, and their count.

    Raises:
        PictureError: a picture cannot be read any more.
        AiartError: there is no room for the features.
    """
    features = keras.Model(model.inputs, model.get_layer(HEAD).input)
    scaler, targets, weights = StandardScaler(), [], []
    with tempfile.TemporaryFile(buffering=0) as file:
        for view in range(views):
            batches.begin_epoch(view)
            for number in range(len(batches)):
                pixels, wanted, weight = batches[number]
                found = np.asarray(features.predict_on_batch(pixels), dtype=np.float32)
                scaler.partial_fit(found)
                _write(file, found)
                targets.append(wanted[:, 0])
                weights.append(weight)
                on_step(view * len(batches) + number + 1, views * len(batches))
        scale = np.sqrt(scaler.var_ + _BLUR**2).astype(np.float32)
        mean = scaler.mean_.astype(np.float32)
        table: NDArray[np.float32] = np.memmap(file, np.float32, "r+").reshape(-1, len(mean))
        table -= mean
        table /= scale
        wanted, weight = np.concatenate(targets), np.concatenate(weights)
        regression = LogisticRegression(C=1 / (2 * penalty * weight.sum()), max_iter=_ITERATIONS)
        regression.fit(table, wanted, weight)
    slopes = regression.coef_[0] / scale
    offset = regression.intercept_ - slopes @ mean
    model.get_layer(HEAD).set_weights([slopes[:, np.newaxis], offset])


def _write(file: Any, found: NDArray[np.float32]) -> None:
    """Write before mapping into memory, where a full disk would end the process."""
    try:
        rest = memoryview(found.tobytes())
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise AiartError(
            f"no room for features in {tempfile.gettempdir()} ({error.strerror}): make room, name "
            "another folder with the environment variable TMPDIR, or take fewer --head-views"
        ) from error
