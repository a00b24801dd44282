"""A part of a file that can speak of the picture."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Piece(NamedTuple):
    """A part of a file that can speak of the picture.

    Args:
        kind: what it is written in; `text` is one field.
        where: the part of the file, for a person.
        data: its content; of a `text`, already a string.
        name: of a `text`, the field's.
        span: of `c2pa`, the first byte of the file that it takes and the one after its last.
    """

    kind: Literal["xmp", "exif", "iptc", "c2pa", "text"]
    where: str
    data: bytes | str
    name: str = ""
    span: tuple[int, int] = (0, 0)
