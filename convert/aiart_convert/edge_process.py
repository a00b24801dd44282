"""The edge, run in a process of its own as it runs on a device: without TensorFlow.

tflite-runtime 2.14 cannot load a network in a process that imported TensorFlow first, and may crash
the process on a network that it does not understand.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiart_edge.errors import RuntimeUnavailable
from aiart_edge.image import InputRule, read_pixels
from aiart_edge.runtime import load_network
from aiart_edge.stderr import silenced


def score_on_edge(network: bytes, pictures: Sequence[Path], rule: InputRule) -> NDArray[np.float64]:
    """Score pictures with a TFLite network, on the edge's own path and runtime.

    Args:
        network: a TFLite flatbuffer.
        pictures: files.
        rule: how the network wants its pictures.

    Returns:
        float64 of shape [n, 2], p(ai) and p(human), not calibrated.

    Raises:
        PictureError: a picture cannot be read.
        RuntimeUnavailable: no runtime is installed, or it died.
    """
    # spawn: a forked child would have TensorFlow in it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_score, network, pictures, rule).result()
        except BrokenProcessPool as error:
            raise RuntimeUnavailable("the TFLite runtime died on the converted network") from error


def _score(network: bytes, pictures: Sequence[Path], rule: InputRule) -> NDArray[np.float64]:
    with silenced():
        loaded = load_network(network)
    return np.array([loaded.scores(read_pixels(picture, rule)) for picture in pictures], np.float64)
