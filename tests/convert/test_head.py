"""What makes a network's logit, found in the network, and whether it adds up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import Result
from keras import layers
from numpy.typing import NDArray

from aiart_convert import PRECISIONS
from aiart_convert.edge_process import installed_runtimes
from aiart_convert.head import find_head, measure_completeness
from aiart_convert.quantize import convert, with_two_scores
from aiart_edge import Classifier, DecisionRule, Explanation, InputRule, ModelDescription
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.model_file import Head, read_model_file, write_model_file
from aiart_train.learning.architectures.head import add_head, add_neuron

Command = Callable[..., Result]

RULE = InputRule(32, 48)
PICTURES = [
    np.random.default_rng(seed).integers(0, 200 + 5 * seed, (32, 48, 3)).astype(np.uint8)
    for seed in range(8)
]


def representative() -> Iterator[NDArray[np.uint8]]:
    for picture in PICTURES:
        yield picture[np.newaxis]


def build(levels: int = 2, activation: str = "relu6") -> keras.Model:
    """Build a network whose head sees the maps of two levels, with weights drawn at random."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((32, 48, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-1)(pixels)
    fine = layers.Conv2D(8, 5, 2, "same", activation=activation)(x)
    coarse = layers.Conv2D(16, 5, 3, "same", activation=activation)(fine)
    return with_slope(add_head(pixels, [fine, coarse][-levels:], "test", 0.0))


def with_slope(model: keras.Model) -> keras.Model:
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([3 * kernel, bias + 0.5])
    return model


@pytest.fixture(scope="module")
def networks() -> dict[str, bytes]:
    model = build()
    return {
        precision: convert(
            with_two_scores(model, RULE, clipped=precision == "int8"), precision, representative
        )
        for precision in PRECISIONS
    }


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_evidence_adds_up_with_every_precision_and_runtime(
    precision: str, networks: dict[str, bytes]
) -> None:
    head = find_head(networks[precision])
    assert head
    assert [first for _, first in head.maps] == [0, 8]
    found = measure_completeness(
        networks[precision], head, PICTURES, RULE, installed_runtimes(precision)
    )
    assert found.holds, found


def test_a_place_has_what_keras_finds_there(networks: dict[str, bytes], tmp_path: Path) -> None:
    model = build(levels=1)
    network = convert(with_two_scores(model, RULE), "float32", representative)
    found = explain(network, "float32", PICTURES[0], tmp_path)
    features = keras.Model(model.inputs[0], model.get_layer("pool0").input)
    seen = np.asarray(features(PICTURES[0][np.newaxis].astype(np.float32)))[0]
    kernel, bias = model.layers[-1].get_weights()  # of human art
    assert found.evidence == pytest.approx(-seen @ kernel[:, 0] / seen[..., 0].size, abs=1e-5)
    assert found.intercept == pytest.approx(-bias[0])


def explain(
    network: bytes, precision: str, picture: NDArray[np.uint8], folder: Path
) -> Explanation:
    path = folder / "model.tflite"
    write_model_file(path, network, describe(precision, find_head(network)))
    with Classifier.load(path) as classifier:
        return classifier.explain(picture)


def describe(precision: str, head: Head | None) -> ModelDescription:
    return ModelDescription("test", precision, RULE, DecisionRule(), head=head)


def test_maps_of_both_signs_add_up_too() -> None:
    model = with_two_scores(build(activation="swish"), RULE)
    network = convert(model, "int8", representative)
    head = find_head(network)
    assert head
    assert (
        measure_completeness(network, head, PICTURES, RULE, installed_runtimes("int8")).sum < 0.01
    )


def test_the_mean_of_patches_has_places_and_the_token_before_them_has_none(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 48, 3), name="pixels")
    x = layers.Reshape((24, 64 * 3))(layers.Rescaling(1 / 128, offset=-1)(pixels))
    x = layers.Dense(12)(layers.ZeroPadding1D((1, 0))(x))
    first = layers.Flatten()(layers.Cropping1D((0, 24))(x))
    mean = layers.GlobalAveragePooling1D()(layers.Cropping1D((1, 0))(x))
    model = add_neuron(pixels, layers.Concatenate()([first, mean]), "tokens", 0.0)
    network = convert(with_two_scores(model, RULE), "float32", representative)
    head = find_head(network)
    assert head
    assert [first for _, first in head.maps] == [12]
    found = explain(network, "float32", PICTURES[0], tmp_path)
    assert found.evidence.shape == (4, 6)
    assert found.evidence.sum() + found.intercept == pytest.approx(found.logit, abs=1e-4)


@pytest.mark.parametrize(
    "behind",
    [
        [layers.Flatten()],
        [layers.GlobalMaxPooling2D()],
        [layers.GlobalAveragePooling2D(), layers.Dense(4, "relu")],
        [layers.AveragePooling2D(4), layers.Flatten()],
    ],
    ids=["flat", "maximum", "dense", "some places"],
)
def test_a_head_that_is_not_linear_in_pooled_maps_is_none(behind: Sequence[layers.Layer]) -> None:
    pixels = keras.Input((32, 48, 3), name="pixels")
    x = layers.Conv2D(4, 3, 4, activation="relu")(pixels)
    for layer in behind:
        x = layer(x)
    model = with_two_scores(add_neuron(pixels, x, "other", 0.0), RULE)
    assert find_head(convert(model, "float32", representative)) is None


def test_the_embedded_file_says_what_its_network_is() -> None:
    model = read_model_file(EMBEDDED_MODEL)
    assert model.description.head == find_head(model.network)


def test_an_older_file_is_renewed_and_its_network_stays(
    networks: dict[str, bytes], tmp_path: Path, aiart_convert: Command
) -> None:
    old, network = tmp_path / "old.tflite", networks["float32"]
    write_model_file(old, network, describe("float32", None))
    result = aiart_convert("renew", old)
    assert result.exit_code == 0, result.stderr
    renewed = read_model_file(old)
    assert renewed.network == network
    assert renewed.description == describe("float32", find_head(network))


def test_a_file_whose_head_is_another_is_not_renewed(
    tmp_path: Path, aiart_convert: Command, one_line: Callable[[Result], str]
) -> None:
    path = tmp_path / "model.tflite"
    pixels = keras.Input((32, 48, 3), name="pixels")
    model = add_neuron(pixels, layers.Flatten()(pixels), "flat", 0.0)
    network = convert(with_two_scores(model, RULE), "float32", representative)
    write_model_file(path, network, describe("float32", None))
    before = path.read_bytes()
    assert "explained by occlusion" in one_line(aiart_convert("renew", path))
    assert path.read_bytes() == before
