"""Small files that ask for much work or memory: `python tests/edge/bombs.py`.

Each of `BOMBS` is refused before it is decoded. Each of `HEAVY` is about as much as the limits
admit, and read. The command prints what reading each takes, in seconds of the processor.
"""

from __future__ import annotations

import io
import struct
import sys
import time
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from aiart_edge import InputRule, PictureError
from aiart_edge.image import read_pixels

RULE = InputRule(96, 96)
RANDOM = np.random.default_rng(0).bytes(32)  # no branch of a predictor can be foreseen


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg_of_scans(width: int, height: int, scans: int) -> bytes:
    """A grey progressive JPEG whose last scan, of a few bytes, comes again and again."""
    content = encode(Image.new("L", (width, height)), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * (scans - content.count(b"\xff\xda")) + content[-2:]


def jpeg_of_segments(count: int) -> bytes:
    """Each piece of EXIF data is added to a copy of those before."""
    content = encode(Image.new("L", (16, 16)), "JPEG")
    return content[:2] + (b"\xff\xe1\0\x10Exif\0\0" + bytes(8)) * count + content[2:]


def enlarged(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG that says that it is larger."""
    at = jpeg.index(b"\xff\xc2") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def jpeg_of_arithmetic(width: int, height: int) -> bytes:
    """A JPEG of one scan that says that it is coded arithmetically, and has no code."""
    content = encode(Image.new("L", (16, 16)), "JPEG")
    at = content.index(b"\xff\xc0")
    size = struct.pack(">HH", height, width)
    return content[:at] + b"\xff\xc9" + content[at + 2 : at + 5] + size + content[at + 9 :]


def directory(tags: list[tuple[int, int, int, int]]) -> bytes:
    """The tags of a TIFF: number, type, count, and the value or its place."""
    entries = b"".join(struct.pack("<HHLL", *tag) for tag in tags)
    return struct.pack("<H", len(tags)) + entries + bytes(4)


def tiff_of_scans(side: int, scans: int) -> bytes:
    """A grey TIFF, all of which is one JPEG."""
    content = jpeg_of_scans(side, side, scans)
    tags = [
        (256, 4, 1, side),
        (257, 4, 1, side),
        (258, 3, 1, 8),
        (259, 3, 1, 7),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, side),
        (279, 4, 1, len(content)),
    ]
    return struct.pack("<2sHL", b"II", 42, 8 + len(content)) + content + directory(tags)


def png(
    width: int,
    height: int,
    *,
    depth: int = 16,
    colour: int = 6,
    rows: int | None = None,
    period: bytes = bytes(1),
) -> bytes:
    """A PNG, each row the same bytes, predicted by Paeth's filter; cut off after so many rows."""
    size = width * depth * {0: 1, 2: 3, 4: 2, 6: 4}[colour] // 8
    row = b"\4" + (period * size)[:size]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(rows or height))
    header = struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", data + packer.flush())
        + chunk(b"IEND", b"")
    )


def tiff_of_tiles(width: int, wide: int, height: int) -> bytes:
    """A grey TIFF, all of whose tiles are the same bytes, and hang over its right edge."""
    tile = zlib.compress(bytes(wide * 16), 9)
    count = -(-height // 16)
    arrays = 8 + 2 + 10 * 12 + 4
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, wide),
        (323, 4, 1, 16),
        (324, 4, count, arrays),
        (325, 4, count, arrays + 4 * count),
    ]
    places = struct.pack("<L", arrays + 8 * count) * count
    lengths = struct.pack("<L", len(tile)) * count
    return struct.pack("<2sHL", b"II", 42, 8) + directory(tags) + places + lengths + tile


def fli(width: int, height: int, chunks: int) -> bytes:
    """A frame of chunks, each of which paints all of it black."""
    frame = struct.pack("<LHHLL", 16 + 10 * chunks, 0xF1FA, chunks, 0, 0)
    header = struct.pack("<LHHHHHHL", 0, 0xAF12, 1, width, height, 8, 3, 0).ljust(128, b"\0")
    return header + frame + struct.pack("<LH4x", 10, 13) * chunks


def run_length_bmp(width: int, height: int) -> bytes:
    """Each row ends at once, and is filled up, byte by byte, in Python."""
    rows = b"\0\0" * height + b"\0\1"
    header = struct.pack("<LllHHLLllLL", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + 1024
    head = b"BM" + struct.pack("<LHHL", start + len(rows), 0, 0, start)
    return head + header + bytes(1024) + rows.replace(b"\0\0", b"\1\1\0\0")


def xpm(side: int) -> bytes:
    """Each pixel has the last of many colours, which Pillow searches from the first on."""
    keys = [bytes([code]) for code in range(35, 256)]
    head = b'/* XPM */\nstatic char *xpm[] = {\n"%d %d %d 1",\n' % (side, side, len(keys))
    colours = b"".join(b'"%b c #%06x",\n' % (key, number) for number, key in enumerate(keys))
    return head + colours + (b'"' + keys[-1] * side + b'",\n') * side + b"};\n"


def ico(picture: bytes) -> bytes:
    entry = struct.pack("<BBBBHHLL", 0, 0, 0, 0, 1, 32, len(picture), 22)
    return b"\0\0\1\0\1\0" + entry + picture


def icns(picture: bytes) -> bytes:
    block = b"ic10" + struct.pack(">L", 8 + len(picture)) + picture
    return b"icns" + struct.pack(">L", 8 + len(block)) + block


def jpeg2000(
    side: int,
    *,
    mode: str = "RGB",
    block: int = 4,
    precinct: int = 0xFF,
    layers: int = 1,
    tile: int | None = None,
) -> bytes:
    """A header that says how a picture is cut up: sides as powers of two, blocks from 4 on."""
    content = bytearray(encode(Image.new(mode, (64, 64)), "JPEG2000", no_jp2=True))
    size = content.index(b"\xff\x51") + 6
    content[size : size + 8] = struct.pack(">LL", side, side)
    content[size + 16 : size + 24] = struct.pack(">LL", tile or side, tile or side)
    start = content.index(b"\xff\x52")
    length = 2 + struct.unpack_from(">H", content, start + 2)[0]
    segment = content[start : start + length]
    segment[4] |= 1
    segment[6:8] = struct.pack(">H", layers)
    segment[10:12] = bytes([block, block])
    segment += bytes([precinct]) * (segment[9] + 1)
    segment[2:4] = struct.pack(">H", len(segment) - 2)
    content[start : start + length] = segment
    return bytes(content)


def fits() -> bytes:
    """A table of gzip streams, which inflate to whatever they like."""

    def header(*cards: str) -> bytes:
        return "".join(card.ljust(80) for card in (*cards, "END")).ljust(2880).encode()

    sizes = ("BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 8")
    packed = ("ZIMAGE  = T", "ZCMPTYPE= 'GZIP_1  '", *(f"Z{size}" for size in sizes))
    table = header("XTENSION= 'BINTABLE'", *sizes, *packed)
    return header("SIMPLE  = T", "NAXIS   = 0") + table + bytes(2880)


# By name, what makes a file, and what it is refused with.
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG, 1,000 scans": (lambda: jpeg_of_scans(4000, 4000, 1000), "more than 100 scans"),
    "JPEG, 100 scans of a huge picture": (
        lambda: enlarged(jpeg_of_scans(16, 16, 100), 12_000, 10_800),
        "its scans go over more than 2,000,000,000 samples",
    ),
    "JPEG, coded arithmetically": (
        lambda: jpeg_of_arithmetic(12_000, 10_800),
        "it is coded arithmetically",
    ),
    "JPEG, many segments": (lambda: jpeg_of_segments(5_000), "more than 4,000 segments"),
    "PNG, grey with transparency": (
        lambda: png(6780, 6780, depth=8, colour=4, rows=9),
        "limit is 400",
    ),
    "PNG, one row": (lambda: encode(Image.new("L", (20_000_000, 1)), "PNG"), "limit is 400"),
    "TIFF, tiles over the edge": (
        lambda: tiff_of_tiles(16, 1_000_000, 1600),
        "tiles have more than 50,000,000 pixels",
    ),
    "TIFF, a JPEG of 99 scans": (lambda: tiff_of_scans(6500, 99), "a strip has more than 10 scans"),
    "XPM, many colours": (lambda: xpm(960), "an XPM has more than 500,000 pixels"),
    "FLI, many chunks": (lambda: fli(6780, 6780, 60_000), "more than 20 chunks"),
    "BMP, short runs": (lambda: run_length_bmp(460_000, 100), "run-length BMP has more than"),
    "PPM, many comments": (lambda: b"P2 700 700 255 " + b"#\n" * 490_000, "1,000 comments"),
    "ICO, a huge PNG": (
        lambda: ico(png(9000, 9000, depth=8, rows=9)),
        "an icon has more than 4,000,000",
    ),
    "ICO, a huge bitmap": (
        lambda: ico(struct.pack("<LllHHLLllLL", 40, 9000, 18_000, 1, 8, 1, 0, 0, 0, 0, 0)),
        "an icon has more than 4,000,000",
    ),
    "ICNS, a huge PNG": (
        lambda: icns(png(9000, 9000, depth=8, rows=9)),
        "an icon has more than 4,000,000",
    ),
    "ICNS, a huge JPEG 2000": (lambda: icns(jpeg2000(4500)), "more than 4,000,000 pixels"),
    "JPEG 2000, small blocks": (lambda: jpeg2000(4000, block=0), "limit is 400"),
    "JPEG 2000, small precincts": (lambda: jpeg2000(4000, precinct=0x55), "limit is 400"),
    "JPEG 2000, many packets": (
        lambda: jpeg2000(1000, precinct=0x77, layers=60_000),
        "more than 1,000,000 packets",
    ),
    "JPEG 2000, small tiles": (lambda: jpeg2000(4500, mode="L", tile=18), "limit is 400"),
    "JPEG 2000, transparent": (
        lambda: jpeg2000(4500, mode="RGBA"),
        "limit is 400",
    ),
    "FITS, compressed": (fits, "nothing bounds its size"),
    "BLP, with a JPEG": (lambda: b"BLP1" + bytes(2000), "nothing bounds its size"),
}

HEAVY: dict[str, Callable[[], bytes]] = {
    "JPEG, 100 scans of 20 megapixels": lambda: jpeg_of_scans(4470, 4470, 100),
    "JPEG, 15 scans of 130 megapixels": lambda: jpeg_of_scans(12_000, 10_800, 15),
    "JPEG, 3,900 segments": lambda: jpeg_of_segments(3_900),
    "PNG, 16 bits": lambda: png(5900, 5900, period=RANDOM),
    "PNG, 16 bits, no transparency": lambda: png(6780, 6780, colour=2, period=RANDOM),
    "PNG, 8 bits": lambda: png(6780, 6780, depth=8, period=RANDOM),
    "TIFF, a JPEG of 10 scans": lambda: tiff_of_scans(6780, 10),
    "TIFF, tiles over the edge": lambda: tiff_of_tiles(16, 1_500_000, 32),
    "TIFF, LZMA": lambda: encode(Image.new("RGBA", (6780, 6780)), "TIFF", compression="lzma"),
    "FLI, 20 chunks": lambda: fli(6780, 6780, 20),
    "BMP, short runs": lambda: run_length_bmp(3160, 3160),
    "XPM, many colours": lambda: xpm(707),
    "PPM, 1,000 comments": lambda: b"P2 700 700 255 " + b"#\n" * 1_000 + b"1 " * 490_000,
    "JPEG 2000": lambda: encode(Image.new("RGB", (4400, 4400)), "JPEG2000"),
    "JPEG 2000, small blocks": lambda: jpeg2000(1000, block=0),
    "JPEG 2000, small precincts": lambda: jpeg2000(1000, precinct=0x55, layers=9),
    "JPEG 2000, many packets": lambda: jpeg2000(1000, precinct=0x77, layers=2_000),
    "WebP": lambda: encode(Image.new("RGB", (4790, 4790)), "WEBP", method=0),
    "AVIF": lambda: encode(Image.new("RGB", (5800, 5800)), "AVIF", speed=10),
}


def main() -> None:
    """Read them all."""
    bombs = [(name, make) for name, (make, _) in BOMBS.items()]
    for name, make in (*bombs, *HEAVY.items()):
        content = make()
        start = time.process_time()
        try:
            read_pixels(content, RULE)
            outcome = "read"
        except PictureError as error:
            outcome = error.problem
        taken = time.process_time() - start
        sys.stdout.write(f"{taken:6.2f} s  {len(content):9,} bytes  {name}: {outcome}\n")


if __name__ == "__main__":
    main()
