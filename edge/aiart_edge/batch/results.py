"""The folder of a batch: one run writes into it at a time, and every file is whole or not there.

manifest.json         what the results follow from; there as soon as the list is
list                  the names of all files, sorted, each ended by a zero byte
etags                 of each of them, if it is an object of a store; likewise
results/000000.jsonl  a record of each file of the first shard, in the order of the list
.lock                 held by the run that writes
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from aiart_edge.batch.encoding import decode
from aiart_edge.batch.manifest import Manifest
from aiart_edge.batch.parquet import Record
from aiart_edge.errors import DataError, OutputError
from aiart_edge.files import make_folder, write_atomically

MOST_SHARDS = 1_000_000  # as six digits have it

_SIZE = 1000  # names of a shard

_MANIFEST = "manifest.json"
_LIST = "list"
_ETAGS = "etags"


class Results(AbstractContextManager["Results"]):
    """The folder of a batch, locked; what a dead run left half-written is swept.

    Args:
        folder: made where it is not there.

    Attributes:
        folder: as given.
        manifest: of the run that began it; None where none has.

    Raises:
        OutputError: it cannot be written, or another run holds it.
        DataError: it holds results, and not what they follow from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest | None = None
        make_folder(folder / "results")
        self._lock = _lock(folder)
        try:
            self._sweep()
            self.manifest = self._read_manifest()
        except BaseException:
            os.close(self._lock)
            raise

    @staticmethod
    def is_begun(folder: Path) -> bool:
        """Say whether a run has begun in a folder, so that the list need not be made."""
        return (folder / _MANIFEST).exists()

    def begin(
        self, wanted: Manifest, names: Mapping[bytes, bytes], shards: int | None, size: int | None
    ) -> None:
        """Begin a run: keep its list and its manifest.

        Args:
            wanted: the manifest, but for the list.
            names: sorted, each once, with its ETag.
            shards: into how many to cut them; no more than there are names are made.
            size: of a shard at most, where their number is not given; 1000 where neither is.

        Raises:
            OutputError: it cannot be written, or there would be too many shards.
        """
        content = b"".join(name + b"\0" for name in names)
        etags = b"".join(etag + b"\0" for etag in names.values())
        manifest = replace(
            wanted,
            names=len(names),
            list_sha256=hashlib.sha256(content).hexdigest(),
            etags_sha256=hashlib.sha256(etags).hexdigest(),
            shards=self._cut(len(names), shards, size),
        )
        write_atomically(self.folder / _LIST, content)
        write_atomically(self.folder / _ETAGS, etags)
        write_atomically(self.folder / _MANIFEST, manifest.to_json())
        self.manifest = manifest

    def resume(self, wanted: Manifest, shards: int | None, size: int | None) -> None:
        """Look that a run that goes on will give the same bytes.

        Args:
            wanted: the manifest, but for the list.
            shards: see `begin`.
            size: likewise.

        Raises:
            DataError: it would not.
        """
        begun = self.begun
        listed = replace(
            wanted,
            names=begun.names,
            list_sha256=begun.list_sha256,
            etags_sha256=begun.etags_sha256,
            shards=self._cut(begun.names, shards, size),
        )
        if difference := begun.difference(listed):
            raise DataError(
                self.folder / _MANIFEST,
                f"{difference}, which may give other results: go on as it was begun, or begin in "
                "another folder",
            )

    def names(self) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """Read the list again, shard by shard.

        Returns:
            The names of the files of each shard, and their ETags. Shards have the same size, to
            within one.

        Raises:
            DataError: it is not the list that the run began with.
        """
        begun = self.begun
        listed = self._read_list(_LIST, begun.list_sha256)
        return zip(listed, self._read_list(_ETAGS, begun.etags_sha256), strict=True)

    def _read_list(self, name: str, sha256: str) -> Iterator[list[bytes]]:
        path, begun = self.folder / name, self.begun
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(path, f"cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DataError(path, "was altered: begin in another folder")
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == 0)
        del content
        with path.open("rb") as file:
            for number in range(begun.shards):
                last = int(ends[(number + 1) * begun.names // begun.shards - 1])
                yield file.read(last + 1 - file.tell())[:-1].split(b"\0")

    @property
    def shards(self) -> range:
        """The numbers of all shards."""
        return range(self.begun.shards)

    def path_of(self, shard: int) -> Path:
        """Say where the results of a shard stand, or will."""
        return self.folder / "results" / f"{shard:06}.{self.begun.results}"

    def write(self, shard: int, content: bytes) -> None:
        """Write the results of a shard, which is then done.

        Args:
            shard: its number.
            content: of its file.

        Raises:
            OutputError: it cannot be written; nothing is left behind.
        """
        write_atomically(self.path_of(shard), content)

    def read(self, shard: int) -> list[Record] | None:
        """Read the records of a shard.

        Args:
            shard: its number.

        Returns:
            A record for each of its files, in their order; None where it is not done.

        Raises:
            DataError: the file is broken.
        """
        path = self.path_of(shard)
        try:
            return decode(path.read_bytes(), self.begun.results)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(path, f"cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise DataError(path, f"is broken ({error}): remove it and run again") from error

    @property
    def begun(self) -> Manifest:
        """The manifest of a run that has begun."""
        if self.manifest is None:
            raise ValueError("The run has not begun.")
        return self.manifest

    def _cut(self, names: int, shards: int | None, size: int | None) -> int:
        count = min(shards or -(-names // (size or _SIZE)), names)
        if count > MOST_SHARDS:
            raise OutputError(self.folder, f"{count:,} files of results are too many")
        return count

    def _sweep(self) -> None:
        """Remove what a run that was killed left half-written."""
        for name in (_LIST, _ETAGS, _MANIFEST):
            _remove(self.folder, f".{name}.*")
        _remove(self.folder / "results", ".[0-9]*")
        if not (self.folder / _MANIFEST).exists():
            _remove(self.folder, _LIST)
            _remove(self.folder, _ETAGS)

    def _read_manifest(self) -> Manifest | None:
        path = self.folder / _MANIFEST
        try:
            return Manifest.from_json(path.read_bytes())
        except FileNotFoundError:
            if any((self.folder / "results").iterdir()):
                raise DataError(
                    self.folder, f"holds results without their {_MANIFEST}: name another folder"
                ) from None
            return None
        except OSError as error:
            raise DataError(path, f"cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise DataError(path, f"cannot be used ({error})") from error

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)


def _lock(folder: Path) -> int:
    """Lock a folder for this process alone, until it ends, however it ends."""
    path = folder / ".lock"
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(path, flags, 0o666)
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        problem = f"cannot be locked ({error.strerror})"
        if isinstance(error, BlockingIOError):
            problem = "another aiart-edge batch is at work in this folder"
        raise OutputError(folder, problem) from error
    return file


def _remove(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        try:
            path.unlink()
        except OSError as error:
            raise OutputError(path, f"cannot be removed ({error.strerror})") from error
