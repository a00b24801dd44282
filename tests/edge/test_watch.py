"""Watching a folder."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aiart_edge import Classifier, DataError, OutputError, PictureError
from aiart_edge.ledger import Arrival, Ledger
from aiart_edge.watch import STATE_FILE, Lookout, classify_arrivals

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

    def next_record(self) -> dict[str, Any]:
        return json.loads(self.process.stdout.readline())

    def next_name(self) -> str:
        return Path(self.next_record()["path"]).name

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[str, list[str]]:
        """End it, and give what it had yet to say."""
        self.process.send_signal(how)
        said, complaints = self.process.communicate()
        self.start, *others = complaints.splitlines()
        return said, others


def never(seconds: float) -> bool:
    return False


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
    assert watcher.end() == ("", [])
    assert watcher.process.returncode == 0
    shutil.copy(SAMPLE, folder / "second.jpg")
    again = Watcher(folder)
    assert again.next_name() == "second.jpg"
    assert again.end() == ("", [])


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
    record = watcher.next_record()
    assert Path(record["path"]).name == "broken.jpg"
    assert "truncated" in record["error"]


def test_what_is_no_picture_is_left_out_and_said_to_be(folder: Path, watcher: Watcher) -> None:
    (folder / "notes.txt").write_text("not a picture")
    os.utime(folder / "notes.txt", (1, 1))
    (folder / ".hidden.jpg").write_bytes(SAMPLE.read_bytes())
    os.mkfifo(folder / "pipe.jpg")
    shutil.copy(SAMPLE, folder / "picture.jpg")
    assert watcher.next_name() == "picture.jpg"
    assert watcher.next_record()["left_out"] == ".txt"
    assert watcher.end() == ("", [])


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


def test_ctrl_c_ends_it_orderly_too(folder: Path, watcher: Watcher) -> None:
    shutil.copy(SAMPLE, folder / "a.jpg")
    watcher.next_name()
    assert watcher.end(signal.SIGINT) == ("", [])
    assert watcher.process.returncode == 0


def test_at_the_start_it_says_what_is_watched_and_what_is_not(
    folder: Path, watcher: Watcher
) -> None:
    (folder / "below").mkdir()
    (folder / ".hidden").mkdir()
    shutil.copy(SAMPLE, folder / "a.jpg")
    watcher.next_name()
    watcher.end()
    shutil.copy(SAMPLE, folder / "b.jpg")
    with (folder / STATE_FILE).open("a") as ledger:
        ledger.write("5\n")
    again = Watcher(folder)
    again.next_name()
    warning = f"{folder / STATE_FILE}: passed over 1 broken line"
    assert again.end() == ("", [warning])
    assert (
        again.start == f"Watching {folder}: 1 file done, 1 new. 1 folder in it will not be watched."
    )


def test_on_a_terminal_it_speaks_to_people(folder: Path) -> None:
    broken = folder / "broken.jpg"
    broken.write_bytes(SAMPLE.read_bytes()[:50_000])
    os.utime(broken, (1, 1))
    shutil.copy(SAMPLE, folder / "whole.jpg")
    (folder / "drawing.svg").write_text("<svg ")
    os.utime(folder / "drawing.svg", (2, 2))
    terminal, screen = pty.openpty()
    with subprocess.Popen([*WATCH, folder], stdout=screen, stderr=screen) as process:
        os.close(screen)
        said = b""
        while b"p(ai)" not in said:  # the youngest
            said += os.read(terminal, 1000)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # so Linux says that nobody writes any more
            while more := os.read(terminal, 1000):
                said += more
    os.close(terminal)
    assert process.returncode == 0
    start, error, left_out, verdict, origin, footer = said.decode().splitlines()
    assert start.startswith("Watching ")
    assert error.startswith(f"Error: {broken}: ")
    assert left_out == f"Left out: {folder / 'drawing.svg'} (export as PNG)"
    assert verdict.endswith(str(folder / "whole.jpg"))
    assert origin.strip() == "the file says nothing"
    assert footer == "A verdict is a signal, not proof."


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "0", "-1"])
def test_an_impossible_pause_is_wrong_usage(
    seconds: str, folder: Path, aiart_edge: Callable[..., Result]
) -> None:
    result = aiart_edge("watch", folder, "--every", seconds)
    assert result.exit_code == 2
    assert "Invalid value for '--every'" in result.stderr


def test_it_speaks_in_one_form(folder: Path, aiart_edge: Callable[..., Result]) -> None:
    result = aiart_edge("watch", folder, "--text", "--jsonl")
    assert result.exit_code == 2
    assert "--text and --jsonl exclude each other" in result.stderr


def test_a_full_disk_is_blamed_on_the_file_that_it_holds(folder: Path) -> None:
    shutil.copy(SAMPLE, folder / "a.jpg")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*WATCH, folder], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(b"Error: <stdout>: cannot be written (No space left on device)\n")
    command = ["prlimit", "--fsize=10", *WATCH, folder]  # the kernel takes no more for a file
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 1
    problem = f"Error: {folder / STATE_FILE}: cannot be written (File too large)\n"
    assert done.stderr.decode().endswith(problem)


def test_a_picture_that_was_at_hand_when_it_was_killed_comes_again(folder: Path) -> None:
    shutil.copy(SAMPLE, folder / "a.jpg")
    shutil.copy(SAMPLE, folder / "b.jpg")
    with Classifier.load() as classifier:

        def names_of(number: int) -> list[str]:
            with Ledger(folder / STATE_FILE) as ledger:
                records = classify_arrivals(classifier, Lookout(folder, ledger), never, 0)
                return [Path(record.path).name for record in islice(records, number)]

        assert names_of(1) == ["a.jpg"]
        assert names_of(2) == ["a.jpg", "b.jpg"]
        assert names_of(1) == ["b.jpg"]


def test_a_broken_picture_of_the_future_is_an_error_when_it_has_lain(folder: Path) -> None:
    broken = folder / "broken.jpg"
    broken.write_bytes(SAMPLE.read_bytes()[:50_000])
    os.utime(broken, (4e9, 4e9))
    seconds = count()
    with Classifier.load() as classifier, Ledger(folder / STATE_FILE) as ledger:
        lookout = Lookout(folder, ledger, lambda: float(next(seconds)))
        record = next(classify_arrivals(classifier, lookout, never, 0))
    assert isinstance(record.outcome, PictureError)
    assert next(seconds) > 30


class Clock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Watch:
    """A folder, and who looks into it."""

    folder: Path
    ledger: Ledger
    clock: Clock
    lookout: Lookout

    def look(self, after: float = 1.0) -> list[str]:
        self.clock.now += after
        return [arrival.name for arrival in self.lookout.look()]

    def finish_all(self, number: int) -> None:
        for name in range(number):
            (self.folder / f"{name}.jpg").write_bytes(b"")
        self.look()
        self.clock.now += 1
        for arrival in self.lookout.look():
            self.lookout.finish(arrival)


@pytest.fixture
def watch(folder: Path) -> Iterator[Watch]:
    clock = Clock()
    with Ledger(folder / STATE_FILE) as ledger:
        yield Watch(folder, ledger, clock, Lookout(folder, ledger, clock))


def test_a_file_that_changes_between_two_looks_waits_for_the_next(watch: Watch) -> None:
    (watch.folder / "a.jpg").write_bytes(b"x")
    assert watch.look() == []
    (watch.folder / "a.jpg").write_bytes(b"xx")
    assert watch.look() == []
    assert watch.look() == ["a.jpg"]


def test_pictures_come_first_in_the_order_in_which_they_were_modified(watch: Watch) -> None:
    for name, date in {"a.jpg": 3, "b.jpg": 2, "c.txt": 1}.items():
        (watch.folder / name).touch()
        os.utime(watch.folder / name, (date, date))
    watch.look()
    assert watch.look() == ["b.jpg", "a.jpg", "c.txt"]


def test_a_done_file_that_is_rewritten_under_its_name_comes_again(watch: Watch) -> None:
    watch.finish_all(1)
    assert watch.look(100) == []
    (watch.folder / "0.jpg").write_bytes(b"another picture")
    watch.look(100)
    assert watch.look() == ["0.jpg"]


def test_a_folder_in_which_nothing_happens_is_not_searched(watch: Watch) -> None:
    watch.finish_all(200)
    searches = []
    sys.addaudithook(lambda event, _: searches.append(event) if event == "os.scandir" else None)
    watch.look(4)  # what was made in the same moment as what was found is found now
    assert searches == ["os.scandir"]
    for _ in range(10):
        watch.look(0.001)
    assert searches == ["os.scandir"]
    (watch.folder / "new.jpg").touch()
    watch.look(0.001)
    assert watch.look(0.001) == ["new.jpg"]


def test_nothing_is_forgotten_where_the_disk_is_taken_away(watch: Watch) -> None:
    watch.finish_all(1)
    watch.folder.rename(watch.folder.with_name("taken away"))
    watch.folder.mkdir()
    with pytest.raises(DataError, match="was its disk taken away"):
        watch.look()
    assert len(watch.ledger) == 1


def test_its_own_ledger_is_no_arrival(folder: Path) -> None:
    with Ledger(folder / "ledger") as ledger:
        lookout = Lookout(folder, ledger)
    assert lookout.new == 0


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path / "state") as ledger, pytest.raises(DataError, match="cannot be read"):
        Lookout(tmp_path / "no", ledger)


def write_ledger(path: Path, names: int) -> Path:
    path.write_text("".join(f'["picture-{name}.jpg", 1, {name}]\n' for name in range(names)))
    return path


def test_a_file_that_changes_while_others_are_judged_waits_for_the_next_look(
    folder: Path, watch: Watch
) -> None:
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(SAMPLE, folder / name)
    with Classifier.load() as classifier:
        records = classify_arrivals(classifier, watch.lookout, never, 0)
        assert Path(next(records).path).name == "a.jpg"
        (folder / "b.jpg").unlink()
        os.mkfifo(folder / "b.jpg")  # whoever opened it would wait for ever
        shutil.copy(SAMPLE, folder / "c.jpg")
        assert Path(next(records).path).name == "c.jpg"


def test_what_has_left_the_folder_is_forgotten_in_the_file_too(folder: Path) -> None:
    shutil.copy(SAMPLE, folder / "here.jpg")
    with Ledger(write_ledger(folder / STATE_FILE, 1500)) as ledger:
        assert len(ledger) == 1500
        here = folder / "here.jpg"
        ledger.add(Arrival(here.name, here.stat().st_size, here.stat().st_mtime_ns))
        Lookout(folder, ledger)
        assert len(ledger) == 1
        with pytest.raises(OutputError, match="another aiart-edge watches this folder"):
            Ledger(ledger.path)
    assert len(ledger.path.read_text().splitlines()) == 1
    with Ledger(ledger.path) as ledger:
        assert Lookout(folder, ledger).new == 0


def test_the_file_goes_on_where_it_cannot_be_written_anew(folder: Path) -> None:
    (folder / f".{STATE_FILE}.new").mkdir()
    with Ledger(write_ledger(folder / STATE_FILE, 1500)) as ledger:
        Lookout(folder, ledger)
        ledger.add(Arrival("a.jpg", 1, 1))
    assert len(ledger.path.read_text().splitlines()) == 1501


def test_a_new_file_that_was_not_finished_when_its_writer_was_killed_does_no_harm(
    folder: Path,
) -> None:
    (folder / "picture-7.jpg").write_bytes(b"x")
    os.utime(folder / "picture-7.jpg", ns=(7, 7))
    (folder / f".{STATE_FILE}.new").write_text('["picture-9.jpg", 1, 9]\n["pic')
    with Ledger(write_ledger(folder / STATE_FILE, 1500)) as ledger:
        assert Lookout(folder, ledger).new == 0
    assert ledger.path.read_text() == '["picture-7.jpg", 1, 7]\n'
    assert [path.name for path in folder.glob(".*")] == [STATE_FILE]


def test_nothing_is_written_through_a_link_that_was_planted_for_a_new_file(folder: Path) -> None:
    (folder / "victim").touch()
    (folder / f".{STATE_FILE}.new").symlink_to("victim")
    with Ledger(write_ledger(folder / STATE_FILE, 1500)) as ledger:
        Lookout(folder, ledger)
        ledger.add(Arrival("a.jpg", 1, 1))
    assert len(ledger.path.read_text().splitlines()) == 1
    assert (folder / "victim").read_text() == ""


def test_a_line_that_was_not_finished_harms_no_other(tmp_path: Path) -> None:
    state, arrivals = tmp_path / "state", [Arrival(f"{n}.jpg", n, n) for n in range(3)]
    with Ledger(state) as ledger:
        ledger.add(arrivals[0])
        ledger.add(arrivals[1])
    state.write_bytes(state.read_bytes()[:-5])
    with Ledger(state) as ledger:
        assert (len(ledger), ledger.broken) == (1, 1)
        ledger.add(arrivals[2])
    with Ledger(state) as ledger:
        assert (len(ledger), ledger.broken) == (2, 1)


def test_lines_that_no_ledger_writes_are_passed_over(tmp_path: Path) -> None:
    odd = [b"5", b"null", b"{}", b'["a", 1]', b'["a", "b", 3]', b"[" * 3000, b"\xff\0", b""]
    good = [b'["a.jpg", 1, 2]', b'["\\ud800.jpg", 1, 2]', b'["huge", 1, 1' + 2000 * b"0" + b"]"]
    long = b'["' + 100_000 * b"x" + b'", 1, 2]'
    (tmp_path / "state").write_bytes(b"\n".join([*odd, long, *good, b""]))
    with Ledger(tmp_path / "state") as ledger:
        assert (len(ledger), ledger.broken) == (len(good), len(odd) + 1)


def test_a_name_takes_few_bytes_of_memory(tmp_path: Path) -> None:
    names = 10_000
    state = write_ledger(tmp_path / "state", names)
    tracemalloc.start()
    with Ledger(state) as ledger:
        assert len(ledger) == names
        held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / names < 50


def test_a_ledger_that_cannot_be_trusted_or_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to("target")
    os.mkfifo(tmp_path / "pipe")
    for name, problem in {
        ".": "cannot be written .Is a directory",
        "no/ledger": "cannot be written .No such file",
        "link": "is a link",
        "pipe": "is not a plain file",
        "/dev/full": "is not a plain file",
    }.items():
        with pytest.raises(OutputError, match=problem):
            Ledger(tmp_path / name)
