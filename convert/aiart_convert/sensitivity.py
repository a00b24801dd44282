"""Which layers int8 hurts, and int8 with some layers left in float32."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import keras
import numpy as np
import tensorflow as tf

_PICTURES = 20  # to measure on; each layer's error is a mean over thousands of values in each


@dataclass(frozen=True)
class LayerError:
    """What int8 costs at one operator of a network.

    Args:
        layers: names of the Keras layers that were fused into the operator, in the model's order.
        tensor: name of its output in the TFLite network.
        error: root mean square of the difference from float32, in steps of the output's
            quantisation. Rounding alone gives 1 / sqrt(12), or 0.29.
    """

    layers: tuple[str, ...]
    tensor: str
    error: float


def layer_names(model: keras.Model) -> Iterator[str]:
    """List the layers of a model and of the models in it.

    Args:
        model: any.

    Yields:
        Their names, in the model's order.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layer_names(layer)
        else:
            yield layer.name


def measure_layers(
    converter: tf.lite.TFLiteConverter, model: keras.Model
) -> tuple[LayerError, ...]:
    """Compare each int8 operator with its float32 twin on the first representative pictures.

    The measure is RMSE / scale of TensorFlow's guide to its QuantizationDebugger.

    Args:
        converter: set up for int8.
        model: what it converts.

    Returns:
        The operators, the worst first.
    """
    return _measure(_debugger(converter), model)


def convert_partly(
    converter: tf.lite.TFLiteConverter, model: keras.Model, keep_float: Sequence[str]
) -> bytes:
    """Convert to int8, with some layers left in float32 (selective quantisation).

    Args:
        converter: set up for int8.
        model: what it converts.
        keep_float: names of Keras layers; layers fused with them stay in float32 too.

    Returns:
        A TFLite flatbuffer, float32 in and out.

    Raises:
        ValueError: none of the layers has an operator of its own.
    """
    debugger = _debugger(converter)
    operators = _measure(debugger, model)
    kept = [operator.tensor for operator in operators if set(keep_float) & set(operator.layers)]
    if not kept:
        raise ValueError(f"the converter folds {', '.join(keep_float)} into other layers")
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=kept)
    network: bytes = debugger.get_nondebug_quantized_model()
    return network


def _debugger(converter: tf.lite.TFLiteConverter) -> tf.lite.experimental.QuantizationDebugger:
    pictures = converter.representative_dataset  # the conversion puts an object of its own there
    return tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=lambda: islice(pictures(), _PICTURES)
    )


def _measure(
    debugger: tf.lite.experimental.QuantizationDebugger, model: keras.Model
) -> tuple[LayerError, ...]:
    debugger.run()
    table = io.StringIO()
    debugger.layer_statistics_dump(table)
    names = tuple(layer_names(model))
    operators = (
        LayerError(
            layers=_layers_of(row["tensor_name"], names),
            tensor=row["tensor_name"],
            error=float(np.sqrt(float(row["mean_squared_error"])) / float(row["scale"])),
        )
        for row in csv.DictReader(io.StringIO(table.getvalue()))
    )
    return tuple(sorted(operators, key=lambda operator: -operator.error))


def _layers_of(tensor: str, names: Sequence[str]) -> tuple[str, ...]:
    """Find a fused operator's layers in `body_1/conv2d_1/Relu;body_1/conv2d_1/BiasAdd`."""
    # Keras puts a number behind each layer's name when it traces a model for the second time.
    parts = {re.sub(r"_\d+$", "", part) for part in re.split("[/;]", tensor)}
    # The network's output has a name of TensorFlow's own; it is the last layer's.
    return tuple(name for name in names if name in parts) or (names[-1],)
