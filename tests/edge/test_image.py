"""The pixel path."""

from __future__ import annotations

import contextlib
import io
import struct
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from aiart_edge import InputRule, PictureError
from aiart_edge.image import decode, read_picture, read_pixels
from tests.edge.bombs import BOMBS, enlarged, jpeg_of_scans, tiff_of_scans

RULE = InputRule(40, 60)
COLOUR = (200, 100, 50)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("1", "TIFF"),
        ("L", "JPEG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("P", "PNG"),
        ("P", "BMP"),
        ("RGB", "JPEG"),
        ("RGB", "PPM"),
        ("RGB", "WEBP"),
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("RGBA", "TIFF"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "JPEG"),
        ("I;16", "PNG"),
        ("I;16", "TIFF"),
        ("I", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_a_picture_of_any_mode_becomes_rgb_bytes_of_the_rules_size(mode: str, kind: str) -> None:
    grey = Image.new("L", (30, 20), 128)
    picture = Image.new("I;16", (30, 20), 128 * 257) if mode == "I;16" else grey.convert(mode)
    pixels = read_pixels(encode(picture, kind), RULE)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (1, 40, 60, 3)


@pytest.mark.parametrize(("mode", "white"), [("I;16", 65535), ("I", 65535), ("F", 1.0)])
def test_deep_grey_keeps_its_brightness(mode: str, white: float) -> None:
    ramp = np.linspace(0, white, 256).reshape(1, -1).repeat(8, axis=0)
    types = {"I;16": np.uint16, "I": np.int32, "F": np.float32}
    content = encode(Image.fromarray(ramp.astype(types[mode])), "TIFF")
    decoded = np.asarray(decode(content))[0, :, 0].astype(int)
    assert np.abs(decoded - np.arange(256)).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    options = {"transparency": 0} if mode == "P" else {}
    content = encode(
        Image.new("P", (10, 10), 0) if mode == "P" else clear.convert(mode), "PNG", **options
    )
    assert decode(content).getcolors() == [(100, (255, 255, 255))]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.new("RGB", (60, 40), "white")
    picture.paste(COLOUR, (0, 0, 30, 20))
    content = encode(picture, "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(np.asarray(decode(content)), np.asarray(upright))


def test_the_content_decides_the_format_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encode(Image.new("RGB", (8, 8), COLOUR), "PNG"))
    assert decode(path).getpixel((0, 0)) == COLOUR


def test_an_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (10, 10), colour) for colour in ("red", "blue")]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(content).getpixel((0, 0)) == (255, 0, 0)


def test_a_big_jpeg_read_in_reduced_form_looks_like_one_read_in_full() -> None:
    rng = np.random.default_rng(0)
    blobs = Image.fromarray(rng.integers(0, 256, (60, 60, 3), dtype=np.uint8))
    content = encode(blobs.resize((2400, 1600), Image.Resampling.BICUBIC), "JPEG", quality=95)
    assert decode(content, at_least=120).size < decode(content).size
    full = np.asarray(decode(content).resize((60, 40), Image.Resampling.BILINEAR), dtype=int)
    assert np.abs(read_pixels(content, RULE)[0] - full).mean() < 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"This is a letter, not a picture.", "not a picture"),
        (encode(Image.effect_noise((99, 99), 50), "JPEG")[:2000], "truncated"),
        (encode(Image.new("L", (9, 9)), "EPS"), "in the format EPS, not read here"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_with_the_reason(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=problem) as caught:
        decode(path)
    assert str(path) in caught.value.format_message()


def test_a_missing_file_and_a_folder_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file"):
        decode(tmp_path / "missing.jpg")
    with pytest.raises(PictureError, match="Is a directory"):
        decode(tmp_path)


@settings(deadline=None)  # a busy machine is no failure
@given(st.data())
def test_damaged_bytes_are_a_picture_or_refused_but_never_a_crash(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]))
    content = bytearray(encode(Image.linear_gradient("L").resize((24, 24)), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PictureError):
        assert decode(bytes(content)).mode == "RGB"


@pytest.mark.parametrize("values", [(0, 10, "squash"), (10, -1, "squash"), (10, 10, "stretch")])
def test_an_impossible_input_rule_is_refused(values: tuple[int, int, str]) -> None:
    with pytest.raises(ValueError, match="Expected"):
        InputRule(*values)


def test_every_odd_file_of_the_real_data_is_read(shared_data: Path) -> None:
    files = [path for path in (shared_data / "oddities").iterdir() if path.suffix != ".csv"]
    assert len(files) == 25
    for path in files:
        assert read_pixels(path, RULE).shape == (1, 40, 60, 3)


def test_five_thousand_mutants_of_every_format_harm_nothing() -> None:
    command = [sys.executable, str(Path(__file__).with_name("mutants.py")), "5000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5000 mutants of ")


def header_only_jpeg(width: int, height: int, *, frame: int, in_scan: int) -> bytes:
    """A JPEG of this size with three components, whose first scan has some and no data at all."""
    content = bytearray(encode(Image.new("RGB", (16, 16)), "JPEG"))
    start = content.index(b"\xff\xc0")
    content[start : start + 2] = bytes([0xFF, frame])
    content[start + 5 : start + 9] = struct.pack(">HH", height, width)
    scan = content.index(b"\xff\xda")
    parts = b"".join(bytes([number + 1, 0]) for number in range(in_scan))
    header = struct.pack(">HB", 6 + len(parts), in_scan) + parts + b"\0\x3f\0"
    return bytes(content[: scan + 2]) + header


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (encode(Image.new("1", (12_000, 12_000)), "PNG"), "MB of memory, and the limit is 400"),
        (encode(Image.new("L", (12_000, 12_000)), "TIFF", compression="tiff_deflate"), "limit is"),
        (header_only_jpeg(12_000, 12_000, frame=0xC2, in_scan=3), "limit is"),  # progressive
        (header_only_jpeg(13_000, 13_000, frame=0xC0, in_scan=1), "limit is"),  # in several scans
        (header_only_jpeg(30_000, 30_000, frame=0xC0, in_scan=3), "are more than 178,000,000"),
    ],
)
def test_what_is_small_in_a_file_and_huge_in_memory_is_refused(
    content: bytes, problem: str
) -> None:
    with pytest.raises(PictureError, match=problem):
        read_pixels(content, RULE)


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_asks_for_much_work_is_refused_before_it_is_decoded(name: str) -> None:
    make, problem = BOMBS[name]
    content = make()
    assert len(content) < 1_000_000
    with pytest.raises(PictureError, match=problem) as caught:
        read_pixels(content, RULE)
    assert len(caught.value.format_message().splitlines()) == 1


def test_a_jpeg_of_fifty_scans_is_read_as_one_of_ten() -> None:
    few, many = jpeg_of_scans(48, 32, 10), jpeg_of_scans(48, 32, 50)
    assert len(many) > len(few)
    assert read_pixels(many, RULE).shape == read_pixels(few, RULE).shape


def test_a_tiff_of_one_progressive_jpeg_is_read() -> None:
    assert read_pixels(tiff_of_scans(48, 10), RULE).shape == (1, 40, 60, 3)


def test_only_the_scans_of_the_picture_itself_are_counted() -> None:
    thumbnail = b"\xff\xe1\x40\x02" + b"\xff\xda" * 0x2000
    behind = b"\xff\xda" * 1000
    content = jpeg_of_scans(48, 32, 10)
    assert read_pixels(content[:2] + thumbnail + content[2:] + behind, RULE).shape[0] == 1


def test_an_end_marker_inside_a_comment_hides_no_scans() -> None:
    content = jpeg_of_scans(48, 32, 200)
    at = content.index(b"\xff\xda", len(content) // 2)
    with pytest.raises(PictureError, match="more than 100 scans"):
        read_pixels(content[:at] + b"\xff\xfe\0\4\xff\xd9" + content[at:], RULE)


@pytest.mark.parametrize(
    ("mode", "size"), [("L", (12_000, 10_800)), ("RGB", (12_000, 10_800)), ("CMYK", (7_000, 7_000))]
)
def test_the_scans_of_a_usual_progressive_jpeg_are_not_too_many(
    mode: str, size: tuple[int, int]
) -> None:
    content = enlarged(encode(Image.new(mode, (16, 16)), "JPEG", progressive=True), *size)

    def stop(_need: int) -> None:
        raise OSError("within the limits")

    with pytest.raises(PictureError, match="within the limits"):
        read_picture(content, RULE, stop)


def test_a_sequential_jpeg_of_a_hundred_megapixels_is_read() -> None:
    content = header_only_jpeg(12_500, 8_000, frame=0xC0, in_scan=3)
    with pytest.raises(PictureError, match="truncated"):  # the limits let it pass
        read_pixels(content, RULE)


@pytest.mark.parametrize("start", [b"RIFF\0\0\0\0WEBP", b"\0\0\0\x1cftypavif"])
def test_what_its_decoder_reads_whole_is_no_larger_than_a_pipe_may_be(
    start: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(start)
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(PictureError, match="does not end within 128 MB"):
        read_pixels(path, RULE)


def test_a_thin_jpeg_is_reduced_until_it_fits_into_memory() -> None:
    content = encode(Image.linear_gradient("L").resize((65_000, 100)), "JPEG")
    assert decode(content, at_least=80).size == (65_000 // 2, 50)


def test_warnings_are_back_when_threads_have_read_pictures() -> None:
    content = encode(Image.new("P", (40, 40)), "PNG", transparency=b"\0\1")
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(decode, [content] * 200))) == 200
    assert warnings.filters == before


def test_the_shortest_side_is_known_before_a_jpeg_is_reduced() -> None:
    content = encode(Image.new("RGB", (1600, 1200)), "JPEG")
    assert read_picture(content, RULE).shortest_side == 1200


def test_what_does_not_end_is_refused() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            return len(buffer)

    with pytest.raises(PictureError, match="does not end within 128 MB"):
        decode(io.BufferedReader(Endless()))
