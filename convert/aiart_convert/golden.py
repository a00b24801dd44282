"""What a network answers to the golden pictures, with each family of kernels."""

from __future__ import annotations

import warnings

import tensorflow as tf

from aiart_convert import TARGETS
from aiart_edge.golden import KERNELS, PICTURES, draw_golden
from aiart_edge.image import InputRule
from aiart_edge.program import silenced
from aiart_edge.runtime import Network

# TensorFlow's own interpreter has the kernels of every runtime: measured on a MobileNetV2 in int8,
# the bits are those of LiteRT, of tflite-runtime on x86, and of its reference kernels, which give
# the bits of tflite-runtime on ARM.
_RESOLVERS = dict(
    zip(
        KERNELS,
        (
            tf.lite.experimental.OpResolverType.AUTO,
            tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            tf.lite.experimental.OpResolverType.BUILTIN_REF,
        ),
        strict=True,
    )
)


def golden_scores(network: bytes, rule: InputRule, target: str) -> dict[str, list[float]]:
    """Run a network on the golden pictures.

    Args:
        network: a TFLite flatbuffer that keeps the tensor contract.
        rule: how it wants its pictures.
        target: one of `aiart_convert.TARGETS`, which says what kernels it may meet.

    Returns:
        For each of `aiart_edge.golden.KERNELS`, or for LiteRT's alone, p(ai) of each golden
        picture, not calibrated.
    """
    wanted = KERNELS if target == TARGETS[0] else KERNELS[:1]
    return {kernels: _scores(network, rule, _RESOLVERS[kernels]) for kernels in wanted}


def _scores(network: bytes, rule: InputRule, resolver: object) -> list[float]:
    with silenced(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this interpreter will go: setup.cfg pins TensorFlow
        interpreter = tf.lite.Interpreter(
            model_content=network, num_threads=1, experimental_op_resolver_type=resolver
        )
        loaded = Network(interpreter)
        pictures = (draw_golden(number, rule) for number in range(PICTURES))
        return [float(loaded.scores(picture)[0]) for picture in pictures]
