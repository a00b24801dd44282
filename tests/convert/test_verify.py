"""Comparing a converted network with the Keras model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiart_convert.verify import (
    Bar,
    Verdicts,
    Verification,
    bar_for,
    verify,
    weigh_verdicts,
)
from aiart_edge import DecisionRule
from aiart_train.data.split import SplitRow, number_folds
from aiart_train.evaluation.calibration import apply_rule, cross_fit, fit_decision
from aiart_train.evaluation.evaluate import targets, wilson_interval


def test_the_figures_of_a_small_example_are_those_worked_out_by_hand() -> None:
    labels = ["ai", "ai", "human", "human"]
    rows = [SplitRow(str(n), label, "", n, "test", "", 0) for n, label in enumerate(labels)]
    keras_scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1]])
    rule = DecisionRule(1.0, 0.25, 0.75)
    verdicts = weigh_verdicts(rows, apply_rule(scores, rule), in_sample=False)
    figures = verify("LiteRT", rows, keras_scores, scores, rule, verdicts)
    assert (figures.n, figures.keras_accuracy, figures.accuracy) == (4, 0.75, 0.5)
    assert figures.agreement == 0.75
    assert figures.mean_drift == pytest.approx(0.1)
    assert figures.largest_drift == pytest.approx(0.2)
    assert (figures.balanced_drop, figures.auc_drop) == (0.25, 0.125)
    assert figures.opposite == 0  # the second goes from unsure to unsure
    assert (verdicts.ai_n, verdicts.human_n, verdicts.in_sample) == (2, 2, 0)
    assert verdicts.coverage == 0.75
    assert verdicts.covered_accuracy == pytest.approx(2 / 3)
    assert (verdicts.covered_accuracy_low, verdicts.covered_accuracy_high) == wilson_interval(2, 3)
    assert verdicts.human_called_ai == 0.5
    assert (verdicts.human_called_ai_low, verdicts.human_called_ai_high) == wilson_interval(1, 2)
    assert figures.p_value == 1  # of one picture that only one of both answers rightly
    assert figures.chance == pytest.approx(1 / 2)  # two of three called ai: 3 of 6 ways are as good


def test_verdicts_on_no_picture_have_no_interval() -> None:
    rows = [SplitRow("0", "ai", "", 0, "test", "", 0)]
    unsure = apply_rule(np.array([[0.5, 0.5]]), DecisionRule(1.0, 0.25, 0.75))
    verdicts = weigh_verdicts(rows, unsure, in_sample=False)
    assert (verdicts.covered_accuracy, verdicts.covered_accuracy_low) == (None, None)
    assert (verdicts.human_called_ai, verdicts.human_called_ai_high) == (None, None)


def test_cross_fitted_verdicts_show_what_a_rule_is_worth_on_other_pictures() -> None:
    labels = ["ai", "human"] * 30
    rows = [SplitRow(str(n), label, "", n, "validation", "", 0) for n, label in enumerate(labels)]
    folds = number_folds(rows)
    in_sample, cross_fitted = [], []
    for seed in range(20):
        p_ai = np.random.default_rng(seed).random(len(rows))  # knows nothing of the classes
        scores = np.stack([p_ai, 1 - p_ai], axis=1)
        rule = fit_decision(scores, targets(rows))
        own = weigh_verdicts(rows, apply_rule(scores, rule), in_sample=True)
        others = cross_fit(scores, targets(rows), folds, differ=False)
        in_sample.append(own.human_called_ai)
        cross_fitted.append(weigh_verdicts(rows, others, in_sample=False).human_called_ai)
    assert max(in_sample) <= 0.05
    assert np.mean(cross_fitted) > 0.05


def with_right(keras: int, network: int, alike: int, n: int = 200) -> Verification:
    shares = {"keras_accuracy": keras / n, "accuracy": network / n, "agreement": alike / n}
    rest = {"mean_drift": 0.0, "largest_drift": 0.0, "p_value": 1.0, "chance": 0.0}
    rest |= {"balanced_drop": 0.0, "auc_drop": 0.0, "opposite": 0.0}
    verdicts = Verdicts(n // 2, n // 2, 0.0, None, None, None, None, None, None, 0)
    return Verification(runtime="LiteRT", n=n, **shares, **rest, verdicts=verdicts)


@pytest.mark.parametrize(
    ("keras", "network", "alike", "reaches"),
    [
        (100, 99, 199, True),  # 99% of the accuracy is enough
        (99, 98, 199, False),  # and 98 of 99 are less
        (100, 104, 196, True),  # so are 98% alike
        (100, 101, 195, False),
    ],
)
def test_a_network_reaches_the_bar_with_99_percent_of_the_accuracy_and_98_percent_agreement(
    keras: int, network: int, alike: int, reaches: bool
) -> None:
    assert (not Bar().shortfalls(with_right(keras, network, alike))) == reaches


def test_another_bar_is_another_answer() -> None:
    figures = with_right(100, 95, 190)
    assert len(Bar(max_drop=0.05).shortfalls(figures)) == 1
    assert len(Bar(min_agreement=0.95).shortfalls(figures)) == 1
    assert not Bar(max_drop=0.05, min_agreement=0.95).shortfalls(figures)


def test_dynamic_may_change_more_answers_but_neither_figures_nor_verdicts() -> None:
    bar, sound = bar_for("dynamic"), with_right(1720, 1720, 1920, n=2000)
    assert Bar().shortfalls(sound)
    good = replace(sound, balanced_drop=0.005, auc_drop=0.003, opposite=6 / 2000)
    assert not bar.shortfalls(good)
    for figure, bad, said in (
        ("agreement", 1919 / 2000, "1919 of 2000 pictures as Keras does (at least 1920.00 "),
        ("balanced_drop", 0.0051, "0.51 points below Keras's (at most 0.5)"),
        ("auc_drop", 0.0031, "AUC is 0.0031 below Keras's (at most 0.003)"),
        ("opposite", 7 / 2000, "7 of 2000 verdicts turn from ai to human or back (at most 6.00)"),
    ):
        (phrase,) = bar.shortfalls(replace(good, **{figure: bad}))
        assert said in phrase


def test_a_verdict_is_opposite_where_one_says_ai_and_the_other_human() -> None:
    rows = [SplitRow(str(n), label, "", n, "test", "", 0) for n, label in enumerate(["ai"] * 4)]
    before, after = np.array([0.9, 0.9, 0.1, 0.5]), np.array([0.1, 0.5, 0.9, 0.9])
    keras_scores, scores = (np.stack([p_ai, 1 - p_ai], axis=1) for p_ai in (before, after))
    rule = DecisionRule(1.0, 0.25, 0.75)
    verdicts = weigh_verdicts(rows, apply_rule(scores, rule), in_sample=False)
    assert verify("LiteRT", rows, keras_scores, scores, rule, verdicts).opposite == 0.5
