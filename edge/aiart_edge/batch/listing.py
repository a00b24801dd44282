"""Which files or objects sources name: once each, in the order of their bytes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from aiart_edge.batch.store import is_url, list_objects
from aiart_edge.errors import DataError
from aiart_edge.inputs import STANDARD_INPUT, find_inputs, read_list

_LARGEST_LIST = 2 << 30  # bytes


def check_sources(sources: Iterable[str]) -> None:
    """Look that sources are there, before anything is made for them.

    Args:
        sources: folders, and files that are lists; `-` is standard input; or URLs of object stores,
            at which nobody looks.

    Raises:
        DataError: one is not there.
    """
    for source in sources:
        found = source == STANDARD_INPUT or is_url(source) or os.path.exists(source)  # noqa: PTH110
        if not found:
            raise DataError(source, "there is no such folder, and no such list")


def find_names(sources: Sequence[str], *, anonymous: bool) -> dict[bytes, bytes]:
    """Find the files or objects that sources name.

    Args:
        sources: folders, searched with all below them; files that are lists of files and folders,
            one name a line, or each ended by a zero byte; `-` is such a list on standard input;
            URLs of object stores.
        anonymous: these need no keys.

    Returns:
        Their names, as the file system or store has them, each once, sorted by their bytes; of
        each its ETag, if it is an object.

    Raises:
        DataError: a source cannot be read, or is no list; or nothing is named.
    """
    names: dict[bytes, bytes] = {}
    for source in sources:
        if is_url(source):
            names |= list_objects(source, anonymous=anonymous)
        else:
            names |= {os.fsencode(name): b"" for name in _names_of(source)}
    if not names:
        raise DataError(sources[0], "no file was found in it")
    return dict(sorted(names.items()))


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
