"""The parts of a picture file that can speak of it, found by walking its structure.

Nothing is ever searched for in raw bytes: a marker's bytes behind the end of a picture, in a
caption or in pixels are no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from aiart_edge.origin.bounds import Source
from aiart_edge.origin.containers.piece import Piece

__all__ = ["Piece", "walk"]

_HEAD = 12


def walk(source: Source) -> Iterator[Piece]:
    """Walk a file of any format that can speak of itself.

    Args:
        source: the file.

    Yields:
        Its parts, in the file's order; none for a format that is not known here.

    Raises:
        Stopped: the walk ended before the file did.
    """
    name = _name_format(source.head(0, min(_HEAD, source.size)))
    if name:
        # The others are not imported: a cold start shall not wait for them.
        yield from import_module(f"{__name__}.{name}").walk(source)
    else:
        source.bounds.gaps.append("it is of a format that is not looked into")


def _name_format(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith((b"II*\0", b"MM\0*")):
        return "tiff"
    if head[4:8] == b"ftyp":
        return "bmff"
    return "webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None
