"""Any Keras classifier with one sigmoid or two softmax outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import Result

from aiart_edge import Classifier
from aiart_edge.model_file import read_model_file

Command = Callable[..., Result]

BRIGHT = 1 / 20  # the weight of a mean of pixels; drawn AI art is dark, human art bright
MIDDLE = 110 * BRIGHT


def build(outputs: int, sign: int, side: int | None = None) -> keras.Model:
    """Build a network whose last output is high for bright pictures, or with sign -1 for dark."""
    pixels = keras.Input((side, side, 3))
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    head = keras.layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax")
    model = keras.Model(pixels, head(means))
    kernel, bias = np.full((3, 1), sign * BRIGHT / 3), np.array([-sign * MIDDLE])
    if outputs == 2:
        kernel, bias = np.hstack([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2
    head.set_weights([kernel, bias])
    return model


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize(("labels", "sign"), [("ai,human", 1), ("human,ai", -1)])
def test_it_is_converted_with_data_alone_in_either_order_of_labels(
    labels: str, sign: int, outputs: int, art: Path, aiart_convert: Command, tmp_path: Path
) -> None:
    source = tmp_path / "another.keras"
    build(outputs, sign).save(source)
    options = ("--data", art, "--labels", labels, "--size", "64", "--quantize", "int8")
    result = aiart_convert(source, *options, "--quantize", "float32")
    assert result.exit_code == 0, result.stderr
    for precision in ("int8", "float32"):
        path = tmp_path / f"another-{precision}.tflite"
        description = read_model_file(path).description
        assert (description.input.height, description.input.width) == (64, 64)
        assert len(description.origin["data_sha256"]) == 64
        for figures in json.loads(Path(f"{path}.json").read_text())["runtimes"]:
            assert figures["accuracy"] == figures["keras_accuracy"] > 0.9
        with Classifier.load(path) as classifier:
            assert classifier.classify(art / "AiArt" / "07.png").p_ai > 0.5
            assert classifier.classify(art / "RealArt" / "07.png").p_ai < 0.5


@pytest.mark.parametrize(
    ("side", "options", "problem"),
    [
        (None, (), "choose one with  --size"),
        (96, ("--size", "64"), "of 96 x 96 pixels alone"),
        (96, ("--data", "missing"), "the data folder is not there"),
    ],
)
def test_what_does_not_fit_is_one_line(
    side: int | None,
    options: tuple[str, ...],
    problem: str,
    art: Path,
    aiart_convert: Command,
    one_line: Callable[[Result], str],
    tmp_path: Path,
) -> None:
    source = tmp_path / "another.keras"
    build(1, 1, side).save(source)
    result = aiart_convert(source, "--quantize", "int8", "--data", art, *options)
    assert problem in one_line(result)
