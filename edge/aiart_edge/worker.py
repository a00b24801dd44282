"""A process that works for this one over a pipe, and does not survive it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiart_edge.errors import AccessError, PictureError

# They end a process from outside, as where memory runs out; a decoder ends it by others.
_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGHUP})


class Worker:
    """A process with a pipe to it.

    Args:
        work: is run in the process, with its end of the pipe and the arguments, until it returns or
            the pipe is closed. All of them travel there, so `work` has a name in a module.
        *arguments: of `work`.

    Attributes:
        connection: this end of the pipe; it has something to be heard where the process died.
    """

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(work, theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    def is_alive(self) -> bool:
        """Say whether it has not died yet."""
        return self._process.is_alive()

    def death(self) -> int:
        """Wait until it is dead, and give the number of the signal that killed it, or 0."""
        self._process.join()
        return max(0, -(self._process.exitcode or 0))

    def kill(self) -> None:
        """Kill it; `death` waits until it is dead."""
        self._process.kill()

    def end(self) -> None:
        """Kill it, and forget it."""
        self.kill()
        self._process.join()
        self.connection.close()


def blame(path: str, died_of: int) -> PictureError:
    """Say what is wrong with the picture that a process was reading when it died.

    Args:
        path: of the picture.
        died_of: as `Worker.death` gives it.

    Returns:
        An error to be told, not raised.
    """
    if died_of in _FROM_OUTSIDE:
        return AccessError(path, "its process was killed meanwhile")
    return PictureError(path, "reading it makes a decoder crash")


def _run(work: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError):
        work(*arguments)


def _end_with_parent() -> None:
    """Wait for the end of a pipe that the parent holds, and end at once."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)
