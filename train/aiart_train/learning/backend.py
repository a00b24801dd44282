"""How Keras and what computes for it are started: quietly, and with how many threads."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from aiart_edge.program import silenced

# OpenMP's, which OpenBLAS heeds, too; of one operation in TensorFlow, and operations at a time.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def start_keras() -> None:
    """Load Keras without the notes of TensorFlow, which are not for users."""
    from aiart_train.learning.allocator import reuse_memory  # noqa: PLC0415  as Keras is

    reuse_memory()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():  # TensorFlow greets before it reads that
        import keras  # noqa: F401, PLC0415  it takes its time
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def name_threads(count: int) -> dict[str, int]:
    """Say the same number of threads to all that a training computes with.

    Args:
        count: of threads.

    Returns:
        Numbers, by the environment variables that say them.
    """
    return dict.fromkeys(_THREADS, count)


def set_threads(threads: Mapping[str, int]) -> None:
    """Compute with so many threads, on which the last bits of a result may depend.

    To be called before TensorFlow computes anything, from when on it takes no other number.

    Args:
        threads: see `name_threads`.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  it looks at all that is loaded

    os.environ.update({name: str(count) for name, count in threads.items()})
    threadpool_limits(threads["OMP_NUM_THREADS"])  # what is loaded already reads no variable
