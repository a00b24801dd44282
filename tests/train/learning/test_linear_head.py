"""The fit of a linear head."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from aiart_edge import InputRule
from aiart_train.data.dataset import scan
from aiart_train.data.split import SplitRow, draw_split
from aiart_train.learning.batches import PictureBatches
from aiart_train.learning.features import FeatureBatches, open_cache
from aiart_train.learning.linear_head import fit_head
from aiart_train.learning.recipes import HEAD, Augmentation

SIDE = 24
PENALTY = 0.1


@pytest.fixture(scope="module")
def rows(art: Path) -> tuple[SplitRow, ...]:
    return draw_split(scan(art), seed=0)


@pytest.fixture
def batches(art: Path, rows: tuple[SplitRow, ...]) -> PictureBatches:
    return PictureBatches(art, rows, InputRule(SIDE, SIDE), batch_size=32, balance="class")


@pytest.fixture
def darker(art: Path, rows: tuple[SplitRow, ...]) -> PictureBatches:
    """The same pictures, whose changed views are brighter or darker."""
    how = Augmentation(colour=0.5)
    return PictureBatches(art, rows, InputRule(SIDE, SIDE), 32, 0, how, "class")


def build(scale: float = 1.0) -> keras.Model:
    """A network of the mean colours of nine fields, the first of them scaled."""
    pixels = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = keras.layers.AveragePooling2D(8)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Rescaling([scale] + [1.0] * 26)(x)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid", name=HEAD)(x))


def fitted(
    model: keras.Model, batches: PictureBatches, views: int = 1, consistency: float = 0.0
) -> keras.Model:
    with open_cache(None, model) as cache:
        features, head = FeatureBatches(batches, model, cache), model.get_layer(HEAD)
        fit_head(head, features, views, PENALTY, consistency, lambda _step, _steps: None)
    return model


def everything(model: keras.Model, batches: PictureBatches) -> tuple[np.ndarray, ...]:
    features = keras.Model(model.inputs, model.get_layer(HEAD).input)
    parts = [batches[number] for number in range(len(batches))]
    pixels, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return features.predict(pixels, verbose=0), targets[:, 0], weights


def test_the_head_is_a_penalised_logistic_regression(batches: PictureBatches) -> None:
    model = fitted(build(), batches)
    features, targets, weights = everything(model, batches)
    deviation = np.sqrt(features.var(0) + 0.03**2)
    regression = LogisticRegression(C=1 / (2 * PENALTY * weights.sum()), tol=1e-6, max_iter=1000)
    regression.fit((features - features.mean(0)) / deviation, targets, weights)
    slopes, _ = model.get_layer(HEAD).get_weights()
    assert slopes[:, 0] * deviation == pytest.approx(regression.coef_[0], abs=2e-3)


def test_more_views_of_the_same_pixels_change_nothing(batches: PictureBatches) -> None:
    once, twice = (fitted(build(), batches, views) for views in (1, 2))
    for one, other in zip(once.get_weights(), twice.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=2e-3)


def test_the_penalty_of_inconsistency_is_of_what_views_differ_in(darker: PictureBatches) -> None:
    """Against a minimiser without gradients of what the docstring says, in float64."""
    consistency = 2.0
    model = fitted(build(), darker, 3, consistency)
    parts = []
    for view in range(3):
        darker.begin_view(view)
        parts.append(everything(model, darker))
    views = np.stack([features for features, _, _ in parts]).astype(float)
    _, targets, weights = parts[0]
    shares = weights / weights.sum()
    deviation = np.sqrt(views.var((0, 1)) + 0.03**2)
    standardised = (views - views.mean((0, 1))) / deviation

    def cost(values: np.ndarray) -> float:
        logits = standardised @ values[:-1] + values[-1]
        losses = np.logaddexp(0, logits) - targets * logits
        drift = ((logits - logits[0]) ** 2).sum(0)
        squares = PENALTY * float(values[:-1] @ values[:-1])
        return squares + float(shares @ (losses.mean(0) + consistency * drift))

    best = minimize(cost, np.zeros(28), options={"maxiter": 1000}).x
    slopes, _ = model.get_layer(HEAD).get_weights()
    assert slopes[:, 0] * deviation == pytest.approx(best[:-1], abs=2e-3)


def test_a_consistent_head_answers_alike_for_views_that_it_has_not_seen(
    darker: PictureBatches,
) -> None:
    drifts = []
    for consistency in (0.0, 10.0):
        model = fitted(build(), darker, 2, consistency)
        answers = []
        for view in (0, 5):
            darker.begin_view(view)
            answers.append(model.predict(darker[0][0], verbose=0))
        drifts.append(np.abs(answers[0] - answers[1]).mean() / np.std(answers[0]))
    assert drifts[1] < 0.8 * drifts[0]


def test_a_feature_that_hardly_varies_is_hardly_used(batches: PictureBatches) -> None:
    """Int8 could not tell its values apart; standardised alone, it would count like the others."""
    slopes = [
        fitted(build(scale), batches).get_layer(HEAD).get_weights()[0][0, 0] * scale
        for scale in (1.0, 0.01)
    ]
    assert abs(slopes[1]) < 0.1 * abs(slopes[0])


def test_steps_are_told(batches: PictureBatches) -> None:
    told: list[tuple[int, int]] = []
    model = build()
    with open_cache(None, model) as cache:
        features, head = FeatureBatches(batches, model, cache), model.get_layer(HEAD)
        fit_head(head, features, 2, PENALTY, 0.0, lambda step, steps: told.append((step, steps)))
    count = 2 * len(batches)
    assert told == [(step, count) for step in range(1, count + 1)]


def test_a_full_disk_is_one_line(art: Path) -> None:
    code = f"""
import resource, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_linear_head import build, fitted
from aiart_edge import AiartError, InputRule
from aiart_train.learning import batches
from aiart_train.data.dataset import scan
from aiart_train.data.split import draw_split
batches.CACHE_BYTES = 0
rows = draw_split(scan(Path({str(art)!r})), 0)
source = batches.PictureBatches(Path({str(art)!r}), rows, InputRule(24, 24), 32)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as if no more fitted on the disk
try:
    fitted(build(), source)
except AiartError as error:
    print(error.format_message())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "features.f16: no room for features (" in done.stdout
    assert done.stdout.rstrip().endswith("take fewer --head-views")
