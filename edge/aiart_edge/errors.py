"""Everything that can go wrong for a user, as one tree.

    AiartError                 exit 1, one line: what, where, what to do next
    ├── PictureError           a picture cannot be read
    │   ├── NotAPicture        a file is empty, or of no format that Pillow knows
    │   └── AccessError        a file cannot be reached now: missing, denied, a fault of the disk
    ├── ModelFileError         a model file is missing, broken, altered or not ours
    ├── RuntimeUnavailable     no TFLite runtime that works is installed
    ├── MissingExtra           a command needs packages that the plain install leaves out
    ├── DataError              a data folder or a split cannot be used
    ├── RunFolderError         a run folder cannot be found or read
    └── OutputError            a result cannot be written

Each is a click exception, so every command of every room prints it as one line on standard error
and leaves with its exit code, without a line of code in the command.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

SOME_INPUTS_FAILED = 3  # the exit code where some inputs could not be read and the rest were
GATE_REFUSED = 4  # the exit code where a converted file is not good enough


def printable(text: Path | str) -> str:
    """Make a file name, or a text with one in it, safe to print on a terminal.

    Args:
        text: anything, also with line breaks, control characters and bytes that are not UTF-8.

    Returns:
        One line, with a question mark for what cannot be printed.
    """
    line = " ".join(click.format_filename(text).splitlines())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


class AiartError(click.ClickException):
    """The root of the tree; its message is one line for a person."""

    def format_message(self) -> str:
        """Return the message on one line, whatever a file name in it holds."""
        return printable(self.message)


class FileError(AiartError):
    """An error about one file.

    Args:
        path: the file.
        problem: what is wrong with it and what to do next, a phrase.
    """

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{click.format_filename(path)}: {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[FileError], tuple[Path | str, str]]:
        """Let the error travel between processes."""
        return type(self), (self.path, self.problem)


class PictureError(FileError):
    """A picture cannot be read.

    Attributes:
        kind: `content`, which is final, or `access`, which may be another at another time.
    """

    kind = "content"


class NotAPicture(PictureError):
    """A file is empty, or of no format that Pillow knows."""


class AccessError(PictureError):
    """A file cannot be reached now: missing, denied, a fault of the disk, no memory."""

    kind = "access"


class ModelFileError(FileError):
    """A model file is missing, broken, altered or not ours."""


class DataError(FileError):
    """A data folder or a split cannot be used."""


class RunFolderError(FileError):
    """A run folder cannot be found or read."""


class OutputError(FileError):
    """A result cannot be written."""


class RuntimeUnavailable(AiartError):
    """No TFLite runtime that works is installed."""


class MissingExtra(AiartError):
    """A command needs packages that the plain install leaves out.

    Args:
        extra: the extra of the distribution that brings them.
        module: the first import name that was not found.
    """

    def __init__(self, extra: str, module: str) -> None:
        from aiart_edge.installation import install_command  # noqa: PLC0415  only here

        super().__init__(
            f"this command needs the package {module!r}, which is not installed: "
            f"run  {install_command(extra)}"
        )
        self.extra = extra
        self.module = module


def require_extra(extra: str, *modules: str) -> None:
    """Check that the packages of an extra are installed, without importing them.

    Args:
        extra: the extra's name in setup.cfg.
        *modules: import names that it brings.

    Raises:
        MissingExtra: one of them is not there.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(extra, module)
