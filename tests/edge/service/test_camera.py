"""What a camera shows, for which a program that writes MJPEG stands in."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from aiart_edge.service import camera
from aiart_edge.service.bodies import Refused
from aiart_edge.service.camera import Camera, Frames

FILM = Path(__file__).with_name("film.py")


def draw(colour: str = "red", **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "JPEG", **options)
    return file.getvalue()


def with_a_small_picture_in_it(frame: bytes) -> bytes:
    inside = b"Exif\0\0" + draw("blue")
    return frame[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2) + inside + frame[2:]


RED, GREEN = draw("red"), draw("green", progressive=True)
DEEP = with_a_small_picture_in_it(RED)


@pytest.mark.parametrize("step", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("stream", "frames"),
    [
        (RED + GREEN + DEEP, [RED, GREEN, DEEP]),
        (b"--next\r\nContent-Type: image/jpeg\r\n\r\n" + RED + b"\r\n--next--", [RED]),
        (RED[:-9] + GREEN, [GREEN]),
        (b"\xff\xd9\xff\xff" + RED + b"\xff\xff\xff" + GREEN, [RED, GREEN]),
        (b"\0\0\0\1\x67\x42 some H.264", []),
        (RED[:-2], []),
    ],
)
def test_a_stream_is_cut_into_its_whole_frames_wherever_its_pieces_end(
    stream: bytes, frames: list[bytes], step: int
) -> None:
    cut = Frames()
    pieces = (stream[place : place + step] for place in range(0, len(stream), step))
    assert [frame for piece in pieces for frame in cut.split(piece)] == frames


def test_what_is_no_frame_is_not_kept() -> None:
    cut = Frames()
    for _ in range(3):
        assert [*cut.split(bytes(camera.MOST_FRAME))] == []
    assert [*cut.split(RED)] == [RED]


def look(*words: object, times: int = 1) -> list[bytes | str]:
    """Look some times through a camera; give the frames, and why there was none."""
    seen: list[bytes | str] = []

    async def look_on() -> None:
        eye = Camera([*map(str, words)])
        for _ in range(times):
            try:
                seen.append(await eye.look())
            except Refused as refused:
                seen.append(refused.problem)

    asyncio.run(look_on())
    return seen


def children() -> set[str]:
    tasks = Path("/proc/self/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    """See to it that no process is left behind, dead or alive."""
    before = children()
    yield
    assert children() <= before


@pytest.fixture
def filming(tmp_path: Path) -> list[object]:
    """A command that writes a red picture again and again."""
    (tmp_path / "red.jpg").write_bytes(RED)
    return [sys.executable, FILM, tmp_path / "red.jpg", tmp_path / "cap"]


def test_the_newest_frame_is_seen_and_the_command_ends_with_the_service(
    filming: list[object],
) -> None:
    assert look(*filming, times=3) == [RED] * 3


def test_the_command_ends_when_nobody_looks_and_starts_when_somebody_does(
    filming: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "UNWATCHED", 0.1)
    before = children()

    async def look_away() -> None:
        eye = Camera([*map(str, filming)])
        for _ in range(2):
            assert await eye.look() == RED
            async with asyncio.timeout(60):
                while children() > before:
                    await asyncio.sleep(0.02)

    asyncio.run(look_away())


SHELL = ("sh", "-c")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((*SHELL, "echo one >&2; echo 'no \33cameras' >&2; exit 3"), "has ended (no ?cameras)"),
        (("true",), "has ended"),
        (("/missing/program",), "cannot be started (No such file or directory)"),
        (("sleep", "1000"), "gives no frame of MJPEG for 1 seconds"),
        (("cat", "/dev/zero"), "gives no frame of MJPEG for 1 seconds"),
        ((*SHELL, "trap '' TERM; while :; do sleep 1000; done"), "gives no frame of MJPEG"),
        (
            (*SHELL, "printf '\\377\\330\\377\\340\\0\\2'; cat /dev/zero"),
            "gives a frame of more than",
        ),
    ],
)
def test_a_command_that_shows_nothing_says_why(
    words: Sequence[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "PAUSE", 0.6)
    monkeypatch.setattr(camera, "MOST_FRAME", 100_000)
    (said,) = look(*words)
    assert isinstance(said, str)
    assert said.startswith(f"the camera's command {problem}")


@pytest.mark.parametrize(("pause", "starts"), [(1000, 1), (0, 3)])
def test_a_command_that_fails_is_started_anew_after_a_while(
    tmp_path: Path, pause: float, starts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "AGAIN", pause)
    assert len(set(look(*SHELL, f"echo started >> {tmp_path}/starts; exit 1", times=3))) == 1
    assert (tmp_path / "starts").read_text() == "started\n" * starts


def test_what_the_command_has_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "PAUSE", 0.5)
    look(*SHELL, f"sleep 1000 & echo $! > {tmp_path}/number; exec sleep 1000")
    number = int((tmp_path / "number").read_text())
    end = time.monotonic() + 60
    while lives(number):
        assert time.monotonic() < end


def lives(number: int) -> bool:
    """Say whether a process has not ended yet, whether or not somebody has taken note of it."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
