"""Kernels in the form that int8 gives them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from aiart_train.learning.kernels import fold_scales, round_kernels


@pytest.fixture
def model() -> keras.Model:
    """Convolutions with and without a bias, and batch normalisation with and without a shift."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3)(pixels)
    x = keras.layers.BatchNormalization(name="shifted")(x)
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=1, use_bias=False)(x)
    x = keras.layers.BatchNormalization(center=False, name="centred")(x)
    x = keras.layers.BatchNormalization(name="alone")(x)  # no convolution to fold into
    model = keras.Model(pixels, x)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 3, 4) for _ in layer.get_weights()])
    return model


def test_kernels_are_rounded_to_whole_steps_of_int8_in_each_channel() -> None:
    keras.utils.set_random_seed(0)
    convolutions = (keras.layers.Conv2D(4, 3), keras.layers.DepthwiseConv2D(3, use_bias=False))
    model = keras.Sequential([keras.Input((8, 8, 3)), *convolutions])
    before = [layer.get_weights() for layer in convolutions]
    before[0][0][..., 1] = 0  # a dead channel
    convolutions[0].set_weights(before[0])
    round_kernels(model)
    for layer, (kernel, *bias), channel in zip(convolutions, before, (3, 2), strict=True):
        rounded, *kept = layer.get_weights()
        step = np.abs(kernel).max(tuple({0, 1, 2, 3} - {channel}), keepdims=True) / 127
        steps = np.divide(rounded, step, out=np.zeros_like(rounded), where=step > 0)
        assert steps == pytest.approx(np.round(steps), abs=1e-4)
        assert (np.abs(rounded - kernel) <= 0.501 * step).all()
        assert [values.tolist() for values in kept] == [values.tolist() for values in bias]


def test_a_folded_network_computes_what_it_did(model: keras.Model) -> None:
    pixels = np.random.default_rng(1).normal(size=(5, 8, 8, 3))
    before = model.predict(pixels, verbose=0)
    fold_scales(model)
    assert model.predict(pixels, verbose=0) == pytest.approx(before, rel=1e-4, abs=1e-4)


def test_what_follows_a_folded_kernel_only_shifts(model: keras.Model) -> None:
    fold_scales(model)
    for name, folded in (("shifted", True), ("centred", True), ("alone", False)):
        norm = model.get_layer(name)
        gamma, *_, variance = norm.get_weights()
        assert np.allclose(gamma / np.sqrt(variance + norm.epsilon), 1) == folded
