"""The run folder."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from click.testing import Result

from aiart_edge import AiartError, RunFolderError
from aiart_train.run_folder import CROSSVAL, FIT, NewRun, latest_run, new_run, open_run, resume_run

Command = Callable[..., Result]


def write(run: NewRun, *names: str) -> None:
    """Write files into a run that is being made."""
    for name in names:
        (run.partial / name).parent.mkdir(exist_ok=True)
        (run.partial / name).touch()


@pytest.fixture
def unfinished(run_folder: Path, tmp_path: Path) -> Path:
    """A folder of runs with one that was broken off."""
    partial = tmp_path / "runs" / ".day-seed.partial"
    partial.mkdir(parents=True)
    for name in ("card.json", "split.csv"):
        shutil.copy(run_folder / name, partial)
    (partial / "checkpoint.npz").touch()
    return partial.parent


def test_a_run_folder_holds_all_that_a_training_leaves(run_folder: Path) -> None:
    names = {path.name for path in run_folder.iterdir()}
    assert names >= {
        "model.keras",
        "split.csv",
        "card.json",
        "history.csv",
        "scores.csv",
        "metrics.json",
        "report.md",
        "report.html",
        "confusion.png",
    }
    assert "checkpoint.npz" not in names


def test_the_model_holds_no_optimiser(run_folder: Path) -> None:
    model = keras.models.load_model(run_folder / "model.keras")
    assert model.count_params() == 504_001
    assert getattr(model, "optimizer", None) is None


def test_the_history_has_a_line_per_epoch_and_tells_which_is_kept(run_folder: Path) -> None:
    lines = list(csv.DictReader((run_folder / "history.csv").read_text().splitlines()))
    assert [line["epoch"] for line in lines] == [str(epoch) for epoch in range(1, 13)]
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= lines[0].keys()
    assert [float(line["kept"]) for line in lines] == [0.0] * 11 + [1.0]


def test_the_metrics_are_the_figures_of_the_test_part(run_folder: Path) -> None:
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert metrics["n"] == sum(map(sum, metrics["confusion"])) == 16
    assert metrics["accuracy"] >= 0.9
    low, high = metrics["accuracy_interval"]
    assert 0 < low < metrics["accuracy"] <= high <= 1
    for name in ("loss", "balanced_accuracy", "auc", "tpr_at_5_fpr", "brier", "ece"):
        assert isinstance(metrics[name], float), name
    for label in ("ai", "human"):
        assert metrics["classes"][label].keys() == {"precision", "recall", "f1", "support"}
    decisions = metrics["decisions"]
    assert decisions["rules"][0].keys() == {"temperature", "low", "high"}
    assert decisions.keys() >= {"coverage", "covered_accuracy", "human_called_ai", "verdicts"}


def test_the_scores_are_those_of_the_validation_and_test_parts(run_folder: Path) -> None:
    def paths(name: str, *parts: str) -> list[str]:
        lines = csv.DictReader((run_folder / name).read_text().splitlines())
        return sorted(line["path"] for line in lines if line["part"] in parts)

    for part in ("validation", "test"):
        assert paths("scores.csv", part) == paths("split.csv", part)
    assert paths("scores.csv", "train") == []


def test_the_report_tells_the_figures_and_needs_nothing_beside_it(run_folder: Path) -> None:
    accuracy = json.loads((run_folder / "metrics.json").read_text())["accuracy"]
    for name in ("report.md", "report.html"):
        assert f"{accuracy:.1%}" in (run_folder / name).read_text()
    page = (run_folder / "report.html").read_text()
    assert 'src="data:' in page or "<svg" in page
    for outside in ('src="http', 'href="http', "src='http", "<script", "<link", "@import"):
        assert outside not in page


def test_the_card_says_how_to_repeat_the_run(run_folder: Path, art: Path) -> None:
    card = json.loads((run_folder / "card.json").read_text())
    assert (card["kind"], card["seed"]) == ("fit", 0)
    assert (card["recipe"]["name"], card["recipe"]["epochs"]) == ("seed", 12)
    assert card["data"]["folder"] == str(art)
    assert card["parts"] == {"train": 51, "validation": 13, "test": 16}
    assert card["parameters"] == 504_001
    assert {"aiart", "python", "tensorflow", "keras", "numpy", "pillow"} <= card["versions"].keys()


def test_latest_is_the_newest_training(run_folder: Path) -> None:
    assert latest_run(run_folder.parent).folder.resolve() == run_folder.resolve()


def test_a_second_run_of_the_same_day_gets_a_name_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        with new_run(tmp_path, "day-seed") as run:
            write(run, "model.keras")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day-seed", "day-seed-2", "latest"]
    assert (tmp_path / "latest").resolve().name == "day-seed-2"


def test_latest_stays_where_a_run_leaves_no_model(tmp_path: Path) -> None:
    with new_run(tmp_path, "day-seed") as run:
        write(run, "model.keras")
    with new_run(tmp_path, "day-seed-crossval") as run:
        write(run, "fold-1/scores.csv")
    assert (tmp_path / "latest").resolve().name == "day-seed"


def interrupt(runs: Path, *names: str) -> None:
    with new_run(runs, "day-seed") as run:
        write(run, *names)
        raise KeyboardInterrupt


def test_a_run_that_fails_before_it_is_trained_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt(tmp_path, "half", "card.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "checkpoint", ["checkpoint.npz", "fold-2/checkpoint.npz", "fold-1/model.keras"]
)
def test_a_run_that_fails_later_stays_to_be_resumed(checkpoint: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt(tmp_path, "card.json", checkpoint)
    assert (tmp_path / ".day-seed.partial" / checkpoint).exists()


def test_a_finished_run_keeps_nothing_that_only_resuming_needs(tmp_path: Path) -> None:
    with new_run(tmp_path, "day-seed") as run:
        write(run, "model.keras", "checkpoint.npz", ".checkpoint.npz.x1", "fold-1/checkpoint.npz")
    found = sorted(path.name for path in run.folder.rglob("*"))
    assert found == ["fold-1", "model.keras"]


def test_the_newest_unfinished_run_of_the_kind_is_resumed(unfinished: Path) -> None:
    with resume_run(unfinished, FIT) as run:
        write(run, "model.keras")
    assert run.folder == unfinished / "day-seed"
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "card.json",
        "model.keras",
        "split.csv",
    ]
    assert (unfinished / "latest").resolve() == run.folder.resolve()


def test_a_run_that_is_being_trained_is_not_resumed_by_another(
    run_folder: Path, aiart_train: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    with new_run(tmp_path, "day-seed") as run:
        shutil.copy(run_folder / "card.json", run.partial)
        line = one_line(aiart_train("fit", "--resume", "--runs", tmp_path))
    assert line.endswith("no unfinished run lies here: start one with  fit --data FOLDER\n")


def test_a_run_that_is_being_resumed_is_not_resumed_by_another(
    unfinished: Path, aiart_train: Command, one_line: Callable[[Result], str]
) -> None:
    with resume_run(unfinished, FIT):
        line = one_line(aiart_train("fit", "--resume", "--runs", unfinished))
    assert "no unfinished run lies here" in line


@pytest.mark.parametrize("command", ["fit", "crossval"])
def test_nothing_to_resume_is_one_line(
    command: str, aiart_train: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    assert "no unfinished run lies here" in one_line(
        aiart_train(command, "--resume", "--runs", tmp_path / "runs")
    )


def test_a_training_is_not_resumed_as_a_cross_validation(
    unfinished: Path, aiart_train: Command, one_line: Callable[[Result], str]
) -> None:
    result = aiart_train("crossval", "--resume", "--runs", unfinished)
    assert "no unfinished run lies here" in one_line(result)


def test_a_broken_card_of_an_unfinished_run_is_one_line(
    unfinished: Path, aiart_train: Command, one_line: Callable[[Result], str]
) -> None:
    (unfinished / ".day-seed.partial" / "card.json").write_text("{")
    result = aiart_train("fit", "--resume", "--runs", unfinished)
    assert "the run's card is broken" in one_line(result)


def test_a_card_of_a_cross_validation_without_its_folds_is_refused(unfinished: Path) -> None:
    path = unfinished / ".day-seed.partial" / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": CROSSVAL}))
    with pytest.raises(RunFolderError, match="card is broken"), resume_run(unfinished, CROSSVAL):
        pass


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


def test_a_runs_folder_that_cannot_be_written_is_one_line_before_any_training(
    art: Path, aiart_train: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    (tmp_path / "runs").touch()
    result = aiart_train("fit", "--data", art, "--runs", tmp_path / "runs")
    assert "a run cannot be written here" in one_line(result)
