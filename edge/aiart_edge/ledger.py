"""What `watch` has done, over restarts: a line a file on the disk, 16 bytes a file in memory."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aiart_edge.errors import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LONGEST_LINE = 4096  # bytes; the longest name takes 1530 as JSON, and two numbers stand beside it
_BATCH = 4096  # names that are looked up at once
_MOST_UNSORTED = 16_384  # names
_SLACK = 1000  # lines that the file may have beyond what it needs, before it is written anew


@dataclass(frozen=True, slots=True)
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
    def state(self) -> int:
        """All but the name, as one number."""
        return hash((self.size, self.modified))


class Ledger(AbstractContextManager["Ledger"]):
    """The file that remembers what was done, over restarts; for one watcher at a time.

    It has a line of JSON for each file: name, size, time. What has left the folder is forgotten: at
    once in memory, and in the file when it has twice the lines that it needs.

    Nothing is synced to the disk. Whoever is killed loses no line, but after a power cut the last
    ones are missing, and their files come again.

    Args:
        path: of the file; made if it is not there.

    Attributes:
        path: the file.
        broken: how many of its lines are none that a ledger writes; they are passed over.

    Raises:
        OutputError: it cannot be read or written, is a link or no plain file, or another watcher
            holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken = 0
        self._lines = 0
        self._states = _States()
        self._file = _open_and_lock(path)
        try:
            for line in _read_lines(self._file):
                self._lines += 1
                arrival = _parse(line)
                if arrival:
                    self._states.put(arrival)
                else:
                    self.broken += 1
        except OSError as error:
            os.close(self._file)
            raise OutputError(path, f"cannot be read ({error.strerror})") from error

    def __len__(self) -> int:
        """Give the number of files that are done."""
        return len(self._states)

    def add(self, arrival: Arrival) -> None:
        """Remember that a file was done.

        Args:
            arrival: the file.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            _write(self._file, _format(arrival))
        except OSError as error:
            raise OutputError(self.path, f"cannot be written ({error.strerror})") from error
        self._lines += 1
        self._states.put(arrival)

    def review(
        self, entries: Iterable[os.DirEntry[str]]
    ) -> Iterator[tuple[os.DirEntry[str], int | None]]:
        """Go through what is in the folder, and after the last forget what was not among it.

        Args:
            entries: all that is in the folder.

        Yields:
            Each, and the state in which it was done; None if it was not.
        """
        entries = iter(entries)
        here = np.zeros(len(self), np.bool_)
        while batch := list(islice(entries, _BATCH)):
            places = self._states.places([entry.name for entry in batch])
            here[places[places >= 0]] = True
            yield from zip(batch, self._states.at(places), strict=True)
        self._states.keep(here)
        if self._lines > 2 * len(self) + _SLACK:
            self._write_anew()

    def _write_anew(self) -> None:
        """Leave out what has been forgotten.

        The new file is locked before it takes the old one's name, so that no other watcher ever
        finds it free. Where it cannot be written, the old one goes on.
        """
        aside = self.path.with_name(f".{self.path.name}.new")
        try:
            aside.unlink(missing_ok=True)
            file = _open(aside, os.O_CREAT | os.O_EXCL)
            try:
                os.fchmod(file, stat.S_IMODE(os.fstat(self._file).st_mode))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lines = 0
                for kept in self._needed():
                    _write(file, b"".join(kept))
                    lines += len(kept)
                os.fsync(file)
                aside.replace(self.path)
            except OSError:
                os.close(file)
                aside.unlink(missing_ok=True)
                raise
        except OSError:
            self._lines //= 2  # try again when there is more to gain
            return
        os.close(self._file)
        self._file, self._lines = file, lines

    def _needed(self) -> Iterator[list[bytes]]:
        """Give a line for each file that is done, batch by batch."""
        written = np.zeros(len(self), np.bool_)
        arrivals = filter(None, map(_parse, _read_lines(self._file)))
        while batch := list(islice(arrivals, _BATCH)):
            places = self._states.places([arrival.name for arrival in batch])
            lines = []
            for arrival, place, state in zip(
                batch, places.tolist(), self._states.at(places), strict=True
            ):
                if arrival.state == state and not written[place]:
                    written[place] = True
                    lines.append(_format(arrival))
            yield lines

    def is_file(self, status: os.stat_result) -> bool:
        """Say whether a file is the ledger's own.

        Args:
            status: of the file.
        """
        return os.path.samestat(status, os.fstat(self._file))

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


class _States:
    """The state of each of many names, in two sorted arrays.

    A name is kept as a hash of 64 bits, which Python salts anew in each process: nobody can choose
    a name that is taken for another.
    """

    def __init__(self) -> None:
        self._names = np.empty(0, np.int64)
        self._states = np.empty(0, np.int64)
        self._unsorted: dict[str, int] = {}

    def __len__(self) -> int:
        self._sort()
        return len(self._names)

    def put(self, arrival: Arrival) -> None:
        self._unsorted[arrival.name] = arrival.state
        if len(self._unsorted) > _MOST_UNSORTED:
            self._sort()

    def places(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Say where names stand; -1 for one that is not there."""
        self._sort()
        hashes = _hash(names)
        if not len(self._names):
            return np.full(len(names), -1)
        places = self._names.searchsorted(hashes).clip(max=len(self._names) - 1)
        return np.where(self._names[places] == hashes, places, -1)

    def at(self, places: NDArray[np.int64]) -> list[int | None]:
        """Give the states at places, None where there is no place."""
        return [int(self._states[place]) if place >= 0 else None for place in places.tolist()]

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Forget the other names."""
        if not chosen.all():
            self._names, self._states = self._names[chosen], self._states[chosen]

    def _sort(self) -> None:
        if not self._unsorted:
            return
        hashes = _hash(list(self._unsorted))
        states = np.fromiter(self._unsorted.values(), np.int64)
        self._unsorted = {}
        order = hashes.argsort()
        hashes, states = hashes[order], states[order]
        places = self._names.searchsorted(hashes)
        known = np.zeros(len(hashes), np.bool_)
        inside = places < len(self._names)
        known[inside] = self._names[places[inside]] == hashes[inside]
        self._states[places[known]] = states[known]
        self._names = np.insert(self._names, places[~known], hashes[~known])
        self._states = np.insert(self._states, places[~known], states[~known])


def _hash(names: Sequence[str]) -> NDArray[np.int64]:
    """Hash names to 64 bits; Python's own hash has but 32 on a 32-bit system."""
    high = np.fromiter((hash(name) for name in names), np.int64, len(names))
    low = np.fromiter((hash(f"/{name}") for name in names), np.int64, len(names))
    return (high << 32) ^ low


def _format(arrival: Arrival) -> bytes:
    return json.dumps([arrival.name, arrival.size, arrival.modified]).encode() + b"\n"


def _parse(line: bytes) -> Arrival | None:
    try:
        match json.loads(line):
            case [str(name), int(size), int(modified)]:
                return Arrival(name, size, modified)
    except (ValueError, RecursionError):
        pass
    return None


def _open(path: Path, flags: int) -> int:
    # A link might lead to any file, and to open a pipe might take for ever.
    harmless = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path, os.O_RDWR | os.O_APPEND | harmless | flags, 0o666)


def _open_and_lock(path: Path) -> int:
    try:
        file = _open(path, os.O_CREAT)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        if error.errno == errno.ELOOP:
            problem = "is a link, and might lead anywhere: name the file itself with --state"
        raise OutputError(path, problem) from error
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OutputError(path, "is not a plain file: name another with --state")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(found, path.lstat()):  # its holder has just written it anew
            raise BlockingIOError
        if found.st_size and os.pread(file, 1, found.st_size - 1) != b"\n":
            _write(file, b"\n")  # somebody was killed, or the power went, within a line
    except BlockingIOError as error:
        os.close(file)
        raise OutputError(path, "another aiart-edge watches this folder") from error
    except OSError as error:
        os.close(file)
        raise OutputError(path, f"cannot be used ({error.strerror})") from error
    except OutputError:
        os.close(file)
        raise
    return file


def _read_lines(file: int) -> Iterator[bytes]:
    """Read from the start; of a line that is too long, its start alone."""
    os.lseek(file, 0, os.SEEK_SET)
    with open(file, "rb", closefd=False) as reader:
        fresh = True
        while piece := reader.readline(_LONGEST_LINE):
            if fresh:
                yield piece
            fresh = piece.endswith(b"\n")


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
