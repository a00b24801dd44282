"""The pixel path."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from aiart_edge import InputRule, PictureError
from aiart_edge.image import decode, read_pixels

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
        (encode(Image.new("L", (9, 9)), "EPS"), "EPS files are refused"),
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
