"""Files: named on a command line, and written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import click

from aiart_edge.errors import OutputError

EMBEDDED_MODEL = Path(__file__).parent / "models" / "aiart-int8.tflite"
RECORD_SCHEMA = Path(__file__).parent / "record.schema.json"

# A command opens its files itself: it says what is wrong with one, and goes on with the others.
PATH = click.Path(readable=False, path_type=Path)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where it is not there.

    Args:
        folder: to be.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null byte in its name
        why = getattr(error, "strerror", None) or error
        raise OutputError(folder, f"the folder cannot be made ({why})") from error


def hash_file(path: Path | str) -> str:
    """Hash a file.

    Args:
        path: of the file.

    Returns:
        Its SHA-256, in hex; nothing where it is no plain file or cannot be read, which whoever
        opens it next will say.
    """
    import hashlib  # noqa: PLC0415  not for a command's help

    if not os.path.isfile(path):  # noqa: PTH113  it never raises
        return ""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it.

    A command that is killed meanwhile leaves the old file.

    Args:
        path: where the file shall be.
        content: all of it.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    import tempfile  # noqa: PLC0415  who only reads shall not wait for it

    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise OutputError(path, "cannot be written (it is no plain file)")  # nor be replaced
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OutputError(path, f"cannot be written ({error.strerror})") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
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
