"""Watching a folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiart_edge import DataError, OutputError
from aiart_edge.watch import Arrival, Ledger, find_arrivals

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"
WATCH = [
    sys.executable,
    "-c",
    "from aiart_edge.cli import program; program()",
    *("watch", "--every", "0.02"),
]


class Watcher:
    """The command in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [*WATCH, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def next_name(self) -> str:
        return Path(json.loads(self.process.stdout.readline())["path"]).name

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
        self.process.send_signal(how)
        return self.process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def watcher(folder: Path) -> Iterator[Watcher]:
    watcher = Watcher(folder)
    yield watcher
    if watcher.process.poll() is None:
        watcher.process.kill()
        watcher.process.communicate()


def test_pictures_are_classified_as_they_arrive_copied_or_renamed(
    folder: Path, watcher: Watcher, tmp_path: Path
) -> None:
    shutil.copy(SAMPLE, folder / "copied.jpg")
    assert watcher.next_name() == "copied.jpg"
    shutil.copy(SAMPLE, tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(folder / "renamed")
    assert watcher.next_name() == "renamed"


def test_sigterm_ends_it_with_0_and_a_restart_does_nothing_twice(
    folder: Path, watcher: Watcher
) -> None:
    shutil.copy(SAMPLE, folder / "first.jpg")
    assert watcher.next_name() == "first.jpg"
    assert watcher.end() == ("", "")
    assert watcher.process.returncode == 0
    shutil.copy(SAMPLE, folder / "second.jpg")
    again = Watcher(folder)
    assert again.next_name() == "second.jpg"
    assert again.end() == ("", "")


def test_a_file_is_left_alone_while_it_is_open_for_writing(folder: Path, watcher: Watcher) -> None:
    content = SAMPLE.read_bytes()
    with (folder / "slow.jpg").open("wb") as slow:
        slow.write(content)  # all of it is there, and its writer may yet change it
        slow.flush()
        shutil.copy(SAMPLE, folder / "quick.jpg")
        assert watcher.next_name() == "quick.jpg"
    assert watcher.next_name() == "slow.jpg"


def test_a_picture_whose_writer_paused_is_classified_once_it_is_whole(
    folder: Path, watcher: Watcher
) -> None:
    content = SAMPLE.read_bytes()
    (folder / "paused.jpg").write_bytes(content[:50_000])
    shutil.copy(SAMPLE, folder / "whole.jpg")
    assert watcher.next_name() == "whole.jpg"
    time.sleep(0.2)  # it has looked at the half by now
    with (folder / "paused.jpg").open("ab") as file:
        file.write(content[50_000:])
    assert watcher.next_name() == "paused.jpg"


def test_a_broken_picture_is_an_error_once_it_is_old(folder: Path, watcher: Watcher) -> None:
    broken = folder / "broken.jpg"
    broken.write_bytes(SAMPLE.read_bytes()[:50_000])
    os.utime(broken, (1, 1))
    record = json.loads(watcher.process.stdout.readline())
    assert Path(record["path"]).name == "broken.jpg"
    assert "truncated" in record["error"]


def test_what_is_no_picture_is_left_out_and_said_to_be(folder: Path, watcher: Watcher) -> None:
    (folder / "notes.txt").write_text("not a picture")
    os.utime(folder / "notes.txt", (1, 1))
    (folder / ".hidden.jpg").write_bytes(SAMPLE.read_bytes())
    os.mkfifo(folder / "pipe.jpg")
    shutil.copy(SAMPLE, folder / "picture.jpg")
    assert json.loads(watcher.process.stdout.readline())["left_out"] == ".txt"
    assert watcher.next_name() == "picture.jpg"
    assert watcher.end() == ("", "")


def test_two_watchers_do_not_share_a_folder(folder: Path, watcher: Watcher) -> None:
    shutil.copy(SAMPLE, folder / "a.jpg")
    watcher.next_name()
    second = subprocess.run([*WATCH, folder], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "another aiart-edge watches this folder" in second.stderr


def test_a_folder_that_goes_away_is_one_line(folder: Path, watcher: Watcher) -> None:
    shutil.copy(SAMPLE, folder / "a.jpg")
    watcher.next_name()
    shutil.rmtree(folder)
    assert "the folder cannot be read (No such file" in watcher.process.communicate()[1]
    assert watcher.process.returncode == 1


def test_a_line_that_a_power_cut_left_unfinished_harms_no_other(tmp_path: Path) -> None:
    state, arrivals = tmp_path / "state", [Arrival(f"{n}.jpg", n, n) for n in range(3)]
    with Ledger(state) as ledger:
        ledger.add(arrivals[0])
        ledger.add(arrivals[1])
    state.write_bytes(state.read_bytes()[:-5])
    with Ledger(state) as ledger:
        assert ledger.done == {arrivals[0]}
        ledger.add(arrivals[2])
    with Ledger(state) as ledger:
        assert ledger.done == {arrivals[0], arrivals[2]}


def test_a_ledger_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Ledger(tmp_path)


def test_a_file_that_changes_between_two_looks_waits_for_the_next(folder: Path) -> None:
    path = folder / "a.jpg"
    sizes = iter([1, 2, 2])

    def change() -> bool:
        size = next(sizes, None)
        if size:
            path.write_bytes(b"x" * size)
            os.utime(path, (1, 1))
        return size is None

    found = [arrival.size for arrival in find_arrivals(folder, set(), change)]
    assert found == [2]


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder cannot be read"):
        next(find_arrivals(tmp_path / "no", set(), lambda: True))
