"""What a command line names, and what is left out of it."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis.strategies import binary
from PIL import Image

from aiart_edge.errors import PictureError
from aiart_edge.formats import find_format
from aiart_edge.image import InputRule, read_pixels
from aiart_edge.inputs import read_list

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"

Command = Callable[..., Result]

JXL = b"\0\0\0\x0cJXL \r\n\x87\n"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'


def records(result: Result) -> dict[str, dict[str, object]]:
    """The records of --jsonl, by the name of the file."""
    found = (json.loads(line) for line in result.stdout.splitlines())
    return {Path(record["path"]).name: record for record in found}


def verdicts(result: Result) -> list[str]:
    """The names of the pictures that have a verdict, in their order."""
    return [name for name, record in records(result).items() if "verdict" in record]


@pytest.fixture
def without_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if pillow-heif were not installed."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)


@pytest.fixture(scope="session")
def heic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture as phones make them."""
    import pillow_heif

    path = tmp_path_factory.mktemp("phone") / "photo.heic"
    with Image.open(SAMPLE) as image:
        pillow_heif.from_pillow(image).save(path, quality=90)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two pictures, one below it, and what lies beside pictures."""
    folder = tmp_path / "folder"
    (folder / "below" / "deeper").mkdir(parents=True)
    shutil.copy(SAMPLE, folder / "b.jpg")
    shutil.copy(SAMPLE, folder / "no-suffix")
    shutil.copy(SAMPLE, folder / ".hidden.jpg")
    shutil.copy(SAMPLE, folder / "below" / "deeper" / "a.jpg")
    (folder / "notes.txt").write_text("not a picture")
    (folder / "empty.md").touch()
    (folder / "below" / "up").symlink_to("..")
    return folder


def test_of_a_folder_the_pictures_are_taken_whatever_their_names(
    aiart_edge: Command, folder: Path
) -> None:
    result = aiart_edge("classify", "--jsonl", folder)
    assert result.exit_code == 0
    assert verdicts(result) == ["b.jpg", "no-suffix"]


def test_what_is_left_out_is_said_at_the_end_and_to_machines(
    aiart_edge: Command, folder: Path
) -> None:
    result = aiart_edge("classify", "--jsonl", folder)
    assert result.stderr.splitlines() == [
        "2 files were left out: 1 .md, 1 .txt.",
        "1 folder was not searched: --recursive searches the folders in folders, too.",
    ]
    left_out = {
        name: record["left_out"] for name, record in records(result).items() if "left_out" in record
    }
    assert left_out == {"below": "folder", "empty.md": ".md", "notes.txt": ".txt"}


def test_nobody_is_sent_deeper_where_there_is_nothing_below(
    aiart_edge: Command, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").touch()
    result = aiart_edge("classify", tmp_path)
    assert result.exit_code == 0
    assert result.stderr == "No picture was found.\n1 file was left out: 1 .txt.\n"


def test_recursive_takes_folders_below_and_follows_no_link_round(
    aiart_edge: Command, folder: Path
) -> None:
    result = aiart_edge("classify", "-r", "--jsonl", folder)
    assert verdicts(result) == ["b.jpg", "a.jpg", "no-suffix"]
    assert records(result)["up"]["left_out"] == "link"


def test_a_broken_picture_in_a_folder_is_an_error_by_its_name_or_content(
    aiart_edge: Command, folder: Path
) -> None:
    (folder / "empty.jpg").touch()
    (folder / "cut").write_bytes(SAMPLE.read_bytes()[:5000])
    (folder / "gone.png").symlink_to("nowhere")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    result = aiart_edge("classify", "--jsonl", folder)
    assert result.exit_code == 3
    failed = {name for name, record in records(result).items() if "error" in record}
    assert failed == {"empty.jpg", "cut", "gone.png", "loop.jpg", "pipe.jpg"}


@pytest.mark.usefixtures("without_heif")
def test_pictures_in_formats_that_are_not_read_are_a_failure_with_a_remedy(
    aiart_edge: Command, folder: Path, heic: Path
) -> None:
    shutil.copy(heic, folder / "IMG_1.HEIC")
    shutil.copy(heic, folder / "renamed.jpg")
    (folder / "drawing.svg").write_bytes(SVG)
    result = aiart_edge("classify", "-r", "--jsonl", folder)
    assert result.exit_code == 3
    assert result.stderr == (
        "6 files were left out: 2 .heic (export as JPEG, or install pillow-heif), "
        "1 .svg (export as PNG), 1 link, 1 .md, 1 .txt.\n"
    )
    assert records(result)["renamed.jpg"]["left_out"] == ".heic"


@pytest.mark.usefixtures("without_heif")
def test_a_folder_of_them_alone_does_not_pass_for_success(
    aiart_edge: Command, tmp_path: Path, heic: Path
) -> None:
    shutil.copy(heic, tmp_path)
    result = aiart_edge("classify", tmp_path)
    assert result.exit_code == 1
    assert "1 file was left out: 1 .heic" in result.stderr


@pytest.mark.usefixtures("without_heif")
def test_who_names_a_picture_in_such_a_format_is_told_what_to_do(
    aiart_edge: Command, one_line: Callable[[Result], str], heic: Path
) -> None:
    said = one_line(aiart_edge("classify", heic))
    assert said.endswith(
        "photo.heic: a picture in the format HEIC, not read here: export as JPEG, or install "
        "pillow-heif\n"
    )


def test_heic_is_read_where_pillow_heif_is_installed(
    aiart_edge: Command, tmp_path: Path, heic: Path
) -> None:
    shutil.copy(heic, tmp_path)
    shutil.copy(SAMPLE, tmp_path)
    result = aiart_edge("classify", "--jsonl", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    photo, original = records(result).values()
    assert photo["p_ai"] == pytest.approx(original["p_ai"], abs=0.05)


def test_broken_heic_is_an_error_where_it_would_be_read(
    aiart_edge: Command, tmp_path: Path, heic: Path
) -> None:
    (tmp_path / "cut.heic").write_bytes(heic.read_bytes()[:3000])
    shutil.copy(SAMPLE, tmp_path)
    result = aiart_edge("classify", "--jsonl", tmp_path)
    assert result.exit_code == 3
    assert "cannot be read" in str(records(result)["cut.heic"]["error"])


def test_heic_without_end_is_not_read_into_memory(
    heic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiart_edge.image._LARGEST_STREAM", 2 << 20)
    path = tmp_path / "long.heic"
    shutil.copy(heic, path)
    os.truncate(path, 8 << 30)
    with pytest.raises(PictureError, match="does not end within 2 MB"):
        read_pixels(path, InputRule(8, 8))


def test_pillow_heif_is_not_imported_for_other_pictures() -> None:
    script = (
        "import sys; from aiart_edge.image import InputRule, read_picture\n"
        f"read_picture({str(SAMPLE)!r}, InputRule(8, 8)); sys.exit('pillow_heif' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def starts_of_written_formats(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """For each format that Pillow writes and reads, a file's name and start, and the format."""
    Image.init()
    for suffix, form in Image.registered_extensions().items():
        if form in Image.OPEN and form in Image.SAVE:
            path = folder / f"a{suffix}"
            for mode in ("RGB", "L", "1", "P"):
                try:
                    Image.new(mode, (64, 48), 1).save(path)
                except (OSError, ValueError):
                    continue
                yield path.name, path.read_bytes()[:512], form
                break


@pytest.mark.filterwarnings("ignore:IM image format:DeprecationWarning")
def test_whatever_pillow_writes_and_reads_counts_as_a_picture(tmp_path: Path) -> None:
    strangers = {"BUFR", "GRIB", "HDF5", "WMF", "EPS"}  # no pictures to Pillow either, or refused
    names_decide = {"DIB", "IM", "MSP", "PCX", "TGA", "XBM"}
    for name, start, form in starts_of_written_formats(tmp_path):
        if form in strangers:
            continue
        found = find_format("a" if form not in names_decide else name, start)
        assert found, name
        assert found.is_read, name


@pytest.mark.parametrize(
    ("name", "start", "kind"),
    [
        ("a", JXL, "JPEG XL"),
        ("a.jpg", SVG, "SVG"),
        ("a.svg", b"\xef\xbb\xbf<!-- made by hand -->", "SVG"),
        ("a.NEF", b"II*\0\x08\0\0\0", "raw"),
        ("a.cr3", struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom", "raw"),
        ("a", struct.pack(">I", 28) + b"ftypmif1\0\0\0\0mif1heicmiaf", "HEIC"),
        ("a.heic", struct.pack(">I", 28) + b"ftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        ("a.tif", b"II*\0\x08\0\0\0", "TIFF"),
        ("a.kra", b"PK\3\4", "painting"),
    ],
)
def test_a_format_is_told_by_content_and_then_by_name(name: str, start: bytes, kind: str) -> None:
    found = find_format(name, start)
    assert found
    assert found.name == kind


@pytest.mark.parametrize("start", [b"", b"P1 is where we met", b"BMW, a car", b"<html><svg>"])
def test_a_text_is_no_picture_for_the_letters_it_begins_with(start: bytes) -> None:
    assert find_format("notes.txt", start) is None


def test_many_kinds_do_not_make_a_long_line(aiart_edge: Command, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"a.x{number}").touch()
    (tmp_path / "strange.\x1b[31m ending").touch()
    result = aiart_edge("classify", tmp_path)
    assert len(result.stderr) < 200
    assert result.stderr.endswith(", 33 more kinds.\n")
    assert "\x1b" not in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_does_not_stop_the_rest(
    aiart_edge: Command, folder: Path
) -> None:
    (folder / "below").chmod(0)
    result = aiart_edge("classify", "-r", "--quiet", folder)
    (folder / "below").chmod(0o755)
    assert result.exit_code == 3
    assert "the folder cannot be opened (Permission denied)" in result.stderr
    assert len(result.stdout.splitlines()) == 2


def test_a_pattern_that_the_shell_left_alone_is_expanded(aiart_edge: Command, folder: Path) -> None:
    result = aiart_edge("classify", "--jsonl", f"{folder}/*.jpg")
    assert [record["path"] for record in records(result).values()] == [f"{folder}/b.jpg"]
    assert "No such file" in aiart_edge("classify", f"{folder}/*.gif").stderr


def test_a_folder_that_a_pattern_fits_is_searched(aiart_edge: Command, folder: Path) -> None:
    result = aiart_edge("classify", "-r", "--jsonl", f"{folder}/bel*")
    assert verdicts(result) == ["a.jpg"]


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_a_list_names_pictures_by_lines_or_zero_bytes(
    separator: str, aiart_edge: Command, tmp_path: Path
) -> None:
    picture = tmp_path / ("a b.jpg" if separator == "\n" else "a\nb.jpg")
    shutil.copy(SAMPLE, picture)
    listed = tmp_path / "list"
    listed.write_text(separator.join([str(picture), str(SAMPLE), ""]))
    result = aiart_edge("classify", "--jsonl", "--from-file", listed)
    paths = [record["path"] for record in records(result).values()]
    assert paths == [str(picture), str(SAMPLE)]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    ],
    ids=["unix", "windows", "powershell"],
)
def test_a_list_may_come_from_anywhere(encode: Callable[[str], bytes]) -> None:
    assert read_list(encode("a.jpg\nb \u00fc.jpg\n\nc.jpg")) == ["a.jpg", "b \u00fc.jpg", "c.jpg"]


def test_an_endless_list_is_wrong_usage(
    aiart_edge: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiart_edge.cli._LARGEST_LIST", 1 << 20)
    result = aiart_edge("classify", "--from-file", "/dev/zero")
    assert result.exit_code == 2
    assert "does not end within 1 MB" in result.stderr


@given(content=binary(max_size=60))
def test_any_list_gives_names_or_is_refused(content: bytes) -> None:
    with suppress(ValueError):
        assert all(read_list(content))


@pytest.mark.parametrize("content", [SAMPLE.read_bytes(), b"\n" + b"a" * 5000])
def test_what_is_no_list_is_one_line_of_wrong_usage(
    content: bytes, aiart_edge: Command, tmp_path: Path
) -> None:
    (tmp_path / "list").write_bytes(content)
    result = aiart_edge("classify", "--from-file", tmp_path / "list")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("Error: the list cannot be used")


def test_a_name_in_a_list_is_no_pattern(aiart_edge: Command, tmp_path: Path) -> None:
    shutil.copy(SAMPLE, tmp_path / "a1.jpg")
    (tmp_path / "list").write_text(f"{tmp_path}/a[1].jpg\n")
    result = aiart_edge("classify", "--from-file", tmp_path / "list")
    assert result.exit_code == 1
    assert "a[1].jpg: cannot be read (No such file or directory)" in result.stderr


def test_odd_names_are_kept(aiart_edge: Command, tmp_path: Path) -> None:
    names = ["-", "--csv", "two\nlines", "[x]*?.jpg", " ", "\x1b[2J", "=1", "\udcff", "a" * 255]
    for name in names:
        shutil.copy(SAMPLE, tmp_path / name)
    result = aiart_edge("classify", "--jsonl", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert sorted(verdicts(result)) == sorted(names)


def test_a_pipe_that_nobody_writes_to_does_not_block_for_ever(
    aiart_edge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiart_edge.inputs.PATIENCE", 0.01)
    os.mkfifo(tmp_path / "pipe.jpg")
    listed = tmp_path / "list"
    listed.write_text(f"{tmp_path}/pipe.jpg\n{SAMPLE}\n")
    result = aiart_edge("classify", "--quiet", "--from-file", listed)
    assert result.exit_code == 3
    assert "pipe.jpg: is a pipe, and nothing came" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_what_comes_in_pieces_through_a_pipe_is_one_picture(
    aiart_edge: Command, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = f"cat {SAMPLE} > {pipe}"
    with subprocess.Popen(["sh", "-c", command]):
        assert aiart_edge("classify", "--quiet", pipe).stdout == "unsure\n"


def test_a_pipe_that_is_closed_without_a_byte_is_an_empty_file(
    aiart_edge: Command, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f": > {pipe}"]):
        assert "the file is empty" in aiart_edge("classify", pipe).stderr


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_picture(
    device: str, aiart_edge: Command, one_line: Callable[[Result], str]
) -> None:
    assert "is no file, but a device" in one_line(aiart_edge("classify", device))


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A tree of 1,500 folders in each other, with a picture in the last."""
    top = folder = tmp_path / "deep"
    for _ in range(1500):
        folder.mkdir()
        folder = folder / "d"
    shutil.copy(SAMPLE, folder.parent)
    yield top
    subprocess.run(["rm", "-rf", top], check=True)  # Python 3.11's own way there is recursive


def test_a_tree_may_be_deep(aiart_edge: Command, deep: Path) -> None:
    result = aiart_edge("classify", "-r", "--jsonl", deep)
    assert (result.exit_code, result.stderr) == (0, "")
    assert verdicts(result) == [SAMPLE.name]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind_are_a_picture(kind: Callable[[bytes], bytes]) -> None:
    pixels = read_pixels(kind(SAMPLE.read_bytes()), InputRule(8, 8))
    assert (pixels == read_pixels(SAMPLE, InputRule(8, 8))).all()
