"""`aiart-edge watch` beside a writer, killed again and again.

`python -m benchmarks.watch_soak --minutes 60 --kills 20` has files arrive in every way that they
do, kills the watcher (SIGKILL) at random moments in the first half of the time, starts it again at
once, and prints what became of each file. Every other kill comes with a record, to meet the moment
between its printing and its being remembered. The exit code is 1 where a file was lost, or said
twice though it was not the last that was said before a kill.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import click
import numpy as np
from PIL import Image

from aiart_edge.watch import STATE_FILE

_WATCH = (sys.executable, "-c", "from aiart_edge.cli import program; program()", "watch")
_OTHER = "no picture"
_SLOWEST = 120.0  # seconds until the last picture must have been said
_WARM = 60  # seconds, after which a watcher holds all that it needs
_LEAVING = 8  # of ten files leave when they have been said
_FUTURE = 4_000_000_000.0  # seconds since 1970


def _rename(path: Path, content: bytes) -> None:
    hidden = path.with_name(f".{path.name}")
    hidden.write_bytes(content)
    hidden.rename(path)


def _write_slowly(path: Path, content: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        for part in range(0, len(content), 1 + len(content) // 8):
            file.write(content[part : part + 1 + len(content) // 8])
            time.sleep(0.4)


def _write_with_a_pause(path: Path, content: bytes) -> None:
    path.write_bytes(content[: len(content) // 2])
    time.sleep(3)
    with path.open("ab") as file:
        file.write(content[len(content) // 2 :])


def _date(path: Path, content: bytes, seconds: float) -> None:
    hidden = path.with_name(f".{path.name}")
    hidden.write_bytes(content)
    os.utime(hidden, (seconds, seconds))
    hidden.rename(path)


def _break(path: Path, content: bytes) -> None:
    _date(path, content[: len(content) // 2], 1)


def _break_in_the_future(path: Path, content: bytes) -> None:
    _date(path, content[: len(content) // 2], _FUTURE)


WAYS: dict[str, Callable[[Path, bytes], object]] = {
    "copied": Path.write_bytes,
    "renamed": _rename,
    "slow": _write_slowly,
    "paused": _write_with_a_pause,
    "of the future": lambda path, content: _date(path, content, _FUTURE),
    "broken": _break,
    "broken, of the future": _break_in_the_future,
    _OTHER: lambda path, _: _date(path, b"Nothing that anybody drew.", 1),
}


@dataclass
class Life:
    """A watcher, from its start to its end.

    Args:
        names: of the pictures that it spoke of, in order.
        memory: its resident bytes, second by second.
        complaints: what it wrote to standard error, but for its first line.
        killed: and not ended orderly.
    """

    names: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    complaints: str = ""
    killed: bool = True


@dataclass(frozen=True)
class Findings:
    """What became of the files.

    Args:
        lost: never said.
        again: said twice; the last before a kill.
        twice: said twice for no such reason.
        foreign: said, and never written.
    """

    lost: list[str]
    again: list[str]
    twice: list[str]
    foreign: list[str]


def audit(written: Iterable[str], lives: Iterable[Life]) -> Findings:
    """Compare what was written with what was said.

    Args:
        written: names of files.
        lives: of watchers, one after another.

    Returns:
        The differences.
    """
    files = set(written)
    said: set[str] = set()
    at_hand: set[str] = set()
    again: list[str] = []
    twice: list[str] = []
    for life in lives:
        for name in life.names:
            if name in said:
                (again if name in at_hand else twice).append(name)
            said.add(name)
            at_hand.discard(name)
        at_hand.update(life.names[-1:])
    return Findings(sorted(files - said), again, twice, sorted(said - files))


class Watcher:
    """The command in a process of its own, whose words are read as they come.

    Args:
        folder: that it watches.
    """

    def __init__(self, folder: Path) -> None:
        self.life = Life()
        self._heard = 0
        self._spoke = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603
            [*_WATCH, "--every", "0.2", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def weigh(self) -> None:
        """Note how much memory it holds."""
        if self._process.poll() is not None:
            raise click.ClickException(f"the watcher has ended by itself: {self._complaints()}")
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        self.life.memory.append(int(pages) * os.sysconf("SC_PAGE_SIZE"))

    def wait_for_a_word(self) -> None:
        """Wait until it says something."""
        self._spoke.clear()
        self._spoke.wait(_SLOWEST)

    def fresh_names(self) -> list[str]:
        """Give the names that it has said since the last call."""
        names = self.life.names[self._heard :]
        self._heard += len(names)
        return names

    def end(self, how: signal.Signals) -> None:
        """Send a signal, and hear it out."""
        with self._process:
            self._process.send_signal(how)
            self._reader.join()
            self.life.complaints = self._complaints()
        self.life.killed = self._process.returncode != 0

    def _complaints(self) -> str:
        assert self._process.stderr
        return b"".join(self._process.stderr.readlines()[1:]).decode()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.life.names.append(Path(json.loads(line)["path"]).name)
            self._spoke.set()


class Writer:
    """Lets files arrive in a folder, and leave it again.

    Args:
        folder: for them.
        rate: files a second, on average.
        ways: in which they arrive.
        chance: chooses.
    """

    def __init__(self, folder: Path, rate: float, ways: list[str], chance: random.Random) -> None:
        self.written: dict[str, str] = {}
        self._folder, self._rate, self._ways, self._chance = folder, rate, ways, chance
        self._contents = [_draw(seed) for seed in range(20)]
        self._ended = threading.Event()
        self._at_work: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def end(self) -> None:
        """Write no more, and wait until all is written."""
        self._ended.set()
        self._thread.join()
        for thread in self._at_work:
            thread.join()

    def remove(self, names: Iterable[str]) -> None:
        """Let files leave the folder."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)

    def _write(self) -> None:
        for number in count():
            if self._ended.wait(self._chance.expovariate(self._rate)):
                return
            way = self._chance.choice(self._ways)
            path = self._folder / f"{number:06}.{'txt' if way == _OTHER else 'jpg'}"
            self.written[path.name] = way
            content = self._chance.choice(self._contents)
            thread = threading.Thread(target=WAYS[way], args=(path, content))
            thread.start()
            self._at_work = [other for other in self._at_work if other.is_alive()] + [thread]


def soak(
    folder: Path, minutes: float, kills: int, rate: float, seed: int
) -> tuple[dict[str, str], list[Life]]:
    """Let a watcher and a writer work side by side.

    Args:
        folder: empty.
        minutes: that the writer writes.
        kills: of the watcher, in the first half of them.
        rate: files a second.
        seed: of chance.

    Returns:
        In which way each picture was written, and the watcher's lives.
    """
    chance = random.Random(seed)  # noqa: S311
    ways = [way for way in WAYS if minutes >= 1 or way != "broken, of the future"]
    moments = sorted(chance.uniform(0, 30 * minutes) for _ in range(kills))
    began = time.monotonic()
    writer, watcher = Writer(folder, rate, ways, chance), Watcher(folder)
    lives: list[Life] = []

    def until(moment: float, enough: Callable[[], bool] = lambda: False) -> None:
        while time.monotonic() - began < moment and not enough():
            time.sleep(min(1, max(0, moment - time.monotonic() + began)))
            watcher.weigh()
            writer.remove(name for name in watcher.fresh_names() if int(name[5]) < _LEAVING)

    def all_said() -> bool:
        return writer.written.keys() <= {name for life in lives for name in life.names}

    for number, moment in enumerate(moments):
        until(moment)
        if number % 2:
            watcher.wait_for_a_word()
        watcher.end(signal.SIGKILL)
        lives.append(watcher.life)
        watcher = Watcher(folder)
    lives.append(watcher.life)
    until(60 * minutes)
    writer.end()
    until(60 * minutes + _SLOWEST, all_said)
    watcher.end(signal.SIGTERM)
    return writer.written, lives


def _draw(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    content = io.BytesIO()
    picture = Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC)
    picture.save(content, "JPEG", quality=90)
    return content.getvalue()


def describe(written: dict[str, str], lives: list[Life], ledger: Path) -> str:
    """Put what happened into words.

    Args:
        written: in which way each picture was.
        lives: of the watchers; the last was not killed.
        ledger: as they left it.

    Returns:
        Lines.
    """
    findings = audit(written, lives)
    ways = ", ".join(f"{number} {way}" for way, number in Counter(written.values()).most_common())
    memory = [size / 1e6 for size in lives[-1].memory]
    early = memory[min(_WARM, len(memory) - 1)]
    return (
        f"written: {len(written)} ({ways})\n"
        f"lost: {len(findings.lost)} {' '.join(findings.lost)}\n"
        f"said twice, as the last before a kill: {len(findings.again)}\n"
        f"said twice otherwise: {len(findings.twice)} {' '.join(findings.twice)}\n"
        f"said, but never written: {len(findings.foreign)} {' '.join(findings.foreign)}\n"
        f"memory of the last, which was not killed: {early:.1f} MB after a minute, "
        f"{memory[-1]:.1f} at its end, {max(memory):.1f} at most\n"
        f"ledger: {len(ledger.read_bytes().splitlines())} lines\n"
        f"complaints: {' '.join(life.complaints for life in lives).strip() or 'none'}"
    )


@click.command()
@click.option("--minutes", type=float, default=60, show_default=True)
@click.option("--kills", type=int, default=20, show_default=True)
@click.option("--rate", type=float, default=1, show_default=True, help="Files a second.")
@click.option("--seed", type=int, default=0, show_default=True)
def main(minutes: float, kills: int, rate: float, seed: int) -> None:
    """Watch beside a writer, be killed, and account for every picture."""
    with tempfile.TemporaryDirectory() as folder:
        written, lives = soak(Path(folder), minutes, kills, rate, seed)
        click.echo(f"{minutes:g} minutes, {len(lives) - 1} kills, seed {seed}")
        click.echo(describe(written, lives, Path(folder, STATE_FILE)))
    findings = audit(written, lives)
    ended = not lives[-1].killed
    if findings.lost or findings.twice or findings.foreign or not ended:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
