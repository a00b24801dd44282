"""From a Keras model to a TFLite network of a given precision."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from aiart_edge.decision import LABELS
from aiart_edge.errors import AiartError


def with_two_scores(model: keras.Model) -> keras.Model:
    """Give a classifier the edge's tensor contract: one picture in, p(ai) and p(human) out.

    A sigmoid neuron becomes the softmax of two, with half its weights and their negative:
    softmax([-z/2, z/2]) = [1 - sigmoid(z), sigmoid(z)].

    Args:
        model: ends in a dense layer of one sigmoid neuron, p(human), or of two softmax neurons,
            p(ai) and p(human).

    Returns:
        A model with input [1, height, width, 3] and output [1, 2].

    Raises:
        ValueError: the model ends in something else.
    """
    head = model.layers[-1]
    units, activation = getattr(head, "units", None), getattr(head, "activation", None)
    # Every part has a name: those that Keras counts up would make each conversion's bytes differ.
    pixels = keras.Input(model.input_shape[1:], batch_size=1, name="pixels")
    if units == len(LABELS) and activation is keras.activations.softmax:
        return keras.Model(pixels, model(pixels), name="two_scores")
    if units != 1 or activation is not keras.activations.sigmoid:
        raise ValueError(
            "Expected a last layer Dense(1, 'sigmoid') or Dense(2, 'softmax'). "
            f"Received {type(head).__name__}({units}, {getattr(activation, '__name__', None)!r})."
        )
    body = keras.Model(model.inputs, model.layers[-2].output, name="body")
    scores = keras.layers.Dense(len(LABELS), activation="softmax", name="scores")
    two = keras.Model(pixels, scores(body(pixels)), name="two_scores")
    kernel, bias = head.get_weights()
    scores.set_weights([np.hstack([-kernel, kernel]) / 2, np.concatenate([-bias, bias]) / 2])
    return two


def convert(
    model: keras.Model, precision: str, representative: Callable[[], Iterable[NDArray[np.uint8]]]
) -> bytes:
    """Convert a model that keeps the tensor contract.

    Args:
        model: see `with_two_scores`.
        precision: one of `aiart_convert.PRECISIONS`. `int8` is full-integer with uint8 pixels in
            and uint8 scores out, weights per channel.
        representative: gives uint8 of shape [1, height, width, 3] each; asked for `int8` only.

    Returns:
        A TFLite flatbuffer of builtin operators.

    Raises:
        ValueError: TensorFlow's converter refuses the model.
        AiartError: a representative picture cannot be read.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            model.export(folder, format="tf_saved_model", verbose=False)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            if precision == "int8":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.representative_dataset = lambda: (
                    [pixels.astype(np.float32)] for pixels in representative()
                )
                converter.inference_input_type = tf.uint8
                converter.inference_output_type = tf.uint8
            network: bytes = converter.convert()
    except AiartError:
        raise
    except Exception as error:  # TensorFlow's converter has no exception class of its own
        problem = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"TensorFlow cannot convert it to {precision}: {problem}") from error
    return network
