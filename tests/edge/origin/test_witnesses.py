"""What exiftool and exiv2 write, we read.

Debian has them in libimage-exiftool-perl and exiv2; elsewhere these tests skip.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aiart_edge import origin
from tests.edge.origin import files

KINDS = ["JPEG", "PNG", "WEBP", "TIFF"]


def run(*command: object) -> None:
    program = str(command[0])
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@pytest.fixture
def picture(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / f"picture.{request.param.lower()}"
    path.write_bytes(files.draw(request.param))
    return path


@pytest.mark.parametrize("picture", [*KINDS, "GIF"], indirect=True)
def test_exiftools_xmp_is_read(picture: Path) -> None:
    run("exiftool", "-q", f"-XMP-iptcExt:DigitalSourceType={files.AI}", picture)
    assert origin.read(picture).marks[0].kind == "iptc-trainedAlgorithmicMedia"


@pytest.mark.parametrize("picture", KINDS, indirect=True)
def test_exiftools_exif_is_read(picture: Path) -> None:
    settings = "castle, Steps: 20, Sampler: Euler a, Seed: 1"
    run("exiftool", "-q", "-Make=Ideogram AI", f"-UserComment={settings}ü", picture)
    assert {mark.kind for mark in origin.read(picture).marks} == {"ideogram", "webui"}


def test_exiftools_xmp_and_exif_in_jpeg_xl_are_read(tmp_path: Path) -> None:
    path = tmp_path / "picture.jxl"
    path.write_bytes(files.jpeg_xl())
    fields = f"-XMP-iptcExt:DigitalSourceType={files.AI}", "-Make=Ideogram AI"
    run("exiftool", "-q", *fields, path)
    assert {mark.kind for mark in origin.read(path).marks} == {
        "iptc-trainedAlgorithmicMedia",
        "ideogram",
    }


@pytest.mark.parametrize("picture", ["JPEG", "TIFF"], indirect=True)
def test_exiftools_iptc_is_read(picture: Path) -> None:
    run("exiftool", "-q", "-IPTC:Credit=Made with Google AI", picture)
    assert origin.read(picture).marks[0].kind == "google-made"


@pytest.mark.parametrize("picture", ["JPEG", "PNG", "TIFF"], indirect=True)
def test_exiv2s_xmp_exif_and_iptc_are_read(picture: Path) -> None:
    run("exiv2", "-M", f"set Xmp.iptcExt.DigitalSourceType {files.AI}", picture)
    run("exiv2", "-M", "set Exif.Image.Make Ideogram AI", picture)
    run("exiv2", "-M", "set Iptc.Application2.Credit Made with Google AI", picture)
    assert {mark.kind for mark in origin.read(picture).marks} == {
        "iptc-trainedAlgorithmicMedia",
        "ideogram",
        "google-made",
    }


def test_exiftool_reads_the_fixtures_as_we_do(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(files.jpeg_with_xmp(files.declared_ai("another")))
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed")
    command = ["exiftool", "-s3", "-n", "-XMP-iptcExt:DigitalSourceType", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == files.AI
