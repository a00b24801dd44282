"""Features that are computed once."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aiart_train.learning import features
from aiart_train.learning.features import FeatureCache, file_of
from aiart_train.learning.recipes import RECIPES, override

Command = Callable[..., Result]

HEADS = ("--recipe", "quick", "--architecture", "original", "--size", "64", "--seed", "1")


def test_a_record_that_was_not_written_to_its_end_is_dropped(tmp_path: Path) -> None:
    path, one, other = tmp_path / "cache.f16", ("ab" * 32, 0), ("cd" * 32, 3)
    cache = FeatureCache(path, 2)
    cache.add(one, np.array([1.5, -2]))
    cache.add(other, np.array([3.0, 4]))
    path.write_bytes(path.read_bytes()[:-1])
    again = FeatureCache(path, 2)
    assert one in again
    assert other not in again
    again.add(other, np.array([5.0, 6]))
    assert FeatureCache(path, 2).read([other, one]).tolist() == [[5, 6], [1.5, -2]]


def test_features_that_were_computed_twice_move_no_others(tmp_path: Path) -> None:
    one, other = ("ab" * 32, 0), ("cd" * 32, 3)
    cache = FeatureCache(tmp_path / "cache.f16", 2)
    for key, value in ((one, 1.0), (one, 1.0), (other, 2.0)):
        cache.add(key, np.full(2, value))
    for opened in (cache, FeatureCache(tmp_path / "cache.f16", 2)):
        assert opened.read([other, one]).tolist() == [[2, 2], [1, 1]]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which pictures' features were computed."""
    found: list[str] = []
    add = FeatureCache.add

    def count(self: FeatureCache, key: tuple[str, int], values: np.ndarray) -> None:
        found.append(key[0])
        add(self, key, values)

    monkeypatch.setattr(features.FeatureCache, "add", count)
    return found


def test_each_picture_passes_the_pretrained_network_once_whatever_the_folds(
    art: Path, aiart_train: Command, tmp_path: Path, looked: list[str]
) -> None:
    result = aiart_train("crossval", "--data", art, *HEADS, "--folds", 3, "--runs", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert len(looked) == len(set(looked)) == 80
    assert not list(tmp_path.rglob("*.f16"))  # they went with the work


def test_features_that_are_kept_serve_another_command_and_give_the_same_scores(
    art: Path, aiart_train: Command, tmp_path: Path, looked: list[str]
) -> None:
    kept = tmp_path / "kept"
    scores = []
    for options in ((), ("--features", kept), ("--features", kept)):
        looked.clear()
        result = aiart_train("fit", "--data", art, *HEADS, *options, "--runs", tmp_path / "runs")
        assert result.exit_code == 0, result.stderr
        with (Path(result.stdout.strip()) / "scores.csv").open(newline="") as file:
            scores.append([float(row["p_ai"]) for row in csv.DictReader(file)])
    assert not looked
    assert [path.name for path in kept.iterdir()] == ["original-64-squash-seed-1.f16"]
    assert scores[0] == scores[1] == scores[2]


def test_features_of_changed_views_have_a_file_of_their_own() -> None:
    plain, changed = RECIPES["strong"], RECIPES["lite0"]
    assert file_of(plain, 0) == file_of(plain, 1) == "clip_vit_b16_cut8-224-squash.f16"
    assert file_of(changed, 0) != file_of(override(changed, {"zoom": 0.1}), 0)
    assert file_of(override(changed, {"head_penalty": 1.0}), 0) == file_of(changed, 0)
