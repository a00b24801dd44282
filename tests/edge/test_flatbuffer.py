"""The check of a network's structure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from tensorflow.lite.tools import flatbuffer_utils

from aiart_edge import Classifier, InputRule
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.flatbuffer import check_network
from aiart_edge.model_file import read_model_file, write_model_file
from tests.edge.network_mutants import find_structure

AVERAGE_POOL = 1
SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"


@pytest.fixture(scope="session")
def network() -> bytes:
    return read_model_file(EMBEDDED_MODEL).network


def test_the_embedded_model_is_sound_and_its_size_is_found(network: bytes) -> None:
    assert check_network(network)[1:] == (240, 240, 3)


def test_what_stands_behind_the_network_does_not_matter() -> None:
    assert check_network(EMBEDDED_MODEL.read_bytes())[1:] == (240, 240, 3)


def test_a_network_of_each_precision_is_sound(model_files: dict[str, Path]) -> None:
    for path in model_files.values():
        assert check_network(read_model_file(path).network)[1:] == (64, 64, 3)


@pytest.mark.parametrize("length", [0, 4, 7, 8, 100, 10_000, 1_000_000, 3_000_000])
def test_a_network_cut_short_is_refused(length: int, network: bytes) -> None:
    with pytest.raises(ValueError, match="network"):
        check_network(network[:length])


def test_of_words_that_lead_nowhere_most_are_refused_and_none_is_a_surprise(network: bytes) -> None:
    words = np.frombuffer(network, "<u4").copy()
    refused = 0
    places = find_structure(network)[::400]
    for place in places:
        kept, words[place] = words[place], 0x7FFFFFFF
        try:
            check_network(words.tobytes())
        except ValueError:
            refused += 1
        words[place] = kept
    assert refused > len(places) / 4


def test_a_hostile_network_with_the_right_hash_is_one_line(
    network: bytes,
    aiart_edge: Callable[..., Result],
    one_line: Callable[[Result], str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.tflite"
    description = read_model_file(EMBEDDED_MODEL).description
    write_model_file(path, network[:4] + b"\xff\xff\xff\x7f" + network[8:], description)
    assert "cannot be run" in one_line(aiart_edge("classify", SAMPLE, "--model", path))
    write_model_file(path, b"\xff\xff\xff\x7f" + network[4:], description)
    assert "it leads out of its file" in one_line(aiart_edge("classify", SAMPLE, "--model", path))
    assert aiart_edge("doctor", "--model", path).exit_code == 1


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (126, "an operator has no options"),  # a product of two matrices, of one
        (39, "an operator does not fit its tensors"),  # a transposition that no axes are told
        (36, "operators that are not looked into (in TFLite's schema 36)"),
    ],
)
def test_a_network_with_another_operator_in_the_place_of_one_is_refused(
    number: int,
    problem: str,
    network: bytes,
    aiart_edge: Callable[..., Result],
    one_line: Callable[[Result], str],
    tmp_path: Path,
) -> None:
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(network))
    pooling = next(code for code in model.operatorCodes if code.builtinCode == AVERAGE_POOL)
    pooling.builtinCode, pooling.deprecatedBuiltinCode = number, min(number, 127)
    path = tmp_path / "model.tflite"
    altered = bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    write_model_file(path, altered, read_model_file(EMBEDDED_MODEL).description)
    assert problem in one_line(aiart_edge("classify", SAMPLE, "--model", path))


def test_a_description_of_another_size_than_the_networks_is_refused(
    network: bytes,
    aiart_edge: Callable[..., Result],
    one_line: Callable[[Result], str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.tflite"
    description = replace(read_model_file(EMBEDDED_MODEL).description, input=InputRule(1, 240))
    write_model_file(path, network, description)
    line = one_line(aiart_edge("classify", SAMPLE, "--model", path))
    assert "it takes pictures of 240x240, not of 1x240" in line


def test_another_file_with_the_embedded_network_answers_alike(
    network: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    write_model_file(path, network, read_model_file(EMBEDDED_MODEL).description)
    with Classifier.load() as ours, Classifier.load(path) as copy:
        assert ours.classify(SAMPLE) == copy.classify(SAMPLE)


def test_no_mutant_ends_a_process(model_files: dict[str, Path]) -> None:
    program = Path(__file__).parent / "network_mutants.py"
    command = [sys.executable, program, "200", "1", *model_files.values()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("200 mutants")
