"""Pictures as they arrive in a folder: each once, and none that is still being written."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiart_edge.classifier import Classification, Classifier
from aiart_edge.errors import DataError
from aiart_edge.formats import find_format
from aiart_edge.inputs import look_at
from aiart_edge.ledger import Arrival, Ledger
from aiart_edge.output import Record

if TYPE_CHECKING:
    from aiart_edge.image import Look

STATE_FILE = ".aiart-edge-done"

_PATIENCE = 30.0  # seconds that a file must lie untouched before it is called broken
_COARSEST = 3.0  # seconds; no known file system keeps the times of files in longer steps than 2
_REST = 200  # times what it took to look at all files, until they are looked at again
_MOST_WAITING = 10_000  # files; others wait in the folder


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file that is not done.

    Args:
        arrival: the file.
        since: when it was first seen so, on the clock.
        failed: it could not be read. Default false.
    """

    arrival: Arrival
    since: float
    failed: bool = False


class Lookout:
    """Looks into a folder for files that are not done.

    Names are read when the folder's own time has changed: a file was made, renamed or removed. One
    that is rewritten under its old name changes its own time alone, so that all must be looked at:
    as often as that costs half a percent of a core.

    Hidden files and what is not a plain file are left out, and so are the folders in the folder.

    Args:
        folder: to look into. The first look is made at once.
        ledger: what was done, and shall be.
        clock: seconds that never go back. Default: the system's.

    Attributes:
        folder: as given.
        new: how many files the last search found that are not done.
        folders: how many folders it found in the folder.

    Raises:
        DataError: the folder cannot be read.
    """

    def __init__(
        self, folder: Path, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self.new = self.folders = 0
        self._ledger = ledger
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._crowded = False  # there are more than may wait
        self._status: os.stat_result | None = None  # the folder's, as last seen
        self._modified_since = self._searched = self._next_thorough = clock()
        self.look()

    def look(self) -> list[Arrival]:
        """Look once more.

        Returns:
            The files that are as the look before found them. What has a picture's name comes first,
            and of these what was modified first. One that could not be read is given again when it
            has lain for 30 seconds.

        Raises:
            DataError: the folder cannot be read, or is another, in which all would be missed and
                forgotten.
        """
        now, began = self._clock(), time.thread_time()
        ready = [arrival for arrival in map(self._look_at, list(self._waiting)) if arrival]
        try:
            before, self._status = self._status, self.folder.stat()
            if before and not os.path.samestat(before, self._status):
                raise DataError(self.folder, "is another folder now; was its disk taken away?")
            if before is None or before.st_mtime_ns != self._status.st_mtime_ns:
                self._modified_since = now
            # What came within the same step of the folder's time is found by searching after it.
            settled = self._searched - self._modified_since >= _COARSEST
            thorough = now >= self._next_thorough
            if thorough or self._crowded or not settled:
                self._search(now, thorough)
        except OSError as error:
            problem = f"the folder cannot be read ({error.strerror})"
            raise DataError(self.folder, problem) from error
        if thorough:
            self._next_thorough = self._clock() + _REST * (time.thread_time() - began)
        return sorted(ready, key=_turn)

    def put_off(self, arrival: Arrival) -> bool:
        """Decide whether a file that cannot be read shall be tried again.

        Args:
            arrival: the file.

        Returns:
            False where it has lain untouched for so long that its writer has not only paused.
        """
        waiting = self._waiting[arrival.name]
        self._waiting[arrival.name] = replace(waiting, failed=True)
        path = self.folder / arrival.name
        return self._may_change(waiting) or not os.path.lexists(path)

    def finish(self, arrival: Arrival) -> None:
        """Put a file among those that are done.

        Args:
            arrival: the file.

        Raises:
            OutputError: the ledger cannot be written.
        """
        self._ledger.add(arrival)
        del self._waiting[arrival.name]

    def _search(self, now: float, thorough: bool) -> None:
        """Find files that are not done, and if need be, among the done those that have changed."""
        self.new = self.folders = 0
        self._crowded, self._searched = False, now
        with os.scandir(self.folder) as entries:
            for entry, done in self._ledger.review(entries):
                if entry.name in self._waiting:
                    self.new += 1
                    continue
                if entry.name.startswith(".") or (done is not None and not thorough):
                    continue
                try:
                    status = entry.stat()
                except OSError:  # it went meanwhile, or is a link that leads nowhere
                    continue
                self.folders += stat.S_ISDIR(status.st_mode)
                arrival = _arrival(entry.name, status)
                if arrival is None or arrival.state == done or self._ledger.is_file(status):
                    continue
                self.new += 1
                self._crowded = len(self._waiting) >= _MOST_WAITING
                if not self._crowded:
                    self._waiting[entry.name] = _Waiting(arrival, now)

    def _look_at(self, name: str) -> Arrival | None:
        """Give a file that waits, if its time has come."""
        waiting = self._waiting[name]
        try:
            arrival = _arrival(name, (self.folder / name).stat())
        except OSError:
            arrival = None
        if arrival is None:
            del self._waiting[name]
        elif arrival != waiting.arrival:
            self._waiting[name] = _Waiting(arrival, self._clock())
        elif not (waiting.failed and self._may_change(waiting)):
            return arrival
        return None

    def _may_change(self, waiting: _Waiting) -> bool:
        """Say whether a file was touched so lately that its writer may only have paused.

        Its date may be any, also in the future, so what counts is how long it was seen so; but one
        that was old when it was found need not wait.
        """
        lain = max(self._clock() - waiting.since, time.time() - waiting.arrival.modified / 1e9)
        return lain < _PATIENCE


def classify_arrivals(
    classifier: Classifier,
    lookout: Lookout,
    ended: Callable[[float], bool],
    every: float,
    look: Look | None = None,
) -> Iterator[Record]:
    """Classify pictures as they arrive, and remember it.

    A file is done when the next record is asked for, or the end: who prints each record before may
    be killed at any moment, and none is lost. The one that was at hand is given again.

    Args:
        classifier: judges them.
        lookout: finds them.
        ended: waits up to so many seconds, and says whether to end, after the picture at hand.
        every: seconds between two looks.
        look: sees each picture, as `Classifier.classify` has it. Default: nobody looks.

    Yields:
        What is to be said of each.

    Raises:
        DataError: the folder cannot be read.
        OutputError: the ledger cannot be written.
    """
    while True:
        for arrival in lookout.look():
            path = lookout.folder / arrival.name
            if not _is_at_rest(path, arrival):
                continue
            outcome = look_at(str(path)) or next(
                classifier.classify_many([path], jobs=1, look=look)
            )
            if not isinstance(outcome, Classification) and lookout.put_off(arrival):
                continue
            yield Record(str(path), classifier.identity, outcome)
            lookout.finish(arrival)
            if ended(0):
                return
        if ended(every):
            return


def tell_start(lookout: Lookout, ledger: Ledger) -> Iterator[str]:
    """Say in sentences what is watched.

    Args:
        lookout: after its first look.
        ledger: its own.

    Yields:
        What is there, and what is amiss with the ledger.
    """
    told = f"Watching {lookout.folder}: {_count(len(ledger), 'file')} done, {lookout.new} new."
    if lookout.folders:
        told += f" {_count(lookout.folders, 'folder')} in it will not be watched."
    yield told
    if ledger.broken:
        yield f"{ledger.path}: passed over {_count(ledger.broken, 'broken line')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _turn(arrival: Arrival) -> tuple[bool, int, str]:
    """Say when it is a file's turn: a verdict shall not wait for what is not a picture."""
    return find_format(arrival.name, b"") is None, arrival.modified, arrival.name


def _arrival(name: str, status: os.stat_result) -> Arrival | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return Arrival(name, status.st_size, status.st_mtime_ns)


def _is_at_rest(path: Path, arrival: Arrival) -> bool:
    """Say whether a file is still as it was seen, and nobody has it open for writing.

    The kernel knows, for it refuses a read lease on a file that is open for writing. It says so of
    our own files, or to root, on local file systems; elsewhere it is taken to be so.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True  # who reads it says why it cannot be opened
    try:
        if _arrival(arrival.name, os.fstat(file)) != arrival:
            return False
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return False
    except OSError:
        pass
    finally:
        os.close(file)
    return True
