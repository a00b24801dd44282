"""The doctor."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aiart_edge.doctor import cpu_features, device_model
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.golden import PICTURES, draw_golden
from aiart_edge.model_file import read_model_file, write_model_file
from aiart_edge.runtime import find_runtime, kernels_of, load_network

Command = Callable[..., Result]


@pytest.fixture
def with_answers(tmp_path: Path) -> Callable[..., Path]:
    """The embedded model with the answers that it gives here, each moved; or its logit."""

    def write(move: float = 0.0, logit: float = 0.0, **changes: Any) -> Path:
        model = read_model_file(EMBEDDED_MODEL)
        network = load_network(model.network)
        pictures = [draw_golden(number, model.description.input) for number in range(PICTURES)]
        answers = [float(network.scores(picture)[0]) + move for picture in pictures]
        answers = [1 / (1 + (1 / p_ai - 1) * math.exp(-logit)) for p_ai in answers]
        golden = {kernels_of(find_runtime()): answers}
        path = tmp_path / "model.tflite"
        write_model_file(path, model.network, replace(model.description, golden=golden, **changes))
        return path

    return write


def states(result: Result) -> dict[str, str]:
    return {check["name"]: check["state"] for check in json.loads(result.stdout)}


def test_a_sound_device_and_the_right_answers_are_all_right(
    aiart_edge: Command, with_answers: Callable[..., Path]
) -> None:
    result = aiart_edge("doctor", "--json", "--model", with_answers(0))
    assert result.exit_code == 0
    found = states(result)
    assert set(found.values()) == {"ok"}
    assert {"python", "numpy", "pillow", "runtime", "model", "answers"} <= found.keys()


def test_other_answers_than_the_model_files_are_a_failure(
    aiart_edge: Command, with_answers: Callable[..., Path]
) -> None:
    result = aiart_edge("doctor", "--model", with_answers(1 / 256))
    assert result.exit_code == 1
    assert "verdicts on this device are wrong" in result.stdout


@pytest.mark.parametrize(("logit", "state"), [(0.1, "ok"), (0.4, "ok"), (-0.6, "failure")])
def test_a_network_that_is_not_full_integer_may_answer_otherwise_within_what_its_file_says(
    logit: float, state: str, aiart_edge: Command, with_answers: Callable[..., Path]
) -> None:
    path = with_answers(logit=logit, precision="dynamic", tolerance=0.5)
    result = aiart_edge("doctor", "--model", path)
    assert (result.exit_code == 0) == (state == "ok")
    (line,) = (line for line in result.stdout.splitlines() if " answers " in line)
    assert line.startswith(state)
    assert f"{abs(logit):.2g} (0.5 is allowed)" in line
    assert "same bits" not in line


def test_a_file_without_answers_is_a_warning(aiart_edge: Command, tmp_path: Path) -> None:
    model = read_model_file(EMBEDDED_MODEL)
    path = tmp_path / "model.tflite"
    write_model_file(path, model.network, replace(model.description, golden={}))
    result = aiart_edge("doctor", "--json", "--model", path)
    assert result.exit_code == 0
    assert states(result)["answers"] == "warning"


def test_an_altered_model_is_a_failure(aiart_edge: Command, tmp_path: Path) -> None:
    content = bytearray(EMBEDDED_MODEL.read_bytes())
    content[1000] ^= 1
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    result = aiart_edge("doctor", "--json", "--model", path)
    assert result.exit_code == 1
    assert states(result)["model"] == "failure"
    assert "answers" not in states(result)


def test_a_missing_runtime_is_a_failure_with_its_pip_line(aiart_edge: Command) -> None:
    result = aiart_edge("doctor", "--runtime", "litert")
    if result.exit_code == 0:
        pytest.skip("LiteRT is installed")
    assert "ai-edge-litert is not installed" in result.stdout
    assert "pip install" in result.stdout


def test_a_device_has_a_name_and_known_features() -> None:
    assert device_model()
    assert cpu_features() == sorted(cpu_features())
