"""The command aiart-train and the run folder that it leaves."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from click.testing import Result

from aiart_edge import AiartError, RunFolderError
from aiart_train.run_folder import latest_run, new_run, open_run

Command = Callable[..., Result]


def test_a_run_folder_holds_model_split_history_metrics_card_and_report(run_folder: Path) -> None:
    assert {path.name for path in run_folder.iterdir()} >= {
        "model.keras",
        "split.csv",
        "history.csv",
        "metrics.json",
        "card.json",
        "report.md",
        "curves.png",
    }
    assert keras.models.load_model(run_folder / "model.keras").count_params() == 3_453_121
    history = list(csv.DictReader((run_folder / "history.csv").read_text().splitlines()))
    assert [line["epoch"] for line in history] == [str(epoch) for epoch in range(1, 13)]
    metrics = json.loads((run_folder / "metrics.json").read_text())
    report = (run_folder / "report.md").read_text()
    assert f"{metrics['accuracy']:.1%}" in report
    assert sum(map(sum, metrics["confusion"])) == metrics["n"] == 16
    assert metrics["accuracy"] >= 0.9


def test_the_card_says_how_to_repeat_the_run(run_folder: Path, art: Path) -> None:
    card = json.loads((run_folder / "card.json").read_text())
    assert card["recipe"]["name"] == "seed"
    assert card["recipe"]["epochs"] == 12
    assert card["data"]["folder"] == str(art)
    assert card["parts"] == {"train": 51, "validation": 13, "test": 16}
    assert {"aiart", "python", "tensorflow", "keras", "numpy", "pillow"} <= card["versions"].keys()


def test_latest_is_the_newest_run(run_folder: Path) -> None:
    assert latest_run(run_folder.parent).folder.resolve() == run_folder.resolve()


def test_a_second_run_of_the_same_day_gets_a_name_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        with new_run(tmp_path, "day-seed") as run:
            (run.partial / "file").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day-seed", "day-seed-2", "latest"]
    assert (tmp_path / "latest").resolve().name == "day-seed-2"


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with new_run(tmp_path, "day-seed") as run:
            (run.partial / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["model.keras", "card.json", "split.csv"])
def test_a_run_folder_that_lacks_a_file_is_refused(
    missing: str, run_folder: Path, tmp_path: Path
) -> None:
    spoilt = Path(shutil.copytree(run_folder, tmp_path / "run"))
    (spoilt / missing).unlink()
    with pytest.raises(AiartError, match=missing):
        open_run(spoilt)


@pytest.mark.parametrize("card", ["{", "[]", "{}", '{"recipe": {"name": 1}, "data": 2}', "\xff"])
def test_a_broken_card_is_refused(card: str, run_folder: Path, tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(run_folder, tmp_path / "run"))
    (spoilt / "card.json").write_text(card, encoding="latin-1")
    with pytest.raises(RunFolderError, match=r"card\.json"):
        open_run(spoilt)


def test_a_folder_without_two_classes_is_one_line_and_leaves_no_run(
    aiart_train: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    (tmp_path / "art" / "cats").mkdir(parents=True)
    result = aiart_train("fit", "--data", tmp_path / "art", "--runs", tmp_path / "runs")
    assert result.exit_code == 1
    assert "expected one folder of AI art and one of human art" in one_line(result)
    assert not (tmp_path / "runs").exists()


def test_a_runs_folder_that_cannot_be_written_is_one_line_before_any_training(
    art: Path, aiart_train: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    (tmp_path / "runs").touch()
    result = aiart_train("fit", "--data", art, "--runs", tmp_path / "runs")
    assert "a run cannot be written here" in one_line(result)


def test_help_shows_an_example_on_a_line_of_its_own(aiart_train: Command) -> None:
    lines = aiart_train("fit", "--help").stdout.splitlines()
    assert "    aiart-train fit --data art --recipe seed" in lines


def test_an_unknown_recipe_is_a_usage_error_that_names_the_known(
    art: Path, aiart_train: Command
) -> None:
    result = aiart_train("fit", "--data", art, "--recipe", "cake")
    assert result.exit_code == 2
    assert "'cake' is not one of: seed" in result.stderr


def test_without_the_extra_the_error_says_what_to_install(
    art: Path,
    aiart_train: Command,
    one_line: Callable[[Result], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "keras" else found(name)
    )
    assert "pip install 'aiart[train]'" in one_line(aiart_train("fit", "--data", art))
