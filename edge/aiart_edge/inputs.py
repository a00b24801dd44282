"""Which files a command line names, and which of them are pictures."""

from __future__ import annotations

import codecs
import glob
import hashlib
import os
import re
import select
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from aiart_edge.errors import AccessError, PictureError
from aiart_edge.files import hash_file

STANDARD_INPUT = "-"

_LONGEST_NAME = 4096  # bytes, that Linux takes

PATIENCE = 10  # seconds that a pipe may say nothing
LARGEST_PIPE = 128 << 20  # bytes
_ENDLESS = f"cannot be read (it does not end within {LARGEST_PIPE >> 20} MB)"


class LeftOut(NamedTuple):  # a data class would take half a percent of a cold start
    """What a folder holds and nobody named, and is not read.

    Args:
        kind: what the name ends in, `.txt`; that of the format where it is a picture, `.heic`;
            `folder`; `link`, to a folder or to nothing; or `other`.
        remedy: what to do to have it read. Default none.
        is_picture: it is a picture, of a format that cannot be read. Default false.
    """

    kind: str
    remedy: str = ""
    is_picture: bool = False


class Input(NamedTuple):
    """A file that may be a picture.

    Args:
        path: as it was named, or found; `-` is standard input.
        named: by the user, and not found in a folder. Default true.
        outcome: why it cannot be read, or need not be. Default: as far as is known it can.
        content: what stands in it, where it can be read only once. Default: not read yet.
        sha256: of the content, in hex. Default: it was not asked for.
    """

    path: str
    named: bool = True
    outcome: PictureError | LeftOut | None = None
    content: bytes | None = None
    sha256: str = ""


def find_inputs(names: Iterable[str], *, recursive: bool, patterns: bool = True) -> Iterator[Input]:
    """Find the files that a command line or a list names.

    In a folder, hidden files are passed over, and links to folders are not followed, so that none
    is seen twice.

    Args:
        names: files, folders, and patterns that the shell has left alone.
        recursive: search the folders in folders, too.
        patterns: take a name with `*`, `?` or `[` in it that is no file for a pattern. Default
            true.

    Yields:
        The files, those of a folder in the order of their names. They are not opened.
    """
    for name in names:
        for match in _expand(name) if patterns else [name]:
            if match != STANDARD_INPUT and os.path.isdir(match):  # noqa: PTH112  it never raises
                yield from _find_in_folder(match, recursive)
            else:
                yield Input(match)


def _expand(name: str) -> list[str]:
    """Do what the shell does to a pattern."""
    if glob.has_magic(name) and not os.path.lexists(name):
        return sorted(glob.iglob(name)) or [name]  # noqa: PTH207
    return [name]


def read_list(content: bytes) -> list[str]:
    """Read a list of file names.

    Args:
        content: one name a line, or each ended by a zero byte, as `find -print0` writes them; also
            as Windows writes lines, in UTF-8 or UTF-16.

    Returns:
        The names, without empty ones.

    Raises:
        ValueError: it is no list, but a picture, say.
    """
    from aiart_edge.formats import HEAD, find_format  # noqa: PLC0415  who has no list does not wait

    if form := find_format("", content[:HEAD]):
        raise ValueError(f"it is a picture in the format {form.name}")
    content = _from_utf_16(content).removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        names = content.split(b"\0")
    else:
        names = content.replace(b"\r\n", b"\n").split(b"\n")
    if max(map(len, names)) > _LONGEST_NAME:
        raise ValueError("it has a line that is too long for a name")
    return [os.fsdecode(name) for name in names if name]


def _from_utf_16(content: bytes) -> bytes:
    """Give a list that a PowerShell wrote in UTF-8, and any other as it is."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(UnicodeDecodeError):
            return content.decode("utf-16").encode()
    return content


def examine(found: Input, *, hashed: bool = False, kept: bool = False) -> Input:
    """Look at a file before it is read.

    Args:
        found: a file.
        hashed: hash it. Default false.
        kept: read standard input whole, for it will be read more than once. Default: if hashed.

    Returns:
        The same, with the outcome `LeftOut` where it was found in a folder and is no picture, or of
        a format that cannot be read; with its content where it is a pipe; with its hash.
    """
    if found.outcome:
        return found
    try:
        if found.path == STANDARD_INPUT:
            if hashed or kept:
                found = found._replace(content=_read_standard_input())
            return _hash(found) if hashed else found
        if not found.named:
            found = found._replace(outcome=look_at(found.path))
        elif not os.path.isfile(found.path) and os.path.exists(found.path):  # noqa: PTH110, PTH113
            found = found._replace(content=_read_pipe(found.path))
    except PictureError as error:
        return found._replace(outcome=error)
    return _hash(found) if hashed and not found.outcome else found


def look_at(path: str) -> LeftOut | None:
    """Look whether a file is a picture that can be read.

    Args:
        path: of the file.

    Returns:
        What it is instead; None for a picture, also for a broken one, and for what cannot be
        opened, so that whoever reads it says why.
    """
    from aiart_edge.formats import HEAD  # noqa: PLC0415  not for named ones

    try:
        with open(path, "rb") as file:  # noqa: PTH123  a tenth of the time
            return leave_out(path, file.read(HEAD))
    except OSError:
        return None


def leave_out(path: str, start: bytes) -> LeftOut | None:
    """Say whether a file that nobody named is left out.

    Args:
        path: of the file.
        start: its first bytes, up to `formats.HEAD`.

    Returns:
        What it is; None for a picture that can be read, also for a broken one.
    """
    from aiart_edge.formats import find_format, suffix_of  # noqa: PLC0415

    form = find_format(path, start)
    suffix = suffix_of(path)
    if form is None:
        return LeftOut(suffix if re.fullmatch(r"\.[a-z0-9_]{1,8}", suffix) else "other")
    if form.is_read:
        return None
    kind = suffix if suffix in form.suffixes else form.suffixes[0]
    return LeftOut(kind, form.remedy, is_picture=True)


def _hash(found: Input) -> Input:
    if found.content is None:
        return found._replace(sha256=hash_file(found.path))
    return found._replace(sha256=hashlib.sha256(found.content).hexdigest())


def _read_standard_input() -> bytes:
    try:
        content = sys.stdin.buffer.read(LARGEST_PIPE + 1)
    except OSError as error:
        raise AccessError(STANDARD_INPUT, f"cannot be read ({error.strerror})") from error
    if len(content) > LARGEST_PIPE:
        raise PictureError(STANDARD_INPUT, _ENDLESS)
    return content


def _read_pipe(path: str) -> bytes:
    """Read a pipe to its end, and wait for a while, but not for ever, until something comes."""
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116
            raise PictureError(path, "is no file, but a device or a socket")
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise AccessError(path, f"cannot be read ({error.strerror})") from error
    content = b""
    with open(handle, "rb", buffering=0) as pipe:  # noqa: PTH123
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while len(content) <= LARGEST_PIPE:
            part = pipe.read(1 << 20)  # nothing where nobody writes, None where nothing came yet
            if part:
                content += part
            elif part is not None and content:
                return content
            elif not (events := poll.poll(1000 * PATIENCE)):
                raise PictureError(path, f"is a pipe, and nothing came for {PATIENCE} seconds")
            elif not events[0][1] & select.POLLIN:
                return content
    raise PictureError(path, _ENDLESS)


def _find_in_folder(top: str, recursive: bool) -> Iterator[Input]:
    """Walk down without recursion, which ends at a thousand folders in each other."""
    left = [*_list_folder(top)]
    while left:
        found = left.pop()
        if isinstance(found, Input):
            yield found
        elif found.is_dir(follow_symlinks=False):
            if recursive:
                left += _list_folder(found.path)
            else:
                yield Input(found.path, named=False, outcome=LeftOut("folder", "--recursive"))
        else:
            yield as_found(found.path)


def as_found(path: str) -> Input:
    """Look at what a folder holds, and is no folder, without opening it.

    Args:
        path: of it.

    Returns:
        The same, with its outcome where it is no plain file.
    """
    from aiart_edge.formats import find_format  # noqa: PLC0415  not where no folder is named

    if os.path.isfile(path):  # noqa: PTH113  it never raises
        return Input(path, named=False)
    is_link = os.path.islink(path)  # noqa: PTH114
    if os.path.isdir(path) or not find_format(path, b""):  # noqa: PTH112
        return Input(path, named=False, outcome=LeftOut("link" if is_link else "other"))
    error = AccessError if is_link else PictureError  # what it leads to may come back
    problem = "is no file, but a broken link, a pipe or a device"
    return Input(path, named=False, outcome=error(path, problem))


def _list_folder(folder: str) -> Sequence[os.DirEntry[str] | Input]:
    """List what a folder holds, the last name first, or why it cannot be listed."""
    try:
        with os.scandir(folder) as scan:
            entries = [entry for entry in scan if not entry.name.startswith(".")]
    except OSError as error:
        problem = f"the folder cannot be opened ({error.strerror})"
        return [Input(folder, named=False, outcome=AccessError(folder, problem))]
    return sorted(entries, key=lambda entry: entry.name, reverse=True)
