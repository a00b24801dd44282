"""CBOR (RFC 8949), as much of it as C2PA writes, from bytes that may be hostile."""

from __future__ import annotations

import struct
from typing import Any

from aiart_edge.origin.bounds import Bounds, Stopped

_DEEPEST = 32
_OUT_OF_STEP = "its CBOR is out of step"
_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_INDEFINITE = 31


def decode(data: bytes, bounds: Bounds) -> Any:
    """Decode one item.

    Args:
        data: the item; what stands behind it is left alone.
        bounds: of the file.

    Returns:
        What JSON could hold, and bytes. Tags are left out, and keys of maps are strings.

    Raises:
        Stopped: it is out of step, too deep, or has too many items.
    """
    return _Decoder(data, bounds).item(0)


class _Decoder:
    def __init__(self, data: bytes, bounds: Bounds) -> None:
        self._data = data
        self._bounds = bounds
        self._at = 0

    def item(self, depth: int) -> Any:
        self._bounds.step()
        if depth > _DEEPEST:
            raise Stopped(f"its CBOR is deeper than {_DEEPEST}")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:  # noqa: PLR2004
            return self._simple(info)
        count = None if info == _INDEFINITE else self._count(info)
        if major in (2, 3):
            return self._string(major, count, depth)
        if major in (4, 5):
            return self._collection(major, count, depth)
        if count is None:
            raise Stopped(_OUT_OF_STEP)
        if major == 6:  # noqa: PLR2004  a tag
            return self.item(depth + 1)
        return count if major == 0 else -1 - count

    def _take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise Stopped(_OUT_OF_STEP)
        self._at += count
        return found

    def _count(self, info: int) -> int:
        if info < 24:  # noqa: PLR2004
            return info
        if info > 27:  # noqa: PLR2004
            raise Stopped(_OUT_OF_STEP)
        return int.from_bytes(self._take(1 << info - 24))

    def _simple(self, info: int) -> Any:
        if info == _INDEFINITE:
            return _BREAK
        if info in _FLOATS:
            return struct.unpack(_FLOATS[info], self._take(1 << info - 24))[0]
        if info == 24:  # noqa: PLR2004
            self._take(1)
        elif info > 27:  # noqa: PLR2004
            raise Stopped(_OUT_OF_STEP)
        return _SIMPLE.get(info)

    def _string(self, major: int, count: int | None, depth: int) -> bytes | str:
        if count is not None:
            content = self._take(count)
            return content if major == 2 else content.decode(errors="replace")  # noqa: PLR2004
        parts: list[Any] = []
        while (part := self.item(depth + 1)) is not _BREAK:
            parts.append(part)
        empty: bytes | str = b"" if major == 2 else ""  # noqa: PLR2004
        if not all(isinstance(part, type(empty)) for part in parts):
            raise Stopped(_OUT_OF_STEP)
        return empty.join(parts)

    def _collection(self, major: int, count: int | None, depth: int) -> list[Any] | dict[str, Any]:
        width = major - 3  # an item each, or two
        if count is not None and count * width > len(self._data) - self._at:
            raise Stopped(_OUT_OF_STEP)
        items: list[Any] = []
        while count is None or len(items) < count * width:
            item = self.item(depth + 1)
            if item is _BREAK:
                if count is None:
                    break
                raise Stopped(_OUT_OF_STEP)
            items.append(item)
        if width == 1:
            return items
        if len(items) % 2 or not all(isinstance(key, str | int) for key in items[::2]):
            raise Stopped(_OUT_OF_STEP)
        return {str(key): value for key, value in zip(items[::2], items[1::2], strict=True)}
