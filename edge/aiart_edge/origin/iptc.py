"""IPTC-IIM 4.2, as Photoshop keeps it: the credit, which says who provided a picture."""

from __future__ import annotations

from collections.abc import Iterator

from aiart_edge.origin.bounds import Bounds, Stopped

_RESOURCE = b"8BIM"
_IIM = 0x0404
_MARKER = 0x1C
_NAMES = {(2, 110): "iptc:Credit", (2, 65): "iptc:OriginatingProgram"}


def read_datasets(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """Read the datasets that the markers know.

    Args:
        data: Photoshop's resources, or IIM alone.
        bounds: of the file.

    Yields:
        Names, as `iptc:Credit`, and texts.

    Raises:
        Stopped: it is out of step, or has too many parts.
    """
    if data[:1] == bytes([_MARKER]):
        yield from _read_iim(data, bounds)
        return
    at = 0
    while data[at : at + 4] == _RESOURCE:
        bounds.step()
        number = int.from_bytes(data[at + 4 : at + 6])
        name = data[at + 6 : at + 7]
        at += 6 + _even(1 + (name[0] if name else 0))
        length = int.from_bytes(data[at : at + 4])
        at += 4
        if at + length > len(data):
            raise Stopped("its Photoshop resources are out of step")
        if number == _IIM:
            yield from _read_iim(data[at : at + length], bounds)
        at += _even(length)


def _read_iim(data: bytes, bounds: Bounds) -> Iterator[tuple[str, str]]:
    at = 0
    while at + 5 <= len(data) and data[at] == _MARKER:
        bounds.step()
        length = int.from_bytes(data[at + 3 : at + 5])
        if length & 0x8000 or at + 5 + length > len(data):  # an extended dataset holds no text
            return
        if name := _NAMES.get((data[at + 1], data[at + 2])):
            yield name, data[at + 5 : at + 5 + length].decode(errors="replace")
        at += 5 + length


def _even(length: int) -> int:
    return length + length % 2
