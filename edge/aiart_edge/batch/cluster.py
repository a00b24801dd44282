"""Shards as tasks on a cluster, see `engine`.

A task gives the bytes of a shard's results, and only the driver writes. Before its first shard a
process proves that it would give the same bytes as the driver, and that it sees the pictures.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from aiart_edge.batch.engine import do_tasks
from aiart_edge.batch.manifest import Manifest, find_versions
from aiart_edge.batch.shard import Rules, Task, classify_shard
from aiart_edge.errors import AiartError, DataError
from aiart_edge.memory import share_of

if TYPE_CHECKING:
    from aiart_edge.classifier import Classifier


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
        seen = next((name for name in first.names if os.path.exists(name)), b"")  # noqa: PTH110
        run = Run(manifest, rules, runtime, seen)
        for task, content in do_tasks(address, jobs, do_task, run, chain([first], todo)):
            yield task, content or b""


class Run:
    """What is common to all shards of a run; a process prepares itself for it once.

    Args:
        manifest: that every node must keep.
        rules: how all records are made.
        runtime: see `runtime.find_runtime`.
        seen: a file that the driver sees, and so must every node; nothing where it sees none.
    """

    def __init__(self, manifest: Manifest, rules: Rules, runtime: str, seen: bytes) -> None:
        self.manifest, self.rules, self.runtime, self.seen = manifest, rules, runtime, seen

    def __hash__(self) -> int:
        """Count as another run with the same manifest."""
        return hash(self.manifest.to_json())

    def __eq__(self, other: object) -> bool:
        """Likewise."""
        return isinstance(other, Run) and other.manifest == self.manifest


def do_task(run: Run, task: Task) -> bytes | AiartError:
    """Do a shard, on whichever node.

    Args:
        run: to which it belongs.
        task: the shard.

    Returns:
        The content of its file of results; or why this node cannot make it.
    """
    try:
        classifier, rules = _prepare(run)
        return classify_shard(classifier, task, rules)
    except AiartError as error:
        return error


@cache
def _prepare(run: Run) -> tuple[Classifier, Rules]:
    """Prove that this process gives the same results, and load the network."""
    try:
        os.chdir(run.manifest.folder)
        if run.seen:
            os.stat(run.seen)  # noqa: PTH116
    except OSError as error:
        place = os.fsdecode(error.filename)
        problem = f"does not see the pictures ({place}: {error.strerror}): mount them there"
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
