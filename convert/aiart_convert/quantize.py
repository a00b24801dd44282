"""From a Keras model to a TFLite network of a given precision."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from aiart_convert.sensitivity import LayerError, convert_partly, layer_names, measure_layers
from aiart_edge.decision import LABELS
from aiart_edge.errors import AiartError

Representative = Callable[[], Iterable[NDArray[np.uint8]]]

CALIBRATED = ("int8", "int16x8")  # the precisions that need representative pictures

_INT16X8 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


def with_two_scores(model: keras.Model, batch: int = 1) -> keras.Model:
    """Give a classifier the edge's tensor contract: pictures in, p(ai) and p(human) out.

    A sigmoid neuron becomes the softmax of two, with half its weights and their negative:
    softmax([-z/2, z/2]) = [1 - sigmoid(z), sigmoid(z)].

    Args:
        model: ends in a dense layer of one sigmoid neuron, p(human), or of two softmax neurons,
            p(ai) and p(human).
        batch: how many pictures go in at once. Default 1.

    Returns:
        A model with input [batch, height, width, 3] and output [batch, 2].

    Raises:
        ValueError: the model ends in something else.
    """
    head = model.layers[-1]
    units, activation = getattr(head, "units", None), getattr(head, "activation", None)
    # Every part has a name: those that Keras counts up would make each conversion's bytes differ.
    pixels = keras.Input(model.input_shape[1:], batch_size=batch, name="pixels")
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
    model: keras.Model,
    precision: str,
    representative: Representative,
    *,
    io: str | None = None,
    keep_float: Sequence[str] = (),
) -> bytes:
    """Convert a model that keeps the tensor contract.

    Args:
        model: see `with_two_scores`.
        precision: one of `aiart_convert.PRECISIONS`. `float16` and `dynamic` (8-bit weights) keep
            float activations, `int8` is full-integer with weights per channel, `int16x8` has
            16-bit activations and 8-bit weights.
        representative: gives uint8 of shape [1, height, width, 3] each; asked for `CALIBRATED`
            precisions only.
        io: dtype of pixels and scores; `uint8` and `int8` are for the precision `int8` alone.
            Default `uint8` for `int8` and `float32` for all else.
        keep_float: names of Keras layers that `int8` shall leave in float32; pixels and scores
            are float32 then. Default none.

    Returns:
        A TFLite flatbuffer of builtin operators.

    Raises:
        ValueError: TensorFlow's converter refuses the model, or a layer to keep is not there.
        AiartError: a representative picture cannot be read.
    """
    if unknown := sorted(set(keep_float).difference(layer_names(model))):
        raise ValueError(
            f"Expected layers to keep among {', '.join(layer_names(model))}. "
            f"Received {', '.join(unknown)}."
        )
    with _problems(precision), _converter(model, precision, representative) as converter:
        if keep_float:
            return convert_partly(converter, model, keep_float)
        io = io or ("uint8" if precision == "int8" else "float32")
        converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
        network: bytes = converter.convert()
        return network


def layer_errors(model: keras.Model, representative: Representative) -> tuple[LayerError, ...]:
    """Say which layers suffer from int8.

    Args:
        model: see `with_two_scores`.
        representative: see `convert`.

    Returns:
        The layers, the worst first.

    Raises:
        ValueError: TensorFlow's converter refuses the model.
        AiartError: a representative picture cannot be read.
    """
    with _problems("int8"), _converter(model, "int8", representative) as converter:
        return measure_layers(converter, model)


@contextmanager
def _problems(precision: str) -> Iterator[None]:
    try:
        yield
    except AiartError:
        raise
    except Exception as error:  # TensorFlow's converter has no exception class of its own
        problem = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"TensorFlow cannot convert it to {precision}: {problem}") from error


@contextmanager
def _converter(
    model: keras.Model, precision: str, representative: Representative
) -> Iterator[tf.lite.TFLiteConverter]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # tf.lite announces its deletion; setup.cfg admits only a TensorFlow that has it.
        warnings.filterwarnings("ignore", ".*is scheduled for deletion", UserWarning)
        model.export(folder, format="tf_saved_model", verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "dynamic":
            # tflite-runtime 2.14 knows dense layers with one scale only.
            converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        if precision in CALIBRATED:
            operators = tf.lite.OpsSet.TFLITE_BUILTINS_INT8 if precision == "int8" else _INT16X8
            converter.target_spec.supported_ops = [operators]
            converter.representative_dataset = lambda: _batches(
                representative(), model.input_shape[0]
            )
        yield converter


def _batches(
    pictures: Iterable[NDArray[np.uint8]], size: int
) -> Iterator[list[NDArray[np.float32]]]:
    pictures = iter(pictures)
    while batch := list(islice(pictures, size)):
        batch += [batch[-1]] * (size - len(batch))
        yield [np.concatenate(batch).astype(np.float32)]
