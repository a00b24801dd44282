"""Marks in pixels: in the pictures that have them, and in none that nearly have them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aiart_edge import origin
from aiart_edge.image import look_at
from aiart_edge.origin.pixels import STEALTH, WATERMARKS
from tests.edge.origin import files, marked
from tests.edge.origin.marked import FLUX, SD1, SDXL

Command = Callable[..., Result]

NOVELAI = {
    "Description": "a castle by the sea",
    "Software": "NovelAI",
    "Source": "NovelAI Diffusion V4 37442FCA",
    "Comment": json.dumps({"prompt": "a castle by the sea", "sampler": "k_euler"}),
}
SETTINGS = "a castle\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42"
PAINTED = marked.paint()
WITH_SD1 = marked.mark(PAINTED, SD1, "bytes")
WITH_FLUX = marked.mark(PAINTED, FLUX, "floats")
SMALL = marked.opaque(marked.paint(120, 90))


def read(content: bytes) -> origin.Origin:
    return origin.read(content, look_at(content, origin.look_at_pixels))


def packed(said: object) -> bytes:
    return gzip.compress(json.dumps(said).encode())


@pytest.fixture(scope="module")
def watermarked() -> bytes:
    return marked.save(WITH_SD1)


@pytest.mark.parametrize(
    ("message", "numbers", "kind", "by"),
    [
        (SD1, "bytes", "watermark-sd1", "Stable Diffusion 1"),
        (SDXL, "floats", "watermark-sdxl", "Stable Diffusion XL"),
        (SDXL, "swapped", "watermark-sdxl", "Stable Diffusion XL"),
        (FLUX, "floats", "watermark-flux", "FLUX"),
    ],
)
def test_a_watermark_is_found_as_its_program_writes_it(
    message: list[int], numbers: str, kind: str, by: str
) -> None:
    (mark,) = read(marked.save(marked.mark(PAINTED, message, numbers))).marks
    assert (mark.says, mark.kind, mark.by) == ("ai", kind, by)
    assert (mark.certainty, mark.where) == ("declared", "pixels, watermark")


def test_every_watermark_is_tried() -> None:
    assert [len(watermark.message) for watermark in WATERMARKS] == [len(SD1), len(SDXL), len(FLUX)]


def test_a_flat_picture_keeps_its_watermark_too() -> None:
    flat = np.full((266, 340, 3), (90, 110, 140), np.uint8)
    assert read(marked.save(flat)).marks == ()
    assert read(marked.save(marked.mark(flat, SD1, "bytes"))).by == "Stable Diffusion 1"


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("BMP", {}), ("PPM", {}), ("TIFF", {"compression": "tiff_lzw"}),
     ("WEBP", {"lossless": True, "exact": True})],
)  # fmt: skip
@pytest.mark.parametrize("transparent", [False, True])
def test_any_lossless_format_keeps_it(
    kind: str, options: dict[str, object], transparent: bool
) -> None:
    pixels = marked.opaque(WITH_FLUX) if transparent and kind != "PPM" else WITH_FLUX
    assert read(marked.save(pixels, kind, **options)).by == "FLUX"


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 100}), ("WEBP", {}),
                          ("TIFF", {"compression": "jpeg"}), ("GIF", {})]
)  # fmt: skip
def test_the_pixels_of_what_is_not_lossless_are_not_looked_at(
    kind: str, options: dict[str, object]
) -> None:
    found = read(marked.save(WITH_SD1, kind, **options))
    assert (found.marks, found.pixels) == ((), "not looked at")


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_without_a_mark_says_nothing(seed: int) -> None:
    found = read(marked.save(marked.paint(seed=seed)))
    assert (found.marks, found.gaps, found.pixels) == ((), (), "looked at")


def test_another_message_is_not_taken_for_one_that_is_known() -> None:
    rng = np.random.default_rng(3)
    for message in (SD1, SDXL):
        almost = (np.array(message) ^ (rng.random(len(message)) < 0.25)).tolist()
        assert read(marked.save(marked.mark(PAINTED, almost, "bytes"))).marks == ()


@pytest.mark.parametrize("size", [(200, 300), (7, 10_000), (10_000, 7), (1, 1)])
def test_a_picture_too_small_for_a_watermark_has_none(size: tuple[int, int]) -> None:
    pixels = marked.mark(marked.paint(*size), SD1, "bytes")
    assert read(marked.save(pixels)).marks == ()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize(
    ("signature", "content"),
    [
        (b"stealth_pngcomp", packed(NOVELAI)),
        (b"stealth_pnginfo", json.dumps(NOVELAI).encode()),
    ],
)
def test_a_text_hidden_in_alpha_is_read(kind: str, signature: bytes, content: bytes) -> None:
    (mark,) = read(marked.save(marked.hide(SMALL, signature, content), kind)).marks
    assert (mark.says, mark.kind, mark.by) == ("ai", "novelai", "NovelAI")
    assert mark.where == "pixels, lowest bits of alpha"


@pytest.mark.parametrize(
    ("signature", "content"),
    [
        (b"stealth_rgbcomp", gzip.compress(SETTINGS.encode())),
        (b"stealth_rgbinfo", SETTINGS.encode()),
    ],
)
def test_a_text_hidden_in_the_colours_is_read(signature: bytes, content: bytes) -> None:
    hidden = marked.hide(SMALL, signature, content)
    for pixels in (hidden, hidden[..., :3]):
        (mark,) = read(marked.save(pixels)).marks
        assert (mark.kind, mark.where) == ("webui", "pixels, lowest bits of red, green and blue")


@pytest.mark.parametrize(
    ("content", "size", "gaps"),
    [
        (gzip.compress(b"a castle"), None, ()),
        (b"a castle", None, ("a compressed text is broken",)),
        (b"", 0, ()),
        (packed(NOVELAI), 2**32 - 1, ("the text in its pixels is cut off",)),
        (gzip.compress(bytes(3 * 10**6)), None, ("a text is longer than 256 kB",)),
        (gzip.compress(b"[" * 200_000), None, ()),
    ],
    ids=["another text", "no gzip", "nothing", "longer than the picture", "a bomb", "deep JSON"],
)
def test_a_signature_with_a_text_that_tells_nothing_is_likely(
    content: bytes, size: int | None, gaps: tuple[str, ...]
) -> None:
    large = marked.opaque(marked.paint(200, 300))
    found = read(marked.save(marked.hide(large, b"stealth_pngcomp", content, size)))
    assert (found.marks[-1].kind, found.marks[-1].certainty) in {
        (STEALTH, "likely"),
        ("novelai", "declared"),
    }
    assert found.gaps == gaps
    assert found.complete == (not gaps)


def test_a_signature_is_not_enough_in_another_place() -> None:
    signature = np.unpackbits(np.frombuffer(b"stealth_pngcomp", np.uint8))
    by_rows = SMALL.copy()
    by_rows[0, :, 3] = by_rows[0, :, 3] & 254 | signature[: by_rows.shape[1]]
    assert read(marked.save(by_rows)).marks == ()
    in_alpha = marked.hide(SMALL, b"stealth_pngcomp", packed(NOVELAI))[..., :3]
    assert read(marked.save(in_alpha)).marks == ()


def test_hidden_prompts_are_private() -> None:
    content = marked.save(marked.hide(SMALL, b"stealth_pngcomp", packed(NOVELAI)))
    seen = look_at(content, origin.look_at_pixels)
    found = origin.read(content, seen)
    assert "castle" not in repr(seen) + repr(found) + json.dumps(found.as_dict())
    assert "castle" in json.dumps(found.as_dict(show_metadata=True))


def test_the_file_and_its_pixels_are_both_heard() -> None:
    pixels = marked.save(marked.hide(SMALL, b"stealth_pngcomp", packed(NOVELAI)))
    text = files.png_text("AIGC", '{"Label": "2", "ProduceID": "1"}')
    found = read(pixels[:33] + text + pixels[33:])
    assert [mark.kind for mark in found.marks] == ["novelai", "aigc-label-2"]


def test_classify_says_it_beside_the_verdict(
    aiart_edge: Command, watermarked: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(watermarked)
    record = json.loads(aiart_edge("classify", "--jsonl", tmp_path / "a.png").stdout)
    assert (record["origin"]["by"], record["origin"]["pixels"]) == (
        "Stable Diffusion 1",
        "looked at",
    )
    assert "seen" not in record
    text = aiart_edge("classify", tmp_path / "a.png").stdout
    assert "the file says, in its pixels: made with AI (Stable Diffusion 1)" in text


def test_origin_decodes_a_picture_only_where_it_is_asked_to(
    aiart_edge: Command, watermarked: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(watermarked)
    (tmp_path / "b.jpg").write_bytes(files.draw("JPEG"))
    (tmp_path / "c.png").write_bytes(watermarked[:-40_000] + watermarked[-12:])
    said = {}
    for options in ([], ["--pixels"]):
        result = aiart_edge("origin", "--jsonl", *options, tmp_path)
        said[bool(options)] = [json.loads(line)["origin"] for line in result.stdout.splitlines()]
    assert [one["pixels"] for one in said[False]] == ["not looked at"] * 3
    assert [one["says"] for one in said[False]] == ["nothing"] * 3
    assert [one["pixels"] for one in said[True]] == ["looked at", "not looked at", "looked at"]
    assert [one["says"] for one in said[True]] == ["ai", "nothing", "nothing"]
    assert "a look at its pixels: cannot be read" in said[True][2]["reason"]
