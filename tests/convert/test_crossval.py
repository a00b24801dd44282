"""A cross-validation, converted, and the decision rule that its scores give."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aiart_convert.crossval import ConvertedFold, judge_changes
from aiart_edge.decision import DecisionRule
from aiart_edge.model_file import read_model_file
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import fit_decision
from aiart_train.evaluation.evaluate import targets
from aiart_train.evaluation.perturbations import PERTURBATIONS
from aiart_train.evaluation.scores import add_scores, read_scores, scores_of

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def before(art: Path, tmp_path_factory: pytest.TempPathFactory, aiart_train: Command) -> Path:
    """A cross-validation of Keras models."""
    runs = tmp_path_factory.mktemp("crossval")
    options = ["--recipe", "seed", "--size", 64, "--epochs", 3, "--folds", 2]
    result = aiart_train("crossval", "--data", art, "--runs", runs, *options)
    assert result.exit_code == 0, result.stderr
    return Path(result.stdout.strip())


@pytest.fixture(scope="module")
def converted(before: Path, aiart_convert: Command) -> Result:
    return aiart_convert("crossval", before, "--quantize", "int8", "--robustness")


@pytest.fixture(scope="module")
def folder(converted: Result) -> Path:
    assert converted.exit_code == 0, converted.stderr
    return Path(converted.stdout.strip())


def test_every_picture_is_scored_by_the_file_of_the_fold_that_tested_it(
    before: Path, folder: Path
) -> None:
    rows, keras_rows = read_scores(folder / "scores.csv"), read_scores(before / "scores.csv")
    assert [(row.path, row.fold) for row in rows] == [(row.path, row.fold) for row in keras_rows]
    drift = np.abs(scores_of(rows) - scores_of(keras_rows)).max()
    assert 0 < drift < 0.2


def test_the_report_names_the_precision_and_the_runtime(folder: Path) -> None:
    report = (folder / "report.md").read_text()
    assert "int8 file of a network of 2, with " in report
    assert json.loads((folder / "metrics.json").read_text())["n"] == 80


def test_the_files_are_tried_on_changed_pictures_each_by_the_rule_of_its_fold(
    folder: Path,
) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    as_it_is, *changed = metrics["robustness"]
    assert as_it_is == {
        "name": "as it is",
        "accuracy": metrics["accuracy"],
        "balanced_accuracy": metrics["balanced_accuracy"],
        "flip_rate": 0.0,
    }
    assert [each["name"] for each in changed] == list(PERTURBATIONS)


def test_verdicts_on_changed_pictures_are_those_of_their_folds_rule() -> None:
    picture = SplitRow("a.jpg", "ai", "ai", 0, "test", "0" * 64, 0)
    rows = [*add_scores([picture], np.array([[0.6, 0.4]]), 1)]
    rows += add_scores([replace(picture, path="b.jpg")], np.array([[0.6, 0.4]]), 2)
    p_ai = np.full((1 + len(PERTURBATIONS), 1), 0.6)
    p_ai[2], p_ai[3] = 0.8, 0.4
    folds = 2 * [ConvertedFold((), np.stack([p_ai, 1 - p_ai], axis=-1))]
    rules = [DecisionRule(1.0, 0.3, 0.7), DecisionRule(1.0, 0.5, 0.9)]
    flips = [each.flip_rate for each in judge_changes(rows, folds, rules)]
    assert flips[:4] == [0, 0, 0.5, 0.5]  # ai by the first rule alone; human by the second


def test_keras_and_the_files_are_compared(converted: Result) -> None:
    assert "80 pictures in the test parts of both" in converted.stderr
    assert "A = Keras" in converted.stderr


def test_a_file_takes_its_decision_rule_and_its_worth_from_the_scores_that_are_named(
    before: Path, folder: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    fold = before / "fold-1"
    result = aiart_convert(
        fold, "--quantize", "int8", "--out", tmp_path, "--decision", folder, "--on", "test",
        "--max-drop", 100, "--min-agreement", 0,
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    rows = read_scores(folder / "scores.csv")
    description = read_model_file(tmp_path / "model-int8.tflite").description
    folds = np.array([row.fold for row in rows])
    assert description.decision == fit_decision(scores_of(rows), targets(rows), folds)
    pooled = json.loads((folder / "metrics.json").read_text())
    assert description.metrics["crossval_accuracy"] == pooled["accuracy"]
    assert description.metrics["crossval_coverage"] == pooled["decisions"]["coverage"]
    called_ai = description.metrics["crossval_human_called_ai"]
    assert called_ai == pooled["decisions"]["human_called_ai"]
    said = " ".join(result.stdout.split())
    assert "out of fold, each by a rule fitted on the other folds" in said
    assert f"| {called_ai:.1%} (" in said


def test_a_fold_without_a_validation_part_is_one_line_that_says_what_to_name(
    before: Path, folder: Path, aiart_convert: Command, one_line: Callable[[Result], str]
) -> None:
    for options in ((), ("--decision", folder), ("--on", "test")):
        result = aiart_convert(before / "fold-1", "--quantize", "int8", *options)
        assert "compare with  --on test " in one_line(result)


def test_a_runs_own_scores_are_no_ground_for_a_decision(
    run_folder: Path, aiart_convert: Command, one_line: Callable[[Result], str]
) -> None:
    result = aiart_convert(run_folder, "--quantize", "int8", "--decision", run_folder)
    assert "not what  crossval  leaves" in one_line(result)


def test_a_plain_run_is_no_cross_validation(
    before: Path, aiart_convert: Command, one_line: Callable[[Result], str]
) -> None:
    result = aiart_convert("crossval", before / "fold-1", "--quantize", "int8")
    assert "not what  aiart-train crossval  leaves" in one_line(result)
