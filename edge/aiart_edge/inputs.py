"""Which pictures a command line names: files, folders, patterns, lists."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiart_edge.errors import NotAPicture, PictureError

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Input:
    """A file that may be a picture.

    Args:
        path: as it was named, or found; `-` is standard input.
        named: by the user, and not found in a folder. Default true.
        error: why a folder cannot be searched, in place of its files. Default none.
    """

    path: str
    named: bool = True
    error: PictureError | None = None


def find_inputs(names: Iterable[str], *, recursive: bool) -> Iterator[Input]:
    """Find the files that a command line names.

    In a folder, hidden files and what is not a plain file are left out, and links to folders are
    not followed, so that none is seen twice.

    Args:
        names: files, folders, and patterns that the shell has left alone.
        recursive: search the folders in folders, too.

    Yields:
        The files, those of a folder in the order of their names.
    """
    for name in names:
        if name != STANDARD_INPUT and os.path.isdir(name):  # noqa: PTH112  it never raises
            yield from _find_in_folder(name, recursive)
        elif glob.has_magic(name) and not os.path.lexists(name):
            matches = glob.iglob(name)  # noqa: PTH207
            files = [match for match in matches if os.path.isfile(match)]  # noqa: PTH113
            yield from map(Input, sorted(files) or [name])
        else:
            yield Input(name)


def read_list(content: bytes) -> list[str]:
    """Read a list of file names.

    Args:
        content: one name a line, or each ended by a zero byte, as `find -print0` writes them.

    Returns:
        The names, without empty ones.
    """
    separator = b"\0" if b"\0" in content else b"\n"
    return [os.fsdecode(line) for line in content.split(separator) if line]


def is_beside_the_point(found: Input, error: PictureError) -> bool:
    """Say whether a file is no picture and nobody said that it were.

    Args:
        found: the file.
        error: that reading it gave.

    Returns:
        True for what a folder holds beside its pictures.
    """
    from PIL import Image  # noqa: PLC0415  by now it is loaded

    if found.named or not isinstance(error, NotAPicture):
        return False
    Image.init()
    kind = Image.registered_extensions().get(Path(found.path).suffix.lower())
    return kind not in Image.OPEN


def _find_in_folder(folder: str, recursive: bool) -> Iterator[Input]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        problem = f"the folder cannot be opened ({error.strerror})"
        yield Input(folder, error=PictureError(folder, problem))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if os.path.isfile(entry.path):  # noqa: PTH113  it never raises
            yield Input(entry.path, named=False)
        elif recursive and entry.is_dir(follow_symlinks=False):
            yield from _find_in_folder(entry.path, recursive)
