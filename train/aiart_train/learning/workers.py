"""Training over several machines, with TensorFlow's multi-worker strategy.

The same command runs on every machine, each with the same data folder and its own TF_CONFIG. Every
worker reads all pictures, computes the gradient on its share of each batch, and applies the mean of
all, so that all hold the same weights. The first worker is the chief: it alone writes and prints.

The workers talk without passwords or encryption, as TensorFlow does: use a network that you trust.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from aiart_edge.errors import AiartError
from aiart_train.data.split import PARTS, SplitRow, rows_of

PATIENCE = 300.0  # seconds to wait for the other workers to start

_PAUSE = 1.0  # seconds between two knocks on a worker's port

_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2345", "host2:2345"]}, "task": {"type": "worker", "index": 0}}'
)

# What TensorFlow raises on the other workers when one dies.
_LOST = (tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.UnavailableError)


@dataclass(frozen=True)
class Cluster:
    """The workers of a training, as TF_CONFIG names them.

    Args:
        addresses: `host:port` of every worker, the chief first.
        index: of this worker among them.
    """

    addresses: tuple[str, ...]
    index: int


@dataclass(frozen=True)
class Workers:
    """The workers of a training that have met, as one of them sees them.

    Args:
        scope: gives the context in which a model and its optimiser must be built. `model.fit` is
            then called as ever, with `shuffle=False`: Keras would shuffle differently on each
            worker.
        replicas: number of equal shares of a batch: one per GPU, or per worker without.
        is_chief: whether this is the worker that writes and prints.
    """

    scope: Callable[[], AbstractContextManager[Any]]
    replicas: int
    is_chief: bool

    def divide(self, rows: Sequence[SplitRow], batch_size: int) -> tuple[SplitRow, ...]:
        """Leave out the last few pictures of each part, so that all batches have equal shares.

        Unequal shares would weigh their pictures unequally; an empty one would end the training.

        Args:
            rows: of a split.
            batch_size: pictures per batch, over all workers.

        Returns:
            What to train with: each part is shorter by at most `replicas - 1`.

        Raises:
            AiartError: a full batch does not divide.
        """
        if batch_size % self.replicas:
            raise AiartError(
                f"a batch of {batch_size} pictures does not divide into {self.replicas} equal "
                "shares: take a number of workers that divides it"
            )
        parts = [rows_of(rows, part) for part in PARTS]
        return tuple(
            row for part in parts for row in part[: len(part) // self.replicas * self.replicas]
        )


def read_cluster() -> Cluster:
    """Read the environment variable TF_CONFIG, as TensorFlow defines it.

    Returns:
        Who trains together.

    Raises:
        AiartError: it is missing or broken.
    """
    try:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        cluster = resolver.cluster_spec()
        addresses = tuple(
            address
            for job in ("chief", "worker")
            if job in cluster.jobs
            for address in cluster.job_tasks(job)
        )
        own = cluster.task_address(resolver.task_type, resolver.task_id)
        for address in addresses:
            _host_and_port(address)
        return Cluster(addresses, addresses.index(own))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise AiartError(
            "the environment variable TF_CONFIG must name all workers and which of them this is, "
            f"as in  export TF_CONFIG='{_EXAMPLE}'"
        ) from error


@contextlib.contextmanager
def join_workers(cluster: Cluster, patience: float = PATIENCE) -> Iterator[Workers]:
    """Wait for the other workers, and train with them.

    TensorFlow asks that this comes before anything that makes it compute.

    Args:
        cluster: who trains together.
        patience: seconds to wait for the others. Default 300.

    Yields:
        The workers.

    Raises:
        AiartError: a worker cannot be reached, or is lost within the block.
    """
    _meet(cluster, patience)
    try:
        strategy = _KerasStrategy()
        yield Workers(strategy.scope, strategy.num_replicas_in_sync, is_chief=cluster.index == 0)
    except _LOST as error:
        raise AiartError(
            "another worker was lost: see what it says; one machine alone can go on with --resume"
        ) from error


class _KerasStrategy(tf.distribute.MultiWorkerMirroredStrategy):  # type: ignore[misc]
    """TensorFlow's strategy, with two reductions that it refuses and Keras 3.15 asks for.

    See https://github.com/keras-team/keras/issues/20585.
    """

    def reduce(self, reduce_op: Any, value: Any, axis: int | None) -> Any:
        if isinstance(value, tuple):  # a batch, of which Keras only wants the shapes and types
            return tuple(self.experimental_local_results(part)[0] for part in value)
        if value.shape.rank == 0:  # a figure, which has no axis 0 to take the mean along
            axis = None
        return super().reduce(reduce_op, value, axis)


def _meet(cluster: Cluster, patience: float) -> None:
    """Wait until every worker answers: TensorFlow itself would wait far longer, deaf to Ctrl-C."""
    own = cluster.addresses[cluster.index]
    try:
        listener = socket.create_server(("", _host_and_port(own)[1]))
    except OSError as error:
        raise AiartError(
            f"{own}: this worker cannot listen on its port ({error.strerror}): "
            "name a free one in TF_CONFIG, on all workers"
        ) from error
    deadline = time.monotonic() + patience
    with listener:  # until all have met; from then on TensorFlow answers on this port
        for address in cluster.addresses:
            while not _answers(address):
                if time.monotonic() > deadline:
                    raise AiartError(
                        f"{address}: this worker did not answer within {patience:.0f} seconds: "
                        "start the same command there, and check the address and the firewall"
                    )
                time.sleep(_PAUSE)


def _answers(address: str) -> bool:
    try:
        socket.create_connection(_host_and_port(address), timeout=_PAUSE).close()
    except (OSError, UnicodeError):  # of a name that no host can have
        return False
    return True


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host.isprintable() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"Expected host:port. Received {address!r}.")
    return host, int(port)
