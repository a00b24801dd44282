"""Networks: opened, ours and those from elsewhere, and shared between threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiart_edge.decision import LABELS, DecisionRule
from aiart_edge.errors import ModelFileError
from aiart_edge.files import hash_file
from aiart_edge.image import InputRule
from aiart_edge.model_file import ModelDescription, read_model_file
from aiart_edge.runtime import Scorer, load_network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Opens one more copy of a network.
Opener = Callable[[], Scorer]


def find_own(
    path: Path, *, threads: int, runtime: str, band: tuple[float, float] | None
) -> tuple[Opener, ModelDescription, str]:
    """Read a model file.

    Args:
        path: see `Classifier.load`.
        threads: likewise.
        runtime: likewise.
        band: likewise.

    Returns:
        What opens its network, what the file says of it, and the network's SHA-256.

    Raises:
        ModelFileError: the file is missing, broken, altered or not one of ours.
        ValueError: an impossible band.
    """
    model = read_model_file(path)
    description = model.description
    if band:
        rule = replace(description.decision, low=band[0], high=band[1])
        description = replace(description, decision=rule)

    def open_network() -> Scorer:
        try:
            return load_network(model.network, threads=threads, runtime=runtime)
        except ValueError as error:
            problem = f"the runtime refuses the model ({error})"
            raise ModelFileError(model.path, problem) from error

    return open_network, description, model.sha256


def find_foreign(
    path: Path,
    *,
    labels: tuple[str, str],
    size: tuple[int, int],
    threads: int,
    runtime: str,
    band: tuple[float, float],
) -> tuple[Opener, ModelDescription, str]:
    """Make up what a .tflite file from elsewhere does not say of itself.

    Args:
        path: see `Classifier.load_foreign`.
        labels: likewise.
        size: likewise.
        threads: likewise.
        runtime: likewise.
        band: likewise.

    Returns:
        What opens its network in a process of its own, what is to be known of it, and its SHA-256.

    Raises:
        ValueError: impossible labels, size or band.
    """
    from aiart_edge.isolated import IsolatedNetwork  # noqa: PLC0415  seldom needed

    if sorted(labels) != sorted(LABELS):
        raise ValueError(f"Expected the labels {LABELS} in any order. Received {labels}.")
    rule = InputRule(*size)
    decision = DecisionRule(low=band[0], high=band[1])

    def open_network() -> Scorer:
        reverse = labels != LABELS
        return IsolatedNetwork(path, rule, reverse, threads=threads, runtime=runtime)

    return open_network, ModelDescription(path.name, "unknown", rule, decision), hash_file(path)


class Pool:
    """Copies of one network: each runs in one thread at a time, and there is one for every thread.

    A copy that fails is closed, and never used again.

    Args:
        open_network: opens a copy.
    """

    def __init__(self, open_network: Opener) -> None:
        self._open: Opener | None = open_network
        self._idle = [open_network()]

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on one picture.

        Args:
            pixels: see `runtime.Network.scores`.

        Returns:
            float32 of shape [2], p(ai) and p(human).

        Raises:
            ModelFileError: the network died of it.
            ValueError: the pool is closed.
        """
        if self._open is None:
            raise ValueError("The classifier is closed.")
        try:
            network = self._idle.pop()
        except IndexError:  # the others are at work in other threads
            network = self._open()
        try:
            scores = network.scores(pixels)
        except BaseException:
            network.close()
            raise
        self._idle.append(network)
        return scores

    def close(self) -> None:
        """Free the memory of all copies."""
        self._open = None
        while self._idle:
            self._idle.pop().close()
