"""Shards as tasks of Ray's core, by the extra `ray`; this module is imported without it, too.

A task gives the bytes of a shard's results, and only the driver writes. Before its first shard a
process proves that it would give the same bytes as the driver, and that it sees the pictures.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiart_edge.batch.manifest import Manifest, find_versions
from aiart_edge.batch.shard import Rules, Task, classify_shard
from aiart_edge.batch.store import is_url
from aiart_edge.errors import AiartError, DataError, RuntimeUnavailable, require_extra
from aiart_edge.memory import share_of

if TYPE_CHECKING:
    from aiart_edge.classifier import Classifier

LOCAL = "local"  # in place of an address: a cluster of this machine alone, which ends with the run

_PATIENCE = 10  # seconds that a cluster's head may take to answer
_TRIES = 5  # of a shard whose node or process is lost
_AHEAD = 2  # tasks in flight for each processor


def do_shards(
    address: str, jobs: int, manifest: Manifest, tasks: Iterable[Task], rules: Rules, runtime: str
) -> Iterator[tuple[Task, bytes]]:
    """Do shards on a cluster.

    Args:
        address: `host:port` of its head; or `local`, which starts one on the loopback, without a
            dashboard.
        jobs: the number of processors of a local one.
        manifest: that every node must keep.
        tasks: to be done; taken as they are needed.
        rules: how.
        runtime: see `runtime.find_runtime`.

    Yields:
        Each shard as it is done, and the content of its file of results; nothing where none of its
        files could be reached, or its processes died again and again.

    Raises:
        DataError: a node would give other results, or does not see the first picture.
        MissingExtra: the extra `ray` is not installed.
        ModelFileError: the network does not run.
        RuntimeUnavailable: the cluster does not answer.
    """
    todo = iter(tasks)
    if first := next(todo, None):
        with _connected(address, jobs):
            yield from _do_all(manifest, first, todo, rules, runtime)


@contextmanager
def _connected(address: str, jobs: int) -> Iterator[None]:
    """Join a cluster for the time of a `with` statement."""
    require_extra("ray", "ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray  # noqa: PLC0415  an extra

    quiet: dict[str, Any] = {"logging_level": "critical", "log_to_driver": False}
    try:
        if address == LOCAL:
            here = {"num_cpus": jobs, "include_dashboard": False}
            ray.init(**here, _node_ip_address="127.0.0.1", **quiet)
        else:
            host, _, port = address.rpartition(":")
            # Ray itself would try for many minutes.
            socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
            if host.startswith("127."):  # else the driver is sought at the address others see
                quiet["_node_ip_address"] = host
            ray.init(address=address, **quiet)
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise RuntimeUnavailable(f"no cluster answers at {address} ({problem})") from error
    try:
        yield
    finally:
        ray.shutdown()


def _do_all(
    manifest: Manifest, first: Task, todo: Iterator[Task], rules: Rules, runtime: str
) -> Iterator[tuple[Task, bytes]]:
    import ray  # noqa: PLC0415  an extra

    common = ray.put((manifest, rules, runtime, first.names[0]))
    remote = ray.remote(num_cpus=1, max_retries=_TRIES)(_do)
    under_way = {remote.remote(common, first): first}
    while under_way:
        free = _AHEAD * int(ray.cluster_resources().get("CPU", 1)) - len(under_way)
        under_way |= {remote.remote(common, task): task for task in islice(todo, max(0, free))}
        done, _ = ray.wait(list(under_way))
        for reference in done:
            task = under_way.pop(reference)
            try:
                answer = ray.get(reference)
            except ray.exceptions.RayError:  # its process or node is lost, _TRIES times over
                answer = b""
            if isinstance(answer, AiartError):
                raise answer
            yield task, answer


def _do(common: tuple[Manifest, Rules, str, bytes], task: Task) -> bytes | AiartError:
    """Do a shard, on whichever node."""
    manifest, rules, runtime, first = common
    try:
        classifier, rules = _prepare(_Once(manifest, rules, runtime, first))
        return classify_shard(classifier, task, rules)
    except AiartError as error:
        return error


class _Once:
    """What a process prepares itself for; the same for all tasks of a run.

    Args:
        manifest: of the run.
        rules: likewise.
        runtime: likewise.
        first: the first name of its list.
    """

    def __init__(self, manifest: Manifest, rules: Rules, runtime: str, first: bytes) -> None:
        self.manifest, self.rules, self.runtime, self.first = manifest, rules, runtime, first

    def __hash__(self) -> int:
        return hash(self.manifest.to_json())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Once) and other.manifest == self.manifest


@cache
def _prepare(run: _Once) -> tuple[Classifier, Rules]:
    """Prove that this process gives the same results, and load the network."""
    try:
        os.chdir(run.manifest.folder)
        if not is_url(name := os.fsdecode(run.first)):
            os.stat(name)  # noqa: PTH116
    except OSError as error:
        problem = f"does not see the pictures ({error.filename}: {error.strerror}): mount them"
        raise DataError(f"node {os.uname().nodename}", problem) from error
    classifier = run.rules.load()
    here = replace(
        run.manifest,
        model={**run.manifest.model, "sha256": classifier.sha256},
        versions=find_versions(run.runtime, run.manifest.results),
    )
    if difference := run.manifest.difference(here):
        problem = f"would give other results: {difference} there"
        raise DataError(f"node {os.uname().nodename}", problem)
    lock = Path(tempfile.gettempdir(), f"aiart-batch-{os.getuid()}.memory")
    return classifier, replace(run.rules, turn=share_of(os.cpu_count() or 1, lock).turn)
