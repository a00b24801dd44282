"""Hostile files and what they say of themselves: `python -m benchmarks.origin_hostile [COUNT]`.

Reads bombs of every kind, then COUNT mutants of files with marks, and prints the most processor
time and memory that one took. Fails where one raised anything, or took more than 50 ms or 20 MB;
what it was is left as `mutant-...` in the folder for temporary files. A time is that of the fastest
of three readings, since others work on the same machine.
"""

from __future__ import annotations

import hashlib
import random
import struct
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from aiart_edge import origin
from aiart_edge.errors import AiartError
from aiart_edge.program import run
from tests.edge.origin import files

SLOWEST = 0.050  # seconds of the processor
MOST_MEMORY = 20e6  # bytes
TIMES = 3

_XMP = "XML:com.adobe.xmp"
_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 20))
    + "]><x>&a19;</x>"
).encode()


def draw_bombs() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Give each kind of bomb a name, and what makes it."""
    yield "zTXt of 30 MB", lambda: files.png(files.png_compressed("parameters", bytes(3 * 10**7)))
    yield (
        "a thousand zTXt of 1 MB",
        lambda: files.png(*[files.png_compressed("parameters", bytes(10**6))] * 1000),
    )
    yield (
        "iTXt of 30 MB",
        lambda: files.png(files.png_international(_XMP, bytes(3 * 10**7), compressed=True)),
    )
    yield "a billion laughs", lambda: files.jpeg_with_xmp(_LAUGHS)
    yield "XMP of 50 MB", lambda: files.webp((b"XMP ", files.declared_ai() + b" " * 50_000_000))
    yield "XMP of many elements", lambda: _xmp("<a/>" * 62_000)
    yield "XMP of many elements with a list", lambda: _xmp("<b:a><b:c>d</b:c></b:a>" * 9_000)
    yield "XMP of deep elements", lambda: _xmp("<a>" * 80_000)
    yield (
        "XMP of many attributes",
        lambda: _xmp("<a " + " ".join(f'b{n}="c"' for n in range(20_000)) + "/>"),
    )
    yield (
        "XMP of many namespaces",
        lambda: _xmp("<a " + " ".join(f'xmlns:b{n}="c"' for n in range(10_000)) + "/>"),
    )
    yield "a million chunks", lambda: files.png(files.png_chunk(b"tEXt", b"a\0") * 10**6)
    yield "a chunk beyond the end", lambda: files.png(struct.pack(">I", 2**31 - 1) + b"tEXt")
    yield "a million segments", lambda: files.jpeg(files.jpeg_segment(0xE5, b"") * 10**6)
    yield "two million fill bytes", lambda: files.jpeg(b"\xff" * 2 * 10**6)
    yield (
        "a thousand long comments",
        lambda: files.jpeg(*[files.jpeg_segment(0xFE, b"Steps: 1 " * 7_000)] * 1000),
    )
    yield (
        "texts that patterns dislike",
        lambda: files.png(
            *[files.png_text("prompt", '{"nodes":"links":' + '"type": "' * 25_000)] * 4,
            *[files.png_text("workflow", '{"nodes":"links":' + '"type":' * 35_000)] * 4,
            *[files.png_text("parameters", "Steps: " * 35_000)] * 4,
        ),
    )
    yield (
        "blanks that patterns dislike",
        lambda: files.png(
            *[files.png_text("prompt", '{"class_type"' + " " * 250_000)] * 4,
            *[files.png_text("Description", "Job ID: " * 30_000)] * 4,
            *[files.png_text("Dream", '"' * 250_000)] * 4,
        ),
    )
    yield "a label of deep JSON", lambda: files.png_with({"AIGC": '{"Label":' + "[" * 15_000})
    yield (
        "a label of many lists",
        lambda: files.png_with({"AIGC": '{"Label":[' + "[]," * 5_000 + "0]}"}),
    )
    yield "a million chunks of WebP", lambda: files.webp(*[(b"ABCD", b"")] * 10**6)
    yield "blocks of one byte", lambda: files.gif(b"\x21\xf9" + b"\1\0" * 10**6 + b"\0")
    yield "a million blocks", lambda: files.gif(b"\x21\xf9\0" * 10**6)
    yield "65,535 tags", lambda: _tiff(65_535)
    yield "a thousand tags of 250 kB", lambda: _tiff(1_000, b"\x01\x0e\0\2" + bytes([0, 3, 255, 0]))
    yield "a million boxes", lambda: files.draw("AVIF") + b"\0\0\0\x08free" * 10**6
    yield "a million boxes of JPEG XL", lambda: files.jpeg_xl(files.box(b"free", b"") * 10**6)
    yield (
        "a thousand boxes of JPEG XL with 250 kB",
        lambda: files.jpeg_xl(files.box(b"Exif", bytes(250_000)) * 1000),
    )
    yield "items without end", _items
    yield "boxes within boxes", lambda: _store(_nested(100_000))
    yield "a million boxes of credentials", lambda: _store(b"\0\0\0\x08free" * 490_000)
    yield "CBOR that is deep", lambda: _claim(b"\x81" * 100_000)
    yield "CBOR of many items", lambda: _claim(b"\x9a\0\x0f\0\0" + b"\0" * 10**6)
    yield "CBOR with counts without end", lambda: _claim(b"\xbb" + b"\xff" * 8)
    yield "JSON in credentials", lambda: _store(b"".join(_part(n) for n in range(200)))
    yield "packets without end", lambda: files.jpeg(
        *(files.jpeg_segment(0xEB, b"JP\0\1" + struct.pack(">I", n + 1) + bytes(65_000))
          for n in range(1000))
    )  # fmt: skip
    yield "credentials that refer to each other", _entangled


def draw_originals() -> dict[str, bytes]:
    """Draw a file with marks in each format, some of them signed."""
    from tests.edge.origin.credentials import action, sign  # noqa: PLC0415  it wants an extra

    packet, block = files.declared_ai(), files.exif({0x010F: "Ideogram AI"})
    created = [action("c2pa.created", "trainedAlgorithmicMedia")]
    drawn = {
        kind: files.draw(kind, exif=block, xmp=packet) for kind in ("JPEG", "PNG", "WEBP", "AVIF")
    }
    drawn["GIF"] = files.gif(b"\x21\xfe" + files.gif_blocks(b"Steps: 20, Sampler: a, Seed: 1"))
    drawn["TIFF"] = files.draw("TIFF", tiffinfo={0x010F: "Ideogram AI", 0x02BC: packet})
    drawn["PNG, texts"] = files.png(
        files.png_compressed("parameters", b"Steps: 20, Sampler: a, Seed: 1"),
        files.raw_profile("iptc", files.iptc_credit("Made with Google AI")),
    )
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"):
        signed = sign(drawn[kind], f"image/{kind.lower()}", created)
        drawn[f"{kind}, signed"] = signed
    drawn["JPEG XL, signed"] = sign(files.jpeg_xl(files.box(b"xml ", packet)), "image/jxl", created)
    drawn["BigTIFF"] = files.draw("TIFF", big_tiff=True, tiffinfo={0x02BC: packet})
    parent = [("parentOf", drawn["JPEG, signed"])]
    edited = [action("c2pa.opened"), action("c2pa.edited")]
    drawn["JPEG, edited"] = sign(files.draw("JPEG"), "image/jpeg", edited, ingredients=parent)
    return drawn


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Damage a file: bytes, lengths, parts that go, come twice or change places."""
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at, other = sorted(rng.randrange(len(damaged) or 1) for _ in range(2))
        choice = rng.randrange(6)
        if choice == 0:
            damaged[at : at + 1] = rng.randbytes(1)
        elif choice == 1:
            damaged[at : at + 4] = rng.choice(
                (b"\xff" * 4, bytes(4), b"\0\0\0\1", b"\x7f\xff\xff\xff")
            )
        elif choice == 2:  # noqa: PLR2004
            del damaged[at : min(other, at + 300)]
        elif choice == 3:  # noqa: PLR2004
            damaged[at:at] = damaged[at : min(other, at + 3_000)]
        elif choice == 4:  # noqa: PLR2004
            damaged[at : at + 8] = damaged[other : other + 8]
        else:
            del damaged[other:]
    return bytes(damaged)


def _xmp(body: str) -> bytes:
    packet = files.xmp({}, {"b": files.IPTC_EXT}, body)
    return files.png(files.png_international(_XMP, packet))


def _tiff(tags: int, entry: bytes = b"\x01\x0e\0\2\0\0\0\4") -> bytes:
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", tags) + (entry + bytes(4)) * tags + bytes(300_000)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _named(label: bytes, *content: bytes) -> bytes:
    return _box(b"jumb", _box(b"jumd", bytes(16) + b"\3" + label + b"\0") + b"".join(content))


def _store(content: bytes) -> bytes:
    return files.png(files.png_chunk(b"caBX", _named(b"c2pa", _named(b"urn:1", content))))


def _claim(item: bytes) -> bytes:
    return _store(_named(b"c2pa.claim", _box(b"cbor", item)))


def _part(number: int) -> bytes:
    return _named(
        b"c2pa.claim" if not number else b"x", _box(b"json", b"[" + b"[]," * 5_000 + b"0]")
    )


def _nested(depth: int) -> bytes:
    return b"".join(struct.pack(">I", 8 * (depth - level)) + b"jumb" for level in range(depth))


def _entangled() -> bytes:
    """Make eight manifests, each of which names all others as ingredients many times."""
    from tests.edge.origin.test_credentials import cbor  # noqa: PLC0415

    count = 8
    manifests = []
    for number in range(count):
        boxes, references = [], []
        for other in range(count):
            for again in range(1 + number % 2):
                label = f"c2pa.ingredient__{other}{again}"
                url = f"self#jumbf=/c2pa/urn:{other}"
                said = cbor({"relationship": "componentOf", "activeManifest": {"url": url}})
                inner = _named(label.encode(), _box(b"cbor", said))
                digest = hashlib.sha256(inner[8:]).digest()
                boxes.append(inner)
                references.append({"url": f"self#jumbf=c2pa.assertions/{label}", "hash": digest})
        claim = b"\xa1" + cbor("assertions") + b"\x98" + bytes([len(references)])
        claim += b"".join(map(cbor, references))
        manifests.append(
            _named(
                f"urn:{number}".encode(),
                _named(b"c2pa.assertions", *boxes),
                _named(b"c2pa.claim", _box(b"cbor", claim)),
            )
        )
    return files.png(files.png_chunk(b"caBX", _named(b"c2pa", *manifests)))


def _items() -> bytes:
    """Make an AVIF whose items have 65,535 extents each."""
    places = bytes([0, 0, 0, 0, 0x44, 0x40]) + struct.pack(">H", 2_000)
    places += (struct.pack(">HHIH", 1, 0, 0, 65_535) + bytes(600)) * 2_000
    meta = _box(b"meta", bytes(4) + _box(b"iloc", places))
    return _box(b"ftyp", b"avif" + bytes(4)) + meta


def measure(content: bytes) -> tuple[origin.Origin, float]:
    """Read a file some times, and give the processor time of the fastest reading."""
    found, fastest = origin.Origin(), float("inf")
    for _ in range(TIMES):
        began = time.process_time()
        found = origin.read(content)
        fastest = min(fastest, time.process_time() - began)
        if fastest < SLOWEST / 10:
            break
    return found, fastest


def peak_memory(content: bytes) -> int:
    """Give the most memory that reading a file takes, in bytes, without the file's own."""
    tracemalloc.start()
    origin.read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@click.command()
@click.argument("count", type=int, default=50_000)
@click.argument("seed", type=int, default=1)
def main(count: int, seed: int) -> None:
    """Read bombs and COUNT mutants, and print what the worst took."""
    click.echo("| bomb | time, ms | memory, MB | says |\n|---|---:|---:|---|")
    worst = 0.0
    for name, make in draw_bombs():
        content = make()
        found, taken = measure(content)
        memory = peak_memory(content)
        worst = max(worst, taken / SLOWEST, memory / MOST_MEMORY)
        said = f"{found.says}; {found.gaps[0]}" if found.gaps else found.says
        click.echo(f"| {name} | {taken * 1e3:.1f} | {memory / 1e6:.1f} | {said} |")
    rng = random.Random(seed)  # noqa: S311
    originals = draw_originals()
    said_by_mutants: Counter[str] = Counter()
    slowest = most = 0.0
    for number in range(count):
        mutant = mutate(rng.choice(list(originals.values())), rng)
        left = Path(tempfile.gettempdir(), f"mutant-{seed}-{number}")
        try:
            found, taken = measure(mutant)
        except Exception:
            left.write_bytes(mutant)
            raise
        said_by_mutants[found.says] += 1
        slowest = max(slowest, taken)
        if not number % 100:
            most = max(most, peak_memory(mutant))
    click.echo(
        f"\n{count} mutants of {len(originals)} files: {dict(said_by_mutants)}; the slowest took "
        f"{slowest * 1e3:.1f} ms, and the most memory, of one in 100, was {most / 1e6:.1f} MB"
    )
    if max(worst, slowest / SLOWEST, most / MOST_MEMORY) > 1:
        raise AiartError("a file took more than 50 ms or 20 MB")


if __name__ == "__main__":
    run(main)
