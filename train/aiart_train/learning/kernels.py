"""The kernels of convolutions, brought into the form that int8 gives them anyway."""

from __future__ import annotations

import keras
import numpy as np

_LARGEST = 127  # of int8 weights, which TFLite wants symmetric


def fold_scales(model: keras.Model) -> None:
    """Multiply kernels by what batch normalisation multiplies their channels by.

    The network computes what it did before. Converting would fold the scales as well (Jacob et al.
    2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", 3.2); done before training, steps of one size mean the same in every channel.

    Args:
        model: its convolutions and their batch normalisations get new weights.
    """
    convolutions = {id(layer.output): layer for layer in model.layers if _axes(layer)}
    for norm in model.layers:
        if not isinstance(norm, keras.layers.BatchNormalization) or not norm.scale:
            continue
        convolution = convolutions.get(id(norm.input))
        if convolution is None:
            continue
        gamma, *beta, mean, variance = norm.get_weights()
        scale = gamma / np.sqrt(variance + norm.epsilon)
        kernel, *bias = convolution.get_weights()
        along = scale[:, np.newaxis] if _is_depthwise(convolution) else scale
        convolution.set_weights([kernel * along, *(values * scale for values in bias)])
        ones = np.ones_like(gamma)
        norm.set_weights([ones, *beta, mean * scale, ones - norm.epsilon])


def round_kernels(model: keras.Model) -> None:
    """Round the kernels of convolutions to the 255 values per channel that int8 has for them.

    Converting moves them no further, so that the int8 network differs by what rounding its
    activations does alone. The scale of each output channel is TFLite's own ("TensorFlow Lite 8-bit
    quantization specification"), and survives what batch normalisation multiplies the channel by.

    Args:
        model: its convolutions get new kernels.
    """
    for layer in model.layers:
        if axes := _axes(layer):
            kernel, *bias = layer.get_weights()
            largest = np.abs(kernel).max(axes, keepdims=True)
            step = np.where(largest > 0, largest, 1) / _LARGEST
            layer.set_weights([np.round(kernel / step) * step, *bias])


def _is_depthwise(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.DepthwiseConv2D)


def _axes(layer: keras.Layer) -> tuple[int, ...]:
    """Give the axes of a kernel along which one channel lies; none for another layer."""
    if _is_depthwise(layer):  # [height, width, channels, 1]
        return (0, 1, 3)
    return (0, 1, 2) if isinstance(layer, keras.layers.Conv2D) else ()
