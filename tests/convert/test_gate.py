"""The gate: a file leaves the machine if it answers as the Keras model does, on every runtime."""

from __future__ import annotations

import importlib.util
import json
import platform
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import Result

from aiart_convert.edge_process import installed_runtimes
from aiart_edge import RuntimeUnavailable
from aiart_edge.model_file import read_model_file

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def fragile_run(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with one channel of a layer stretched, and what reads it shrunk as much.

    In float32 it is the same network; in int8 the stretched range leaves the other channels less
    than a step.
    """
    folder = tmp_path_factory.mktemp("fragile") / "run"
    shutil.copytree(run_folder, folder, ignore=shutil.ignore_patterns("*.tflite*"))
    model = keras.models.load_model(folder / "model.keras")
    _, stretched, reader, *_ = (
        layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
    )
    factors = np.ones(stretched.filters)
    factors[0] = 10_000
    kernel, bias = stretched.get_weights()
    stretched.set_weights([kernel * factors, bias * factors])
    kernel, bias = reader.get_weights()
    reader.set_weights([kernel / factors[:, np.newaxis], bias])
    model.save(folder / "model.keras")
    return folder


@pytest.fixture(scope="module")
def refused(fragile_run: Path) -> Result:
    from click.testing import CliRunner

    from aiart_convert.cli import main

    return CliRunner().invoke(main, [str(fragile_run), "--quantize", "int8"])


def test_a_file_below_the_bar_is_rejected_with_exit_code_4(
    refused: Result, fragile_run: Path
) -> None:
    assert refused.exit_code == 4, refused.output
    assert "as Keras does" in refused.stderr
    assert "FAILED" in refused.stdout
    assert not (fragile_run / "model-int8.tflite").exists()
    assert read_model_file(fragile_run / "model-int8.tflite.rejected").description.name == "seed"
    said = json.loads((fragile_run / "model-int8.tflite.rejected.json").read_text())
    assert said["accepted"] is False
    assert said["runtimes"][0]["agreement"] < 0.98


def test_the_layer_that_int8_hurts_most_is_named(refused: Result) -> None:
    (line,) = (line for line in refused.stderr.splitlines() if "int8 hurts" in line)
    assert line.split(": ")[1].startswith("conv1 ")


def test_the_command_that_is_offered_makes_a_file_that_passes(
    refused: Result, fragile_run: Path, aiart_convert: Command
) -> None:
    (line,) = (line for line in refused.stderr.splitlines() if "aiart-convert " in line)
    _, _, offered = line.partition("aiart-convert ")
    result = aiart_convert(*shlex.split(offered))
    assert result.exit_code == 0, result.output
    description = read_model_file(fragile_run / "model-int8.tflite").description
    assert "conv1" in description.origin["keep_float"].split()
    assert description.origin["io"] == "float32"
    inspected = aiart_convert("inspect", fragile_run / "model-int8.tflite").stdout
    assert f'"keep_float": "{description.origin["keep_float"]}"' in inspected


def test_dynamic_is_corrected_on_training_pictures_and_has_a_bar_of_its_own(
    fragile_run: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    options = ("--quantize", "dynamic", "--target", "litert", "--out", tmp_path)
    result = aiart_convert(fragile_run, *options)
    assert result.exit_code == 4, result.output
    assert "points below Keras's (at most 0.5)" in result.stderr
    said = json.loads((tmp_path / "model-dynamic.tflite.rejected.json").read_text())
    assert said["bar"]["min_agreement"] == 0.96
    assert said["calibration"]["pictures"] > 0


def test_another_bar_lets_it_through(
    refused: Result, fragile_run: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    lenient = ("--max-drop", "100", "--min-agreement", "0")
    result = aiart_convert(fragile_run, "--quantize", "int8", "--out", tmp_path, *lenient)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "model-int8.tflite").is_file()


def test_each_file_has_a_report_beside_it_with_a_line_for_each_runtime(
    model_files: dict[str, Path],
) -> None:
    for precision, path in model_files.items():
        said = json.loads(Path(f"{path}.json").read_text())
        names = [runtime.name for runtime in installed_runtimes(precision)]
        assert [figures["runtime"] for figures in said["runtimes"]] == names
        assert said["size"] == path.stat().st_size
        assert said["accepted"] is True
        assert all(figures["n"] == 13 for figures in said["runtimes"])


def test_the_table_is_markdown_with_a_line_for_each_runtime(
    run_folder: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    on_test = ("--quantize", "float32", "--on", "test", "--out", tmp_path)
    printed = aiart_convert(run_folder, *on_test).stdout
    head, rule, *lines = printed.partition("\n\n")[0].splitlines()
    assert head.startswith("| file    | run by")
    assert set(rule) == set("| -")
    ran = [line.split("|")[2].strip() for line in lines]
    assert ran[0] == "Keras"
    assert len(set(ran[1:])) == len(installed_runtimes("float32")) == len(lines) - 1
    assert {len(line) for line in (head, rule, *lines)} == {len(head)}
    assert max(map(len, printed.splitlines())) <= 80


def test_the_worst_figures_of_all_runtimes_stand_in_the_file(model_files: dict[str, Path]) -> None:
    said = json.loads(Path(f"{model_files['int8']}.json").read_text())
    least = min(figures["agreement"] for figures in said["runtimes"])
    description = read_model_file(model_files["int8"]).description
    assert description.metrics["validation_agreement"] == least


@pytest.mark.parametrize(
    ("modules", "machine", "precision", "target", "expected"),
    [
        ("both", "x86_64", "int8", "tflite", ["LiteRT", "x86", "as on ARM"]),
        ("both", "x86_64", "dynamic", "tflite", ["LiteRT", "x86"]),
        ("both", "x86_64", "int8", "litert", ["LiteRT"]),
        ("both", "aarch64", "int8", "tflite", ["LiteRT", "tflite-runtime"]),
        ("tflite_runtime", "x86_64", "int16x8", "tflite", ["x86", "as on ARM"]),
        ("ai_edge_litert", "x86_64", "int8", "tflite", ["LiteRT"]),
    ],
)
def test_every_runtime_that_is_installed_is_asked_and_on_x86_for_integers_arms_kernels_too(
    modules: str,
    machine: str,
    precision: str,
    target: str,
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: modules in ("both", name))
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "1.0")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    found = installed_runtimes(precision, target)
    assert len(found) == len(expected)
    assert all(part in runtime.name for runtime, part in zip(found, expected, strict=True))


def test_without_any_runtime_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(RuntimeUnavailable, match="pip install"):
        installed_runtimes("int8")
