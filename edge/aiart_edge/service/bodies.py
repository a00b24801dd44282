"""What comes in: pictures as raw bytes or as parts of a form, into memory and within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

MOST_PICTURE = 32 << 20  # bytes
MOST_REQUEST = 64 << 20
MOST_WAITING = 128 << 20  # of all requests
_MOST_PARTS = 1_000

PAUSE = 10.0  # seconds in which something must come
_WHOLE = 120.0  # seconds in which all must have come
_CLOSE = {"connection": "close"}  # the rest of a body is not read


class Refused(Exception):
    """A request is answered with a problem.

    Args:
        status: of HTTP.
        problem: what is wrong and what to do next, a phrase.
        headers: of the answer. Default none.
    """

    def __init__(self, status: int, problem: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.headers = headers or {}


@dataclass
class Part:
    """A picture's file as it came.

    Args:
        name: of the file. Default: it has none.
        content: of the file; nothing where it is too big.
        is_too_big: it has more than 32 MB.
    """

    name: str | None = None
    content: bytearray = field(default_factory=bytearray)
    is_too_big: bool = False

    def add(self, piece: bytes) -> None:
        """Add what came next."""
        self.is_too_big |= len(self.content) + len(piece) > MOST_PICTURE
        if self.is_too_big:
            self.content = bytearray()
        else:
            self.content += piece


class Waiting:
    """Bytes of all requests that are waiting for an answer.

    Args:
        size: how many there may be. Default 128 MB.
    """

    def __init__(self, size: int = MOST_WAITING) -> None:
        self._left = size

    @contextmanager
    def room(self) -> Iterator[Callable[[int], None]]:
        """Hold room until the end of a `with` statement.

        Yields:
            What takes so many bytes more, or raises `Refused`.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                problem = "too many pictures are waiting: try again"
                raise Refused(503, problem, {"retry-after": "1"})
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken


async def read_parts(
    headers: Mapping[str, str], stream: AsyncIterator[bytes], take: Callable[[int], None]
) -> list[Part]:
    """Read the pictures of a request.

    Args:
        headers: of the request, with names in small letters.
        stream: its body.
        take: see `Waiting.room`.

    Returns:
        A part for raw bytes, or one for each file of a form.

    Raises:
        Refused: it is too big or too slow, of another type, or broken.
    """
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "a Content-Encoding is not understood here: send the bytes as they are")
    if int(headers.get("content-length", 0)) > MOST_REQUEST:
        raise Refused(413, _TOO_BIG, _CLOSE)
    sink = _make_sink(headers.get("content-type", ""))
    try:
        await _fill(sink, stream, take)
        return sink.end()
    finally:
        sink.clear()


async def _fill(sink: _Sink, stream: AsyncIterator[bytes], take: Callable[[int], None]) -> None:
    refused = None
    size = 0
    async for piece in _in_time(stream):
        size += len(piece)
        if size > MOST_REQUEST:
            raise Refused(413, _TOO_BIG, _CLOSE)
        if refused is None:
            try:
                take(len(piece))
                sink.write(piece)
            except Refused as error:  # who is still sending would not hear it: read to the end
                refused = error
                sink.clear()
    if refused:
        raise refused


_TOO_BIG = f"a request may have {MOST_REQUEST >> 20} MB: send fewer pictures at once"


async def _in_time(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces of a body, and end one that comes too slowly."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _WHOLE
    try:
        while True:
            async with asyncio.timeout_at(min(loop.time() + PAUSE, end)):
                try:
                    piece = await anext(stream)
                except StopAsyncIteration:
                    return
            yield piece
    except TimeoutError as error:
        raise Refused(408, "the body comes too slowly", _CLOSE) from error


class _Sink(Protocol):
    def write(self, piece: bytes) -> None: ...
    def end(self) -> list[Part]: ...
    def clear(self) -> None:
        """Let go of all, at once: a parser and what it calls know each other."""


def _make_sink(content_type: str) -> _Sink:
    from python_multipart.multipart import parse_options_header  # noqa: PLC0415  an extra

    kind, options = parse_options_header(content_type)
    if kind == b"multipart/form-data" and (boundary := options.get(b"boundary")):
        return _Form(boundary)
    if kind.startswith(b"image/"):
        return _Raw()
    problem = "send a picture as image/jpeg or another image/, or as parts of a form, named file"
    raise Refused(415, problem)


class _Raw:
    """The bytes of one picture."""

    def __init__(self) -> None:
        self._part = Part()

    def write(self, piece: bytes) -> None:
        self._part.add(piece)

    def end(self) -> list[Part]:
        return [self._part]

    def clear(self) -> None:
        self._part = Part()


class _Form:
    """The parts of a form, each with a picture.

    Args:
        boundary: between them.
    """

    def __init__(self, boundary: bytes) -> None:
        from python_multipart.exceptions import FormParserError  # noqa: PLC0415  an extra
        from python_multipart.multipart import MultipartParser  # noqa: PLC0415

        self._broken = FormParserError
        self._parts: list[Part] = []
        self._header = self._value = b""
        self._disposition = b""
        self._is_whole = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._add_to_header,
                    "on_header_value": self._add_to_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._add,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise Refused(400, f"the form is broken ({error})") from error

    def write(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except self._broken as error:
            raise Refused(400, f"the form is broken ({error})") from error

    def end(self) -> list[Part]:
        if not self._is_whole:
            raise Refused(400, "the form is cut off")
        if not self._parts:
            raise Refused(400, "the form has no part: name it file")
        return self._parts

    def clear(self) -> None:
        self._parts = []
        self._parser.callbacks = {}

    def _begin(self) -> None:
        if len(self._parts) == _MOST_PARTS:
            raise Refused(413, f"a form may have {_MOST_PARTS:,} parts")
        self._parts.append(Part())
        self._disposition = b""

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _end_headers(self) -> None:
        from python_multipart.multipart import parse_options_header  # noqa: PLC0415  an extra

        _, options = parse_options_header(self._disposition)
        if options.get(b"name") != b"file":
            raise Refused(400, "a part of the form has another name than file")
        if name := options.get(b"filename"):
            self._parts[-1].name = name.decode(errors="replace")

    def _add(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1].add(data[start:end])

    def _end(self) -> None:
        self._is_whole = True
