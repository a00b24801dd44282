"""The networks that can be trained, by name.

Each builder takes an `InputRule` and a dropout rate and returns an uncompiled Keras model: raw
pixels (0 to 255) in, since normalisation is a layer inside; p(human) out of one sigmoid neuron.
Layers are named and in the order in which pixels pass them, so that a recipe can say from which on
to train. A new name goes into `recipes.ARCHITECTURE_NAMES` too, which must not wait for Keras.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from aiart_edge.image import InputRule
from aiart_train.learning.architectures.clip import BLOCKS, build_clip
from aiart_train.learning.architectures.efficientnet_lite import (
    LITE0,
    LITE1,
    LITE2,
    build_efficientnet_lite,
)
from aiart_train.learning.architectures.mobilenet_v2 import build_mobilenet_v2
from aiart_train.learning.architectures.original import build_original

ARCHITECTURES: dict[str, Callable[[InputRule, float], Any]] = {
    "original": build_original,
    "efficientnet_lite0": partial(build_efficientnet_lite, LITE0),
    "efficientnet_lite1": partial(build_efficientnet_lite, LITE1),
    "efficientnet_lite2": partial(build_efficientnet_lite, LITE2),
    "mobilenet_v2": build_mobilenet_v2,
    **{f"clip_vit_b16_cut{cut}": partial(build_clip, cut) for cut in range(1, BLOCKS + 1)},
}
