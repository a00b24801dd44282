"""Picture files with metadata, written part by part."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping

from PIL import Image

XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
AI = SOURCE_TYPE + "trainedAlgorithmicMedia"


def draw(kind: str, **options: object) -> bytes:
    """A small picture without any metadata."""
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    image.save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(*chunks: bytes, late: bool = False) -> bytes:
    """A PNG with more chunks, before its pixels or behind them."""
    plain = draw("PNG")
    at = len(plain) - 12 if late else 33
    return plain[:at] + b"".join(chunks) + plain[at:]


def png_with(texts: Mapping[str, str]) -> bytes:
    return png(*(png_text(keyword, text) for keyword, text in texts.items()))


def png_text(keyword: str, text: str) -> bytes:
    return png_chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode())


def png_compressed(keyword: str, text: bytes) -> bytes:
    return png_chunk(b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(text))


def png_international(keyword: str, text: bytes, *, compressed: bool = False) -> bytes:
    content = zlib.compress(text) if compressed else text
    return png_chunk(b"iTXt", keyword.encode() + bytes([0, compressed, 0, 0, 0]) + content)


def raw_profile(kind: str, content: bytes) -> bytes:
    lines = "\n".join(content.hex()[at : at + 72] for at in range(0, 2 * len(content), 72))
    return png_compressed(
        f"Raw profile type {kind}", f"\n{kind}\n{len(content):8}\n{lines}\n".encode()
    )


def jpeg_segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(*segments: bytes) -> bytes:
    plain = draw("JPEG")
    return plain[:2] + b"".join(segments) + plain[2:]


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP with more chunks behind its pixels."""
    content = draw("WEBP")[8:] + b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(content)) + content


def gif(*extensions: bytes) -> bytes:
    plain = draw("GIF")
    return plain[:-1] + b"".join(extensions) + plain[-1:]


def gif_blocks(content: bytes) -> bytes:
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def jpeg_xl(*boxes: bytes) -> bytes:
    """A JPEG XL container with more boxes before its codestream, which nothing decodes."""
    frame = bytes.fromhex("0000000c4a584c200d0a870a") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    return frame + b"".join(boxes) + box(b"jxlc", b"\xff\x0a" + bytes(50))


def exif(tags: Mapping[int, object], camera: Mapping[int, object] | None = None) -> bytes:
    """A block of EXIF as Pillow writes it."""
    block = Image.Exif()
    block.update(tags)
    block.get_ifd(0x8769).update(camera or {})
    return block.tobytes()


def jpeg_with_exif(tags: Mapping[int, object], camera: Mapping[int, object] | None = None) -> bytes:
    return jpeg(jpeg_segment(0xE1, exif(tags, camera)))


def xmp(properties: Mapping[str, str], namespaces: Mapping[str, str], body: str = "") -> bytes:
    """A packet with these properties as attributes of its description."""
    declared = " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in namespaces.items())
    values = " ".join(f'{name}="{value}"' for name, value in properties.items())
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {declared} {values}>{body}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def declared_ai(prefix: str = "Iptc4xmpExt") -> bytes:
    return xmp({f"{prefix}:DigitalSourceType": AI}, {prefix: IPTC_EXT})


def jpeg_with_xmp(packet: bytes) -> bytes:
    return jpeg(jpeg_segment(0xE1, XMP_IN_JPEG + packet))


def iptc_credit(text: str) -> bytes:
    """Photoshop's resources with IPTC's credit in them."""
    dataset = b"\x1c\x02\x6e" + struct.pack(">H", len(text)) + text.encode()
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(dataset)) + dataset + bytes(len(dataset) % 2)
