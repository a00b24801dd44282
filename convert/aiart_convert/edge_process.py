"""The edge, run in a process of its own as it runs on a device: without TensorFlow.

tflite-runtime 2.14 cannot load a network in a process that imported TensorFlow first, and may crash
the process on a network that it does not understand.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiart_edge.errors import AiartError, RuntimeUnavailable
from aiart_edge.image import InputRule, read_pixels
from aiart_edge.runtime import load_network


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
        ValueError: the runtime refuses the network.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=pickle.dumps((network, pictures, rule)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # delegates announce themselves there, and Ctrl-C reaches it too
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeUnavailable("the TFLite runtime died on the converted network")
    answer: NDArray[np.float64] | Exception = pickle.loads(done.stdout)
    if isinstance(answer, Exception):
        raise answer
    return answer


def _answer(request: bytes) -> NDArray[np.float64] | Exception:
    network, pictures, rule = pickle.loads(request)
    try:
        loaded = load_network(network)
        scores = [loaded.scores(read_pixels(picture, rule)) for picture in pictures]
    except (AiartError, ValueError) as error:
        return error
    return np.array(scores, dtype=np.float64)


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(_answer(sys.stdin.buffer.read())))
