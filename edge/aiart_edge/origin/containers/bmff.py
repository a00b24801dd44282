"""AVIF and HEIF: boxes of ISO 14496-12, and the items of 23008-12 that are EXIF or XMP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiart_edge.origin.bounds import Source, Stopped
from aiart_edge.origin.containers.piece import Piece

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP = b"application/rdf+xml"
_MOST_ITEMS = 2_000


@dataclass(frozen=True)
class _Box:
    kind: bytes
    start: int
    body: int
    end: int


def walk(source: Source) -> Iterator[Piece]:
    """Walk the boxes of an AVIF or HEIF file; see `containers.walk`."""
    for box in _walk_boxes(source, 0, source.size):
        if box.kind == b"meta":
            yield from _walk_items(source, box)
        elif box.kind == b"uuid" and source.bytes_at(box.body, 16) == _C2PA:
            yield from _read_c2pa(source, box)


def _walk_boxes(source: Source, at: int, end: int) -> Iterator[_Box]:
    while at + 8 <= end:
        head = source.head(at, 8)
        size, body = int.from_bytes(head[:4]), at + 8
        if size == 1:
            size, body = int.from_bytes(source.bytes_at(body, 8)), at + 16
        elif size == 0:
            size = end - at
        if size < body - at or at + size > end:
            raise Stopped("its boxes are out of step")
        yield _Box(head[4:], at, body, at + size)
        at += size


def _read_c2pa(source: Source, box: _Box) -> Iterator[Piece]:
    """Read version (4), purpose and its zero byte, offset of a Merkle tree (8), the store."""
    at = box.body + 20
    purpose = source.bytes_at(at, min(32, box.end - at)).partition(b"\0")[0]
    at += len(purpose) + 9
    if purpose == b"manifest" and at < box.end:
        data = source.read(at, box.end - at)
        yield Piece("c2pa", "uuid box", data, span=(box.start, box.end))


def _walk_items(source: Source, meta: _Box) -> Iterator[Piece]:
    kinds: dict[int, str] = {}
    places: dict[int, tuple[int, int, int]] = {}
    inner = 0
    for box in _walk_boxes(source, meta.body + 4, meta.end):
        if box.kind == b"iinf":
            kinds = dict(_read_kinds(source, box))
        elif box.kind == b"iloc":
            places = dict(_read_places(source, box))
        elif box.kind == b"idat":
            inner = box.body
    for item, kind in kinds.items():
        method, offset, length = places.get(item, (2, 0, 0))
        at = offset + (inner if method == 1 else 0)
        if method > 1 or (method == 1 and not inner):
            continue
        if kind == "Exif" and length > 4:  # noqa: PLR2004
            skip = 4 + int.from_bytes(source.bytes_at(at, 4))
            if skip < length:
                yield Piece("exif", "Exif item", source.read(at + skip, length - skip))
        elif kind == "xmp":
            yield Piece("xmp", "XMP item", source.text(at, at + length))


def _read_kinds(source: Source, box: _Box) -> Iterator[tuple[int, str]]:
    """Give the items that can speak, of all that `iinf` lists."""
    version = source.bytes_at(box.body, 1)[0]
    first = box.body + (6 if version == 0 else 8)
    for number, entry in enumerate(_walk_boxes(source, first, box.end)):
        if number >= _MOST_ITEMS:
            raise Stopped(f"it has more than {_MOST_ITEMS:,} items")
        content = source.bytes_at(entry.body, min(64, entry.end - entry.body))
        wide = 4 if content[:1] == b"\3" else 2
        item, rest = int.from_bytes(content[4 : 4 + wide]), content[4 + wide + 2 :]
        if rest[:4] == b"Exif":
            yield item, "Exif"
        elif rest[:4] == b"mime" and rest[4:].split(b"\0")[1:2] == [_XMP]:
            yield item, "xmp"


def _read_places(source: Source, box: _Box) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Give for each item of one extent how its offset counts, the offset and the length."""
    content = source.read(box.body, box.end - box.body)
    version = content[0]
    sizes = content[4] >> 4, content[4] & 15, content[5] >> 4, content[5] & 15 if version else 0
    wide = 4 if version == 2 else 2  # noqa: PLR2004
    at, items = 6 + wide, int.from_bytes(content[6 : 6 + wide])
    if items > _MOST_ITEMS:
        raise Stopped(f"it has more than {_MOST_ITEMS:,} items")

    def take(count: int) -> int:
        nonlocal at
        if at + count > len(content):
            raise Stopped("its boxes are out of step")
        at += count
        return int.from_bytes(content[at - count : at])

    for _ in range(items):
        source.bounds.step()
        item = take(wide)
        method = take(2) & 15 if version else 0
        take(2)
        base, extents = take(sizes[2]), take(2)
        for _ in range(extents):
            source.bounds.step()
            take(sizes[3])
            offset, length = take(sizes[0]), take(sizes[1])
            if extents == 1:
                yield item, (method, base + offset, length)
