"""What makes a decoder work for minutes, found in a file before the decoder sees it.

Most decoders take their time, and their memory, for pixels. Where the structure of a file can ask
for more, a few bytes of it ask for hours: tiles, precincts, chunks, runs. Files are walked here by
their markers, and nothing is decoded. JPEG is not among them: `image` counts its scans itself.
"""

from __future__ import annotations

import io
import re
import struct
from itertools import zip_longest
from typing import Any, BinaryIO

_LARGEST_ICON = 16 << 20  # bytes
_LARGEST_ICON_PIXELS = 4_000_000
_MOST_ICON_PARTS = 100
_LARGEST_TILED = 50_000_000  # pixels, with those that hang over the edge
_LARGEST_RUN_LENGTH = 10_000_000  # pixels of a BMP, whose runs Pillow expands in Python
_LARGEST_XPM = 500_000  # pixels, each of which Pillow looks up in the list of colours
_MOST_FLI_CHUNKS = 20  # of a frame; each may paint all of it
_MOST_COMMENTS = 1_000  # of a plain PPM; each takes a copy of a megabyte
_MOST_PACKETS = 1_000_000  # of a JPEG 2000
_MOST_STEPS = 100_000  # of a walk
_MOST_TIFF_SCANS = 10  # of a strip or tile that is a JPEG; most have one
_BYTES_MORE_OF_DEEP = 3  # a pixel of four channels of 16 bits, which libtiff unpacks first

_PNG = b"\x89PNG\r\n\x1a\n"
# TIFF's tags.
_COMPRESSION, _STRIP_PLACES, _STRIP_LENGTHS, _TILE_WIDTH, _TILE_HEIGHT = 259, 273, 279, 322, 323
_TILE_PLACES, _TILE_LENGTHS = 324, 325
_JPEG = 7  # a compression
_SCAN = b"\xff\xda\0"  # of a JPEG, which has these bytes nowhere else

# JPEG 2000, ISO/IEC 15444-1, annex A.
_CODESTREAM = b"\xff\x4f\xff\x51"
_COD, _COC, _SOT, _SOD, _EOC = 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
# What OpenJPEG takes for each, measured as benchmarks/picture_memory.py measures.
_BYTES_OF_BLOCK, _BYTES_OF_PRECINCT = 500, 6_000


def check_unopened(stream: BinaryIO, start: bytes) -> None:
    """Refuse what Pillow would decode in order to open it.

    Args:
        stream: the file, binary and seekable; it is left at its start.
        start: the first bytes of it, eight or more.

    Raises:
        ValueError: it asks for too much work.
    """
    if start.startswith(b"BLP1\0\0\0\0"):
        raise ValueError("a BLP file that holds a JPEG is refused, since nothing bounds its size")
    if start.startswith((b"\0\0\1\0", b"icns")):
        stream.seek(0)
        content = stream.read(_LARGEST_ICON + 1)
        stream.seek(0)
        _check_icon(content)


def check_opened(image: Any) -> int:
    """Refuse what would take its decoder much longer than its pixels do.

    Args:
        image: an image file of Pillow's, opened but not decoded.

    Returns:
        The bytes that decoding takes beside those for each pixel.

    Raises:
        ValueError: it asks for too much work.
    """
    decoder, _, offset, form = image.tile[0][:4] if image.tile else ("", None, 0, "")
    pixels = image.width * image.height
    if decoder == "jpeg2k":
        return _check_jpeg2000(image.fp, len(image.getbands()))
    if decoder in {"fits_gzip", "iptc"}:
        raise ValueError("what is packed in it is refused, since nothing bounds its size")
    if decoder == "bmp_rle" and pixels > _LARGEST_RUN_LENGTH:
        raise ValueError(f"a run-length BMP has more than {_LARGEST_RUN_LENGTH:,} pixels")
    if decoder == "xpm" and pixels > _LARGEST_XPM:
        raise ValueError(f"an XPM has more than {_LARGEST_XPM:,} pixels")
    if decoder == "fli":
        image.fp.seek(offset + 6)
        if int.from_bytes(image.fp.read(2), "little") > _MOST_FLI_CHUNKS:
            raise ValueError(f"its frame has more than {_MOST_FLI_CHUNKS} chunks")
    if decoder == "ppm_plain":
        image.fp.seek(0)
        pieces = iter(lambda: image.fp.read(1 << 20), b"")
        if sum(piece.count(b"#") for piece in pieces) > _MOST_COMMENTS:
            raise ValueError(f"it has more than {_MOST_COMMENTS:,} comments")
    if image.format == "TIFF":
        wide, high = (image.tag_v2.get(tag) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        if (
            wide
            and high
            and _round_up(image.width, wide) * _round_up(image.height, high) > (_LARGEST_TILED)
        ):
            raise ValueError(f"its tiles have more than {_LARGEST_TILED:,} pixels")
        if image.tag_v2.get(_COMPRESSION) == _JPEG:
            _check_tiff_scans(image.fp, image.tag_v2)
    is_deep = re.search("[AaKX];16", str(form))
    return pixels * _BYTES_MORE_OF_DEEP if is_deep else 0


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


def _check_tiff_scans(stream: BinaryIO, tags: Any) -> None:
    """Count the scans of each strip or tile of a TIFF that is a JPEG."""
    size = stream.seek(0, io.SEEK_END)
    places = tags.get(_STRIP_PLACES) or tags.get(_TILE_PLACES) or ()
    lengths = tags.get(_STRIP_LENGTHS) or tags.get(_TILE_LENGTHS) or ()
    left = 2 * size
    for place, length in zip_longest(places, lengths, fillvalue=0):
        stream.seek(place)
        content = stream.read(length or size)  # libtiff makes up a length that is missing
        left -= len(content)
        if left < 0:
            raise ValueError("its strips lie over each other")
        if content.count(_SCAN) > _MOST_TIFF_SCANS:
            raise ValueError(f"a strip has more than {_MOST_TIFF_SCANS} scans")


def _check_icon(content: bytes) -> None:
    """Check every picture in an icon: it may have any size, whatever the icon says of it."""
    if len(content) > _LARGEST_ICON:
        raise ValueError(f"an icon has more than {_LARGEST_ICON >> 20} MB")
    sizes = [_at(">8xLL", content, found.end()) for found in re.finditer(_PNG, content)]
    if content.startswith(b"\0\0"):  # ICO, whose directory names the places
        entries = content[6 : 6 + 16 * _at("<H", content, 4)[0]]
        places = {_at("<L", entries, at + 12)[0] for at in range(0, len(entries), 16)}
        sizes += [_bitmap_size(content, place) for place in places]
    if any(width * height > _LARGEST_ICON_PIXELS for width, height in sizes):
        raise ValueError(f"an icon has more than {_LARGEST_ICON_PIXELS:,} pixels")
    starts = [found.start() for found in re.finditer(_CODESTREAM, content)]
    if len(starts) > _MOST_ICON_PARTS:
        raise ValueError(f"an icon has more than {_MOST_ICON_PARTS} pictures")
    for start in starts:
        _check_codestream(io.BytesIO(content), start, 4, _LARGEST_ICON_PIXELS)


def _bitmap_size(content: bytes, at: int) -> tuple[int, int]:
    """Read the size of a bitmap in an icon, whose height is that of picture and mask."""
    if content.startswith(_PNG, at):
        return 0, 0
    is_old = _at("<L", content, at)[0] == 12  # noqa: PLR2004  the length of its header
    width, height = _at("<4xHH" if is_old else "<4xll", content, at)
    return abs(width), abs(height) // 2


def _at(form: str, content: bytes, at: int) -> tuple[Any, ...]:
    """Unpack what stands at a place; behind the end stand zeros."""
    length = struct.calcsize(form)
    return struct.unpack(form, content[at : at + length].ljust(length, b"\0"))


def _check_jpeg2000(stream: BinaryIO, bands: int) -> int:
    """Find the codestream, among the boxes of a file where there are any, and check it."""
    at = 0
    for _ in range(_MOST_STEPS):
        stream.seek(at)
        head = stream.read(16)
        if head.startswith(_CODESTREAM):
            return _check_codestream(stream, at, bands)
        length, kind, long_length = _at(">L4sQ", head, 0)
        length, header = (long_length, 16) if length == 1 else (length, 8)
        if kind == b"jp2c":
            return _check_codestream(stream, at + header, bands)
        if length < header:
            break
        at += length
    raise ValueError("it has no codestream")


def _check_codestream(
    stream: BinaryIO, start: int, bands: int, most_pixels: int | None = None
) -> int:
    """Count the blocks, precincts and packets; give the memory that the first two take.

    The headers of the file and of each tile part may say how components are cut up; the worst of
    all that they say is taken for the whole picture.
    """
    stream.seek(start + 4)
    length, right, bottom, left, top, wide, high = _at(">HxxLLLLLL", stream.read(28), 0)
    pixels = max(0, right - left) * max(0, bottom - top)
    if most_pixels and pixels > most_pixels:
        raise ValueError(f"it has more than {most_pixels:,} pixels")
    tiles = -(-right // max(1, wide)) * -(-bottom // max(1, high))
    blocks = precincts = layers = 0
    at, tile_part = start + 4 + length, (0, 0)
    for _ in range(_MOST_STEPS):
        stream.seek(at)
        marker, length, *body = _at(">HH60B", stream.read(64), 0)
        if marker == _SOT:
            tile_part = at, int.from_bytes(body[2:6], "big")
        if marker == _SOD:
            if not tile_part[1]:  # it reaches to the end
                break
            at = sum(tile_part)
            continue
        if marker == _COD:
            layers = max(layers, int.from_bytes(body[2:4], "big"))
            style, parameters = body[0], body[5:]
        elif marker == _COC:
            # Few files have so many components that their numbers take two bytes, and not Pillow's.
            style, parameters = body[1], body[2:]
        elif marker < 0xFF00 or marker == _EOC:  # noqa: PLR2004
            break
        if marker in {_COD, _COC}:
            cut = _cut_up(pixels, tiles, bool(style & 1), parameters)
            blocks, precincts = max(blocks, cut[0]), max(precincts, cut[1])
        at += 2 + length
    else:
        raise ValueError(f"it has more than {_MOST_STEPS:,} parts")
    if precincts * bands * layers > _MOST_PACKETS:
        raise ValueError(f"it has more than {_MOST_PACKETS:,} packets")
    return bands * (blocks * _BYTES_OF_BLOCK + precincts * _BYTES_OF_PRECINCT)


def _cut_up(pixels: int, tiles: int, has_precincts: bool, parameters: list[int]) -> tuple[int, int]:
    """Estimate into how many blocks and precincts a component is cut (tables A.15, A.20, A.21)."""
    levels, *block = parameters[:3]
    blocks = precincts = 0
    for resolution in range(levels + 1):
        size = parameters[5 + resolution] if has_precincts else 0xFF
        precinct = size & 15, size >> 4
        share = pixels >> 2 * (levels - resolution)
        here = tiles + (share >> sum(precinct))
        inside = (
            min(side + 2, limit - (resolution > 0))
            for side, limit in zip(block, precinct, strict=True)
        )
        blocks += here + (share >> max(0, sum(inside)))
        precincts += here
    return blocks, precincts
