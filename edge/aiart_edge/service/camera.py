"""What a camera shows: frames of a command that writes JPEG after JPEG, while somebody looks."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiart_edge.errors import printable
from aiart_edge.service.bodies import Refused

MOST_FRAME = 10_000_000  # bytes
PAUSE = 10.0  # seconds in which a frame must come
UNWATCHED = 10.0  # seconds after the last question, until the command is ended
AGAIN = 5.0  # seconds until one that failed is started anew

_LAST = 2.0  # seconds to end in order
_PIECE = 1 << 16  # bytes
_LONGEST_WORDS = 1000  # bytes

_START, _END = 0xD8, 0xD9
# The markers of a JPEG. Before 0 and 0xFF, 0xFF begins none; what restarts a scan ends nothing.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class Camera:
    """A command that is started when somebody looks, and ended when nobody does any more.

    Args:
        words: of the command; no shell sees them.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._newest: asyncio.Future[bytes | str]  # a frame, or why there is none
        self._running: asyncio.Task[None] | None = None
        self._looked = self._failed = float("-inf")

    async def look(self) -> bytes:
        """Give the newest frame, and wait for it where the command has only been started.

        Returns:
            A JPEG.

        Raises:
            Refused: there is none; `problem` says why.
        """
        loop = asyncio.get_running_loop()
        self._looked = loop.time()
        is_over = self._running is None or self._running.done()
        if is_over and loop.time() >= self._failed + AGAIN:
            self._newest = loop.create_future()
            self._running = loop.create_task(self._run())
        found = await asyncio.shield(self._newest)
        if isinstance(found, str):
            raise Refused(503, found, {"retry-after": f"{AGAIN:.0f}"})
        return found

    async def _run(self) -> None:
        words = bytearray()
        problem: str | None = None
        try:
            async with _started(self._words, words) as process:
                problem = await self._show(process)
        except OSError as error:
            problem = f"cannot be started ({error.strerror})"
        if problem:
            lines = words.decode(errors="replace").rstrip().splitlines()
            said = f" ({printable(lines[-1].strip())})" if lines else ""
            self._failed = asyncio.get_running_loop().time()
            self._tell(f"the camera's command {problem}{said}")

    async def _show(self, process: Process) -> str | None:
        """Take its frames; give what is wrong with it, or None where nobody looks any more."""
        assert process.stdout  # noqa: S101
        loop = asyncio.get_running_loop()
        frames = Frames()
        due = loop.time() + PAUSE
        while not self._newest.done() or loop.time() < self._looked + UNWATCHED:
            try:
                async with asyncio.timeout_at(due):
                    piece = await process.stdout.read(_PIECE)
            except TimeoutError:
                return f"gives no frame of MJPEG for {PAUSE:.0f} seconds"
            if not piece:
                return "has ended"
            try:
                for frame in frames.split(piece):
                    self._tell(frame)
                    due = loop.time() + PAUSE
            except ValueError as error:
                return str(error)
        return None

    def _tell(self, found: bytes | str) -> None:
        if self._newest.done():
            self._newest = asyncio.get_running_loop().create_future()
        self._newest.set_result(found)


class Frames:
    """Cuts a stream of JPEGs into frames, without what is between them, and what is cut off."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._at = 0  # where the next marker is looked for

    def split(self, piece: bytes) -> Iterator[bytes]:
        """Take what came next, and give the frames that it ends.

        Args:
            piece: of the stream.

        Yields:
            JPEGs.

        Raises:
            ValueError: a frame is too big; says so, as what the command does.
        """
        kept = self._kept
        kept += piece
        while found := _MARKER.search(kept, self._at):
            after = found.end()
            marker = kept[after - 1]
            if marker == _START:
                del kept[: found.start()]
                self._at = 2
            elif not kept.startswith(b"\xff\xd8"):  # between frames
                self._at = after
            elif marker == _END:
                yield bytes(kept[:after])
                del kept[:after]
                self._at = 0
            elif len(kept) < after + 2:  # where its length stands
                break
            else:  # a small picture in it has markers, too
                self._at = after + int.from_bytes(kept[after : after + 2])
        else:
            self._at = max(self._at, len(kept) - 1)
        if not kept.startswith(b"\xff\xd8"):
            del kept[:-1]
            self._at = 0
        if len(kept) > MOST_FRAME:
            raise ValueError(f"gives a frame of more than {MOST_FRAME // 1_000_000} MB")


@asynccontextmanager
async def _started(words: Sequence[str], said: bytearray) -> AsyncIterator[Process]:
    """Run a command until the end of a `with` statement, and what it has started, too.

    Args:
        words: of the command.
        said: gets the end of what it writes to standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    assert process.stdout  # noqa: S101
    assert process.stderr  # noqa: S101
    hearing = asyncio.create_task(_read(process.stderr, said))
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST):
                    await _read(process.stdout, bytearray())  # until then nothing is over
                    await asyncio.wait([hearing])
                    await process.wait()
        hearing.cancel()


async def _read(stream: asyncio.StreamReader, words: bytearray) -> None:
    """Read to the end of a stream, and keep the last of it."""
    while piece := await stream.read(_PIECE):
        words += piece
        del words[:-_LONGEST_WORDS]
