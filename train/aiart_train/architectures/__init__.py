"""The networks that can be trained, by name.

Each builder takes an `InputRule` and returns an uncompiled Keras model: raw pixels (0 to 255) in,
since normalisation is a layer inside; p(human) out of one sigmoid neuron, or p(ai) and p(human) out
of two.
"""

from collections.abc import Callable
from typing import Any

from aiart_edge.image import InputRule
from aiart_train.architectures.original import build_original

ARCHITECTURES: dict[str, Callable[[InputRule], Any]] = {"original": build_original}
