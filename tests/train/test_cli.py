"""The command aiart-train: usage, errors, evaluate and compare."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aiart_train.data.split import read_split, rows_of
from aiart_train.evaluation.scores import read_scores, write_scores

Command = Callable[..., Result]
OneLine = Callable[[Result], str]


@pytest.fixture
def run(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.fixture
def usage_error(aiart_train: Command) -> Callable[..., str]:
    """Check that a command is a usage error, and give its last line."""

    def check(*arguments: object) -> str:
        result = aiart_train(*arguments)
        assert isinstance(result.exception, SystemExit), result.exception
        assert (result.exit_code, result.stdout) == (2, "")
        *usage, line = result.stderr.splitlines()
        assert usage[0].startswith("Usage: ")
        assert len(usage) == 3
        assert line.startswith("Error: ")
        return line

    return check


@pytest.mark.parametrize(
    "command", ["fit", "crossval", "evaluate", "compare", "audit", "fetch", "fetch-weights"]
)
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        "import json, sys\n"
        "from aiart_train.cli import main\n"
        f"main(['{command}', '--help'], standalone_mode=False)\n"
        "print(json.dumps(list(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(result.stdout.splitlines()[-1]))
    heavy = {
        "keras",
        "tensorflow",
        "sklearn",
        "scipy",
        "matplotlib",
        "imagehash",
        "kagglehub",
        "onnx",
    }
    assert loaded & heavy == set()


def test_help_shows_an_example_on_a_line_of_its_own(aiart_train: Command) -> None:
    lines = aiart_train("fit", "--help").stdout.splitlines()
    assert "    aiart-train fit --data art --recipe seed --epochs 30" in lines


def test_an_unknown_recipe_is_a_usage_error_that_names_the_known(
    art: Path, usage_error: Callable[..., str]
) -> None:
    line = usage_error("fit", "--data", art, "--recipe", "cake")
    assert "'cake' is not one of 'seed'" in line


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--architecture", "vgg", "Expected architecture among ('original', "),
        ("--size", "0", "Expected size above 0"),
        ("--resize", "stretch", "Expected a resize rule among ['squash"),
        ("--batch-size", "0", "Expected batch_size above 0"),
        ("--dropout", "1", "Expected dropout from 0 to below 1"),
        ("--head-views", "-1", "Expected head_views of at least 0"),
        ("--head-penalty", "0", "Expected head_penalty above 0"),
        ("--epochs", "0", "Expected epochs above 0"),
        ("--epochs", "many", "Invalid value for '--epochs'"),
        ("--learning-rate", "nan", "Expected learning_rate above 0"),
        ("--schedule", "step", "Expected schedule among ('constant', 'cosine')"),
        ("--weight-decay", "-1", "Expected weight_decay of at least 0"),
        ("--label-smoothing", "1", "Expected label_smoothing from 0 to below 1"),
        ("--averaging", "1", "Expected averaging from 0 to below 1"),
        ("--patience", "-1", "Expected patience of at least 0"),
        ("--zoom", "1", "Expected zoom from 0 to below 1"),
        ("--rescale", "2", "Expected rescale from 0 to 1"),
        ("--jpeg", "-1", "Expected jpeg from 0 to 1"),
        ("--colour", "1", "Expected colour from 0 to below 1"),
        ("--seed", "-1", "Invalid value for '--seed'"),
        ("--train-from", "blick", "Expected train_from to begin a layer's name"),
        ("--size", "20", "Expected a size that original can have"),
    ],
)
def test_a_wrong_value_is_a_usage_error_and_leaves_no_run(
    option: str,
    value: str,
    expected: str,
    art: Path,
    usage_error: Callable[..., str],
    tmp_path: Path,
) -> None:
    runs = tmp_path / "runs"
    command = ["fit", "--data", art, "--recipe", "seed", "--runs", runs, option, value]
    line = usage_error(*command)
    assert expected in line
    assert value in line
    assert not runs.exists() or list(runs.iterdir()) == []


def test_without_data_the_option_is_named(usage_error: Callable[..., str]) -> None:
    assert usage_error("fit") == "Error: Missing option '--data'."


@pytest.mark.parametrize("command", ["fit", "crossval"])
def test_resume_stands_alone(command: str, art: Path, usage_error: Callable[..., str]) -> None:
    line = usage_error(command, "--resume", "--data", art, "--seed", 1)
    assert line.endswith("leave out --data, --seed.")


def test_a_given_split_is_not_drawn(
    art: Path, run_folder: Path, usage_error: Callable[..., str]
) -> None:
    split = run_folder / "split.csv"
    for option in (["--by-source"], ["--hold-out", split]):
        line = usage_error("fit", "--data", art, "--split", split, *option)
        assert line.startswith("Error: --by-source, --groups and --hold-out draw a split: leave ")


def test_a_run_is_tested_on_what_is_held_out(
    art: Path, run_folder: Path, aiart_train: Command, tmp_path: Path
) -> None:
    split = run_folder / "split.csv"
    options = ("--recipe", "seed", "--size", 46, "--epochs", 1, "--seed", 3, "--runs", tmp_path)
    result = aiart_train("fit", "--data", art, "--hold-out", split, *options)
    assert result.exit_code == 0, result.stderr
    made = read_split(Path(result.stdout.strip()) / "split.csv")
    tested = {row.path for row in rows_of(made, "test")}
    assert tested == {row.path for row in rows_of(read_split(split), "test")}


def test_a_folder_without_two_classes_is_one_line_and_leaves_no_run(
    aiart_train: Command, one_line: OneLine, tmp_path: Path
) -> None:
    (tmp_path / "art" / "cats").mkdir(parents=True)
    result = aiart_train("fit", "--data", tmp_path / "art", "--runs", tmp_path / "runs")
    assert result.exit_code == 1
    assert "expected one folder of AI art and one of human art" in one_line(result)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [("keras", ("fit",), "[train]'"), ("ray", ("crossval", "--ray", "local"), "[ray]'")],
)
def test_without_the_extra_the_error_says_what_to_install(
    missing: str,
    command: tuple[str, ...],
    extra: str,
    art: Path,
    aiart_train: Command,
    one_line: OneLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else found(name)
    )
    said = one_line(aiart_train(*command, "--data", art))
    assert f"{sys.executable} -m pip install " in said
    assert said.rstrip().endswith(extra)


def test_evaluating_the_test_part_finds_the_runs_own_figures(
    run: Path, aiart_train: Command
) -> None:
    result = aiart_train("evaluate", run)
    assert (result.exit_code, result.stdout) == (0, f"{run / 'evaluate-test'}\n")
    of_run, again = (
        json.loads((folder / "metrics.json").read_text()) for folder in (run, run / "evaluate-test")
    )
    assert again == of_run


def test_evaluating_the_validation_part_says_that_it_flatters(
    run: Path, aiart_train: Command
) -> None:
    result = aiart_train("evaluate", run, "--on", "validation")
    report = (Path(result.stdout.strip()) / "report.md").read_text()
    assert "fitted on these very pictures, which flatters it" in report
    assert "Of 13 pictures of the validation part" in report


def test_other_data_are_evaluated_where_no_part_is_overwritten(
    run: Path, art: Path, aiart_train: Command, tmp_path: Path
) -> None:
    elsewhere = Path(shutil.copytree(art, tmp_path / "test"))
    result = aiart_train("evaluate", run, "--data", elsewhere, "--robustness")
    assert result.stdout == f"{run / 'evaluate-data-test'}\n", result.stderr
    out = run / "evaluate-data-test"
    tested = {row.path for row in read_scores(run / "scores.csv") if row.part == "test"}
    assert {row.path for row in read_scores(out / "scores.csv")} == tested
    assert "fitted on the validation part" in (out / "report.md").read_text()
    robustness = json.loads((out / "metrics.json").read_text())["robustness"]
    assert len(robustness) > 1
    assert robustness[0].keys() >= {"name", "accuracy", "flip_rate"}


def test_a_list_is_evaluated_like_its_folder(
    run: Path, art: Path, aiart_train: Command, tmp_path: Path
) -> None:
    with (tmp_path / "art.csv").open("w") as file:
        file.write("path,label\n")
        file.writelines(f"{path},{path.parent.name}\n" for path in art.glob("*/*"))
    assert aiart_train("audit", tmp_path / "art.csv", "--out", tmp_path).exit_code == 0
    results = [aiart_train("evaluate", run, "--data", data) for data in (art, tmp_path / "art.csv")]
    assert [result.exit_code for result in results] == [0, 0]
    of_folder, of_list = (
        {row.sha256: row.p_ai for row in read_scores(Path(result.stdout.strip()) / "scores.csv")}
        for result in results
    )
    assert of_folder == of_list


@pytest.mark.parametrize("name", ["model.keras", "scores.csv"])
def test_a_run_that_lacks_a_file_cannot_be_evaluated(
    name: str, run: Path, aiart_train: Command, one_line: OneLine
) -> None:
    (run / name).unlink()
    assert name in one_line(aiart_train("evaluate", run))


def test_a_run_without_scores_of_the_validation_part_cannot_be_evaluated(
    run: Path, aiart_train: Command, one_line: OneLine
) -> None:
    tested = [row for row in read_scores(run / "scores.csv") if row.part == "test"]
    write_scores(run / "scores.csv", tested)
    assert "no picture of the validation part" in one_line(aiart_train("evaluate", run))


def test_a_picture_that_is_gone_is_one_line_when_evaluated(
    run: Path, aiart_train: Command, one_line: OneLine, tmp_path: Path
) -> None:
    card = json.loads((run / "card.json").read_text())
    card["data"]["folder"] = str(tmp_path / "gone")
    (run / "card.json").write_text(json.dumps(card))
    assert "cannot be read (No such file or directory)" in one_line(aiart_train("evaluate", run))


def test_a_run_answers_as_itself(run: Path, aiart_train: Command) -> None:
    result = aiart_train("compare", run, run)
    assert result.stdout.startswith("16 pictures in the test parts of both\n")
    assert result.stdout.endswith("\nThey answer every picture alike.\n")


def test_a_run_can_be_compared_with_a_cross_validation_of_the_same_data(
    run: Path, aiart_train: Command, tmp_path: Path
) -> None:
    """Its scores.csv holds every picture as tested, with a fold and other scores."""
    lines = list(csv.DictReader((run / "scores.csv").read_text().splitlines()))
    pooled = tmp_path / "crossval" / "scores.csv"
    pooled.parent.mkdir()
    with pooled.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        wrong = {"ai": 0.1, "human": 0.9}
        writer.writerows(
            line | {"part": "test", "fold": 1, "p_ai": wrong[line["label"]]} for line in lines
        )
    result = aiart_train("compare", pooled.parent, run)
    assert result.stdout.startswith("16 pictures in the test parts of both\n")
    assert result.stdout.endswith(f"\n{run} is better, beyond chance.\n")


def test_runs_without_a_picture_in_common_are_one_line(
    run: Path, aiart_train: Command, one_line: OneLine, tmp_path: Path
) -> None:
    lines = (run / "scores.csv").read_text().replace("AiArt/", "A/").replace("RealArt/", "B/")
    (tmp_path / "scores.csv").write_text(lines)
    assert "they scored no picture in common" in one_line(aiart_train("compare", run, tmp_path))


def test_a_folder_without_scores_cannot_be_compared(
    run: Path, aiart_train: Command, one_line: OneLine, tmp_path: Path
) -> None:
    line = one_line(aiart_train("compare", run, tmp_path))
    assert line.startswith(f"Error: {tmp_path / 'scores.csv'}: the scores cannot be read")
