"""GIF: comments and application extensions, up to the trailer."""

from __future__ import annotations

from collections.abc import Iterator

from aiart_edge.origin.bounds import Source, Stopped
from aiart_edge.origin.containers.piece import Piece

_TRAILER, _IMAGE, _EXTENSION = 0x3B, 0x2C, 0x21
_COMMENT, _APPLICATION = 0xFE, 0xFF
_WINDOW = 1 << 16
_BLOCK_STEP = 15  # blocks that count as a step
_XMP_TRAILER = 257  # bytes that make any reader of blocks find the end


def walk(source: Source) -> Iterator[Piece]:
    """Walk the blocks of a GIF; see `containers.walk`."""
    at = 13 + _table_size(source.bytes_at(10, 1)[0])
    blocks = _Blocks(source)
    while True:
        kind = source.head(at, 1)[0]
        if kind == _TRAILER:
            return
        if kind == _IMAGE:
            # Place and size (8), flags, the table of colours, code size, blocks of pixels.
            at = blocks.skip(at + 11 + _table_size(source.bytes_at(at + 9, 1)[0]))
        elif kind == _EXTENSION:
            label = source.head(at + 1, 1)[0]
            start, at = at, blocks.skip(at + 2)
            if label == _COMMENT:
                text = _join(source.text(start + 2, at)).decode(errors="replace")
                yield Piece("text", "GIF comment", text, "gif:comment")
            elif label == _APPLICATION and at - start > 14:  # noqa: PLR2004
                yield from _read_application(source, start, at)
        else:
            raise Stopped("its blocks are out of step")


def _read_application(source: Source, start: int, end: int) -> Iterator[Piece]:
    """Read an extension whose first block is a name of 8 bytes and a code of 3."""
    name, body = source.bytes_at(start + 3, 11), start + 14
    if name == b"XMP DataXMP":
        # The packet is not in blocks: it only looks so to who does not know it.
        yield Piece("xmp", "GIF XMP", source.text(body, max(body, end - _XMP_TRAILER - 1)))
    elif name[:8] == b"C2PA_GIF":
        content = _join(source.read(body, end - body))
        yield Piece("c2pa", "GIF C2PA", content, span=(start, end))


def _table_size(flags: int) -> int:
    """Give the bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _join(blocks: bytes) -> bytes:
    """Put blocks together, each a length and so many bytes."""
    content, at = bytearray(), 0
    while at < len(blocks) and blocks[at]:
        content += blocks[at + 1 : at + 1 + blocks[at]]
        at += 1 + blocks[at]
    return bytes(content)


class _Blocks:
    """Skips blocks by their lengths, reading a window of the file at a time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._blocks = 0

    def skip(self, at: int) -> int:
        """Give the place behind the empty block that ends a row of blocks."""
        start, window = at, b""
        while True:
            if not start <= at < start + len(window):
                start = at
                count = min(_WINDOW, self._source.size - at)
                if count < 1:
                    raise Stopped("it is cut off")
                window = self._source.bytes_at(at, count)
            length = window[at - start]
            at += 1 + length
            if not length:
                return at
            self._blocks += 1
            if not self._blocks % _BLOCK_STEP:
                self._source.bounds.step()
