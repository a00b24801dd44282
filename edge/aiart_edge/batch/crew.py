"""The processes that work on shards: each with a network of its own, and none survives its parent.

One that dies, of a picture that makes a decoder crash or for want of memory, takes nothing along:
another does its shard again, and says before each picture which it is. So the picture that kills
this one is known, gets an error, and the shard is done without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, cast

from aiart_edge.batch.shard import Rules, Task, classify_shard, failed
from aiart_edge.errors import RuntimeUnavailable
from aiart_edge.worker import Worker, blame

if TYPE_CHECKING:
    from aiart_edge.classifier import Classifier


def do_shards(
    classifier: Classifier, tasks: Iterable[Task], rules: Rules, jobs: int
) -> Iterator[tuple[Task, bytes]]:
    """Do shards, several at once.

    Args:
        classifier: names the network in the record of a picture that kills a process.
        tasks: to be done; taken as they are needed.
        rules: how.
        jobs: the number of processes.

    Yields:
        Each shard as it is done, and the content of its file of results; nothing where none of its
        files could be reached.

    Raises:
        ModelFileError: the network does not run.
        RuntimeUnavailable: processes die of the network.
    """
    left = iter(tasks)
    first = list(islice(left, jobs))
    crew = [_ShardWorker(rules) for _ in first]
    try:
        for worker, task in zip(crew, first, strict=True):
            worker.give(task)
        while busy := {worker.connection: worker for worker in crew if worker.task}:
            for connection in wait(list(busy)):
                worker = busy[cast("Connection", connection)]
                task = cast("Task", worker.task)
                try:
                    content = worker.hear()
                except EOFError:
                    crew.remove(worker)
                    crew.append(_ShardWorker(rules))
                    crew[-1].give(_without_its_killer(worker, classifier), careful=True)
                    continue
                if content is not None:
                    worker.give(next(left, None))
                    yield task, content
    finally:
        for worker in crew:
            worker.end()


class _ShardWorker(Worker):
    """A process that does shards.

    Args:
        rules: how.

    Attributes:
        task: that it is at; None where it is idle.
        careful: it says before each picture which it is.
        place: of the picture that it is at, where it said so.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__(_serve, rules)
        self.task: Task | None = None
        self.careful = False
        self.place: int | None = None

    def give(self, task: Task | None, *, careful: bool = False) -> None:
        """Give it a shard, or nothing more."""
        self.task, self.careful, self.place = task, careful, None
        if task:
            with suppress(OSError):  # it died, which will be heard
                self.connection.send((task, careful))

    def hear(self) -> bytes | None:
        """Hear what it has to say: the results of its shard, or only where it is.

        Raises:
            EOFError: it died.
            AiartError: the network does not run.
        """
        try:
            answer = self.connection.recv()
        except OSError as error:
            raise EOFError from error
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            self.place = answer
            return None
        return cast("bytes", answer)


def _without_its_killer(worker: _ShardWorker, classifier: Classifier) -> Task:
    """Give the shard of a process that died, without the picture that it died of, if it said so."""
    task = cast("Task", worker.task)
    died_of = worker.death()
    if not worker.careful:
        return task
    if worker.place is None:
        raise RuntimeUnavailable(
            f"processes die of the network (signal {died_of}): aiart-edge doctor says more"
        )
    name = task.names[worker.place]
    record = failed(classifier, blame(os.fsdecode(name), died_of))
    return replace(task, known={**task.known, worker.place: record})


def _serve(connection: Connection, rules: Rules) -> None:
    """Do shards, until there are no more or the parent is gone."""
    try:
        with rules.load() as classifier:
            while True:
                task, careful = connection.recv()
                tell: Any = connection.send if careful else lambda _: None
                connection.send(classify_shard(classifier, task, rules, tell))
    except EOFError:  # there are no more
        raise
    except Exception as error:  # noqa: BLE001  the parent raises it
        connection.send(error)
