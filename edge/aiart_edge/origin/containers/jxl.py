"""JPEG XL: the boxes of ISO 18181-2 around a codestream; a bare one has no room for metadata."""

from __future__ import annotations

from collections.abc import Iterator

from aiart_edge.origin.bounds import Source
from aiart_edge.origin.containers.bmff import read_exif, walk_boxes
from aiart_edge.origin.containers.piece import Piece

_BARE = b"\xff\x0a"
_SPEAK = {b"Exif", b"xml ", b"jumb"}


def walk(source: Source) -> Iterator[Piece]:
    """Walk the boxes of a JPEG XL file; see `containers.walk`."""
    if source.bytes_at(0, 2) == _BARE:
        return
    for box in walk_boxes(source, 0, source.size):
        if box.kind == b"Exif":
            yield from read_exif(source, "Exif box", box.body, box.end)
        elif box.kind == b"xml ":
            yield Piece("xmp", "XML box", source.text(box.body, box.end))
        elif box.kind == b"jumb":
            data = source.read(box.start, box.end - box.start)
            yield Piece("c2pa", "JUMBF box", data, span=(box.start, box.end))
        elif box.kind == b"brob" and source.bytes_at(box.body, 4) in _SPEAK:
            source.bounds.gaps.append(
                "its metadata are compressed"
            )  # by Brotli, which Python lacks
