"""PNG: chunks, also those behind the pixels, up to IEND."""

from __future__ import annotations

from collections.abc import Iterator

from aiart_edge.origin.bounds import Source, Stopped
from aiart_edge.origin.containers.piece import Piece

_FRAME = 12  # length, kind and checksum of a chunk
_LONGEST_KEYWORD = 79
_XMP = "XML:com.adobe.xmp"
_RAW = "Raw profile type "  # as ImageMagick keeps what PNG had no place for
_RAW_KINDS = {"exif", "xmp", "iptc", "8bim", "APP1"}
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"


def walk(source: Source) -> Iterator[Piece]:
    """Walk the chunks of a PNG; see `containers.walk`."""
    at = 8
    while True:
        head = source.head(at, 8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        start, end = at + 8, at + _FRAME + length
        if end > source.size or (at == 8 and kind != b"IHDR"):  # noqa: PLR2004
            raise Stopped("its chunks are out of step")
        if kind == b"IEND":
            return
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield from _read_text(source, kind.decode(), start, length)
        elif kind == b"eXIf":
            yield Piece("exif", "PNG eXIf", source.read(start, length))
        elif kind == b"caBX":
            yield Piece("c2pa", "PNG caBX", source.read(start, length), span=(at, end))
        at = end


def _read_text(source: Source, kind: str, start: int, length: int) -> Iterator[Piece]:
    from aiart_edge.origin.markers import KEYWORDS  # noqa: PLC0415  most files need no table

    head = source.head(start, min(length, _LONGEST_KEYWORD + 1))
    keyword = head.partition(b"\0")[0].decode("latin-1")
    raw = keyword[len(_RAW) :] if keyword.startswith(_RAW) else ""
    if not (keyword == _XMP or raw in _RAW_KINDS or keyword in KEYWORDS):
        return
    rest = source.text(start + len(keyword) + 1, start + length)
    where = f"PNG {kind} {keyword}"
    content = _unpack(source, kind, rest)
    if keyword == _XMP:
        yield Piece("xmp", where, content)
    elif raw:
        yield from _read_raw_profile(where, content)
    else:
        # tEXt and zTXt are Latin-1 by the standard, and UTF-8 by the habit of what writes prompts.
        yield Piece("text", where, content.decode(errors="replace"), f"png:{keyword}")


def _unpack(source: Source, kind: str, rest: bytes) -> bytes:
    """Give the text behind a keyword."""
    if kind == "tEXt":
        return rest
    if kind == "zTXt":
        return source.bounds.inflate(rest[1:])
    packed, (_language, _, rest) = rest[:1] == b"\1", rest[2:].partition(b"\0")
    content = rest.partition(b"\0")[2]
    return source.bounds.inflate(content) if packed else content


def _read_raw_profile(where: str, content: bytes) -> Iterator[Piece]:
    """Read a line with the kind, one with the length, and lines of hexadecimal digits."""
    kind, _, rest = content.lstrip(b"\n").partition(b"\n")
    digits = b"".join(rest.partition(b"\n")[2].split())
    try:
        data = bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))
    except ValueError:
        return
    if data.startswith(b"Exif\0"):
        yield Piece("exif", where, data)
    elif kind == b"xmp" or data.startswith(_XMP_IN_JPEG):
        yield Piece("xmp", where, data)
    elif kind in (b"iptc", b"8bim"):
        yield Piece("iptc", where, data)
