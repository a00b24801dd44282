"""From Keras to TFLite."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from aiart_convert.quantize import convert, with_two_scores

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 1, 12, 16, 3)).astype(np.float32)


def build(*head: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(0)
    body = [keras.Input((12, 16, 3)), layers.Rescaling(1 / 255), layers.Flatten()]
    return keras.Sequential([*body, *head])


def test_a_sigmoid_neuron_becomes_two_scores_that_say_the_same() -> None:
    model = build(layers.Dense(1, activation="sigmoid", bias_initializer="ones"))
    two = with_two_scores(model)
    assert two.input_shape == (1, 12, 16, 3)
    for pixels in PIXELS:
        p_human = float(model(pixels)[0, 0])
        assert np.asarray(two(pixels)) == pytest.approx(
            np.array([[1 - p_human, p_human]]), abs=1e-6
        )


def test_two_softmax_neurons_stay_as_they_are() -> None:
    model = build(layers.Dense(2, activation="softmax"))
    two = with_two_scores(model)
    for pixels in PIXELS:
        assert np.asarray(two(pixels)) == pytest.approx(np.asarray(model(pixels)), abs=1e-6)


@pytest.mark.parametrize(
    "head", [layers.Dense(10, activation="softmax"), layers.Dense(1), layers.Flatten()]
)
def test_another_head_is_refused(head: layers.Layer) -> None:
    with pytest.raises(ValueError, match="Expected a last layer"):
        with_two_scores(build(head))


def test_a_model_beyond_the_builtin_operators_is_refused_with_the_reason() -> None:
    class Exotic(layers.Layer):  # type: ignore[misc]
        def call(self, inputs: object) -> object:
            import tensorflow as tf

            return tf.raw_ops.Betainc(a=1.0 + 0 * inputs, b=2.0 + 0 * inputs, x=0.5 + 0 * inputs)

    two = with_two_scores(build(Exotic(), layers.Dense(2, activation="softmax")))
    with pytest.raises(ValueError, match="TensorFlow cannot convert it to float32"):
        convert(two, "float32", list)
