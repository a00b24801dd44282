"""From scores to a verdict."""

from __future__ import annotations

import numpy as np
import pytest

from aiart_edge import DecisionRule
from aiart_edge.decision import calibrate, decide

SCORES = np.array([[0.1, 0.9], [0.5, 0.5], [0.8, 0.2]])


def test_temperature_one_leaves_scores_as_they_are() -> None:
    assert calibrate(SCORES, 1) == pytest.approx(SCORES[:, 0])


def test_a_higher_temperature_moves_scores_towards_a_half_and_keeps_their_order() -> None:
    cooled = calibrate(SCORES, 3)
    assert (np.abs(cooled - 0.5) <= np.abs(SCORES[:, 0] - 0.5)).all()
    assert (np.diff(cooled) > 0).all()


def test_a_score_of_exactly_one_stays_a_probability() -> None:
    assert 0.99 < calibrate([1.0, 0.0], 1) < 1


@pytest.mark.parametrize(
    ("p_ai", "verdict"),
    [(0.0, "human"), (0.3, "human"), (0.31, "unsure"), (0.79, "unsure"), (0.8, "ai"), (1.0, "ai")],
)
def test_the_band_between_low_and_high_is_unsure(p_ai: float, verdict: str) -> None:
    assert decide(p_ai, DecisionRule(low=0.3, high=0.8)) == verdict


@pytest.mark.parametrize(
    "values",
    [(0, 0.5, 0.5), (1e-300, 0.5, 0.5), (float("nan"), 0.5, 0.5), (1, 0.6, 0.5), (1, 0.5, 1.1)],
)
def test_an_impossible_decision_rule_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="Expected"):
        DecisionRule(*values)
