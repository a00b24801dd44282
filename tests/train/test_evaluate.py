"""Figures and calibration."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge.decision import calibrate, decide
from aiart_train.calibration import fit_decision
from aiart_train.evaluate import measure, targets
from aiart_train.split import SplitRow


def make_rows(labels: str) -> list[SplitRow]:
    """One row per letter: a for ai, h for human."""
    names = {"a": "ai", "h": "human"}
    return [SplitRow(str(n), names[x], "", n, "test", "0") for n, x in enumerate(labels)]


def make_scores(p_ai: list[float]) -> NDArray[np.float64]:
    return np.stack([p_ai, 1 - np.array(p_ai)], axis=1)


def test_the_figures_of_a_small_example_are_those_worked_out_by_hand() -> None:
    metrics = measure(make_rows("aaahh"), make_scores([0.9, 0.8, 0.2, 0.6, 0.1]))
    assert (metrics.n, metrics.accuracy) == (5, 0.6)
    assert metrics.confusion == ((2, 1), (1, 1))
    assert metrics.classes["ai"].recall == pytest.approx(2 / 3)
    assert metrics.classes["ai"].precision == pytest.approx(2 / 3)
    assert metrics.classes["human"].f1 == pytest.approx(0.5)
    assert metrics.classes["human"].support == 2
    assert metrics.loss == pytest.approx(-np.log([0.9, 0.8, 0.2, 0.4, 0.9]).mean())


def test_the_interval_is_wilsons() -> None:
    metrics = measure(make_rows("a" * 100), make_scores([0.9] * 63 + [0.1] * 37))
    assert metrics.accuracy_interval == pytest.approx((0.5322, 0.7182), abs=1e-4)


def test_a_tie_is_not_an_accusation() -> None:
    assert measure(make_rows("ah"), make_scores([0.5, 0.5])).confusion == ((0, 1), (0, 1))


def draw_scores(sharpness: float, count: int = 400) -> tuple[list[SplitRow], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    rows = make_rows("ah" * (count // 2))
    logits = rng.normal(np.where(targets(rows) == 0, 1.0, -1.0), 1.0)
    return rows, make_scores((1 / (1 + np.exp(-sharpness * 2 * logits))).tolist())


def test_the_temperature_undoes_an_overconfident_network() -> None:
    rows, scores = draw_scores(sharpness=3)
    assert fit_decision(scores, targets(rows)).temperature == pytest.approx(3, rel=0.25)


@pytest.mark.parametrize("sharpness", [0.3, 1, 3])
def test_at_most_five_in_a_hundred_of_each_class_are_called_the_other(sharpness: float) -> None:
    rows, scores = draw_scores(sharpness)
    rule = fit_decision(scores, targets(rows))
    verdicts = [decide(float(p), rule) for p in calibrate(scores, rule.temperature)]
    for label, wrong in (("human", "ai"), ("ai", "human")):
        got = [v for v, row in zip(verdicts, rows, strict=True) if row.label == label]
        assert 0.03 < got.count(wrong) / len(got) <= 0.05  # type: ignore[arg-type]


def test_classes_that_lie_apart_need_no_band() -> None:
    rule = fit_decision(make_scores([0.9, 0.8, 0.2, 0.1]), np.array([0, 0, 1, 1]))
    assert (rule.low, rule.high) == pytest.approx((0.5, 0.5))


def test_scores_that_say_nothing_leave_every_picture_unsure() -> None:
    rule = fit_decision(make_scores([0.5] * 20), np.array([0, 1] * 10))
    assert decide(0.5, rule) == "unsure"
