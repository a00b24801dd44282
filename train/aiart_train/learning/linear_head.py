"""The fit of a linear head, by logistic regression on the features that a network has already.

Nothing else in a network changes then, so that each picture is run through it only once per view.
The features lie in a temporary file and are read block by block, for scikit-learn's own regression
wants all of them in memory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.preprocessing import StandardScaler

from aiart_edge.errors import AiartError
from aiart_train.learning.batches import PictureBatches
from aiart_train.learning.recipes import HEAD

# What int8 blurs a mean of ReLU6 features by, at most. Added to each feature's own deviation, it
# keeps the head from leaning on features that vary less than int8 can tell.
_BLUR = 0.03

_BLOCK = 128  # pictures whose features, of all views, are in memory at once
_ITERATIONS = 1000  # some fifty are needed


def fit_head(
    model: keras.Model,
    batches: PictureBatches,
    views: int,
    penalty: float,
    consistency: float,
    on_step: Callable[[int, int], None],
) -> None:
    """Set the weights of a network's head to those of a penalised logistic regression.

    The features are standardised first, so that the penalty treats them alike. What tells views of
    one picture apart must not tell classes apart: a second penalty is of how far the logit moves
    when a picture is changed.

    Args:
        model: its last layer, `p_human`, gets new weights.
        batches: of the training part.
        views: of each picture, see `PictureBatches.begin_view`.
        penalty: of the sum of squared weights, beside the weighted mean of the cross-entropy.
        consistency: penalty of the squared differences between the logits of a picture's changed
            views and of the first: of their sum over the views, averaged as the cross-entropy.
        on_step: is called after each batch with its number, from 1, and their count.

    Raises:
        PictureError: a picture cannot be read any more.
        AiartError: there is no room for the features.
    """
    features = keras.Model(model.inputs, model.get_layer(HEAD).input)
    scaler, targets, weights = StandardScaler(), [], []
    with tempfile.TemporaryFile(buffering=0) as file:
        for view in range(views):
            batches.begin_view(view)
            for number in range(len(batches)):
                pixels, wanted, weight = batches[number]
                found = np.asarray(features.predict_on_batch(pixels), dtype=np.float32)
                scaler.partial_fit(found)
                _write(file, found)
                if view == 0:
                    targets.append(wanted[:, 0])
                    weights.append(weight)
                on_step(view * len(batches) + number + 1, views * len(batches))
        pictures, width = sum(map(len, targets)), len(scaler.mean_)
        values = regress(
            lambda block: _read(file, pictures, width, block),
            np.concatenate(targets),
            np.concatenate(weights),
            scaler,
            penalty,
            consistency,
        )
    model.get_layer(HEAD).set_weights([values[:-1, np.newaxis], values[-1:]])


def regress(
    read: Callable[[slice], NDArray[np.float32]],
    targets: NDArray[np.float32],
    weights: NDArray[np.float32],
    scaler: StandardScaler,
    penalty: float,
    consistency: float,
) -> NDArray[np.float64]:
    """Regress on features that are read block by block; see `fit_head`.

    Args:
        read: gives the features of some of the pictures, of shape [views, pictures, features].
        targets: of the pictures, 0 or 1.
        weights: of the pictures.
        scaler: fitted on the features.
        penalty: of the sum of squared weights.
        consistency: of how far views' logits differ.

    Returns:
        The slopes of the features, and the intercept behind them.
    """
    mean, scale = scaler.mean_, np.sqrt(scaler.var_ + _BLUR**2)
    shares = weights / weights.sum()

    def cost(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slopes, intercept = values[:-1] / scale, values[-1]
        narrow, offset = slopes.astype(np.float32), intercept - slopes @ mean
        total = penalty * float(values[:-1] @ values[:-1])
        gradient = np.append(2 * penalty * values[:-1], 0.0)
        for start in range(0, len(targets), _BLOCK):
            wanted, share = targets[start : start + _BLOCK], shares[start : start + _BLOCK]
            views = read(slice(start, start + len(wanted)))
            logits = views @ narrow + offset  # [views, pictures]
            drift = logits - logits[0]
            losses = (np.logaddexp(0, logits) - wanted * logits).mean(0)
            total += float(share @ (losses + consistency * (drift**2).sum(0)))
            errors = share * (expit(logits) - wanted) / len(views)
            pulls = 2 * consistency * share * drift
            pulls[0] = -pulls.sum(0)
            pulls, error = errors + pulls, errors.sum()
            slope = pulls.astype(np.float32).ravel() @ views.reshape(-1, len(mean))
            gradient += np.append((slope - error * mean) / scale, error)
        return total, gradient

    found = minimize(
        cost,
        np.zeros(len(mean) + 1),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _ITERATIONS},
    ).x
    slopes = found[:-1] / scale
    return np.append(slopes, found[-1] - slopes @ mean)


def _write(file: Any, found: NDArray[np.float32]) -> None:
    """Write all of it: an unbuffered file may take less at once, and refuses on a full disk."""
    try:
        rest = memoryview(found.tobytes())
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise AiartError(
            f"no room for features in {tempfile.gettempdir()} ({error.strerror}): make room, name "
            "another folder with the environment variable TMPDIR, or take fewer --head-views"
        ) from error


def _read(file: Any, pictures: int, width: int, block: slice) -> NDArray[np.float32]:
    """Read some pictures' features, of shape [views, pictures, features]; views lie one by one."""
    row = width * np.dtype(np.float32).itemsize
    views = file.seek(0, os.SEEK_END) // (pictures * row)
    found = np.empty((views, block.stop - block.start, width), np.float32)
    for view in range(views):
        file.seek((view * pictures + block.start) * row)
        file.readinto(found[view])
    return found
