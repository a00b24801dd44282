"""The command aiart-convert."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from click.testing import Result

from aiart_edge.model_file import read_model_file
from aiart_train.data.split import read_split, rows_of, write_split

Command = Callable[..., Result]
OneLine = Callable[[Result], str]


@pytest.fixture
def spoilt_run(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be spoilt."""
    return Path(shutil.copytree(run_folder, tmp_path / "run", ignore=_no_models))


def _no_models(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".tflite")]


def test_each_file_describes_itself(model_files: dict[str, Path]) -> None:
    for precision, path in model_files.items():
        description = read_model_file(path).description
        assert description.name == "seed"
        assert description.precision == precision
        assert (description.input.height, description.input.width) == (64, 64)
        assert description.decision.temperature > 0
        assert description.metrics["validation_n"] == 13
        assert description.metrics["validation_agreement"] > 0.9
        assert len(description.origin["keras_sha256"]) == 64
        assert len(description.origin["data_sha256"]) == 64


def test_the_int8_file_is_at_most_three_tenths_of_the_float32_file(
    model_files: dict[str, Path],
) -> None:
    sizes = {name: path.stat().st_size for name, path in model_files.items()}
    assert sizes["int8"] <= 0.3 * sizes["float32"]


def test_without_a_source_the_newest_run_is_converted_to_the_same_bytes(
    run_folder: Path,
    model_files: dict[str, Path],
    aiart_convert: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(run_folder.parent.parent)
    result = aiart_convert("--quantize", "int8", "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "alike" in result.stdout
    again = tmp_path / "model-int8.tflite"
    assert again.read_bytes() == model_files["int8"].read_bytes()


def test_another_process_in_another_folder_with_another_hash_seed_writes_the_same_bytes(
    run_folder: Path, model_files: dict[str, Path], tmp_path: Path
) -> None:
    program = "from aiart_convert.cli import program; program()"
    wanted = ["--quantize", "int8", "--quantize", "float32", "--out", "."]
    subprocess.run(
        [sys.executable, "-c", program, str(run_folder), *wanted],
        cwd=tmp_path,
        env=os.environ | {"PYTHONHASHSEED": "7"},
        check=True,
    )
    written = sorted(path.name for path in tmp_path.iterdir())
    assert len(written) == 2 * len(model_files) + 1  # with the list of calibration pictures
    for name in written:
        assert (tmp_path / name).read_bytes() == (model_files["int8"].parent / name).read_bytes()


def test_a_keras_file_is_converted_with_its_split_and_its_data(
    spoilt_run: Path, art: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    lone = tmp_path / "mine.keras"
    shutil.copy(spoilt_run / "model.keras", lone)
    split = shutil.copy(spoilt_run / "split.csv", tmp_path)
    arguments = (lone, "--split", split, "--data", art, "--quantize", "float32", "--on", "test")
    result = aiart_convert(*arguments)
    assert result.exit_code == 0, result.stderr
    description = read_model_file(tmp_path / "mine-float32.tflite").description
    assert description.name == "mine"
    assert description.metrics["test_n"] == 16


def test_a_keras_file_is_converted_with_a_list_of_pictures(
    spoilt_run: Path, art: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    with (tmp_path / "art.csv").open("w") as file:
        file.write("path,label\n")
        file.writelines(f"{path},{path.parent.name}\n" for path in art.glob("*/*"))
    lone = Path(shutil.copy(spoilt_run / "model.keras", tmp_path / "mine.keras"))
    result = aiart_convert(lone, "--data", tmp_path / "art.csv", "--quantize", "float32")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "mine-float32.tflite").is_file()


def test_the_test_part_is_never_opened_for_a_conversion(
    spoilt_run: Path, art: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(art, tmp_path / "art"))
    for row in rows_of(read_split(spoilt_run / "split.csv"), "test"):
        (data / row.path).unlink()
    result = aiart_convert(spoilt_run, "--data", data, "--quantize", "int8")
    assert result.exit_code == 0, result.stderr


def test_a_training_picture_that_changed_stops_the_conversion_and_leaves_no_file(
    spoilt_run: Path, art: Path, aiart_convert: Command, one_line: OneLine, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(art, tmp_path / "art"))
    for row in rows_of(read_split(spoilt_run / "split.csv"), "train"):
        (data / row.path).write_bytes(b"something else")
    result = aiart_convert(spoilt_run, "--data", data, "--quantize", "int8")
    assert result.exit_code == 1
    assert "has changed since the split was made" in one_line(result)
    assert not list(spoilt_run.glob("*.tflite"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["missing"], "no such run"),
        (["empty"], "not a run folder"),
        (["split.csv"], "expected a run folder or a file that ends in .keras"),
        (["lone.keras"], "say which split it was trained on"),
        (["lone.keras", "--split", "run/split.csv"], "no .keras file, or damaged"),
        (["lone.keras", "--split", "split.csv"], "say where the pictures"),
        (["run", "--data", "nowhere"], "the data folder is not there"),
        (["lone.keras", "--split", "lone.keras"], "lone.keras: the split"),
    ],
)
def test_a_bad_source_is_one_line(
    arguments: list[str],
    problem: str,
    spoilt_run: Path,
    aiart_convert: Command,
    one_line: OneLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = spoilt_run.parent
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    (folder / "lone.keras").write_bytes(b"\xff broken")
    shutil.copy(spoilt_run / "split.csv", folder)
    result = aiart_convert(*arguments, "--quantize", "int8")
    assert result.exit_code == 1
    assert problem in one_line(result)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (lambda: keras.Sequential([keras.Input((7,)), keras.layers.Dense(1)]), "expected a Keras"),
        (
            lambda: keras.Sequential([keras.Input((20, 20, 3)), keras.layers.Flatten()]),
            "Expected a model that ends in",
        ),
    ],
)
def test_a_model_that_is_no_classifier_of_pictures_is_one_line(
    model: Callable[[], keras.Model],
    problem: str,
    spoilt_run: Path,
    aiart_convert: Command,
    one_line: OneLine,
) -> None:
    model().save(spoilt_run / "model.keras")
    assert problem in one_line(aiart_convert(spoilt_run, "--quantize", "int8"))


def test_before_any_run_the_error_says_how_to_train_one(
    aiart_convert: Command,
    one_line: OneLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "aiart-train fit" in one_line(aiart_convert("--quantize", "int8"))


def test_a_folder_to_write_to_that_cannot_be_made_is_refused_before_any_work(
    run_folder: Path, aiart_convert: Command, one_line: OneLine, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_bytes(b"a file")
    result = aiart_convert(run_folder, "--quantize", "int8", "--out", tmp_path / "taken/new")
    assert "the folder cannot be made" in one_line(result)


@pytest.fixture(scope="module")
def doubtful(
    run_folder: Path,
    art: Path,
    aiart_convert: Command,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Result, Path]:
    """A network that answers everything alike, compared on one picture of each class."""
    folder = tmp_path_factory.mktemp("doubtful")
    scores = keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")
    keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), scores]
    ).save(folder / "dull.keras")
    rows = read_split(run_folder / "split.csv")
    validation = {row.label: row for row in rows_of(rows, "validation")}.values()
    split = [row for row in rows if row.part != "validation" or row in validation]
    write_split(folder / "split.csv", split)
    out = folder / "to/be/made"
    options = ("--split", folder / "split.csv", "--data", art, "--out", out)
    return aiart_convert(folder / "dull.keras", *options, "--quantize", "float32"), out


def test_figures_of_a_rule_on_the_pictures_that_it_was_fitted_on_are_called_in_sample(
    doubtful: tuple[Result, Path],
) -> None:
    result, out = doubtful
    assert "in sample, n = 2" in " ".join(result.stdout.split())
    metrics = read_model_file(out / "dull-float32.tflite").description.metrics
    assert (metrics["validation_in_sample"], metrics["validation_human_n"]) == (1, 1)


def test_figures_of_a_rule_are_cross_fitted_where_there_are_pictures_for_it(
    model_files: dict[str, Path],
) -> None:
    metrics = read_model_file(model_files["int8"]).description.metrics
    assert metrics["validation_in_sample"] == 0
    assert metrics["validation_ai_n"] + metrics["validation_human_n"] == 13
    called_ai = metrics["validation_human_called_ai"]
    low, high = (metrics[f"validation_human_called_ai_{end}"] for end in ("low", "high"))
    assert low <= called_ai < high


def test_a_network_at_chance_and_few_pictures_are_warned_of(doubtful: tuple[Result, Path]) -> None:
    chance, few, _ = doubtful[0].stderr.splitlines()
    assert chance.startswith("warning: the Keras model's answers are not shown to be better")
    assert few.startswith("warning: there are 1 pictures of AI art and 1 of human art")


def test_the_next_command_is_said_last(doubtful: tuple[Result, Path]) -> None:
    result, out = doubtful
    *_, last = result.stderr.splitlines()
    path = out / "dull-float32.tflite"
    assert last == f"next:  aiart-edge classify PICTURE --model {path}"
    assert path.is_file()


def test_help_shows_each_example_on_a_line_of_its_own(aiart_convert: Command) -> None:
    assert "    aiart-convert --quantize int8" in aiart_convert("--help").stdout.splitlines()


def test_the_calibration_pictures_are_listed_beside_the_model(
    model_files: dict[str, Path], run_folder: Path
) -> None:
    said = json.loads((model_files["int8"].parent / "model-calibration.json").read_text())
    train = rows_of(read_split(run_folder / "split.csv"), "train")
    assert {picture["sha256"] for picture in said["pictures"]} == {row.sha256 for row in train}
    assert (
        said["data_sha256"]
        == read_model_file(model_files["int8"]).description.origin["data_sha256"]
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--quantize", "all", "--io", "uint8"], "are for --quantize int8 alone"),
        (["--quantize", "float16", "--keep-float", "conv2d"], "are for --quantize int8 alone"),
        (["--quantize", "int8", "--keep-float", "conv2d", "--io", "int8"], "leave --io out"),
        (["--quantize", "int8", "--calibration", "99"], "99 is not in the range"),
        (["--quantize", "int8", "--split", "split.csv"], "are for a .keras file"),
        (["--quantize", "int8", "--labels", "ai,human"], "are for a .keras file"),
        (["--quantize", "int8", "--size", "96"], "are for a .keras file"),
        (["--quantize", "int8", "--min-agreement", "101"], "101.0 is not in the range"),
    ],
)
def test_options_that_cannot_be_together_are_refused_before_any_work(
    arguments: list[str], problem: str, aiart_convert: Command
) -> None:
    result = aiart_convert("missing", *arguments)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())


def test_a_layer_is_kept_in_float32_and_an_unknown_one_is_one_line(
    spoilt_run: Path, model_files: dict[str, Path], aiart_convert: Command, one_line: OneLine
) -> None:
    keep = (spoilt_run, "--quantize", "int8", "--keep-float")
    result = aiart_convert(*keep, "dense")
    assert result.exit_code == 0, result.stderr
    partly = spoilt_run / "model-int8.tflite"
    assert partly.stat().st_size > 2 * model_files["int8"].stat().st_size
    assert "Received nowhere." in one_line(aiart_convert(*keep, "nowhere"))


def test_a_network_that_the_old_runtime_refuses_is_written_for_litert_alone(
    spoilt_run: Path, aiart_convert: Command, one_line: OneLine
) -> None:
    pixels = keras.Input((64, 64, 3))
    roots = keras.ops.sqrt(keras.layers.Rescaling(1 / 255)(pixels))
    means = keras.layers.GlobalAveragePooling2D()(roots)
    scores = keras.layers.Dense(1, activation="sigmoid")(means)
    keras.Model(pixels, scores).save(spoilt_run / "model.keras")
    said = one_line(aiart_convert(spoilt_run, "--quantize", "int8"))
    assert "SQRT version 2" in said
    assert "--target litert" in said
    assert not list(spoilt_run.glob("*.tflite"))


def test_a_precision_must_be_named(aiart_convert: Command) -> None:
    assert aiart_convert().exit_code == 2
