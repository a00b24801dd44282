"""JUMBF (ISO 19566-5): boxes within boxes, with labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiart_edge.origin.bounds import Bounds, Stopped
from aiart_edge.origin.cbor import decode

_DEEPEST = 8
_LONGEST_JSON = 16_000  # bytes
_OUT_OF_STEP = "its Content Credentials are out of step"


@dataclass(frozen=True)
class Box:
    """A box that holds others.

    Args:
        label: what it is called; empty if it has no label.
        content: the bytes of all that it holds, of which hashes are made.
        boxes: those in it that hold others, in their order.
        leaves: the kind and the content of each other box.
    """

    label: str
    content: memoryview
    boxes: tuple[Box, ...] = ()
    leaves: tuple[tuple[bytes, memoryview], ...] = field(default=(), repr=False)

    def find(self, *labels: str) -> Box | None:
        """Find the first box in it with one of these labels."""
        return next((box for box in self.boxes if box.label in labels), None)

    def decoded(self, bounds: Bounds) -> Any:
        """Decode its CBOR or JSON.

        Args:
            bounds: of the file.

        Returns:
            What stands in it, or None.

        Raises:
            Stopped: it is out of step, or has too many items.
        """
        for kind, content in self.leaves:
            if kind == b"cbor":
                return decode(bytes(content), bounds)
            if kind == b"json" and len(content) <= _LONGEST_JSON:
                bounds.text(len(content))
                try:
                    return json.loads(bytes(content))
                except (ValueError, RecursionError):
                    return None
        return None


def read_boxes(data: bytes, bounds: Bounds) -> Iterator[Box]:
    """Read the boxes that hold others.

    Args:
        data: boxes in a row.
        bounds: of the file.

    Yields:
        Each, with all that it holds.

    Raises:
        Stopped: they are out of step, too deep or too many.
    """
    for kind, content in _walk(memoryview(data), bounds):
        if kind == b"jumb":
            yield _read(content, bounds, 1)


def _read(content: memoryview, bounds: Bounds, depth: int) -> Box:
    if depth > _DEEPEST:
        raise Stopped(f"its Content Credentials are deeper than {_DEEPEST}")
    label, boxes, leaves = "", [], []
    for kind, inner in _walk(content, bounds):
        if kind == b"jumd":
            # A UUID (16), flags of which the second bit means a label, which a zero byte ends.
            named = len(inner) > 17 and inner[16] & 2  # noqa: PLR2004
            label = bytes(inner[17:]).partition(b"\0")[0].decode(errors="replace") if named else ""
        elif kind == b"jumb":
            boxes.append(_read(inner, bounds, depth + 1))
        else:
            leaves.append((kind, inner))
    return Box(label, content, tuple(boxes), tuple(leaves))


def _walk(view: memoryview, bounds: Bounds) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(view):
        bounds.step()
        size, head = int.from_bytes(view[at : at + 4]), 8
        if size == 1:
            size, head = int.from_bytes(view[at + 8 : at + 16]), 16
        elif size == 0:
            size = len(view) - at
        if size < head or at + size > len(view):
            raise Stopped(_OUT_OF_STEP)
        yield bytes(view[at + 4 : at + 8]), view[at + head : at + size]
        at += size
