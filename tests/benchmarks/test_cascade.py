"""The rule of the cascade, as it is fitted and written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.special import expit

from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.model_file import read_model_file
from aiart_train.evaluation.scores import ScoredRow, write_scores
from benchmarks.cascade import main

COUNT = 400
LABELS = ("ai", "human")


def leave_scores(folder: Path, noise: float, seed: int, *, first_fold: int = 1) -> Path:
    """What a cross-validation leaves of a network that sees the class through so much noise."""
    chance = np.random.default_rng(seed).normal(0, noise, COUNT)
    folder.mkdir()
    write_scores(
        folder / "scores.csv",
        [
            ScoredRow(
                path=f"{number}.png",
                label=LABELS[number % 2],
                source="",
                group=number,
                part="test",
                sha256=f"{number:064x}",
                phash=0,
                fold=first_fold + number // 2 % 5,
                p_ai=float(expit((2, -2)[number % 2] + chance[number])),
            )
            for number in range(COUNT)
        ],
    )
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copy(EMBEDDED_MODEL, tmp_path / "strong.tflite"))


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_rule_lies_beside_the_model_and_the_pair_stands_between_its_networks(
    tmp_path: Path, model: Path
) -> None:
    first, second = (
        leave_scores(tmp_path / name, noise, seed)
        for name, noise, seed in (("first", 3.0, 0), ("second", 1.2, 1))
    )
    result = run(first, second, model, "--write")
    assert result.exit_code == 0, result.output
    names = [line.split("|")[1].strip() for line in result.output.splitlines()[2:]]
    assert names == ["default", "cascade", "strong"]
    rule = json.loads((tmp_path / "cascade.json").read_text())
    assert rule["networks"] == [read_model_file(EMBEDDED_MODEL).sha256] * 2


def test_scores_of_other_folds_make_no_pair(tmp_path: Path, model: Path) -> None:
    first = leave_scores(tmp_path / "first", 3.0, 0)
    second = leave_scores(tmp_path / "second", 1.2, 1, first_fold=2)
    result = run(first, second, model)
    assert result.exit_code == 1
    assert "of other pictures or folds" in result.stderr
