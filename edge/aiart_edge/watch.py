"""Pictures as they arrive in a folder: each once, and none that is still being written."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass
from pathlib import Path

from aiart_edge.classifier import Classifier
from aiart_edge.errors import DataError, OutputError, PictureError
from aiart_edge.inputs import look_at
from aiart_edge.output import Record

STATE_FILE = ".aiart-edge-done"

_PATIENCE = 30.0  # seconds that a file must lie untouched before it is called broken


@dataclass(frozen=True)
class Arrival:
    """A file in the folder, in one of its states.

    Args:
        name: in the folder.
        size: bytes.
        modified: nanoseconds since 1970.
    """

    name: str
    size: int
    modified: int

    @property
    def may_change(self) -> bool:
        """Whether it was touched so lately that its writer may only have paused."""
        return time.time() - self.modified / 1e9 < _PATIENCE


class Ledger(AbstractContextManager["Ledger"]):
    """The file that remembers what was done, over restarts; for one watcher at a time.

    A line is appended before the verdict is printed: what is in the file is never done again,
    though its verdict may be lost if the power goes in between.

    Args:
        path: of the file; made if it is not there.

    Raises:
        OutputError: it cannot be written, or another watcher holds it.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise OutputError(path, f"cannot be written ({error.strerror})") from error
        self._path = path
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise OutputError(path, "another aiart-edge watches this folder") from error
        self._file.seek(0)
        content = self._file.read()
        self.done = {arrival for line in content.splitlines() for arrival in _parse(line)}
        if content and not content.endswith(b"\n"):
            self._append(b"\n")  # the power went while the last line was written

    def add(self, arrival: Arrival) -> None:
        """Remember that a file was done.

        Args:
            arrival: the file.

        Raises:
            OutputError: it cannot be written.
        """
        self._append(json.dumps(astuple(arrival)).encode() + b"\n")
        self.done.add(arrival)

    def _append(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OutputError(self._path, f"cannot be written ({error.strerror})") from error

    def __exit__(self, *_: object) -> None:
        self._file.close()


def find_arrivals(
    folder: Path, done: Container[Arrival], wait: Callable[[], bool]
) -> Iterator[Arrival]:
    """Find files that are complete: twice the same size and time, and no longer open for writing.

    Hidden files and what is not a plain file are left out.

    Args:
        folder: to look into, again and again.
        done: files to leave out.
        wait: pauses between two looks; true when it is time to end.

    Yields:
        The files, in the order in which they were last modified. One that is not put among the
        done is given again.

    Raises:
        DataError: the folder cannot be read.
    """
    before: set[Arrival] = set()
    while True:
        now = _look(folder)
        for arrival in sorted(now & before, key=lambda file: (file.modified, file.name)):
            if arrival not in done and not _is_being_written(folder / arrival.name):
                yield arrival
        before = now
        if wait():
            return


def classify_arrivals(
    classifier: Classifier, folder: Path, ledger: Ledger, wait: Callable[[], bool]
) -> Iterator[Record]:
    """Classify pictures as they arrive, and remember it.

    Args:
        classifier: judges them.
        folder: to look into.
        ledger: what was done, and shall be.
        wait: see `find_arrivals`.

    Yields:
        What is to be said of each.

    Raises:
        DataError: the folder cannot be read.
        OutputError: the ledger cannot be written.
    """
    for arrival in find_arrivals(folder, ledger.done, wait):
        path = folder / arrival.name
        outcome = look_at(str(path)) or next(classifier.classify_many([path], jobs=1))
        if isinstance(outcome, PictureError) and (arrival.may_change or not path.exists()):
            continue
        ledger.add(arrival)
        yield Record(str(path), classifier.identity, outcome)


def _parse(line: bytes) -> Iterator[Arrival]:
    """Give what a line holds: nothing, if it is damaged."""
    try:
        name, size, modified = json.loads(line)
    except ValueError:
        return
    yield Arrival(name, size, modified)


def _look(folder: Path) -> set[Arrival]:
    found = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if not entry.name.startswith(".") and entry.is_file():
                        status = entry.stat()
                        found.add(Arrival(entry.name, status.st_size, status.st_mtime_ns))
                except OSError:  # it went meanwhile, or is a link that leads nowhere
                    continue
    except OSError as error:
        raise DataError(folder, f"the folder cannot be read ({error.strerror})") from error
    return found


def _is_being_written(path: Path) -> bool:
    """Ask the kernel, which refuses a read lease on a file that is open for writing.

    It says so of our own files, or to root, on local file systems; elsewhere the answer is no.
    """
    try:
        with path.open("rb") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
