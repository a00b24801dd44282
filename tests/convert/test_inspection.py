"""The command aiart-convert inspect."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from aiart_edge.model_file import read_model_file

Command = Callable[..., Result]
OneLine = Callable[[Result], str]


@pytest.fixture
def inspected(aiart_convert: Command, model_files: dict[str, Path]) -> Callable[[str], Any]:
    def inspect(precision: str) -> Any:
        result = aiart_convert("inspect", model_files[precision], "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return inspect


@pytest.fixture
def foreign(model_files: dict[str, Path], tmp_path: Path) -> Path:
    """The bare network, as another's converter would write it."""
    path = tmp_path / "foreign.tflite"
    network = read_model_file(model_files["int8"]).network
    path.write_bytes(network.replace(b"TFLITE_METADATA", b"SOMEBODYS_NOTES"))
    return path


def test_the_operators_are_counted_with_their_versions(inspected: Callable[[str], Any]) -> None:
    operators = {one["name"]: one for one in inspected("int8")["operators"]}
    assert operators["CONV_2D"] == {"name": "CONV_2D", "version": 3, "count": 4}
    assert operators["SOFTMAX"]["count"] == 1


def test_int8_pixels_enter_as_they_are(inspected: Callable[[str], Any]) -> None:
    (pixels,) = (one for one in inspected("int8")["tensors"] if one["role"] == "input")
    assert (pixels["dtype"], pixels["shape"]) == ("UINT8", [1, 64, 64, 3])
    assert (pixels["scales"], pixels["zero_points"]) == ([1], [0])


def test_the_weights_of_int8_have_a_scale_per_channel_and_those_of_float32_none(
    inspected: Callable[[str], Any],
) -> None:
    int8, float32 = inspected("int8"), inspected("float32")
    kernels = [
        one for one in int8["tensors"] if one["role"] == "weights" and one["dtype"] == "INT8"
    ]
    assert all(len(one["scales"]) == one["shape"][0] for one in kernels)
    assert int8["quantization"]["per_channel"] >= len(kernels) > 0
    assert float32["quantization"]["per_tensor"] == float32["quantization"]["per_channel"] == 0


def test_the_bytes_of_the_layers_are_all_the_bytes_of_the_weights(
    inspected: Callable[[str], Any],
) -> None:
    for precision in ("float32", "int8"):
        found = inspected(precision)
        weights = sum(found["quantization"]["weights"].values())
        assert sum(layer["size"] for layer in found["layers"]) == weights
        assert 0.9 < weights / found["size"] < 1


def test_the_metadata_names_the_labels_and_leaves_pixels_as_they_are(
    inspected: Callable[[str], Any],
) -> None:
    found = inspected("float32")
    (graph,) = found["metadata"]["subgraph_metadata"]
    ((picture,), (scores,)) = (graph["input_tensor_metadata"], graph["output_tensor_metadata"])
    assert picture["process_units"][0]["options"] == {"mean": [0], "std": [1]}
    assert scores["associated_files"][0]["name"] == "labels.txt"
    assert found["files"].keys() == {"labels.txt", "aiart.json"}
    assert found["aiart"]["precision"] == "float32"


def test_a_person_gets_tables(aiart_convert: Command, model_files: dict[str, Path]) -> None:
    result = aiart_convert("inspect", model_files["int8"])
    assert result.exit_code == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["CONV_2D", "3", "4"] in lines
    assert "labels.txt" in result.stdout
    assert "temperature" in result.stdout


def test_anothers_file_is_inspected_too(aiart_convert: Command, foreign: Path) -> None:
    found = json.loads(aiart_convert("inspect", foreign, "--json").stdout)
    assert (found["metadata"], found["aiart"], found["files"]) == (None, None, {})
    assert len(found["layers"]) > 4
    assert "aiart.json: none" in aiart_convert("inspect", foreign).stdout


def test_a_run_folder_named_like_the_command_can_be_converted(
    aiart_convert: Command,
    run_folder: Path,
    model_files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(run_folder, tmp_path / "inspect", ignore=shutil.ignore_patterns("*.tflite"))
    monkeypatch.chdir(tmp_path)
    result = aiart_convert("./inspect", "--quantize", "float32")
    assert result.exit_code == 0, result.stderr
    written = tmp_path / "inspect" / "model-float32.tflite"
    assert written.read_bytes() == model_files["float32"].read_bytes()


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0\0\0\0TFL3", b"not a network at all"])
def test_a_file_that_is_no_network_is_one_line(
    content: bytes, aiart_convert: Command, one_line: OneLine, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    assert "model.tflite: " in one_line(aiart_convert("inspect", path))


def test_a_missing_file_is_one_line(
    aiart_convert: Command, one_line: OneLine, tmp_path: Path
) -> None:
    assert "No such file" in one_line(aiart_convert("inspect", tmp_path / "model.tflite"))


def test_our_file_cut_short_or_altered_anywhere_is_one_line(
    model_files: dict[str, Path], aiart_convert: Command, one_line: OneLine, tmp_path: Path
) -> None:
    content, path = model_files["int8"].read_bytes(), tmp_path / "model.tflite"
    places = np.random.default_rng(0).integers(0, len(content), 100)
    network = len(read_model_file(model_files["int8"]).network)
    for place in places:
        path.write_bytes(content[:place])
        one_line(aiart_convert("inspect", path))
        altered = bytearray(content)
        altered[place % network] ^= 0xFF
        path.write_bytes(altered)
        one_line(aiart_convert("inspect", path))


def test_anothers_file_altered_where_its_structure_stands_is_shown_or_one_line(
    foreign: Path, aiart_convert: Command, one_line: OneLine
) -> None:
    content = foreign.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        altered = bytearray(content)
        for place in rng.integers(0, 20_000, 8):
            altered[place] = rng.integers(256)
        foreign.write_bytes(altered)
        result = aiart_convert("inspect", foreign)
        if result.exit_code:
            one_line(result)
            refused += 1
    assert refused > 0
