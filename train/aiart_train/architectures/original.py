"""The network of the original study."""

from __future__ import annotations

import keras
from keras import layers

from aiart_edge.image import InputRule

_FILTERS = (32, 64, 128, 128)


def build_original(rule: InputRule) -> keras.Model:
    """Build the original study's network: four convolutions with pooling, then two dense layers.

    Args:
        rule: the size of its input; the study's is 150 x 150, which gives 3,453,121 parameters.

    Returns:
        An uncompiled model; its one sigmoid output is p(human).
    """
    model = keras.Sequential(name="original")
    model.add(keras.Input((rule.height, rule.width, 3), name="pixels"))
    model.add(layers.Rescaling(1 / 255, name="normalisation"))
    for filters in _FILTERS:
        model.add(layers.Conv2D(filters, 3, activation="relu"))
        model.add(layers.MaxPooling2D(2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(512, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid", name="p_human"))
    return model
