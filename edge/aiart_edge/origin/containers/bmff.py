"""AVIF and HEIF: boxes of ISO 14496-12, and the items of 23008-12 that are EXIF or XMP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiart_edge.origin.bounds import Source, Stopped
from aiart_edge.origin.containers.piece import Piece

C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP = b"application/rdf+xml"
_MOST_ITEMS = 2_000


@dataclass(frozen=True)
class Box:
    """A box of a file, as byte offsets.

    Args:
        kind: four bytes.
        start: of its head.
        body: of what it holds.
        end: behind it.
    """

    kind: bytes
    start: int
    body: int
    end: int


def walk(source: Source) -> Iterator[Piece]:
    """Walk the boxes of an AVIF or HEIF file; see `containers.walk`."""
    for box in walk_boxes(source, 0, source.size):
        if box.kind == b"meta":
            yield from _walk_items(source, box)
        elif box.kind == b"uuid" and source.bytes_at(box.body, 16) == C2PA:
            yield from _read_c2pa(source, box)


def walk_boxes(source: Source, at: int, end: int) -> Iterator[Box]:
    """Walk boxes in a row.

    Args:
        source: the file.
        at: the byte offset of the first.
        end: of the byte behind the last.

    Yields:
        Each; what does not make a head is left over.

    Raises:
        Stopped: one reaches beyond the end, or they are too many.
    """
    while at + 8 <= end:
        head = source.head(at, 8)
        size, body = int.from_bytes(head[:4]), at + 8
        if size == 1:
            size, body = int.from_bytes(source.bytes_at(body, 8)), at + 16
        elif size == 0:
            size = end - at
        if size < body - at or at + size > end:
            raise Stopped("its boxes are out of step")
        yield Box(head[4:], at, body, at + size)
        at += size


def _read_c2pa(source: Source, box: Box) -> Iterator[Piece]:
    """Read version (4), purpose and its zero byte, offset of a Merkle tree (8), the store."""
    at = box.body + 20
    purpose = source.bytes_at(at, min(32, box.end - at)).partition(b"\0")[0]
    at += len(purpose) + 9
    if purpose == b"update":
        source.bounds.gaps.append("an update of its Content Credentials is not read")
    if purpose in (b"manifest", b"original") and at < box.end:
        data = source.read(at, box.end - at)
        yield Piece("c2pa", "uuid box", data, span=(box.start, box.end))


def _walk_items(source: Source, meta: Box) -> Iterator[Piece]:
    kinds: dict[int, str] = {}
    places: dict[int, tuple[int, int, int]] = {}
    inner = 0
    for box in walk_boxes(source, meta.body + 4, meta.end):
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
        if kind == "Exif":
            yield from read_exif(source, "Exif item", at, at + length)
        elif kind == "xmp":
            yield Piece("xmp", "XMP item", source.text(at, at + length))


def read_exif(source: Source, where: str, at: int, end: int) -> Iterator[Piece]:
    """Read EXIF behind the four bytes that say how much to skip.

    Args:
        source: the file.
        where: the part of the file, for a person.
        at: the byte offset of the first byte.
        end: of the byte behind the last.
    """
    if at + 4 < end:
        at += 4 + int.from_bytes(source.bytes_at(at, 4))
        if at < end:
            yield Piece("exif", where, source.read(at, end - at))


def _read_kinds(source: Source, box: Box) -> Iterator[tuple[int, str]]:
    """Give the items that can speak, of all that `iinf` lists."""
    version = source.bytes_at(box.body, 1)[0]
    first = box.body + (6 if version == 0 else 8)
    for number, entry in enumerate(walk_boxes(source, first, box.end)):
        if number >= _MOST_ITEMS:
            raise Stopped(f"it has more than {_MOST_ITEMS:,} items")
        content = source.bytes_at(entry.body, min(64, entry.end - entry.body))
        wide = 4 if content[:1] == b"\3" else 2
        item, rest = int.from_bytes(content[4 : 4 + wide]), content[4 + wide + 2 :]
        if rest[:4] == b"Exif":
            yield item, "Exif"
        elif rest[:4] == b"mime" and rest[4:].split(b"\0")[1:2] == [_XMP]:
            yield item, "xmp"


def _read_places(source: Source, box: Box) -> Iterator[tuple[int, tuple[int, int, int]]]:
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
