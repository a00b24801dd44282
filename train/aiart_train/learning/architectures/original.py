"""The network of the original study."""

from __future__ import annotations

import keras
from keras import layers

from aiart_edge.image import InputRule

_FILTERS = (32, 64, 128, 128)


def build_original(rule: InputRule, dropout: float) -> keras.Model:
    """Build the original study's network: four convolutions with pooling, then two dense layers.

    Args:
        rule: the size of its input; the study's is 150 x 150, which gives 3,453,121 parameters.
        dropout: rate before the dense layers, 0 to 1; the study's is 0.5.

    Returns:
        An uncompiled model; its one sigmoid output is p(human).
    """
    model = keras.Sequential(name="original")
    model.add(keras.Input((rule.height, rule.width, 3), name="pixels"))
    model.add(layers.Rescaling(1 / 255, name="normalisation"))
    for number, filters in enumerate(_FILTERS):
        model.add(layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}"))
        model.add(layers.MaxPooling2D(2, name=f"pool{number}"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dropout(dropout, name="dropout"))
    model.add(layers.Dense(512, activation="relu", name="dense"))
    model.add(layers.Dense(1, activation="sigmoid", name="p_human"))
    return model
