"""What a picture's file says of itself, before any network looks.

    from aiart_edge import origin

    print(origin.read("picture.jpg").says)

Standard library alone: neither numpy nor Pillow nor a runtime is imported, but for a picture that
somebody else has decoded (`look_at_pixels`); and of the wing what a file needs, since most carry
little, and a cold start counts. What a file says can be forged and removed, so none of it is proof,
and a file that says nothing says nothing.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from aiart_edge.errors import PictureError
from aiart_edge.origin.bounds import Bounds, Source, Stopped
from aiart_edge.origin.containers import Piece, walk
from aiart_edge.origin.statement import Certainty, Field, Mark, Origin, Says

if TYPE_CHECKING:
    from PIL import Image

    from aiart_edge.origin.pixels import Seen

__all__ = ["Certainty", "Mark", "Origin", "Says", "look_at_pixels", "read"]

_MOST_STREAMED = 128 << 20  # bytes of what cannot be rewound, such as a pipe


def read(source: str | os.PathLike[str] | bytes | BinaryIO, seen: Seen | None = None) -> Origin:
    """Read what a picture's file says of itself.

    At most 10,000 parts and 4 MB of metadata are read; `Origin.gaps` tells where that, or damage,
    ended it.

    Args:
        source: a path, the file's bytes, or a binary file, read from its beginning and left where
            it was.
        seen: what `look_at_pixels` found in its pixels. Default: they were not looked at.

    Returns:
        What was found: of any file, however broken.

    Raises:
        PictureError: it cannot be opened or read.
    """
    name = source if isinstance(source, str | os.PathLike) else getattr(source, "name", "<bytes>")
    try:
        with _opened(source) as file:
            return _read(file, seen)
    except OSError as error:
        raise PictureError(
            str(name), f"cannot be read ({error.strerror or type(error).__name__})"
        ) from error


def look_at_pixels(image: Image.Image) -> Seen | None:
    """Look for marks in the pixels of a lossless picture: a `look` for `image.read_picture`.

    Args:
        image: of Pillow's, as it stands in its file; it need not be decoded yet.

    Returns:
        What was found; None where the file is not lossless, and its pixels were not looked at.
    """
    if image.format == "JPEG":  # most pictures, which shall not wait for an import
        return None
    from aiart_edge.origin.pixels import look

    return look(image)


def _read(file: BinaryIO, seen: Seen | None) -> Origin:
    bounds = Bounds()
    source = Source(file, bounds)
    fields: list[Field] = []
    marks: list[Mark] = []
    with _until_stopped(bounds):
        for piece in walk(source):
            with _until_stopped(bounds):
                if piece.kind == "c2pa":
                    from aiart_edge.origin.c2pa import read_marks

                    marks += read_marks(source, piece)
                else:
                    fields += _read_fields(piece, bounds)
    if fields:
        from aiart_edge.origin.markers import find_marks

        marks += find_marks(fields)
    origin = Origin.of(marks, bounds.gaps, fields)
    return origin.with_pixels(*seen) if seen else origin


def _read_fields(piece: Piece, bounds: Bounds) -> Iterator[Field]:
    data = piece.data
    if isinstance(data, str):
        yield Field(piece.name, data, piece.where)
    elif piece.kind == "exif":
        from aiart_edge.origin.containers.tiff import walk_block

        block = data[6:] if data.startswith(b"Exif\0") else data
        for inner in walk_block(Source(io.BytesIO(block), bounds), piece.where, 0):
            if isinstance(inner.data, str):
                yield Field(inner.name, inner.data, inner.where)
    else:
        for name, text in _read_texts(piece.kind, data, bounds):
            yield Field(name, text, f"{piece.where}, {name.rpartition(':')[2]}")


def _read_texts(kind: str, data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    if kind == "xmp":
        from aiart_edge.origin.xmp import read_properties

        return read_properties(data, bounds)
    from aiart_edge.origin.iptc import read_datasets

    return read_datasets(data, bounds)


@contextmanager
def _until_stopped(bounds: Bounds) -> Iterator[None]:
    try:
        yield
    except Stopped as stopped:
        bounds.gaps.append(str(stopped))


@contextmanager
def _opened(source: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            yield file if file.seekable() else io.BytesIO(file.read(_MOST_STREAMED))
    elif source.seekable():
        place = source.tell()
        try:
            yield source
        finally:
            source.seek(place)
    else:
        yield io.BytesIO(source.read(_MOST_STREAMED))
