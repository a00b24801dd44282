"""Which layers int8 hurts, and int8 with some layers left in float32."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_PICTURES = 20  # to measure on; each layer's loss is a mean over thousands of values in each
_WEIGHTED = ("CONV", "FULLY_CONNECTED")  # in the names of operators that have weights
_LOSS = "loss"


@dataclass(frozen=True)
class LayerLoss:
    """What int8 costs at one operator of a network.

    Args:
        layers: names of the Keras layers that were fused into the operator, in the model's order.
        operator: as in TFLite's schema.
        tensor: name of its output in the TFLite network.
        loss: share of the output that is error: mean square error / (that + variance), the mean
            over channels, 0 to 1. The RMSE / scale of TensorFlow's guide misses a range that one
            channel stretches, since it counts in steps of that very range.
    """

    layers: tuple[str, ...]
    operator: str
    tensor: str
    loss: float


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


class PartialConverter:
    """Converts a model to int8 with some layers left in float32 (selective quantisation).

    Args:
        converter: set up for int8.
        model: what it converts.
    """

    def __init__(self, converter: tf.lite.TFLiteConverter, model: keras.Model) -> None:
        pictures = converter.representative_dataset  # the conversion puts one of its own there
        loss = _Loss()
        self._debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter,
            debug_dataset=lambda: islice(pictures(), _PICTURES),
            debug_options=_options(
                layer_debug_metrics={"difference": loss.take_difference},
                layer_direct_compare_metrics={_LOSS: loss.measure},
            ),
        )
        self._debugger.run()
        table = io.StringIO()
        self._debugger.layer_statistics_dump(table)
        names = tuple(layer_names(model))
        self.losses = tuple(
            LayerLoss(
                layers=_layers_of(row["tensor_name"], names),
                operator=row["op_name"],
                tensor=row["tensor_name"],
                loss=float(row[_LOSS]),
            )
            for row in csv.DictReader(io.StringIO(table.getvalue()))
        )
        """What int8 costs at each operator, in the order in which they run."""

    def convert(self, keep_float: Collection[str]) -> bytes:
        """Convert to int8 but for some layers.

        Args:
            keep_float: names of Keras layers; layers fused with them stay in float32 too.

        Returns:
            A TFLite flatbuffer, float32 in and out.

        Raises:
            ValueError: none of the layers has an operator of its own.
        """
        kept = [one.tensor for one in self.losses if set(keep_float) & set(one.layers)]
        if not kept:
            raise ValueError(f"the converter folds {', '.join(keep_float)} into other layers")
        self._debugger.options = _options(denylisted_nodes=kept)
        network: bytes = self._debugger.get_nondebug_quantized_model()
        return network

    def suggestions(self) -> Iterator[tuple[str, ...]]:
        """Propose layers to keep in float32: the worst, then the two worst, the four worst ...

        Yields:
            Names of layers, in the model's order; one of those that are fused stands for all.
        """
        worst = sorted(range(len(self.losses)), key=lambda place: -self.losses[place].loss)
        for doublings in range(len(worst).bit_length() + 1):
            yield self._with_readers(worst[: 2**doublings])

    def _with_readers(self, places: Sequence[int]) -> tuple[str, ...]:
        """Name operators and those behind each, up to the next one with weights.

        What an operator tells is lost as soon as one of them passes it on in int8.
        """
        kept: set[str] = set()
        for place in places:
            for one in self.losses[place:]:
                kept.update(one.layers[:1])
                behind = one is not self.losses[place]
                if behind and any(name in one.operator for name in _WEIGHTED):
                    break
        names = (one.layers[0] for one in self.losses)
        return tuple(dict.fromkeys(name for name in names if name in kept))


def _options(**options: object) -> tf.lite.experimental.QuantizationDebugOptions:
    return tf.lite.experimental.QuantizationDebugOptions(**options)


class _Loss:
    """Measures operators from both of what the debugger offers of each.

    It gives the difference from float32 to one kind of metric, and the values to another, later
    and in the same order. Of those the float32 ones are not to be used: they lie in memory that
    other operators have written to since.
    """

    def __init__(self) -> None:
        self._differences: deque[NDArray[np.float32]] = deque()

    def take_difference(self, difference: NDArray[np.float32]) -> float:
        self._differences.append(difference)
        return 0.0

    def measure(
        self, _expected: object, steps: NDArray[np.generic], scale: float, zero_point: int
    ) -> float:
        difference = self._differences.popleft().astype(np.float64)
        values = (steps.astype(np.float64) - zero_point) * scale
        # A dense layer's units have one value a picture: the variance is that among them.
        axes = tuple(range(values.ndim - 1)) if values.size > values.shape[-1] else None
        error, variance = np.square(difference).mean(axes), values.var(axes)
        total = error + variance
        return float(np.divide(error, total, out=np.zeros_like(total), where=total > 0).mean())


def _layers_of(tensor: str, names: Sequence[str]) -> tuple[str, ...]:
    """Find a fused operator's layers in `body_1/conv2d_1/Relu;body_1/conv2d_1/BiasAdd`."""
    # Keras puts a number behind each layer's name when it traces a model for the second time.
    parts = {re.sub(r"_\d+$", "", part) for part in re.split("[/;]", tensor)}
    # The network's output has a name of TensorFlow's own; it is the last layer's.
    return tuple(name for name in names if name in parts) or (names[-1],)
