"""Networks: opened, ours and those from elsewhere, and shared between threads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from aiart_edge.decision import LABELS, DecisionRule
from aiart_edge.errors import ModelFileError
from aiart_edge.image import InputRule
from aiart_edge.model_file import (
    ModelDescription,
    ModelFile,
    read_model_file,
    read_network_file,
)
from aiart_edge.program import count_cores
from aiart_edge.runtime import Network, Scorer, check_choice, load_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aiart_edge.evidence import Explainer

_BIG = 16 << 20  # bytes of a network that is opened once, whatever the threads: each copy packs it
_ROUNDING = 0.02  # by which scores may miss a sum of 1: an int8 network has steps of 1/256

# Opens one more copy of a network.
Opener = Callable[[], Scorer]

N = TypeVar("N", bound=Scorer)
T = TypeVar("T")


def find_own(
    path: Path,
    *,
    threads: int | None,
    runtime: str,
    band: tuple[float, float] | None,
    trusted: bool,
) -> tuple[Opener, ModelDescription, str, Callable[[], Explainer] | None, bool]:
    """Read a model file.

    Args:
        path: see `Classifier.load`.
        threads: likewise.
        runtime: likewise.
        band: likewise.
        trusted: whether it came with code that is run anyway, see `load_network`.

    Returns:
        What opens its network, what the file says of it, the network's SHA-256, what opens a
        network that tells where it finds its evidence, if this one can, and whether it is so big
        that threads shall share one copy.

    Raises:
        ModelFileError: the file is missing, broken, altered or not one of ours.
        ValueError: impossible threads, runtime or band.
    """
    check_choice(1 if threads is None else threads, runtime)
    model = read_model_file(path)
    description = model.description
    threads, runtime = settle(model, threads, runtime)
    if band:
        rule = replace(description.decision, low=band[0], high=band[1])
        description = replace(description, decision=rule)

    def load(outputs: Sequence[int] = ()) -> Network:
        try:
            network = load_own(
                model, threads=threads, runtime=runtime, trusted=trusted, outputs=outputs
            )
            network.check_size(description.input)
        except ValueError as error:
            raise ModelFileError(path, f"the model cannot be run ({error})") from error
        return network

    def open_explainer() -> Explainer:
        from aiart_edge.evidence import Explainer  # noqa: PLC0415  who classifies needs it not

        assert description.head  # noqa: S101  for mypy
        return Explainer(load(description.head.outputs), path, description.head)

    return (
        lambda: Checked(load(), path),
        description,
        model.sha256,
        open_explainer if description.head else None,
        _is_big(model),
    )


def load_own(
    model: ModelFile,
    *,
    threads: int,
    runtime: str,
    trusted: bool,
    outputs: Sequence[int] = (),
) -> Network:
    """Load the network of a model file; a big one is mapped, not read into memory.

    Args:
        model: the file.
        threads: see `load_network`.
        runtime: likewise.
        trusted: likewise.
        outputs: likewise. Default none.

    Returns:
        The network, ready to run.

    Raises:
        RuntimeUnavailable, ValueError: see there.
    """
    place = model.place if _is_big(model) and not outputs else None
    if place and not trusted:
        from aiart_edge.flatbuffer import check_network  # noqa: PLC0415  most starts need it not

        check_network(model.network)
    return load_network(
        place or model.network, threads=threads, runtime=runtime, trusted=trusted, outputs=outputs
    )


def settle(model: ModelFile, threads: int | None, runtime: str) -> tuple[int, str]:
    """Settle what the user left open.

    Args:
        model: a model file.
        threads: of the runtime, or None.
        runtime: see `runtime.find_runtime`.

    Returns:
        How many threads, and which runtime: LiteRT where the file was converted for it alone, since
        the other one would refuse it.
    """
    if runtime == "auto" and model.description.origin.get("target") == "litert":
        runtime = "litert"
    return threads or (count_cores() if _is_big(model) else 1), runtime


def _is_big(model: ModelFile) -> bool:
    return model.size > _BIG


def find_foreign(
    path: Path,
    *,
    labels: tuple[str, str],
    size: tuple[int, int] | None,
    logits: bool,
    threads: int,
    runtime: str,
    band: tuple[float, float],
) -> tuple[Opener, ModelDescription, str]:
    """Make up what a .tflite file from elsewhere does not say of itself.

    Args:
        path: see `Classifier.load_foreign`.
        labels: likewise.
        size: likewise.
        logits: likewise.
        threads: likewise.
        runtime: likewise.
        band: likewise.

    Returns:
        What opens its network in a process of its own, what is to be known of it, and its SHA-256.

    Raises:
        ModelFileError: the file is missing or damaged, or takes pictures of another size.
        ValueError: impossible labels, threads, runtime or band.
    """
    from aiart_edge.flatbuffer import check_network  # noqa: PLC0415  seldom needed
    from aiart_edge.isolated import IsolatedNetwork  # noqa: PLC0415

    if sorted(labels) != sorted(LABELS):
        raise ValueError(f"Expected the labels {LABELS} in any order. Received {labels}.")
    check_choice(threads, runtime)
    decision = DecisionRule(low=band[0], high=band[1])
    content = read_network_file(path)
    try:
        rule = _find_rule(check_network(content, isolated=True), size)
    except ValueError as error:
        raise ModelFileError(path, f"the model cannot be run ({error})") from error

    def open_network() -> Scorer:
        network = IsolatedNetwork(path, rule, threads=threads, runtime=runtime)
        return Checked(network, path, reverse=labels != LABELS, logits=logits)

    description = ModelDescription(path.name, "unknown", rule, decision)
    return open_network, description, hashlib.sha256(content).hexdigest()


def _find_rule(shape: tuple[int, ...], size: tuple[int, int] | None) -> InputRule:
    """Find the size of a network's pictures in the shape of its input, or in what the user says."""
    _, height, width, *_ = (*shape, 0, 0, 0)
    if -1 in (height, width):
        if size is None:
            raise ValueError("it takes pictures of any size: choose one with --size")
        return InputRule(*size)
    if size not in (None, (height, width)):
        raise ValueError(f"it takes pictures of {height}x{width}: leave out --size")
    return InputRule(height, width)


class Checked:
    """A network whose answers are looked at: they must be p(ai) and p(human).

    Args:
        network: answers.
        path: of its file.
        reverse: its first score is p(human). Default false.
        logits: its scores are logits, of which a softmax makes probabilities. Default false.
    """

    def __init__(
        self, network: Scorer, path: Path, *, reverse: bool = False, logits: bool = False
    ) -> None:
        self._network = network
        self._path = path
        self._reverse = reverse
        self._logits = logits

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on one picture.

        Args:
            pixels: see `runtime.Network.scores`.

        Returns:
            float32 of shape [2], p(ai) and p(human).

        Raises:
            ModelFileError: the runtime fails or dies of it, or it gives no probabilities.
        """
        try:
            scores = self._network.scores(pixels)
        except ValueError as error:
            raise ModelFileError(self._path, f"the model cannot be run ({error})") from error
        if self._logits and np.isfinite(scores).all():
            powers = np.exp(scores - scores.max())
            scores = powers / powers.sum()
        first, second = scores.tolist()
        if not (min(first, second) >= 0 and abs(first + second - 1) <= _ROUNDING):
            problem = f"its scores, {first:g} and {second:g}, are no probabilities"
            raise ModelFileError(self._path, f"{problem}: add --logits if they are logits")
        return scores[::-1] if self._reverse else scores

    def close(self) -> None:
        """Free the memory."""
        self._network.close()


class Pool(Generic[N]):
    """Copies of one network: each runs in one thread at a time, and there is one for every thread.

    A copy that fails is closed, and never used again.

    Args:
        open_network: opens a copy.
        ready: how many copies are opened at once. Default 1.
        shared: there is one copy alone, for which threads wait. Default false.
    """

    def __init__(self, open_network: Callable[[], N], ready: int = 1, shared: bool = False) -> None:
        self._open: Callable[[], N] | None = open_network
        self._idle = [open_network() for _ in range(ready)]
        self._turn: AbstractContextManager[object] = Lock() if shared else nullcontext()

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on one picture.

        Args:
            pixels: see `runtime.Network.scores`.

        Returns:
            float32 of shape [2], p(ai) and p(human).

        Raises:
            ModelFileError: see `Checked.scores`.
            ValueError: the pool is closed.
        """
        return self.lend(lambda network: network.scores(pixels))

    def lend(self, work: Callable[[N], T]) -> T:
        """Do something with a copy that nobody else is using.

        Args:
            work: is given it.

        Returns:
            What comes of it.

        Raises:
            ValueError: the pool is closed.
            Exception: what `work` raises.
        """
        with self._turn:
            if self._open is None:
                raise ValueError("The classifier is closed.")
            try:
                network = self._idle.pop()
            except IndexError:  # the others are at work in other threads
                network = self._open()
            try:
                answer = work(network)
            except BaseException:
                network.close()
                raise
            self._idle.append(network)
            return answer

    def close(self) -> None:
        """Free the memory of all copies."""
        self._open = None
        while self._idle:
            self._idle.pop().close()
