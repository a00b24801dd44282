"""Where a declaration may stand, in files of every format, and where it counts for nothing."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, features

from aiart_edge import PictureError, origin
from tests.edge.origin import files

PACKET = files.declared_ai()
EXIF = files.exif({0x010F: "Ideogram AI"})
XMP_KEYWORD = "XML:com.adobe.xmp"


def saved(kind: str, **options: object) -> bytes:
    return files.draw(kind, **options)


def extended(packet: bytes) -> list[bytes]:
    """Segments of an extended packet, of which the second half comes first."""
    half = len(packet) // 2
    head = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">I", len(packet))
    return [
        files.jpeg_segment(0xE1, head + struct.pack(">I", at) + packet[at : at + half + 1])
        for at in (half + 1, 0)
    ]


DECLARED = {
    "JPEG, XMP": files.jpeg_with_xmp(PACKET),
    "JPEG, another prefix": files.jpeg_with_xmp(files.declared_ai("iptcExt")),
    "JPEG, as an element": files.jpeg_with_xmp(
        files.xmp({}, {"i": files.IPTC_EXT},
                  f"<i:DigitalSourceType>{files.AI}</i:DigitalSourceType>")
    ),
    "JPEG, as a resource": files.jpeg_with_xmp(
        files.xmp({}, {"i": files.IPTC_EXT}, f'<i:DigitalSourceType rdf:resource="{files.AI}"/>')
    ),
    "JPEG, in a list": files.jpeg_with_xmp(
        files.xmp({}, {"i": files.IPTC_EXT},
                  f"<i:DigitalSourceType><rdf:Bag><rdf:li>{files.AI}</rdf:li></rdf:Bag>"
                  "</i:DigitalSourceType>")
    ),
    "JPEG, extended XMP": files.jpeg(*extended(PACKET)),
    "JPEG, EXIF": files.jpeg(files.jpeg_segment(0xE1, EXIF)),
    "JPEG behind fill bytes": files.jpeg(b"\xff\xff\xff" + files.jpeg_segment(0xE1, EXIF)),
    "PNG, tEXt": files.png(files.png_text(XMP_KEYWORD, PACKET.decode())),
    "PNG, zTXt": files.png(files.png_compressed(XMP_KEYWORD, PACKET)),
    "PNG, iTXt": files.png(files.png_international(XMP_KEYWORD, PACKET)),
    "PNG, compressed iTXt": files.png(
        files.png_international(XMP_KEYWORD, PACKET, compressed=True)
    ),
    "PNG, with JPEG's prefix": files.png(
        files.png_international(XMP_KEYWORD, files.XMP_IN_JPEG + PACKET)
    ),
    "PNG, behind the pixels": files.png(files.png_international(XMP_KEYWORD, PACKET), late=True),
    "PNG, eXIf": files.png(files.png_chunk(b"eXIf", EXIF[6:])),
    "PNG, raw XMP": files.png(files.raw_profile("xmp", PACKET)),
    "PNG, raw EXIF": files.png(files.raw_profile("exif", EXIF)),
    "PNG, raw APP1": files.png(files.raw_profile("APP1", files.XMP_IN_JPEG + PACKET)),
    "PNG, raw IPTC": files.png(
        files.raw_profile("iptc", files.iptc_credit("Made with Google AI"))
    ),
    "WebP, XMP": files.webp((b"XMP ", PACKET)),
    "WebP, EXIF": files.webp((b"EXIF", EXIF[6:])),
    "WebP, EXIF behind a prefix": files.webp((b"EXIF", EXIF)),
    "WebP of Pillow": saved("WEBP", exif=EXIF, xmp=PACKET),
    "JPEG of Pillow": saved("JPEG", exif=EXIF, xmp=PACKET),
    "PNG of Pillow": saved("PNG", exif=EXIF),
    "GIF, XMP": files.gif(b"\x21\xff\x0bXMP DataXMP" + PACKET
                          + bytes([1, *range(255, -1, -1), 0])),
    "GIF, comment": files.gif(
        b"\x21\xfe" + files.gif_blocks(b"Steps: 20, Sampler: Euler a, Seed: 1")
    ),
    "TIFF, tags": saved("TIFF", tiffinfo={0x010F: "Ideogram AI"}),
    "TIFF, XMP": saved("TIFF", tiffinfo={0x02BC: PACKET}),
    "BigTIFF, tags": saved("TIFF", big_tiff=True, tiffinfo={0x010F: "Ideogram AI"}),
    "BigTIFF, XMP": saved("TIFF", big_tiff=True, tiffinfo={0x02BC: PACKET}),
}  # fmt: skip

JPEG_XL = {
    "EXIF": files.jpeg_xl(files.box(b"Exif", bytes(4) + EXIF[6:])),
    "XMP": files.jpeg_xl(files.box(b"xml ", PACKET)),
    "behind the pixels": files.jpeg_xl() + files.box(b"xml ", PACKET),
}

APART = {
    "behind a JPEG's end": files.draw("JPEG") + files.jpeg_segment(0xE1, EXIF),
    "behind a PNG's end": files.draw("PNG") + files.png_international(XMP_KEYWORD, PACKET),
    "behind a GIF's end": files.draw("GIF") + b"\x21\xfe" + files.gif_blocks(b"Steps: 1 Seed: "),
    "behind a WebP's end": files.draw("WEBP") + b"XMP " + struct.pack("<I", len(PACKET)) + PACKET,
    "in a JPEG's comment": files.jpeg(files.jpeg_segment(0xFE, PACKET)),
    "in a PNG's comment": files.png(files.png_text("Comment", PACKET.decode())),
    "in pixels": files.draw("TIFF") + PACKET,
    "in a title of XMP": files.jpeg_with_xmp(
        files.xmp({}, {"dc": "http://purl.org/dc/elements/1.1/"},
                  f"<dc:title>{PACKET.decode()[60:].replace('<', '&lt;')}</dc:title>")
    ),
    "of an ingredient in XMP": files.jpeg_with_xmp(
        files.xmp({}, {"m": "http://ns.adobe.com/xap/1.0/mm/", "i": files.IPTC_EXT},
                  f'<m:Pantry><rdf:Bag><rdf:li><rdf:Description i:DigitalSourceType="{files.AI}"/>'
                  "</rdf:li></rdf:Bag></m:Pantry>")
    ),
    "a tool's name in a picture's bytes": files.draw("BMP"),
}  # fmt: skip


@pytest.mark.parametrize("content", DECLARED.values(), ids=DECLARED)
def test_a_declaration_is_found(content: bytes) -> None:
    found = origin.read(content)
    assert found.says in ("ai", "partly-ai")
    assert found.marks[0].certainty == "declared"
    assert found.complete


@pytest.mark.parametrize("content", JPEG_XL.values(), ids=JPEG_XL)
def test_a_declaration_is_found_in_jpeg_xl(content: bytes) -> None:
    found = origin.read(content)
    assert (found.says, found.marks[0].certainty, found.complete) == ("ai", "declared", True)


def test_jpeg_xl_without_metadata_says_nothing() -> None:
    assert origin.read(files.jpeg_xl()) == origin.Origin()
    assert origin.read(b"\xff\x0a" + bytes(50)) == origin.Origin()


def test_jpeg_xl_with_compressed_metadata_is_not_called_silent() -> None:
    found = origin.read(files.jpeg_xl(files.box(b"brob", b"xml " + bytes(30))))
    assert found.gaps == ("its metadata are compressed",)
    assert origin.read(files.jpeg_xl(files.box(b"brob", b"abcd" + bytes(30)))).complete


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_a_declaration_is_found_in_avif() -> None:
    found = origin.read(saved("AVIF", exif=EXIF, xmp=PACKET))
    assert {mark.kind for mark in found.marks} == {"ideogram", "iptc-trainedAlgorithmicMedia"}


@pytest.mark.parametrize("content", APART.values(), ids=APART)
def test_a_markers_bytes_elsewhere_change_nothing(content: bytes) -> None:
    assert origin.read(content).marks == ()


def test_a_format_that_is_not_known_is_not_called_silent() -> None:
    found = origin.read(files.draw("BMP"))
    assert not found.complete
    assert found.as_dict()["reason"] == "it is of a format that is not looked into"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
def test_a_picture_without_metadata_says_nothing(kind: str) -> None:
    assert origin.read(files.draw(kind)) == origin.Origin()


def test_a_path_bytes_and_a_file_give_the_same(tmp_path: Path) -> None:
    content = DECLARED["JPEG, XMP"]
    path = tmp_path / "picture"
    path.write_bytes(content)
    file = io.BytesIO(content)
    file.seek(7)
    assert origin.read(path) == origin.read(str(path)) == origin.read(content) == origin.read(file)
    assert file.tell() == 7


def test_a_pipe_is_read_once() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert origin.read(Pipe(DECLARED["JPEG, XMP"])).says == "ai"


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="cannot be read"):
        origin.read(tmp_path / "missing.jpg")


def test_neither_numpy_nor_pillow_nor_more_of_the_edge_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(DECLARED["JPEG of Pillow"])
    script = (
        "import sys; from aiart_edge import origin; origin.read(sys.argv[1])\n"
        "print(*(name for name in sys.modules if name.startswith('aiart_edge.')), 'numpy' in "
        "sys.modules, 'PIL' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    *modules, numpy, pillow = done.stdout.split()
    assert (numpy, pillow) == ("False", "False")
    assert {name for name in modules if not name.startswith("aiart_edge.origin")} == {
        "aiart_edge.errors"
    }


def test_pillow_reads_what_the_fixtures_write() -> None:
    for name, content in DECLARED.items():
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            assert image.size == (64, 48), name
