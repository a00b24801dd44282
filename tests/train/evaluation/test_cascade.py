"""The rule of two networks that decide as one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import balanced_accuracy_score

from aiart_train.evaluation.cascade import Cascaded, fit_cascade

COUNT = 1000
NETWORKS = ("1" * 64, "2" * 64)


def draw(noise: float, seed: int) -> NDArray[np.float64]:
    """Scores of a network that sees the class through so much noise."""
    logits = np.where(TARGETS == 0, 2, -2) + np.random.default_rng(seed).normal(0, noise, COUNT)
    p_ai = expit(logits)
    return np.stack([p_ai, 1 - p_ai], axis=1)


TARGETS = np.arange(COUNT) % 2
FOLDS = np.arange(COUNT) // 2 % 5
WEAK, STRONG = draw(3.0, 0), draw(1.2, 1)


@pytest.fixture(scope="module")
def found() -> Cascaded:
    return fit_cascade(NETWORKS, WEAK, STRONG, TARGETS, FOLDS)


def test_the_second_network_is_asked_of_some_pictures_and_hardly_anything_is_lost(
    found: Cascaded,
) -> None:
    assert 0.1 < found.asked.mean() < 0.9
    answers = (found.decisions.p_ai < 0.5).astype(int)
    strong = balanced_accuracy_score(TARGETS, STRONG.argmax(1))
    assert balanced_accuracy_score(TARGETS, answers) >= strong - 0.01
    assert balanced_accuracy_score(TARGETS, WEAK.argmax(1)) < strong - 0.05


def test_no_class_is_called_the_other_more_often_than_promised(found: Cascaded) -> None:
    verdicts = np.array(found.decisions.verdicts)
    assert (verdicts[TARGETS == 1] == "ai").mean() <= 0.05
    assert (verdicts[TARGETS == 0] == "human").mean() <= 0.05


def test_the_rule_asks_as_often_on_all_folds_as_those_of_the_folds(found: Cascaded) -> None:
    rule = found.rule
    assert rule.networks == NETWORKS
    assert rule.asks(WEAK).mean() == pytest.approx(found.asked.mean(), abs=0.02)
    low, high = rule.unsure
    assert not rule.asks([[low, 1 - low], [high, 1 - high]]).any()


def test_what_both_know_counts_by_how_well_they_know_it(found: Cascaded) -> None:
    weak, strong, _ = found.rule.together
    assert strong > 2 * weak > 0
