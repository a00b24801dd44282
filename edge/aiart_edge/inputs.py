"""Which files a command line names, and which of them are pictures."""

from __future__ import annotations

import codecs
import glob
import hashlib
import importlib.util
import os
import re
import select
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from aiart_edge.errors import PictureError
from aiart_edge.files import hash_file

STANDARD_INPUT = "-"

PATIENCE = 10  # seconds that a pipe may say nothing
LARGEST_PIPE = 128 << 20  # bytes

HEAD = 512  # bytes at the start of a file, which tell its format


@dataclass(frozen=True)
class Format:
    """A format of pictures.

    Args:
        name: as people call it.
        suffixes: of its files' names, in lower case; the first stands for all.
        start: what its files begin with, a regular expression. Default: the name alone tells.
        remedy: what to do with its files, which cannot be read. Default: they are read.
        package: that reads them nevertheless, where it is installed. Default none.
    """

    name: str
    suffixes: tuple[str, ...]
    start: bytes = b""
    remedy: str = ""
    package: str = ""

    @property
    def is_read(self) -> bool:
        """Whether its files can be read here."""
        if not self.remedy:
            return True
        return bool(self.package) and importlib.util.find_spec(self.package) is not None


HEIC = Format(
    "HEIC",
    (".heic", ".heif", ".hif", ".heics", ".heifs"),
    rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)",
    "export as JPEG, or install pillow-heif",
    "pillow_heif",
)
_TIFF = Format("TIFF", (".tif", ".tiff"), rb"II\*\0|MM\0\*|II\+\0|MM\0\+")
# Most of them look like TIFF, and hold a thumbnail that Pillow takes for the picture.
_RAW = Format(
    "raw",
    (".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".orf", ".rw2", ".raf")  # noqa: RUF005
    + (".pef", ".srw", ".3fr", ".iiq", ".erf", ".kdc", ".dcr", ".mrw", ".rwl", ".x3f"),
    rb"....ftypcrx |II\*\0....CR|IIR[OS]|IIU\0|FUJIFILMCCD-RAW|FOVb|\0MRM",
    "develop to JPEG",
)

# What counts as a picture, for all commands. The search ends at the first that fits, so what is
# common stands before what is not.
FORMATS = (
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), rb"\xff\xd8\xff"),
    Format("PNG", (".png", ".apng"), rb"\x89PNG\r\n\x1a\n"),
    Format("WebP", (".webp",), rb"RIFF....WEBP"),
    Format("GIF", (".gif",), rb"GIF8[79]a"),
    Format("AVIF", (".avif", ".avifs"), rb"....ftyp(?:avi[fs]|m[is]f1.{4,64}?avi[fs])"),
    HEIC,
    _RAW,
    _TIFF,
    Format("BMP", (".bmp", ".dib"), rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
    Format(
        "JPEG 2000",
        (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
        rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    ),
    Format("Photoshop", (".psd",), rb"8BPS\0\x01"),
    Format("ICO", (".ico", ".cur"), rb"\0\0[\x01\x02]\0[^\0]\0"),
    Format("ICNS", (".icns",), rb"icns"),
    Format("PPM", (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), rb"P[1-6fF]\s+(?:\d|#)"),
    Format("QOI", (".qoi",), rb"qoif"),
    Format("DDS", (".dds",), rb"DDS \x7c\0\0\0"),
    Format("SGI", (".sgi", ".rgb", ".rgba", ".bw"), rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]"),
    Format("Sun raster", (".ras",), rb"\x59\xa6\x6a\x95"),
    Format("FITS", (".fits", ".fit"), rb"SIMPLE  ="),
    Format("FLI", (".fli", ".flc"), rb"....[\x11\x12]\xaf"),
    Format("BLP", (".blp",), rb"BLP[12]"),
    Format("XPM", (".xpm",), rb"/\* XPM \*/"),
    Format("XBM", (".xbm",)),
    Format("PCX", (".pcx", ".dcx")),
    Format("TGA", (".tga", ".icb", ".vda", ".vst")),
    Format("old", (".im", ".msp", ".pcd", ".pxr", ".gbr", ".ftc", ".ftu")),
    Format(
        "JPEG XL",
        (".jxl",),
        rb"\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a",
        "export as JPEG or PNG",
    ),
    Format("JPEG XR", (".jxr", ".wdp", ".hdp"), rb"II\xbc[\0\x01]", "export as JPEG or PNG"),
    Format(
        "SVG",
        (".svg", ".svgz"),
        rb"(?:\xef\xbb\xbf)?\s*<(?:svg[\s>]|!DOCTYPE svg|\?xml.*<svg[\s>])",
        "export as PNG",
    ),
    Format("EPS", (".eps",), rb"%!PS-Adobe-[\d.]+ EPSF|\xc5\xd0\xd3\xc6", "export as PNG"),
    Format("Windows metafile", (".wmf", ".emf"), rb"\xd7\xcd\xc6\x9a|.{40} EMF", "export as PNG"),
    Format("OpenEXR", (".exr",), rb"\x76\x2f\x31\x01", "export as PNG"),
    Format("Radiance", (".hdr",), rb"#\?RADIANCE", "export as PNG"),
    Format("GIMP", (".xcf",), rb"gimp xcf", "export as PNG"),
    Format(
        "painting",
        (".kra", ".ora", ".clip", ".procreate", ".psb", ".afphoto"),
        remedy="export as PNG",
    ),
)


@dataclass(frozen=True)
class LeftOut:
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


@dataclass(frozen=True)
class Input:
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


def find_inputs(names: Iterable[str], *, recursive: bool) -> Iterator[Input]:
    """Find the files that a command line names.

    In a folder, hidden files are passed over, and links to folders are not followed, so that none
    is seen twice.

    Args:
        names: files, folders, and patterns that the shell has left alone.
        recursive: search the folders in folders, too.

    Yields:
        The files, those of a folder in the order of their names. They are not opened.
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
        content: one name a line, or each ended by a zero byte, as `find -print0` writes them; also
            as Windows writes lines, in UTF-8 or UTF-16.

    Returns:
        The names, without empty ones.
    """
    content = _from_utf_16(content).removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        names = content.split(b"\0")
    else:
        names = content.replace(b"\r\n", b"\n").split(b"\n")
    return [os.fsdecode(name) for name in names if name]


def _from_utf_16(content: bytes) -> bytes:
    """Give a list that a PowerShell wrote in UTF-8, and any other as it is."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(UnicodeDecodeError):
            return content.decode("utf-16").encode()
    return content


def examine(found: Input, *, hashed: bool = False) -> Input:
    """Look at a file before it is read.

    Args:
        found: a file.
        hashed: hash it. Default false.

    Returns:
        The same, with the outcome `LeftOut` where it was found in a folder and is no picture, or of
        a format that cannot be read; with its content where it is a pipe; with its hash.
    """
    if found.outcome:
        return found
    if found.path == STANDARD_INPUT:
        return _hash(replace(found, content=sys.stdin.buffer.read())) if hashed else found
    if not found.named:
        found = replace(found, outcome=look_at(found.path))
    elif not os.path.isfile(found.path) and os.path.exists(found.path):  # noqa: PTH110, PTH113
        try:
            found = replace(found, content=_read_pipe(found.path))
        except PictureError as error:
            return replace(found, outcome=error)
    return _hash(found) if hashed and not found.outcome else found


def look_at(path: str) -> LeftOut | None:
    """Look whether a file is a picture that can be read.

    Args:
        path: of the file.

    Returns:
        What it is instead; None for a picture, also for a broken one, and for what cannot be
        opened, so that whoever reads it says why.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123  a tenth of the time
            form = find_format(path, file.read(HEAD))
    except OSError:
        return None
    suffix = _suffix(path)
    if form is None:
        return LeftOut(suffix if re.fullmatch(r"\.\w{1,8}", suffix) else "other")
    if form.is_read:
        return None
    kind = suffix if suffix in form.suffixes else form.suffixes[0]
    return LeftOut(kind, form.remedy, is_picture=True)


def find_format(name: str, start: bytes) -> Format | None:
    """Tell the format of a picture by its content, and by its name where that says nothing.

    Args:
        name: of the file.
        start: its first bytes, up to `HEAD`.

    Returns:
        The format; None where it is no picture.
    """
    suffix = _suffix(name)
    by_name = next((form for form in FORMATS if suffix in form.suffixes), None)
    for form in FORMATS:
        if form.start and re.match(form.start, start, re.DOTALL):
            return _RAW if form is _TIFF and by_name is _RAW else form
    return by_name


def _hash(found: Input) -> Input:
    if found.content is None:
        return replace(found, sha256=hash_file(found.path))
    return replace(found, sha256=hashlib.sha256(found.content).hexdigest())


def _read_pipe(path: str) -> bytes:
    """Read a pipe to its end, and wait for a while, but not for ever, until something comes."""
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode):  # noqa: PTH116
            raise PictureError(path, "is no file, but a device or a socket")
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise PictureError(path, f"cannot be read ({error.strerror})") from error
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
    raise PictureError(path, f"cannot be read (it does not end within {LARGEST_PIPE >> 20} MB)")


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  a name may be anything


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
        elif os.path.isfile(found.path):  # noqa: PTH113  it never raises
            yield Input(found.path, named=False)
        elif os.path.isdir(found.path) or not find_format(found.path, b""):  # noqa: PTH112
            kind = "link" if found.is_symlink() else "other"
            yield Input(found.path, named=False, outcome=LeftOut(kind))
        else:
            problem = "is no file, but a broken link, a pipe or a device"
            error = PictureError(found.path, problem)
            yield Input(found.path, named=False, outcome=error)


def _list_folder(folder: str) -> Sequence[os.DirEntry[str] | Input]:
    """List what a folder holds, the last name first, or why it cannot be listed."""
    try:
        with os.scandir(folder) as scan:
            entries = [entry for entry in scan if not entry.name.startswith(".")]
    except OSError as error:
        problem = f"the folder cannot be opened ({error.strerror})"
        return [Input(folder, named=False, outcome=PictureError(folder, problem))]
    return sorted(entries, key=lambda entry: entry.name, reverse=True)
