"""Files: named on a command line, and written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from aiart_edge.errors import OutputError

# A command opens its files itself: it says what is wrong with one, and goes on with the others.
PATH = click.Path(readable=False, path_type=Path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Args:
        path: where the file shall be.
        content: all of it.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    with atomic_file(path) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file under a temporary name, and rename it when the block is done.

    A command that is killed meanwhile leaves the old file.

    Args:
        path: where the file shall be.

    Yields:
        The file to write to.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(path, f"cannot be written ({error.strerror})") from error
        raise
