"""What counts as a picture, for all commands: one table of first bytes and names, no Pillow."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass

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


def find_format(name: str, start: bytes) -> Format | None:
    """Tell the format of a picture by its content, and by its name where that says nothing.

    Args:
        name: of the file.
        start: its first bytes, up to `HEAD`.

    Returns:
        The format; None where it is no picture.
    """
    suffix = suffix_of(name)
    by_name = next((form for form in FORMATS if suffix in form.suffixes), None)
    for form in FORMATS:
        if form.start and re.match(form.start, start, re.DOTALL):
            return _RAW if form is _TIFF and by_name is _RAW else form
    return by_name


def suffix_of(name: str) -> str:
    """Give what a file's name ends in.

    Args:
        name: whatever it is.

    Returns:
        `.jpg`, in lower case; or nothing.
    """
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  a name may be anything
