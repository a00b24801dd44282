"""Which files a source names: once each, in the order of their bytes, ended by zero bytes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from aiart_edge.errors import DataError
from aiart_edge.inputs import STANDARD_INPUT, find_inputs, read_list

_LARGEST_LIST = 2 << 30  # bytes


def check_sources(sources: Iterable[str]) -> None:
    """Look that sources are there, before anything is made for them.

    Args:
        sources: folders, and files that are lists; `-` is standard input.

    Raises:
        DataError: one is not there.
    """
    for source in sources:
        if source != STANDARD_INPUT and not os.path.exists(source):  # noqa: PTH110  it never raises
            raise DataError(source, "there is no such folder, and no such list")


def find_names(sources: Iterable[str]) -> list[bytes]:
    """Find the files that sources name.

    Args:
        sources: folders, searched with all below them; files that are lists of files and folders,
            one name a line, or each ended by a zero byte; `-` is such a list on standard input.

    Returns:
        Their names, as the file system has them, each once, sorted by their bytes.

    Raises:
        DataError: a source cannot be read, or is no list; or nothing is named.
    """
    names = {os.fsencode(name) for source in sources for name in _names_of(source)}
    if not names:
        raise DataError(next(iter(sources)), "no file was found in it")
    return sorted(names)


def _names_of(source: str) -> Iterator[str]:
    listed = [source] if os.path.isdir(source) else _read(source)  # noqa: PTH112
    for found in find_inputs(listed, recursive=True, patterns=False):
        yield found.path


def _read(source: str) -> list[str]:
    try:
        if source == STANDARD_INPUT:
            return read_list(_read_to_end(sys.stdin.buffer))
        with open(source, "rb") as file:  # noqa: PTH123
            return read_list(_read_to_end(file))
    except OSError as error:
        raise DataError(source, f"the list cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(source, f"the list cannot be used: {error}") from error


def _read_to_end(file: BinaryIO) -> bytes:
    content = file.read(_LARGEST_LIST + 1)
    if len(content) > _LARGEST_LIST:
        raise ValueError(f"it does not end within {_LARGEST_LIST >> 30} GB")
    return content
