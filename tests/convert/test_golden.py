"""What a file says that its network answers to the golden pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiart_edge.golden import KERNELS, PICTURES, draw_golden
from aiart_edge.model_file import read_model_file
from aiart_edge.runtime import load_network


def test_each_file_has_an_answer_to_each_picture_by_family_of_kernels(
    model_files: dict[str, Path],
) -> None:
    for path in model_files.values():
        golden = read_model_file(path).description.golden
        assert tuple(golden) == KERNELS
        assert {len(answers) for answers in golden.values()} == {PICTURES}
        assert len(set(golden["reference"])) > 1


def test_the_runtime_at_hand_gives_one_familys_int8_answers_to_the_bit(
    model_files: dict[str, Path],
) -> None:
    assert answers_of(model_files["int8"]) in golden_of(model_files["int8"])


def test_float32_answers_differ_by_rounding_only(model_files: dict[str, Path]) -> None:
    answers = answers_of(model_files["float32"])
    for golden in golden_of(model_files["float32"]):
        assert golden == pytest.approx(answers, abs=1e-5)


def golden_of(path: Path) -> list[list[float]]:
    return [list(answers) for answers in read_model_file(path).description.golden.values()]


def answers_of(path: Path) -> list[float]:
    model = read_model_file(path)
    network = load_network(model.network)
    pictures = [draw_golden(number, model.description.input) for number in range(PICTURES)]
    return [float(network.scores(picture)[0]) for picture in pictures]
