"""The fit of a linear head, by logistic regression on the features that a network has already.

Nothing else in a network changes then, so that each picture is run through it only once per view.
The features lie in a file and are read block by block, for scikit-learn's own regression wants all
of them in memory.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.preprocessing import StandardScaler

from aiart_train.learning.features import FeatureBatches

# What int8 blurs a mean of ReLU6 features by, at most. Added to each feature's own deviation, it
# keeps the head from leaning on features that vary less than int8 can tell.
_BLUR = 0.03

_BLOCK = 128  # pictures whose features, of all views, are in memory at once
_ITERATIONS = 1000  # some fifty are needed


def fit_head(
    head: keras.layers.Dense,
    features: FeatureBatches,
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
        head: gets new weights.
        features: of the training part.
        views: of each picture, see `PictureBatches.begin_view`.
        penalty: of the sum of squared weights, beside the weighted mean of the cross-entropy.
        consistency: penalty of the squared differences between the logits of a picture's changed
            views and of the first: of their sum over the views, averaged as the cross-entropy.
        on_step: is called after each batch with its number, from 1, and their count.

    Raises:
        PictureError: a picture cannot be read any more.
        OutputError: there is no room for the features.
    """
    scaler, targets, weights = StandardScaler(), [], []
    for view in range(views):
        features.begin_view(view)
        for number in range(len(features)):
            found, wanted, weight = features[number]
            scaler.partial_fit(found)
            if view == 0:
                targets.append(wanted[:, 0])
                weights.append(weight)
            on_step(view * len(features) + number + 1, views * len(features))
    values = regress(
        lambda block: np.stack([features.read(view, block) for view in range(views)]),
        np.concatenate(targets),
        np.concatenate(weights),
        scaler,
        penalty,
        consistency,
    )
    head.set_weights([values[:-1, np.newaxis], values[-1:]])


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
