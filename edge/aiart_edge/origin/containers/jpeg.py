"""JPEG: segments up to the first scan."""

from __future__ import annotations

from collections.abc import Iterator

from aiart_edge.origin.bounds import LONGEST_TEXT, Source, Stopped
from aiart_edge.origin.containers.piece import Piece

_SCAN, _END, _COMMENT = 0xDA, 0xD9, 0xFE
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_APPLICATION = range(0xE0, 0xF0)
_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_JUMBF = b"JP"
_LABEL = b"AIGC{"  # GB 45438-2025


class _Parts:
    """What is spread over segments, until all of them were seen."""

    def __init__(self) -> None:
        self.photoshop = bytearray()
        self.xmp: dict[bytes, dict[int, bytes]] = {}
        self.boxes: dict[bytes, dict[int, bytes]] = {}
        self.spans: dict[bytes, tuple[int, int]] = {}


def walk(source: Source) -> Iterator[Piece]:
    """Walk the segments of a JPEG; see `containers.walk`."""
    parts = _Parts()
    stopped = None
    try:
        yield from _walk_segments(source, parts)
    except Stopped as reason:
        stopped = reason
    if parts.photoshop:
        yield Piece("iptc", "JPEG APP13", bytes(parts.photoshop))
    for packets in parts.xmp.values():
        yield Piece("xmp", "JPEG APP1, extended XMP", _join_xmp(packets))
    for number, packets in parts.boxes.items():
        if box := _join_box(packets):
            yield Piece("c2pa", "JPEG APP11", box, span=parts.spans[number])
        else:
            source.bounds.gaps.append("its Content Credentials lack a part")
    if stopped:
        raise stopped


def _walk_segments(source: Source, parts: _Parts) -> Iterator[Piece]:
    at = 2
    while True:
        head = source.head(at, 2)
        kind = head[1]
        if head[0] != 0xFF:  # noqa: PLR2004
            raise Stopped("its segments are out of step")
        if kind in (_SCAN, _END):
            return
        if kind == 0xFF or kind in _ALONE:  # noqa: PLR2004  a fill byte
            at += 1 if kind == 0xFF else 2  # noqa: PLR2004
            continue
        length = int.from_bytes(source.bytes_at(at + 2, 2))
        if length < 2 or at + 2 + length > source.size:  # noqa: PLR2004
            raise Stopped("its segments are out of step")
        start, at = at, at + 2 + length
        if kind == _COMMENT:
            comment = source.text(start + 4, at).decode(errors="replace")
            yield Piece("text", "JPEG comment", comment, "jpeg:comment")
        elif kind in _APPLICATION:
            yield from _read_segment(source, parts, kind - _APPLICATION.start, start, at)


def _read_segment(
    source: Source, parts: _Parts, number: int, start: int, end: int
) -> Iterator[Piece]:
    body, name = start + 4, f"JPEG APP{number}"
    head = source.head(body, min(len(_MORE_XMP), end - body))
    if number == 1 and head.startswith(_EXIF):
        yield Piece("exif", name, source.read(body, end - body))
    elif number == 1 and head.startswith(_XMP):
        yield Piece("xmp", name, source.text(body, end))
    elif number == 1 and head.startswith(_MORE_XMP):
        _keep_xmp(source, parts, body + len(_MORE_XMP), end)
    elif number == 13 and head.startswith(_PHOTOSHOP):  # noqa: PLR2004
        parts.photoshop += source.read(body, end - body)[len(_PHOTOSHOP) :]
    elif number == 11 and head.startswith(_JUMBF):  # noqa: PLR2004
        _keep_box(source, parts, start, end)
    elif head.startswith(_LABEL):
        text = source.text(body + 4, end).decode(errors="replace")
        yield Piece("text", name, text, "jpeg:AIGC")


def _keep_xmp(source: Source, parts: _Parts, at: int, end: int) -> None:
    """Keep a part of an extended packet: digest (32), length of all (4), place (4), content."""
    digest, length, place = (
        source.bytes_at(at + skip, n) for skip, n in ((0, 32), (32, 4), (36, 4))
    )
    if int.from_bytes(length) > LONGEST_TEXT:
        source.bounds.cut(bytes(LONGEST_TEXT + 1))
    else:
        packets = parts.xmp.setdefault(digest, {})
        packets.setdefault(int.from_bytes(place), source.read(at + 40, end - at - 40))


def _join_xmp(packets: dict[int, bytes]) -> bytes:
    return b"".join(packets[place] for place in sorted(packets))


def _keep_box(source: Source, parts: _Parts, start: int, end: int) -> None:
    """Keep a packet of a JUMBF box: JP, box instance (2), packet number (4), the box (ISO 19566-5).

    Of two packets with one number the first counts.
    """
    content = source.read(start + 4, end - start - 4)
    number, packet = content[2:4], int.from_bytes(content[4:8])
    parts.boxes.setdefault(number, {}).setdefault(packet, content[8:])
    first, last = parts.spans.get(number, (start, end))
    parts.spans[number] = min(first, start), max(last, end)


def _join_box(packets: dict[int, bytes]) -> bytes:
    """Put packets in their order; all but the first repeat the head of the box."""
    numbers = sorted(packets)
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return b""
    first = packets[numbers[0]]
    head = 16 if int.from_bytes(first[:4]) == 1 else 8
    return first + b"".join(packets[number][head:] for number in numbers[1:])
