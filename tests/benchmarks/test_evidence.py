"""What measures explanations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner
from numpy.typing import NDArray

from aiart_edge import Classifier, DecisionRule, InputRule, ModelDescription
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.flatbuffer import check_network
from aiart_edge.model_file import read_model_file
from benchmarks.evidence import curves, main, order_of, shuffle

SAMPLES = Path(__file__).parents[2] / "samples"


class SeesTheMiddle:
    """A network that takes what is bright in one of 64 places for AI."""

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        p_ai = 0.05 + 0.9 * pixels[0, 24:32, 24:32].mean() / 255
        return np.array([p_ai, 1 - p_ai], np.float32)

    def close(self) -> None:
        pass


def test_who_covers_what_matters_first_has_the_lower_deletion_and_the_higher_insertion() -> None:
    description = ModelDescription("test", "float32", InputRule(64, 64), DecisionRule())
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[24:32, 24:32] = 255
    with Classifier(SeesTheMiddle, description) as classifier:
        order = order_of(classifier.explain(pixels))
        assert order[0] == 3 * 8 + 3
        found, reverse = (curves(classifier, pixels, each) for each in (order, order[::-1]))
    assert found[0] < reverse[0] - 0.2
    assert found[1] > reverse[1] + 0.2


def test_a_network_with_shuffled_weights_is_another_that_runs() -> None:
    network = read_model_file(EMBEDDED_MODEL).network
    shuffled = shuffle(network, 1)
    assert shuffled != network
    check_network(shuffled)


def test_the_command_prints_a_line_for_each_runtime() -> None:
    result = CliRunner().invoke(
        main, [str(SAMPLES), "--count", "2", "--curves", "0", "--sanity", "0"]
    )
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split("|")[2].strip() for line in lines] == ["runtime", "---", "litert", "tflite"]
