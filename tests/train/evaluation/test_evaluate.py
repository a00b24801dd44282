"""Figures and calibration."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aiart_edge import DataError
from aiart_edge.decision import DecisionRule, calibrate, decide
from aiart_train.data.dataset import Dataset, Picture
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import apply_rule, cross_fit, fit_decision
from aiart_train.evaluation.evaluate import (
    coverage_curve,
    measure,
    measure_decisions,
    reliability,
    targets,
    unseen,
)


def make_rows(labels: str) -> list[SplitRow]:
    """One row per letter: a for ai, h for human."""
    names = {"a": "ai", "h": "human"}
    return [SplitRow(str(n), names[x], "", n, "test", "0", 0) for n, x in enumerate(labels)]


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
    assert metrics.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics.auc == pytest.approx(5 / 6)
    assert metrics.brier == pytest.approx((0.01 + 0.04 + 0.64 + 0.36 + 0.01) / 5)


@pytest.mark.parametrize(("humans", "found"), [(20, 1.0), (19, 0.5)])
def test_the_true_positive_rate_is_the_best_where_one_human_picture_in_twenty_may_be_accused(
    humans: int, found: float
) -> None:
    rows = make_rows("aa" + "h" * humans)
    scores = make_scores([0.9, 0.7, 0.8] + [0.1] * (humans - 1))
    assert measure(rows, scores).tpr_at_5_fpr == found


def test_the_calibration_error_is_the_mean_distance_of_the_bins() -> None:
    rows = make_rows("a" * 7 + "h" * 3 + "a" * 2 + "h" * 28)
    scores = make_scores([0.9] * 10 + [0.1] * 30)
    assert measure(rows, scores).ece == pytest.approx(0.25 * 0.2 + 0.75 * abs(0.1 - 2 / 30))
    bins = reliability(rows, scores[:, 0])
    assert bins.counts.tolist() == [30, 10]
    assert bins.share_ai == pytest.approx([2 / 30, 0.7])


def test_the_surest_scores_of_all_have_a_bin_too() -> None:
    assert reliability(make_rows("ah"), np.array([1.0, 0.0])).counts.tolist() == [1, 1]


@pytest.mark.parametrize("labels", ["aaa", "hhh"])
def test_a_figure_that_needs_both_classes_is_none_where_one_is_absent(labels: str) -> None:
    rows, scores = make_rows(labels), make_scores([0.9, 0.8, 0.2])
    metrics = measure(rows, scores)
    assert (metrics.balanced_accuracy, metrics.auc, metrics.tpr_at_5_fpr) == (None, None, None)
    decisions = measure_decisions(rows, apply_rule(scores, DecisionRule()))
    assert (decisions.human_called_ai is None) == (labels == "aaa")
    assert (decisions.ai_called_human is None) == (labels == "hhh")
    assert json.loads(json.dumps([asdict(metrics), asdict(decisions)], allow_nan=False))


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


def test_where_folds_differ_the_band_is_wide_enough_for_a_fold_that_it_has_not_seen() -> None:
    rows, scores = draw_scores(sharpness=1, count=2000)
    truth, folds = targets(rows), np.arange(len(rows)) // 2 % 5
    logits = np.log(scores[:, 0] / scores[:, 1]) + (folds == 0) * 3.0  # one fold looks like AI art
    unlike = make_scores((1 / (1 + np.exp(-logits))).tolist())
    plain, wide = fit_decision(unlike, truth), fit_decision(unlike, truth, folds)
    assert wide.high > plain.high
    assert wide.temperature == plain.temperature


def test_folds_that_are_alike_hardly_change_the_band() -> None:
    rows, scores = draw_scores(sharpness=1, count=2000)
    truth, folds = targets(rows), np.arange(len(rows)) // 2 % 5
    plain, folded = fit_decision(scores, truth), fit_decision(scores, truth, folds)
    assert (folded.low, folded.high) == pytest.approx((plain.low, plain.high), abs=0.02)


def test_scores_that_say_nothing_leave_every_picture_unsure() -> None:
    rule = fit_decision(make_scores([0.5] * 20), np.array([0, 1] * 10))
    assert decide(0.5, rule) == "unsure"


def test_the_verdicts_of_a_small_example_are_counted_by_class() -> None:
    rows = make_rows("aaaahhh")
    scores = make_scores([0.9, 0.8, 0.5, 0.1, 0.75, 0.6, 0.2])
    metrics = measure_decisions(rows, apply_rule(scores, DecisionRule(1.0, low=0.3, high=0.7)))
    assert metrics.verdicts == ((2, 1, 1), (1, 1, 1))  # ai, human, unsure
    assert metrics.coverage == pytest.approx(5 / 7)
    assert metrics.covered_accuracy == pytest.approx(3 / 5)
    assert metrics.human_called_ai == pytest.approx(1 / 3)
    assert metrics.ai_called_human == pytest.approx(1 / 4)


def test_where_every_picture_is_unsure_no_accuracy_is_claimed() -> None:
    rule = DecisionRule(1.0, low=0.0, high=1.0)
    metrics = measure_decisions(make_rows("ah"), apply_rule(make_scores([0.9, 0.1]), rule))
    assert (metrics.coverage, metrics.covered_accuracy) == (0, None)


def test_the_right_temperature_mends_the_probabilities_of_an_overconfident_network() -> None:
    rows, scores = draw_scores(sharpness=3, count=4000)
    raw = measure(rows, scores)
    mended = measure_decisions(rows, apply_rule(scores, DecisionRule(temperature=3)))
    assert mended.brier < raw.brier
    assert mended.ece < raw.ece / 2


def test_a_picture_has_no_say_in_its_own_verdict_when_rules_are_cross_fitted() -> None:
    rows, scores = draw_scores(sharpness=1)
    folds = np.arange(len(rows)) // 2 % 5
    truth, first = targets(rows), folds == 0
    before = cross_fit(scores, truth, folds)
    after = cross_fit(scores, np.where(first, 1 - truth, truth), folds)
    assert np.array_equal(before.p_ai[first], after.p_ai[first])
    assert before.rules[0] == after.rules[0]
    assert all(
        rule != spoilt for rule, spoilt in zip(before.rules[1:], after.rules[1:], strict=True)
    )


def test_cross_fitted_rules_are_applied_to_their_own_folds() -> None:
    rows, scores = draw_scores(sharpness=1)
    folds = np.arange(len(rows)) % 4 // 2 + 7
    decisions = cross_fit(scores, targets(rows), folds)
    for number, rule in zip((7, 8), decisions.rules, strict=True):
        expected = apply_rule(scores[folds == number], rule)
        assert np.array_equal(decisions.p_ai[folds == number], expected.p_ai)
        got = np.array(decisions.verdicts)[folds == number]
        assert got.tolist() == list(expected.verdicts)


def test_one_fold_alone_cannot_be_cross_fitted() -> None:
    with pytest.raises(ValueError, match=r"Expected at least 2 folds\. Received 1\."):
        cross_fit(make_scores([0.9, 0.1]), np.array([0, 1]), np.array([0, 0]))


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 2, 0]])
def test_the_coverage_curve_answers_the_surest_first_and_equals_together(order: list[int]) -> None:
    labels, p_ai = np.array(list("ahha")), np.array([0.9, 0.25, 0.75, 0.5])
    coverage, accuracy = coverage_curve(make_rows("".join(labels[order])), p_ai[order])
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert accuracy == pytest.approx([1, 2 / 3, 1 / 2])


def make_dataset(**phashes: int) -> Dataset:
    pictures = (
        Picture(f"ai/{name}", "ai", "ai", name, phash, "PNG", 40, 40, 99, 0)
        for name, phash in phashes.items()
    )
    return Dataset(Path("art"), tuple(pictures), ())


def test_of_other_data_only_what_looks_like_nothing_that_the_run_has_seen_is_tested() -> None:
    learnt, validated, tested = 0x0000FFFF00000000, 0x00000000FFFF0000, 0xFFFF000000000000
    rows = [
        SplitRow(f"own/{part}", "ai", "", number, part, part, phash)
        for number, (part, phash) in enumerate(
            {"train": learnt, "validation": validated, "test": tested}.items()
        )
    ]
    seen = {"a": learnt, "b": learnt ^ 0b1111, "c": validated ^ 0b1}
    fresh = {"d": learnt ^ 0b11111, "e": tested, "f": tested ^ 0b1}
    found = unseen(make_dataset(**fresh, **seen), rows)
    assert [(row.path, row.part) for row in found] == [
        ("ai/d", "test"),
        ("ai/e", "test"),
        ("ai/f", "test"),
    ]
    assert found[0].group != found[1].group == found[2].group
    with pytest.raises(DataError, match="trained or validated on all"):
        unseen(make_dataset(**seen), rows)
