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
# The module of each format, the place of what tells it, and what may stand there.
_HEADS = (
    ("jpeg", 0, (b"\xff\xd8\xff",)),
    ("png", 0, (b"\x89PNG\r\n\x1a\n",)),
    ("gif", 0, (b"GIF87a", b"GIF89a")),
    ("tiff", 0, (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    ("bmff", 4, (b"ftyp",)),
    ("webp", 8, (b"WEBP",)),
    ("jxl", 4, (b"JXL \r\n\x87\n",)),
    ("jxl", 0, (b"\xff\x0a",)),
)


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
    return next((name for name, at, starts in _HEADS if head.startswith(starts, at)), None)
