"""From Keras to TFLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from aiart_convert import PRECISIONS, TARGETS
from aiart_convert.conversion import to_network
from aiart_convert.inspection import inspect_file
from aiart_convert.operators import operators, unsupported
from aiart_convert.quantize import (
    Form,
    convert,
    find_shift,
    partial_converter,
    with_two_scores,
)
from aiart_convert.source import Source
from aiart_edge import InputRule
from aiart_edge.runtime import load_network
from aiart_train.evaluation.evaluate import to_scores
from aiart_train.learning.kernels import round_kernels

RULE = InputRule(12, 16)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 1, 12, 16, 3)).astype(np.float32)


def build(*head: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(0)
    body = [keras.Input((12, 16, 3)), layers.Rescaling(1 / 255), layers.Flatten()]
    return keras.Sequential([*body, *head])


def small_network(batch: int = 1, shift: float = 0.0) -> keras.Model:
    """Build a network with a convolution, whose two layers fuse, and two dense layers."""
    keras.utils.set_random_seed(0)
    body = [
        keras.Input((12, 16, 3)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, name="seen"),
        layers.ReLU(name="cut"),
        layers.Flatten(name="flat"),
        layers.Dense(8, name="mixed"),
        layers.Dense(1, activation="sigmoid"),
    ]
    return with_two_scores(keras.Sequential(body), RULE, batch=batch, shift=shift)


def some_pixels() -> Iterator[NDArray[np.uint8]]:
    yield np.stack([np.zeros((12, 16, 3)), np.full((12, 16, 3), 255)]).astype(np.uint8)[:1]
    yield np.full((1, 12, 16, 3), 255, dtype=np.uint8)
    yield from PIXELS.astype(np.uint8)


def edge_drift(network: bytes, model: keras.Model) -> float:
    """Score with the edge's runtime, and give the largest difference from Keras."""
    loaded, (batch, *_) = load_network(network), model.input_shape
    return max(
        float(np.abs(loaded.scores(pixels.astype(np.uint8)) - model(many)[0]).max())
        for pixels, many in ((pixels, np.repeat(pixels, batch, axis=0)) for pixels in PIXELS)
    )


def test_a_sigmoid_neuron_becomes_two_scores_that_say_the_same() -> None:
    model = build(layers.Dense(1, activation="sigmoid", bias_initializer="ones"))
    two = with_two_scores(model, RULE)
    assert two.input_shape == (1, 12, 16, 3)
    for pixels in PIXELS:
        p_human = float(model(pixels)[0, 0])
        assert np.asarray(two(pixels)) == pytest.approx(
            np.array([[1 - p_human, p_human]]), abs=1e-6
        )


HEADS: dict[str, Callable[[], list[layers.Layer]]] = {
    "softmax": lambda: [layers.Dense(2, activation="softmax")],
    "softmax apart": lambda: [layers.Dense(2), layers.Softmax()],
    "sigmoid apart": lambda: [layers.Dense(1, use_bias=False), layers.Activation("sigmoid")],
    "nested": lambda: [keras.Sequential([layers.Dense(1), layers.Activation("sigmoid")])],
    "no dense layer": lambda: [
        layers.Reshape((12, 16, 3)),
        layers.Conv2D(2, 3),
        layers.GlobalAveragePooling2D(),
        layers.Activation("softmax"),
    ],
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("labels", [("ai", "human"), ("human", "ai")])
def test_any_head_of_one_sigmoid_or_two_softmax_says_the_same_in_the_order_of_the_edge(
    labels: tuple[str, str], clipped: bool, head: str
) -> None:
    model = build(*HEADS[head]())
    two = with_two_scores(model, RULE, labels=labels, clipped=clipped)
    for pixels in PIXELS:
        scores = to_scores(np.asarray(model(pixels)))
        expected = scores if labels == ("ai", "human") else scores[:, ::-1]
        assert np.asarray(two(pixels)) == pytest.approx(expected, abs=1e-6)


def test_clipping_cuts_off_only_what_steps_of_int8_cannot_tell_from_0_and_1() -> None:
    for z, p_human in (
        (-50, 1 / 404.4),
        (-5.9, 1 / 366),
        (0, 0.5),
        (5.9, 1 - 1 / 366),
        (50, 0.99753),
    ):
        head = layers.Dense(
            1,
            "sigmoid",
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(z),
        )
        two = with_two_scores(build(head), RULE, clipped=True)
        assert float(two(PIXELS[0])[0, 1]) == pytest.approx(p_human, abs=1e-4)


def test_a_model_for_pictures_of_any_size_gets_the_rules() -> None:
    any_size = [keras.Input((None, None, 3)), layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*any_size, layers.Dense(1, activation="sigmoid")])
    assert with_two_scores(model, InputRule(30, 20)).input_shape == (1, 30, 20, 3)


@pytest.mark.parametrize(
    "head", [layers.Dense(10, activation="softmax"), layers.Dense(1), layers.Flatten()]
)
def test_another_head_is_refused(head: layers.Layer) -> None:
    with pytest.raises(
        ValueError, match="Expected a model that ends in one sigmoid or two softmax"
    ):
        with_two_scores(build(head), RULE)


def test_a_model_beyond_the_builtin_operators_is_refused_with_the_reason() -> None:
    class Exotic(layers.Layer):  # type: ignore[misc]
        def call(self, inputs: object) -> object:
            import tensorflow as tf

            return tf.raw_ops.Betainc(a=1.0 + 0 * inputs, b=2.0 + 0 * inputs, x=0.5 + 0 * inputs)

    two = with_two_scores(build(Exotic(), layers.Dense(2, activation="softmax")), RULE)
    with pytest.raises(ValueError, match="TensorFlow cannot convert it to float32"):
        convert(two, "float32", list)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_answers_as_keras_does_and_runs_on_the_oldest_runtime(
    precision: str,
) -> None:
    model = small_network()
    network = convert(model, precision, some_pixels)
    assert edge_drift(network, model) < 0.01
    assert unsupported(network, "tflite") == ()


@pytest.mark.parametrize("io", ["float32", "uint8", "int8"])
def test_an_int8_network_takes_pixels_and_gives_scores_of_any_type(io: str) -> None:
    model = small_network()
    network = convert(model, "int8", some_pixels, Form(io=io))
    assert edge_drift(network, model) < 0.01
    assert ("QUANTIZE" in dict(operators(network))) == (io != "int8")


@pytest.mark.filterwarnings("ignore:.*scheduled for deletion:UserWarning")
def test_int8_leaves_kernels_that_training_rounded_as_they_are() -> None:
    convolution, norm = layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization()
    head = layers.Dense(1, activation="sigmoid")
    model = build(layers.Reshape((12, 16, 3)), convolution, norm, layers.Flatten(), head)
    norm.set_weights([np.array([0.1, 1, -2, 30]), np.ones(4), np.ones(4), np.full(4, 0.5)])
    round_kernels(model)
    network = convert(with_two_scores(model, RULE), "int8", some_pixels)
    interpreter = tf.lite.Interpreter(model_content=network)
    (kernel,) = (
        tensor["quantization_parameters"]["scales"][:, None, None, None]
        * interpreter.tensor(tensor["index"])()
        for tensor in interpreter.get_tensor_details()
        if tuple(tensor["shape"]) == (4, 3, 3, 3)
    )
    gamma, _, _, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon) / 255  # the pixels' own is folded in, too
    folded = convolution.get_weights()[0] * scale
    assert kernel == pytest.approx(folded.transpose(3, 0, 1, 2), rel=1e-4, abs=1e-9)


def test_a_type_that_a_precision_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot convert it to float16: The inference_input_type"):
        convert(small_network(), "float16", some_pixels, Form(io="uint8"))


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_network_for_a_batch_still_scores_one_picture(precision: str) -> None:
    model = small_network(batch=4)
    assert edge_drift(convert(model, precision, some_pixels), model) < 0.01


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_network_takes_as_many_pictures_at_once_as_it_was_asked_to(
    precision: str, tmp_path: Path
) -> None:
    path = tmp_path / "network.tflite"
    path.write_bytes(convert(small_network(batch=4), precision, some_pixels))
    ends = {one.role: one.shape for one in inspect_file(path).tensors if one.role}
    assert (ends["input"], ends["output"]) == ((4, 12, 16, 3), (4, 2))


def test_an_operator_that_the_old_runtime_does_not_know_is_named() -> None:
    class Root(layers.Layer):  # type: ignore[misc]
        def call(self, inputs: object) -> object:
            return keras.ops.sqrt(inputs)

    model = with_two_scores(build(Root(), layers.Dense(2, activation="softmax")), RULE)
    network = convert(model, "int8", some_pixels)
    assert unsupported(network, "tflite") == ("SQRT version 2 (tflite-runtime 2.14 knows 1)",)
    assert unsupported(network, "litert") == ()


def test_the_layer_with_one_channel_out_of_range_suffers_most_from_int8() -> None:
    model = small_network()
    body = model.get_layer("body")
    kernel, bias = body.get_layer("seen").get_weights()
    stretch = np.array([10_000, 1, 1, 1])  # the other channels fall between two steps
    body.get_layer("seen").set_weights([kernel * stretch, bias])
    with partial_converter(model, some_pixels) as converter:
        worst, *rest = sorted(converter.losses, key=lambda one: -one.loss)
        assert worst.layers == ("seen", "cut")
        assert worst.loss > 2 * rest[0].loss
        assert next(converter.suggestions()) == ("seen", "flat", "mixed")


def test_a_layer_that_is_kept_in_float32_has_float32_weights() -> None:
    model = small_network()
    whole = convert(model, "int8", some_pixels)
    partly = convert(model, "int8", some_pixels, Form(keep_float=("mixed",)))
    weights = model.get_layer("body").get_layer("mixed").get_weights()[0]
    assert weights.T.tobytes() in partly
    assert weights.T.tobytes() not in whole
    assert edge_drift(partly, model) < 0.01


def test_a_layer_to_keep_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"keep among .*seen, cut.* Received nowhere\."):
        convert(small_network(), "int8", some_pixels, Form(keep_float=("seen", "nowhere")))


@pytest.mark.parametrize("io", ["float32", "uint8", "int8"])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_network_that_drifted_one_way_is_shifted_the_other_way(io: str, batch: int) -> None:
    drifted = convert(small_network(batch, shift=0.3), "int8", some_pixels, Form(io, batch))
    assert find_shift(small_network(batch), drifted, some_pixels) == pytest.approx(-0.3, abs=0.05)


def test_what_8_bit_weights_move_one_way_is_moved_back() -> None:
    source = Source(Path("model.keras"), "small", (), Path(), "")
    mixed, head = layers.Dense(2), layers.Dense(1, "sigmoid", kernel_initializer="ones")
    model = build(mixed, head)
    kernel = np.full((12 * 16 * 3, 2), 0.001)  # beside a weight of 1, it is rounded to nothing
    kernel[0] = 1
    mixed.set_weights([kernel, np.zeros(2)])
    form = Form(target="litert")
    plain, network = to_network(source, model, RULE, "dynamic", form, some_pixels)
    before = find_shift(plain, convert(plain, "dynamic", some_pixels, form), some_pixels)
    assert before > 0.1
    assert abs(find_shift(plain, network, some_pixels)) < 0.2 * before


def test_dense_layers_of_8_bit_weights_have_a_scale_a_channel_where_the_runtime_knows_it() -> None:
    from ai_edge_litert.interpreter import Interpreter

    scales = {}
    for target in TARGETS:
        network = convert(small_network(), "dynamic", some_pixels, Form(target=target))
        tensors = Interpreter(model_content=network).get_tensor_details()
        (kernel,) = (tensor for tensor in tensors if tensor["shape"].tolist() == [8, 560])
        assert kernel["dtype"] == np.int8
        scales[target] = len(kernel["quantization_parameters"]["scales"])
    assert scales == {"tflite": 1, "litert": 8}
