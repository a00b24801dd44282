"""The processes that work on shards: each with a network of its own, and none survives its parent.

One that dies, of a picture that makes a decoder crash or for want of memory, takes nothing along:
another does its shard again, and says before each picture which it is. So the picture that kills
this one is known, gets an error, and the shard is done without it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, cast

from aiart_edge.batch.shard import Rules, Task, classify_shard, failed
from aiart_edge.errors import AccessError, PictureError, RuntimeUnavailable

if TYPE_CHECKING:
    from aiart_edge.classifier import Classifier

# They end a process from outside, as where memory runs out; a decoder ends it by others.
_FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGHUP}


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
    crew = [_Worker(rules) for _ in first]
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
                    crew.append(_Worker(rules))
                    crew[-1].give(_without_its_killer(worker, classifier), careful=True)
                    continue
                if content is not None:
                    worker.give(next(left, None))
                    yield task, content
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process that does shards.

    Args:
        rules: how.

    Attributes:
        connection: has something to be heard, or it died.
        task: that it is at; None where it is idle.
        careful: it says before each picture which it is.
        place: of the picture that it is at, where it said so.
    """

    def __init__(self, rules: Rules) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.task: Task | None = None
        self.careful = False
        self.place: int | None = None
        self._process = context.Process(target=_serve, args=(theirs, rules), daemon=True)
        self._process.start()
        theirs.close()

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

    def death(self) -> int:
        """Wait until it is dead, and give the number of the signal that killed it, or 0."""
        self._process.join()
        return max(0, -(self._process.exitcode or 0))

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _without_its_killer(worker: _Worker, classifier: Classifier) -> Task:
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
    if died_of in _FROM_OUTSIDE:
        record = failed(classifier, name, AccessError, "its process was killed meanwhile")
    else:
        record = failed(classifier, name, PictureError, "reading it makes a decoder crash")
    return replace(task, known={**task.known, worker.place: record})


def _serve(connection: Connection, rules: Rules) -> None:
    """Do shards, until there are no more or the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with rules.load() as classifier:
            while True:
                task, careful = connection.recv()
                tell: Any = connection.send if careful else lambda _: None
                connection.send(classify_shard(classifier, task, rules, tell))
    except EOFError:
        pass
    except Exception as error:  # noqa: BLE001  the parent raises it
        connection.send(error)


def _end_with_parent() -> None:
    """Wait for the end of a pipe that the parent holds, and end at once."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)
