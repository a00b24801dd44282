"""TIFF, and so EXIF: the tags of the first directory and of the one for the camera."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from aiart_edge.origin.bounds import Source, Stopped
from aiart_edge.origin.containers.piece import Piece

Order = Literal["big", "little"]


class _Layout(NamedTuple):
    """How a file counts: in which order of bytes, and whether as BigTIFF.

    Args:
        order: of bytes.
        offset: bytes of an offset, and of the count of values.
        counter: bytes of the count of tags.
    """

    order: Order
    offset: int
    counter: int

    @property
    def entry(self) -> int:
        """Bytes of a tag: its number (2), type (2), how many values, and they or their place."""
        return 4 + 2 * self.offset


# EXIF 3.0, tables 4 to 8; 0x9C9B to 0x9C9F are Windows' and left out.
_TEXTS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
    0x9003: "DateTimeOriginal",
    0x927C: "MakerNote",
    0x9286: "UserComment",
}
_NUMBERS = {
    0x829A: "ExposureTime",
    0x829D: "FNumber",
    0x8827: "ISOSpeedRatings",
    0x920A: "FocalLength",
}
_CAMERA = 0x8769  # the offset of its directory
_PIECES: Mapping[int, Literal["xmp", "iptc", "c2pa"]] = {
    0x02BC: "xmp",
    0x83BB: "iptc",
    0x8649: "iptc",
    0xCD41: "c2pa",
}
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
    129: 1,
}
_LONG = {16, 17, 18}  # types of BigTIFF, of 8 bytes
_MOST_TAGS = 1_000  # of a directory
_LONGEST_NOTE = 200  # bytes of a MakerNote that may be a text
_CODES = {b"ASCII\0\0\0": "utf-8", b"UNICODE\0": "", b"\0" * 8: "utf-8"}


@dataclass(frozen=True)
class _Tag:
    number: int
    size: int
    place: int
    kind: int


def walk(source: Source) -> Iterator[Piece]:
    """Walk the tags of a TIFF file; see `containers.walk`."""
    yield from walk_block(source, "TIFF", 0)


def walk_block(source: Source, where: str, base: int) -> Iterator[Piece]:
    """Walk the tags of a block of EXIF, which is a small TIFF file.

    Args:
        source: where it stands.
        where: the part of the file, for a person.
        base: the byte offset from which its offsets count.

    Yields:
        Its texts and numbers as fields `exif:...`, and what else it holds.

    Raises:
        Stopped: it is out of step, or too big.
    """
    order, layout, first = _read_head(source, base)
    for tag in _read_directory(source, base, first, layout):
        if tag.number == _CAMERA:
            offset = _number(source, tag, order)
            for inner in _read_directory(source, base, offset, layout):
                yield from _read_tag(source, inner, where, order)
        elif tag.number in _PIECES:
            span = tag.place, tag.place + tag.size
            data = source.read(tag.place, tag.size)
            yield Piece(_PIECES[tag.number], f"{where} tag {tag.number}", data, span=span)
        else:
            yield from _read_tag(source, tag, where, order)


def _read_head(source: Source, base: int) -> tuple[Order, _Layout, int]:
    """Read the order of bytes, the layout, and the offset of the first directory."""
    head = source.head(base, 8)
    order: Order = "little" if head[:1] == b"I" else "big"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return order, _Layout(order, 4, 2), int.from_bytes(head[4:], order)
    if head[:4] not in (b"II+\0", b"MM\0+"):
        raise Stopped("its tags are out of step")
    return order, _Layout(order, 8, 8), int.from_bytes(source.bytes_at(base + 8, 8), order)


def _read_directory(source: Source, base: int, offset: int, layout: _Layout) -> Iterator[_Tag]:
    order, wide = layout.order, layout.offset
    at = base + offset
    count = int.from_bytes(source.head(at, layout.counter), order)
    if count > _MOST_TAGS:
        raise Stopped("its tags are out of step")
    for number in range(count):
        start = at + layout.counter + layout.entry * number
        entry = source.head(start, layout.entry)
        kind = int.from_bytes(entry[2:4], order)
        size = int.from_bytes(entry[4 : 4 + wide], order) * _SIZES.get(kind, 0)
        inside = start + 4 + wide
        place = inside if size <= wide else base + int.from_bytes(entry[4 + wide :], order)
        if place + size <= source.size:
            yield _Tag(int.from_bytes(entry[:2], order), size, place, kind)


def _number(source: Source, tag: _Tag, order: Order) -> int:
    """Give the first number of a tag; of a fraction, what is above the line."""
    size = 8 if tag.kind in _LONG else 4
    return int.from_bytes(source.bytes_at(tag.place, min(tag.size, size)), order)


def _read_tag(source: Source, tag: _Tag, where: str, order: Order) -> Iterator[Piece]:
    if tag.number in _NUMBERS and tag.size:
        numerator = _number(source, tag, order)
        yield Piece("text", where, str(numerator), f"exif:{_NUMBERS[tag.number]}")
    elif name := _TEXTS.get(tag.number):
        if name == "MakerNote" and tag.size > _LONGEST_NOTE:
            return
        content = source.text(tag.place, tag.place + tag.size)
        text = _comment(content, order) if name == "UserComment" else _text(content)
        yield Piece("text", f"{where} {name}", text, f"exif:{name}")


def _text(content: bytes) -> str:
    return content.rstrip(b"\0 ").decode(errors="replace")


def _comment(content: bytes, order: Order) -> str:
    """Read a comment: 8 bytes say in which code.

    What writes UTF-16 agrees neither with the standard nor with its own file on the order of bytes:
    the zero bytes of what stands in ASCII tell.
    """
    code, text = content[:8], content[8:]
    encoding = _CODES.get(code)
    if encoding is None:
        return _text(content)
    if encoding:
        return _text(text)
    high, low = text[0::2].count(0), text[1::2].count(0)
    little = low > high if low != high else order == "little"
    return text.decode("utf-16-le" if little else "utf-16-be", errors="replace").rstrip("\0 ")
