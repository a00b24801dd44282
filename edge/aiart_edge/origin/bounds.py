"""Reading a file that may be hostile: so many steps, so many bytes, and no further.

Bounds are counts, never a clock, so that a file gives the same answer on every machine.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

MOST_STEPS = 10_000  # chunks, boxes, tags, elements and items of a file, and what counts as such
MOST_BYTES = 4_000_000  # of metadata, taken into memory, inflated ones too
MOST_HASHED = 32_000_000  # bytes of a picture that Content Credentials are checked against
LONGEST_TEXT = 256_000  # bytes of one text
_TEXT_STEP = 100  # bytes of a text that count as a step
_HASH_STEP = 8_000  # bytes that are hashed
_PIECE = 1 << 16  # bytes, which stay in the processor's cache


class Stopped(Exception):
    """The walk ends here; what was found before it counts.

    Args:
        reason: a phrase for a person.
    """


class Bounds:
    """What may still be spent on one file, and what was left unread for it."""

    def __init__(self) -> None:
        self.gaps: list[str] = []
        self._steps = MOST_STEPS
        self._bytes = MOST_BYTES

    def step(self, count: int = 1) -> None:
        """Count steps.

        Args:
            count: their number. Default 1.

        Raises:
            Stopped: they are too many.
        """
        self._steps -= count
        if self._steps < 0:
            raise Stopped(f"it has more than {MOST_STEPS:,} parts")

    def take(self, count: int) -> None:
        """Count bytes that are taken into memory.

        Raises:
            Stopped: they are too many.
        """
        if count > self._bytes:
            raise Stopped(f"it has more than {MOST_BYTES // 1_000_000} MB of metadata")
        self._bytes -= count

    def text(self, size: int) -> None:
        """Count a text, which patterns or a parser will look through.

        Args:
            size: bytes.

        Raises:
            Stopped: they are too many in all.
        """
        self.take(size)
        self.step(1 + size // _TEXT_STEP)

    def hashed(self, size: int) -> None:
        """Count bytes that are hashed.

        Args:
            size: bytes.

        Raises:
            Stopped: they are too many in all.
        """
        self.step(size // _HASH_STEP)

    def inflate(self, packed: bytes, wbits: int = zlib.MAX_WBITS) -> bytes:
        """Decompress a text, as far as a text may be long.

        Args:
            packed: a zlib stream.
            wbits: its kind, as `zlib.decompressobj` has it. Default zlib's own.

        Returns:
            Its content, or the beginning of it.

        Raises:
            Stopped: there are too many bytes in all.
        """
        try:
            content = zlib.decompressobj(wbits).decompress(packed, LONGEST_TEXT + 1)
        except zlib.error:
            self.gaps.append("a compressed text is broken")
            return b""
        self.text(len(content))
        return self.cut(content)

    def cut(self, content: bytes) -> bytes:
        """Cut a text to the length that a text may have."""
        if len(content) > LONGEST_TEXT:
            self.gaps.append(f"a text is longer than {LONGEST_TEXT // 1_000} kB")
        return content[:LONGEST_TEXT]


class Source:
    """A file, read at places.

    Args:
        file: binary and seekable.
        bounds: shared by all that is read of one file.
    """

    def __init__(self, file: BinaryIO, bounds: Bounds) -> None:
        self._file = file
        self.bounds = bounds
        self.size = file.seek(0, os.SEEK_END)

    def head(self, at: int, count: int) -> bytes:
        """Read the head of a part: a step.

        Args:
            at: byte offset.
            count: bytes.

        Returns:
            So many bytes.

        Raises:
            Stopped: the file ends before, or has too many parts.
        """
        self.bounds.step()
        return self.bytes_at(at, count)

    def read(self, at: int, count: int) -> bytes:
        """Take a part into memory.

        Args:
            at: byte offset.
            count: bytes.

        Returns:
            So many bytes.

        Raises:
            Stopped: the file ends before, or there are too many bytes in all.
        """
        if count < 0 or at + count > self.size:
            raise Stopped("it is cut off")
        self.bounds.take(count)
        return self.bytes_at(at, count)

    def text(self, start: int, end: int) -> bytes:
        """Take a text into memory, as far as a text may be long.

        Args:
            start: the byte offset of its first byte.
            end: of the byte behind its last.

        Returns:
            Its content, or the beginning of it.

        Raises:
            Stopped: the file ends before, or there are too many bytes in all.
        """
        size = min(end - start, LONGEST_TEXT + 1)
        content = self.bytes_at(start, size)
        self.bounds.text(size)
        return self.bounds.cut(content)

    def pieces(self, at: int, end: int) -> Iterator[memoryview]:
        """Read bytes that are not kept, piece by piece into one buffer: no copy is made.

        Args:
            at: the byte offset of the first.
            end: of the byte behind the last.

        Yields:
            Pieces, each of which the next one overwrites.

        Raises:
            Stopped: the file ends before.
        """
        file: Any = self._file
        buffer = memoryview(bytearray(min(_PIECE, max(0, end - at))))
        file.seek(at)
        while at < end:
            count = file.readinto(buffer[: end - at])
            if not count:
                raise Stopped("it is cut off")
            yield buffer[:count]
            at += count

    def bytes_at(self, at: int, count: int) -> bytes:
        """Read bytes that are not kept, and so not counted.

        Args:
            at: byte offset.
            count: bytes.

        Returns:
            So many bytes.

        Raises:
            Stopped: the file ends before.
        """
        if at < 0 or count < 0 or at + count > self.size:
            raise Stopped("it is cut off")
        self._file.seek(at)
        found = self._file.read(count)
        if len(found) != count:
            raise Stopped("it is cut off")
        return found
