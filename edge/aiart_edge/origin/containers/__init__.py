"""The parts of a picture file that can speak of it, found by walking its structure.

Nothing is ever searched for in raw bytes: a marker's bytes behind the end of a picture, in a
caption or in pixels are no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from types import ModuleType

from aiart_edge.origin.bounds import Source
from aiart_edge.origin.containers import bmff, gif, jpeg, png, tiff, webp
from aiart_edge.origin.containers.piece import Piece

__all__ = ["Piece", "walk"]

_HEAD = 16
_FORMATS: tuple[tuple[ModuleType, Callable[[bytes], bool]], ...] = (
    (jpeg, lambda head: head.startswith(b"\xff\xd8\xff")),
    (png, lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    (webp, lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    (bmff, lambda head: head[4:8] == b"ftyp"),
    (gif, lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
    (tiff, lambda head: head.startswith((b"II*\0", b"MM\0*"))),
)


def walk(source: Source, keywords: Container[str]) -> Iterator[Piece]:
    """Walk a file of any format that can speak of itself.

    Args:
        source: the file.
        keywords: of PNG's texts, those that are wanted.

    Yields:
        Its parts, in the file's order; none for a format that is not known here.

    Raises:
        Stopped: the walk ended before the file did.
    """
    head = source.head(0, min(_HEAD, source.size))
    for module, fits in _FORMATS:
        if fits(head):
            yield from module.walk(source, keywords)
            return
    source.bounds.gaps.append("it is of a format that is not looked into")
