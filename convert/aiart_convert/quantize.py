"""From a Keras model to a TFLite network of a given precision."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from aiart_convert import INTEGER, TARGETS
from aiart_convert.representative import PICTURES
from aiart_convert.sensitivity import PartialConverter, layer_names
from aiart_edge.decision import LABELS
from aiart_edge.errors import AiartError
from aiart_edge.image import InputRule
from aiart_edge.runtime import Network

Representative = Callable[[], Iterable[NDArray[np.uint8]]]

# From a model's output, by its kind, to p(ai) and p(human): a dense layer's weights.
_PROBABILITIES = {
    "sigmoid": (np.array([[-1.0, 1.0]]), np.array([1.0, 0.0])),
    "softmax": (np.eye(2), np.zeros(2)),
}

# How far logits may lie apart on two processors, where nobody has measured it.
_APART, _ROUNDED_APART = 0.01, 1.0

_INT16X8 = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8


@dataclass(frozen=True)
class Form:
    """How converted files shall be.

    Args:
        io: dtype of pixels and scores; `uint8` and `int8` are for the precision `int8` alone, and
            not with `keep_float`. Default `uint8` where it can be, else `float32`.
        batch: how many pictures go in at once. Default 1.
        calibration: how many pictures to calibrate on. Default 200.
        keep_float: names of Keras layers that `int8` leaves in float32. Default none.
        target: one of `aiart_convert.TARGETS`, the runtime that must know every operator. Default
            `tflite`.
        tolerance: how far logits may lie apart on two processors, of a network that is not
            full-integer. Default .01, and for `dynamic` 1.
    """

    io: str | None = None
    batch: int = 1
    calibration: int = PICTURES
    keep_float: tuple[str, ...] = ()
    target: str = "tflite"
    tolerance: float | None = None

    def tolerance_for(self, precision: str) -> float | None:
        """Say how far the logits of golden pictures may lie apart.

        Args:
            precision: one of `aiart_convert.PRECISIONS`.

        Returns:
            The distance; None for a network whose bits are the same everywhere.
        """
        if precision in INTEGER:
            return None
        if self.tolerance is not None:
            return self.tolerance
        return _ROUNDED_APART if precision == "dynamic" else _APART

    def io_for(self, precision: str) -> str:
        """Give the dtype of pixels and scores.

        Args:
            precision: one of `aiart_convert.PRECISIONS`.

        Returns:
            `float32`, `uint8` or `int8`.
        """
        if self.io is not None:
            return self.io
        return "uint8" if precision == "int8" and not self.keep_float else "float32"


def with_two_scores(
    model: keras.Model,
    rule: InputRule,
    *,
    batch: int = 1,
    labels: Sequence[str] = LABELS,
    clipped: bool = False,
    shift: float = 0.0,
) -> keras.Model:
    """Give a classifier the edge's tensor contract: pictures in, p(ai) and p(human) out.

    One sigmoid neuron becomes the softmax of two, with half its weights and their negative:
    softmax([-z/2, z/2]) = [1 - sigmoid(z), sigmoid(z)]. So do two softmax neurons, whose z is the
    difference of their logits.

    Args:
        model: ends in one sigmoid neuron, the probability of the second label, or in two softmax
            neurons.
        rule: how it wants its pictures.
        batch: how many pictures go in at once. Default 1.
        labels: in the model's order. Default `ai`, `human`.
        clipped: cut z off at -6 and 6, probabilities of 1/400. The scores of int8 have steps of
            1/256, and z has 256 steps on the range that it was calibrated to: an overconfident
            network would spend them where scores are 0 and 1. Default False.
        shift: of the logit of p(human); see `find_shift`. Default 0.

    Returns:
        A model with input [batch, height, width, 3] and output [batch, 2].

    Raises:
        ValueError: the model ends in something else.
    """
    # Every part has a name: those that Keras counts up would make each conversion's bytes differ.
    pixels = keras.Input((rule.height, rule.width, 3), batch_size=batch, name="pixels")
    sign = 1 if tuple(labels) == LABELS else -1
    kind = kind_of_output(model)
    head = _dense_head(model)
    if head is None:  # it cannot be reached: reorder probabilities
        kernel, bias = _PROBABILITIES[kind]
        scores = keras.layers.Dense(len(LABELS), name="scores")
        two = keras.Model(pixels, scores(model(pixels)), name="two_scores")
        scores.set_weights([kernel[:, ::sign], bias[::sign]])
        return two
    body = keras.Model(model.inputs, head.input, name="body")
    # ReLU6 costs nothing in a dense layer, and softmax heeds nothing but differences.
    logits = keras.layers.Dense(len(LABELS), "relu6" if clipped else None, name=head.name)
    softmax = keras.layers.Softmax(name="scores")
    two = keras.Model(pixels, softmax(logits(body(pixels))), name="two_scores")
    kernel, bias = (*head.get_weights(), np.zeros(head.units))[:2]
    if kind == "softmax":
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
    signs, middle = sign * np.array([-0.5, 0.5]), 3 if clipped else 0
    shifts = shift * np.array([-0.5, 0.5])
    logits.set_weights([kernel * signs, bias * signs + middle + shifts])
    return two


def find_shift(model: keras.Model, network: bytes, representative: Representative) -> float:
    """Find by how much to shift the logit of p(human) against what quantising has done to it.

    Rounding errors of a network's layers do not cancel out: they move its answers one way. Nagel et
    al. (2019), "Data-Free Quantization Through Weight Equalization and Bias Correction", mend that
    in every layer; the last one is enough for two classes. This is the step of Newton's method that
    makes the mean probability what it was.

    Args:
        model: see `with_two_scores`, without a shift.
        network: converted from it.
        representative: pictures, see `convert`.

    Returns:
        The shift, to three decimals, so that a last bit of some processor does not change files.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is scheduled for deletion", UserWarning)
        converted = Network(tf.lite.Interpreter(model_content=network))
    before, after = [], []
    for pixels in representative():
        batch = np.repeat(pixels, model.input_shape[0], axis=0)
        before.append(model.predict_on_batch(batch.astype(np.float32))[0, 1])
        after.append(converted.scores(pixels)[1])
    wanted, found = np.array(before), np.array(after)
    return round(float((wanted - found).mean() / (wanted * (1 - wanted)).mean()), 3)


def kind_of_output(model: keras.Model) -> str:
    """Tell in what a classifier ends.

    Args:
        model: any Keras model.

    Returns:
        `sigmoid`, of one neuron, or `softmax`, of two.

    Raises:
        ValueError: it ends in something else.
    """
    last = model.layers[-1]
    while isinstance(last, keras.Model):
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    is_softmax = isinstance(last, keras.layers.Softmax)  # which has no activation
    kind = "softmax" if is_softmax else activation and activation.__name__
    units = model.output_shape[1:]
    if (kind, units) not in {("sigmoid", (1,)), ("softmax", (2,))}:
        raise ValueError(
            "Expected a model that ends in one sigmoid or two softmax neurons. "
            f"Received one that ends in {type(last).__name__} of shape {units}, activation {kind}."
        )
    return str(kind)


def _dense_head(model: keras.Model) -> keras.layers.Dense | None:
    """Find the dense layer that makes the logits, if nothing but an activation stands behind it."""
    last = model.layers[-1]
    if isinstance(last, keras.layers.Dense):
        return last
    before = model.layers[-2] if len(model.layers) > 1 else None
    is_linear = getattr(before, "activation", None) is keras.activations.linear
    if isinstance(before, keras.layers.Dense) and is_linear and not isinstance(last, keras.Model):
        return before
    return None


def convert(
    model: keras.Model, precision: str, representative: Representative, form: Form = Form()
) -> bytes:
    """Convert a model that keeps the tensor contract.

    Args:
        model: see `with_two_scores`.
        precision: one of `aiart_convert.PRECISIONS`. `float16` and `dynamic` (8-bit weights, of
            dense layers per channel for LiteRT alone) keep float activations, `int8` is
            full-integer with weights per channel, `int16x8` has 16-bit activations and 8-bit
            weights.
        representative: gives uint8 of shape [1, height, width, 3] each; asked for `INTEGER`
            precisions only.
        form: how the network shall be. Default: as the edge takes it.

    Returns:
        A TFLite flatbuffer of builtin operators.

    Raises:
        ValueError: TensorFlow's converter refuses the model, or a layer to keep is not there.
        AiartError: a representative picture cannot be read.
    """
    if unknown := sorted(set(form.keep_float).difference(layer_names(model))):
        raise ValueError(
            f"Expected layers to keep among {', '.join(layer_names(model))}. "
            f"Received {', '.join(unknown)}."
        )
    making = _converter(model, precision, representative, form.target)
    with _problems(precision), making as converter:
        if form.keep_float:
            return PartialConverter(converter, model).convert(form.keep_float)
        io = getattr(tf, form.io_for(precision))
        converter.inference_input_type = converter.inference_output_type = io
        network: bytes = converter.convert()
        return network


@contextmanager
def partial_converter(
    model: keras.Model, representative: Representative
) -> Iterator[PartialConverter]:
    """Prepare to say which layers suffer from int8, and to leave them in float32.

    Args:
        model: see `with_two_scores`.
        representative: see `convert`.

    Yields:
        What does so.

    Raises:
        ValueError: TensorFlow's converter refuses the model.
        AiartError: a representative picture cannot be read.
    """
    with _problems("int8"), _converter(model, "int8", representative) as converter:
        yield PartialConverter(converter, model)


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
    model: keras.Model, precision: str, representative: Representative, target: str = TARGETS[0]
) -> Iterator[tf.lite.TFLiteConverter]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # tf.lite announces its deletion; setup.cfg admits only a TensorFlow that has it.
        warnings.filterwarnings("ignore", ".*is scheduled for deletion", UserWarning)
        # Without a signature of its own, Keras would write a network for any batch.
        signature = [keras.InputSpec("float32", model.input_shape, name="pixels")]
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=signature)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "dynamic" and target == TARGETS[0]:
            # tflite-runtime 2.14 knows dense layers with one scale only.
            converter._experimental_disable_per_channel_quantization_for_dense_layers = True
        if precision in INTEGER:
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
