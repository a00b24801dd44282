"""Cross-validation, broken off and resumed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aiart_train.data.split import SplitRow, read_split, rows_of
from aiart_train.evaluation.scores import read_scores
from aiart_train.run_folder import open_run

Command = Callable[..., Result]
Process = subprocess.CompletedProcess[str]

OPTIONS = ["--recipe", "seed", "--size", 64, "--epochs", 1, "--folds", 2]


@pytest.fixture(scope="module")
def sourced(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of `art`, with four sources in each class."""
    folder = tmp_path_factory.mktemp("sourced")
    for path in art.glob("*/*"):
        source = folder / path.parent.name / f"source{int(path.stem) % 4}"
        source.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, source)
    return folder


@pytest.fixture(scope="module")
def broken(
    sourced: Path, broken_off: Callable[..., Process], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of runs of a cross-validation that was killed as the second fold began."""
    runs = tmp_path_factory.mktemp("crossval") / "runs"
    end = broken_off(
        "SIGKILL", "keras.Model.compile", 2, "crossval", "--data", sourced, "--runs", runs,
        "--by-source", "--measure", "*/source0", *OPTIONS,
    )  # fmt: skip
    assert end.returncode == -9, end.stderr
    return runs


@pytest.fixture(scope="module")
def resumed(broken: Path) -> Result:
    from aiart_train.cli import main

    command = ["crossval", "--resume", "--runs", str(broken)]
    return CliRunner().invoke(main, command, catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(resumed: Result) -> Path:
    assert resumed.exit_code == 0, resumed.stderr
    return Path(resumed.stdout.strip())


@pytest.fixture(scope="module")
def splits(folder: Path) -> list[tuple[SplitRow, ...]]:
    return [open_run(folder / f"fold-{number}").rows for number in (1, 2)]


def test_folds_that_are_done_are_not_trained_again(resumed: Result, folder: Path) -> None:
    first, second, foretold, epoch, headline = resumed.stderr.splitlines()
    assert (first, second) == ("fold 1/2", "fold 2/2")
    assert foretold.startswith("about ")
    assert epoch.startswith("epoch 1/1  ")
    assert headline.startswith("Of 80 pictures, each scored by a network of 2")


def test_every_picture_is_scored_once_by_the_fold_that_tested_it(
    folder: Path, splits: list[tuple[SplitRow, ...]]
) -> None:
    rows = read_scores(folder / "scores.csv")
    assert len(rows) == len({row.path for row in rows}) == 80
    for number, split in enumerate(splits, start=1):
        tested = {row.path for row in rows_of(split, "test")}
        assert tested == {row.path for row in rows if row.fold == number}


def test_a_source_is_never_cut(splits: list[tuple[SplitRow, ...]]) -> None:
    for split in splits:
        parts: dict[str, set[str]] = {}
        for row in split:
            parts.setdefault(row.source, set()).add(row.part)
        assert len(parts) == 8
        assert all(len(of_source) == 1 for of_source in parts.values())


def test_a_folder_is_left_with_each_fold_and_the_report_of_all(folder: Path) -> None:
    files = {"card.json", "scores.csv", "metrics.json", "report.md", "report.html"}
    assert {path.name for path in folder.iterdir()} >= {*files, "fold-1", "fold-2"}
    for number in (1, 2):
        fold = open_run(folder / f"fold-{number}")
        assert {path.name for path in fold.folder.iterdir()} == {
            "model.keras",
            "card.json",
            "split.csv",
            "history.csv",
            "scores.csv",
        }
        assert fold.card["kind"] == "fit"
    card = json.loads((folder / "card.json").read_text())
    assert (card["kind"], card["folds"], card["recipe"]["size"]) == ("crossval", 2, 64)


def test_what_nothing_would_look_at_as_validation_trains(
    splits: list[tuple[SplitRow, ...]], art: Path, aiart_train: Command, tmp_path: Path
) -> None:
    parts = [Counter(row.part for row in split).keys() for split in splits]
    command = ["crossval", "--data", art, "--runs", tmp_path, *OPTIONS, "--patience", 1]
    result = aiart_train(*command)
    assert result.exit_code == 0, result.stderr
    patient = read_split(Path(result.stdout.strip()) / "fold-1/split.csv")
    assert parts == [{"train", "test"}] * 2
    assert {row.part for row in patient} == {"train", "validation", "test"}


def test_the_pooled_figures_have_a_rule_per_fold(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["n"] == 80
    assert len(metrics["decisions"]["rules"]) == 2
    assert Counter(row.label for row in read_scores(folder / "scores.csv")) == {
        label: figures["support"] for label, figures in metrics["classes"].items()
    }


def test_latest_is_not_touched(folder: Path) -> None:
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_what_another_run_tests_on_is_left_out(
    folder: Path, sourced: Path, aiart_train: Command, tmp_path: Path
) -> None:
    split = folder / "fold-1/split.csv"
    tested = {row.path for row in open_run(split.parent).rows if row.part == "test"}
    command = ["crossval", "--data", sourced, "--hold-out", split, "--runs", tmp_path, *OPTIONS]
    result = aiart_train(*command)
    assert result.exit_code == 0, result.stderr
    scored = {row.path for row in read_scores(Path(result.stdout.strip()) / "scores.csv")}
    assert scored
    assert not scored & tested


def test_too_few_sources_for_the_folds_are_one_line(
    art: Path, aiart_train: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    command = ["crossval", "--data", art, "--by-source", "--runs", tmp_path / "runs", *OPTIONS]
    assert "each class needs at least" in one_line(aiart_train(*command))
    assert not (tmp_path / "runs").exists()


def test_sources_of_a_group_share_a_fold_and_stay_sources(
    sourced: Path, aiart_train: Command, tmp_path: Path
) -> None:
    groups = tmp_path / "groups.csv"
    tied = [f"{sourced.name}/AiArt/{name},one artist\n" for name in ("source0", "source3")]
    groups.write_text("".join(["source,group\n", *tied]))
    command = ["crossval", "--data", sourced, "--groups", groups, "--runs", tmp_path, *OPTIONS]
    result = aiart_train(*command)
    assert result.exit_code == 0, result.stderr
    rows = read_scores(Path(result.stdout.strip()) / "scores.csv")
    folds: dict[str, set[int | None]] = {}
    for row in rows:
        folds.setdefault(row.source, set()).add(row.fold)
    assert folds["AiArt/source0"] == folds["AiArt/source3"]
    assert len(folds) == 8
    assert all(len(of_source) == 1 for of_source in folds.values())


def test_what_is_to_be_told_apart_is_so_after_a_resumption_too(resumed: Result) -> None:
    folder = Path(resumed.stdout.strip())
    apart = json.loads((folder / "metrics.json").read_text())["apart"]["*/source0"]
    rows = [row for row in read_scores(folder / "scores.csv") if row.source.endswith("source0")]
    assert apart["n"] == len(rows) == 20


def test_a_pattern_that_matches_no_source_is_a_usage_error(art: Path, aiart_train: Command) -> None:
    result = aiart_train("crossval", "--data", art, "--measure", "kaggle/*")
    assert result.exit_code == 2
    assert "--measure 'kaggle/*' matches no source" in result.stderr


def test_one_fold_is_a_usage_error(art: Path, aiart_train: Command) -> None:
    result = aiart_train("crossval", "--data", art, "--folds", 1)
    assert result.exit_code == 2
    assert "Invalid value for '--folds'" in result.stderr
