"""WebP: chunks of RIFF, also those behind the pixels."""

from __future__ import annotations

from collections.abc import Iterator

from aiart_edge.origin.bounds import Source, Stopped
from aiart_edge.origin.containers.piece import Piece

_FRAME = 8  # kind and length of a chunk


def walk(source: Source) -> Iterator[Piece]:
    """Walk the chunks of a WebP file; see `containers.walk`."""
    at = 12
    last = 8 + int.from_bytes(source.bytes_at(4, 4), "little")
    if last > source.size:
        source.bounds.gaps.append("it is cut off")
    while at + _FRAME <= min(last, source.size):
        head = source.head(at, _FRAME)
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        start, end = at + _FRAME, at + _FRAME + length + length % 2
        if start + length > min(last, source.size):
            raise Stopped("its chunks are out of step")
        if kind == b"EXIF":
            yield Piece("exif", "WebP EXIF", source.read(start, length))
        elif kind == b"XMP ":
            yield Piece("xmp", "WebP XMP", source.text(start, start + length))
        elif kind == b"C2PA":
            yield Piece("c2pa", "WebP C2PA", source.read(start, length), span=(at, end))
        at = end
