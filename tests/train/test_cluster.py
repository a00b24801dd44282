"""Folds side by side on a cluster, whose processes are all their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aiart_edge.errors import DataError
from aiart_edge.program import count_cores
from aiart_train.card import find_versions
from aiart_train.cluster import Fold, Plan, do_fold
from aiart_train.data.dataset import scan
from aiart_train.data.split import draw_folds
from aiart_train.keras_file import load_keras
from aiart_train.learning.backend import name_threads
from aiart_train.learning.recipes import RECIPES, override
from aiart_train.run_folder import open_run

Command = Callable[..., Result]
Process = subprocess.CompletedProcess[str]

RECIPE = ("--recipe", "quick", "--architecture", "original", "--size", "64", "--epochs", "1")
FIGURES = ("scores.csv", "metrics.json", "fold-1/history.csv", "fold-2/history.csv")


def test_folds_side_by_side_leave_what_they_leave_in_turn(
    art: Path, broken_off: Callable[..., Process], tmp_path: Path
) -> None:
    options = ("--data", art, *RECIPE, "--folds", "2", "--threads", "1", "--runs")
    never = ("SIGKILL", "keras.Model.compile", 99)
    in_turn = broken_off(*never, "crossval", *options, tmp_path / "turn")
    assert in_turn.returncode == 0, in_turn.stderr
    command = [sys.executable, "-m", "aiart_train", "crossval", *options, tmp_path / "side"]
    side_by_side = subprocess.run(
        [*command, "--ray", "local"], capture_output=True, text=True, check=False
    )
    assert side_by_side.returncode == 0, side_by_side.stderr
    assert sorted(side_by_side.stderr.splitlines()[:2]) == ["fold 1/2 is done", "fold 2/2 is done"]

    turn, side = (Path(done.stdout.strip()) for done in (in_turn, side_by_side))
    files = [
        {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
        for folder in (turn, side)
    ]
    assert files[0] == files[1]
    for name in FIGURES:
        assert (turn / name).read_bytes() == (side / name).read_bytes()
    for number in (1, 2):
        networks = [open_run(folder / f"fold-{number}").model_path for folder in (turn, side)]
        weights = [load_keras(network)[0].get_weights() for network in networks]
        for one, other in zip(*weights, strict=True):
            np.testing.assert_array_equal(one, other)
    cards = [json.loads((folder / "card.json").read_text()) for folder in (turn, side)]
    assert cards[0]["threads"] == cards[1]["threads"] == {
        "OMP_NUM_THREADS": 1,
        "TF_NUM_INTRAOP_THREADS": 1,
        "TF_NUM_INTEROP_THREADS": 1,
    }  # fmt: skip


@pytest.fixture
def plan(art: Path) -> Plan:
    recipe = override(RECIPES["seed"], {"size": 64, "epochs": 1})
    return Plan(recipe, art, 0, name_threads(count_cores()), find_versions(), b"")


@pytest.fixture
def fold(art: Path) -> Fold:
    dataset = scan(art)
    return Fold(1, draw_folds(dataset, 0, False, 2, validated=False, tied={})[0])


def test_a_node_with_another_version_is_refused_by_name(plan: Plan, fold: Fold) -> None:
    answer = do_fold(replace(plan, versions={**plan.versions, "keras": "0"}), fold)
    assert isinstance(answer, DataError)
    assert answer.path == f"node {os.uname().nodename}"
    assert answer.problem.startswith("may train otherwise: keras is 3.")


def test_a_node_that_does_not_see_the_data_is_refused_by_name(
    plan: Plan, fold: Fold, tmp_path: Path
) -> None:
    answer = do_fold(replace(plan, folder=tmp_path), fold)
    assert isinstance(answer, DataError)
    assert answer.path == f"node {os.uname().nodename}"
    assert "does not see the data" in answer.problem


def test_where_no_cluster_answers_it_is_said_and_nothing_is_left(
    art: Path, aiart_train: Command, tmp_path: Path, one_line: Callable[[Result], str]
) -> None:
    options = ("--recipe", "seed", "--folds", 2, "--ray", "127.0.0.1:9", "--runs", tmp_path)
    said = one_line(aiart_train("crossval", "--data", art, *options))
    assert "no cluster answers at 127.0.0.1:9" in said
    assert not [*tmp_path.iterdir()]
