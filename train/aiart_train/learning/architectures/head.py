"""The head that turns a pretrained network's features into p(human)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers


def add_head(pixels: Any, levels: Sequence[Any], name: str, dropout: float) -> keras.Model:
    """Put pooling, dropout and one sigmoid neuron on maps of features.

    Texture tells AI art at least as much as content does, hence the features of every level: on
    the Kaggle data, a linear head on those of all 16 blocks of EfficientNet-Lite0 is right on 2 of
    100 pictures more than on those of six blocks, and on 6 more than on those of the last one.

    Args:
        pixels: the network's input.
        levels: maps of features, the finest first.
        name: of the whole network.
        dropout: rate, 0 to 1.

    Returns:
        An uncompiled model whose last layer is called `p_human`.
    """
    # GlobalAveragePooling2D would become TFLite's MEAN, whose int8 kernel in tflite-runtime is
    # slow: 493 million instructions for all of Lite0 at 224 pixels on ARM, in place of 224.
    pooled = [
        layers.AveragePooling2D(level.shape[1:3], name=f"pool{number}")(level)
        for number, level in enumerate(levels)
    ]
    x = layers.Concatenate(name="levels")(pooled) if len(pooled) > 1 else pooled[0]
    return add_neuron(pixels, layers.Flatten(name="features")(x), name, dropout)


def add_neuron(pixels: Any, features: Any, name: str, dropout: float) -> keras.Model:
    """Put dropout and one sigmoid neuron on features.

    Args:
        pixels: the network's input.
        features: a Keras tensor of shape [n, features].
        name: of the whole network.
        dropout: rate, 0 to 1.

    Returns:
        An uncompiled model whose last layer is called `p_human`.
    """
    x = layers.Dropout(dropout, name="dropout")(features)
    x = layers.Dense(1, activation="sigmoid", name="p_human")(x)
    return keras.Model(pixels, x, name=name)
