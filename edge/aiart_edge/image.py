"""The pixel path: a picture's bytes to the pixels that a network sees.

Training, calibration, evaluation, benchmarks and the device all call `read_picture`; there is no
other way from a file to a network in this project, so that a score never depends on the room it was
made in.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from aiart_edge.errors import AccessError, NotAPicture, PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Content = bytes | bytearray | memoryview
    Reserve = Callable[[int], None]
    Look = Callable[[Image.Image], Any]
    Source = str | PathLike[str] | Content | BinaryIO | Image.Image | NDArray[np.uint8]

# Their decoders start other programs or depend on the platform.
_REFUSED_FORMATS = frozenset({"EPS", "WMF"})

LARGEST_SIDE = 4096  # pixels, that a network takes

# A picture is refused where reading it would take more memory than this: what is small in a file
# may be huge when it is decoded.
LARGEST_MEMORY = 400 << 20  # bytes
_LARGEST_PIXELS = 178_000_000  # of a JPEG, which takes little memory but its time
# What a pixel takes at the peak, measured by benchmarks/picture_memory.py.
_BYTES_PER_PIXEL = {"AVIF": 12, "WEBP": 18}
_BYTES_PER_BAND_OF_JPEG_2000 = 5
_BYTES_PER_PIXEL_OF_DEEP_GREY = 13
_BYTES_PER_PIXEL_OF_PALE = 12  # a band and its transparency, for which Pillow keeps four
_BYTES_PER_PIXEL_OF_OTHERS = 9
_BYTES_PER_ROW_AND_COLUMN = 16  # the filter that resizes it
_LARGEST_STREAM = 128 << 20  # bytes; what cannot be rewound is read whole
_READ_WHOLE = {"AVIF", "HEIC", "WebP"}  # by their decoders, whatever the stream

# What the scans of a JPEG go over is counted, for a few bytes make one that goes over all of it.
_MOST_SCANS = 100
_MOST_SCANNED = 2_000_000_000  # samples, of all components in all scans
_MOST_SEGMENTS = 4_000
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_EOI, _SOS = 0xD9, 0xDA
# Frames coded arithmetically: a few bytes of code keep the decoder busy for each sample, and Pillow
# reads such a file only as long as all of it fits into its buffer.
_ARITHMETIC = {0xC9, 0xCA}

# A JPEG of any size, reduced while it is decoded, takes no more pixels than this.
_LARGEST_REDUCED = 4_000_000

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _squash(image: Image.Image, rule: InputRule) -> Image.Image:
    return image.resize((rule.width, rule.height), Image.Resampling.BILINEAR)


_RESIZERS: dict[str, Callable[[Image.Image, InputRule], Image.Image]] = {"squash": _squash}


@dataclass(frozen=True)
class InputRule:
    """How a network wants its pictures.

    Args:
        height: pixels.
        width: pixels.
        resize: `squash` ignores the aspect ratio (Pillow's antialiased bilinear filter). Default
            `squash`.
    """

    height: int
    width: int
    resize: str = "squash"

    def __post_init__(self) -> None:
        for side in (self.height, self.width):
            if not isinstance(side, int | np.integer) or not 1 <= side <= LARGEST_SIDE:
                raise ValueError(f"Expected a side of 1 to {LARGEST_SIDE} pixels. Received {side}.")
        if self.resize not in _RESIZERS:
            raise ValueError(
                f"Expected a resize rule among {sorted(_RESIZERS)}. Received {self.resize!r}."
            )


@dataclass(frozen=True)
class Picture:
    """A picture as a network sees it.

    Args:
        pixels: uint8 of shape [1, height, width, 3], RGB, 0 to 255.
        shortest_side: of the picture as it was before, in pixels.
        seen: what `look` gave, where somebody looked. Default nothing.
    """

    pixels: NDArray[np.uint8]
    shortest_side: int
    seen: Any = None


def read_picture(
    source: Source,
    rule: InputRule,
    reserve: Reserve | None = None,
    look: Look | None = None,
) -> Picture:
    """Read a picture as the network wants it.

    Args:
        source: a file; the bytes of one; a binary file object, read from its start; a Pillow image;
            or an array, uint8 of shape [height, width, 3], RGB, or [height, width], grey. A file
            may have any format that Pillow knows by its content.
        rule: the network's.
        reserve: is told how many bytes of memory it will take, before it is decoded, and may wait
            until they are there (see `memory.Budget`). Default: nobody is told.
        look: sees the picture as it stands in a file, with its transparency, before it is turned
            upright and resized. It is within the limits, and decoded when its pixels are first
            asked for. Default: nobody looks.

    Returns:
        The pixels, how small the picture was, and what `look` gave.

    Raises:
        PictureError: it cannot be read.
        ValueError: an array of another type or shape.
    """
    return read_pictures(source, (rule,), reserve, look)[0]


def read_pictures(
    source: Source,
    rules: Sequence[InputRule],
    reserve: Reserve | None = None,
    look: Look | None = None,
) -> tuple[Picture, ...]:
    """Read a picture once, as several networks want it; see `read_picture`.

    Args:
        source: the picture.
        rules: the networks'.
        reserve: see there.
        look: see there.

    Returns:
        One for each rule.

    Raises:
        PictureError, ValueError: see there.
    """
    image, shortest_side, seen = _decode(source, max(map(reduced_side, rules)), reserve, look)
    return tuple(Picture(resize(image, rule), shortest_side, seen) for rule in rules)


def reduced_side(rule: InputRule) -> int:
    """Give the short side to which a JPEG may be reduced while it is decoded.

    Args:
        rule: the network's.

    Returns:
        Pixels: three times what the network wants. At twice, one p(ai) in thirty moves by more than
        0.01, measured with the recipe `seed`.
    """
    return 3 * max(rule.height, rule.width)


def resize(image: Image.Image, rule: InputRule) -> NDArray[np.uint8]:
    """Bring a decoded picture to the size that the network wants.

    Args:
        image: of mode RGB.
        rule: the network's.

    Returns:
        uint8 of shape [1, height, width, 3].
    """
    return np.asarray(_RESIZERS[rule.resize](image, rule), dtype=np.uint8)[np.newaxis]


def read_pixels(source: Source, rule: InputRule) -> NDArray[np.uint8]:
    """Read a picture's pixels alone; see `read_picture`.

    Args:
        source: the picture.
        rule: the network's.

    Returns:
        uint8 of shape [1, height, width, 3], RGB, 0 to 255.

    Raises:
        PictureError: it cannot be read.
    """
    return read_picture(source, rule).pixels


def decode(source: Source, *, at_least: int = 0) -> Image.Image:
    """Decode a picture to upright RGB, transparency on white, the first frame of an animation.

    Args:
        source: as `read_picture` takes it.
        at_least: a short side, in pixels, below which a big JPEG must not be reduced while it is
            decoded, unless it is so thin that it would not fit into memory. Default 0: no
            reduction.

    Returns:
        An image of mode RGB.

    Raises:
        PictureError: it cannot be read.
    """
    return _decode(source, at_least)[0]


def look_at(source: Source, look: Look) -> Any:
    """Show a picture as it stands in its file; see `read_picture`.

    Args:
        source: a file, the bytes of one, or a binary file object.
        look: sees it.

    Returns:
        What `look` gave.

    Raises:
        PictureError: it cannot be read.
    """
    with _reading(source), _stream(source) as stream:
        return look(_open_within_limits(stream, 0)[0])


def measure(source: Source) -> tuple[int, int]:
    """Say how large a picture says that it is, without decoding it.

    Args:
        source: a file, the bytes of one, or a binary file object.

    Returns:
        Width and height, in pixels.

    Raises:
        PictureError: it cannot be read.
    """
    with _reading(source), _stream(source) as stream:
        return _open(stream).size


def _decode(
    source: Source, at_least: int, reserve: Reserve | None = None, look: Look | None = None
) -> tuple[Image.Image, int, Any]:
    """Decode a picture; give its shortest side before any reduction, too, and what was seen."""
    if isinstance(source, np.ndarray):
        source = _from_array(source)
    with _reading(source):
        if isinstance(source, Image.Image):
            if reserve:
                reserve(source.width * source.height * _BYTES_PER_PIXEL_OF_OTHERS)
            return _to_rgb(_turn_upright(source)), min(source.size), None
        with _stream(source) as stream:
            image, shortest_side = _open_within_limits(stream, at_least, reserve)
            seen = look(image) if look else None
            image.load()
            return _to_rgb(_turn_upright(image)), shortest_side, seen


@contextmanager
def _reading(source: Source) -> Iterator[None]:
    """Name the picture that cannot be read."""
    try:
        with _WITHOUT_WARNINGS:  # a picture is read or refused, nothing between
            yield
    except NotAPicture as error:
        raise NotAPicture(_name(source), error.problem) from error
    except UnidentifiedImageError as error:
        problem = "not a picture in a format that Pillow knows"
        raise NotAPicture(_name(source), problem) from error
    except Exception as error:  # a broken file makes a decoder raise anything
        problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
        # The system numbers its errors, a decoder does not.
        is_access = isinstance(error, MemoryError) or getattr(error, "errno", None) is not None
        kind = AccessError if is_access else PictureError
        raise kind(_name(source), f"cannot be read ({problem})") from error


@contextmanager
def _stream(source: Any) -> Iterator[BinaryIO]:
    if isinstance(source, str | PathLike):
        with Path(source).open("rb") as file:
            yield file
    elif isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    else:
        yield source


def _name(source: Source) -> Path | str:
    if isinstance(source, str | PathLike):
        return Path(source)
    kind = type(source).__name__.lower()
    return f"<{getattr(source, 'name', None) or kind}>"


def _from_array(array: NDArray[np.uint8]) -> Image.Image:
    is_picture = array.ndim in {2, 3} and array.shape[2:] in {(), (3,)} and array.size
    if array.dtype != np.uint8 or not is_picture:
        advice = " Leave the fourth channel out: array[..., :3]." if array.shape[2:] == (4,) else ""
        raise ValueError(
            "Expected an array of uint8 and shape [height, width, 3], RGB, or [height, width]. "
            f"Received {array.dtype} and {list(array.shape)}.{advice}"
        )
    return Image.fromarray(array)


def _open_within_limits(
    stream: BinaryIO, at_least: int, reserve: Reserve | None = None
) -> tuple[Image.Image, int]:
    """Open a picture that may be decoded, and give its shortest side."""
    image = _open(stream)
    if image.format in _REFUSED_FORMATS:
        raise ValueError(
            f"{image.format} files are refused, since reading them runs other programs"
        )
    width, height = image.size
    if width * height > _LARGEST_PIXELS:
        raise ValueError(f"{width} x {height} pixels are more than {_LARGEST_PIXELS:,}")
    if at_least:
        _reduce(image, at_least)
    if (need := _memory(image, width * height)) > LARGEST_MEMORY:
        raise ValueError(
            f"{width} x {height} pixels of {image.format} would take {need >> 20} MB of memory, "
            f"and the limit is {LARGEST_MEMORY >> 20}: make it smaller"
        )
    if reserve:
        reserve(need)
    return image, min(width, height)


def _open(stream: BinaryIO) -> Image.Image:
    if not stream.seekable():  # a pipe
        stream = _read_whole(stream)
    stream.seek(0)
    start = stream.read(3)
    if not start:
        raise NotAPicture("", "the file is empty")
    stream.seek(0)
    if start == b"\xff\xd8\xff":  # Image.open would load the plugins of four other formats first
        return JpegImagePlugin.jpeg_factory(stream)
    from aiart_edge.formats import HEAD, HEIC, find_format  # noqa: PLC0415  a JPEG needs no table

    head = stream.read(HEAD)
    stream.seek(0)
    form = find_format(str(getattr(stream, "name", "")), head)
    if form and not form.is_read:
        raise NotAPicture("", f"a picture in the format {form.name}, not read here: {form.remedy}")
    if form and form.name in _READ_WHOLE:
        stream = _read_whole(stream)
    if form is HEIC:
        from pillow_heif import HeifImageFile  # noqa: PLC0415  an extra, and slow to import

        picture: Image.Image = HeifImageFile(stream)
        return picture
    from aiart_edge.structure import check_unopened  # noqa: PLC0415

    check_unopened(stream, head)
    return Image.open(stream)


def _read_whole(stream: BinaryIO) -> io.BytesIO:
    content = stream.read(_LARGEST_STREAM + 1)
    if len(content) > _LARGEST_STREAM:
        raise ValueError(f"it does not end within {_LARGEST_STREAM >> 20} MB")
    return io.BytesIO(content)


def _reduce(image: Image.Image, at_least: int) -> None:
    """Have a JPEG reduced while it is decoded; other formats cannot."""
    width, height = image.size
    scale = next((scale for scale in (8, 4, 2) if min(width, height) >= scale * at_least), 1)
    while scale < 8 and width * height > _LARGEST_REDUCED * scale**2:  # noqa: PLR2004
        scale *= 2
    image.draft(None, (max(1, width // scale), max(1, height // scale)))


def _memory(image: Image.Image, pixels: int) -> int:
    """Estimate how many bytes it will take at most to read a picture, and refuse a time bomb."""
    need = 0
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        shares = [horizontal * vertical for _, horizontal, vertical, _ in image.layer]
        samples = sorted((pixels * share // max(shares) for share in shares), reverse=True)
        if _is_in_scans(image, samples):
            need = 2 * sum(samples)  # all the coefficients are kept, whatever comes out
    else:
        from aiart_edge.structure import check_opened  # noqa: PLC0415  a JPEG needs none of it

        need = check_opened(image)
    per_pixel = _BYTES_PER_PIXEL.get(image.format or "", _BYTES_PER_PIXEL_OF_OTHERS)
    if image.format == "JPEG2000":
        per_pixel = _BYTES_PER_BAND_OF_JPEG_2000 * (1 + len(image.getbands()))
    elif _is_deep_grey(image):
        per_pixel = _BYTES_PER_PIXEL_OF_DEEP_GREY
    elif image.mode in {"LA", "PA"}:
        per_pixel = _BYTES_PER_PIXEL_OF_PALE
    need += image.width * image.height * per_pixel
    return need + (image.width + image.height) * _BYTES_PER_ROW_AND_COLUMN


def _is_in_scans(image: JpegImagePlugin.JpegImageFile, samples: list[int]) -> bool:
    """Say whether a JPEG comes in several scans, or in one that is read in rows; refuse too many.

    Its samples are those of each component, the largest first.
    """
    is_sequential = not image.info.get("progressive")
    stream: Any = image.fp
    stream.seek(2)
    scans = scanned = 0
    for _ in range(_MOST_SEGMENTS):
        marker = _find_marker(stream)
        if marker in {None, _EOI}:
            return scans > 0
        if marker in _ARITHMETIC:
            raise ValueError("it is coded arithmetically, as hardly any program reads")
        at = stream.tell()
        length = int.from_bytes(stream.read(2), "big")
        if marker == _SOS:
            components = int.from_bytes(stream.read(1))
            if is_sequential and not scans and components == image.layers:
                return False
            scans += 1
            scanned += sum(samples[:components])
            if scans > _MOST_SCANS:
                raise ValueError(f"it has more than {_MOST_SCANS} scans")
            if scanned > _MOST_SCANNED:
                raise ValueError(f"its scans go over more than {_MOST_SCANNED:,} samples")
        stream.seek(at + max(2, length))
    raise ValueError(f"it has more than {_MOST_SEGMENTS:,} segments")


def _find_marker(stream: BinaryIO) -> int | None:
    """Read on to a JPEG's next marker that has a length, or is its last; as libjpeg does."""
    while piece := stream.read(1 << 16):
        if found := _MARKER.search(piece):
            stream.seek(found.end() - len(piece), io.SEEK_CUR)
            return found[0][1]
        if piece.endswith(b"\xff") and len(piece) > 1:
            stream.seek(-1, io.SEEK_CUR)
    return None


def _turn_upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  broken EXIF data says nothing about the picture itself
        return image
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _to_rgb(image: Image.Image) -> Image.Image:
    if _is_deep_grey(image):
        return _deep_grey_to_8_bit(image).convert("RGB")
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        picture = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture)
        return white
    return image.convert("RGB")


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _deep_grey_to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float grey, which Pillow's own conversion clips at 255."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), copy=False)
    values = values.clip(min=0, out=values)
    whites = (1, 255, 65535) if image.mode == "F" else (65535,)
    white = next((white for white in whites if values.max() <= white), values.max())
    values *= 255 / white
    return Image.fromarray(values.round(out=values).astype(np.uint8))


class _WithoutWarnings:
    """Ignore warnings while any thread is inside; `warnings.catch_warnings` alone mixes them up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.__exit__(None, None, None)


_WITHOUT_WARNINGS = _WithoutWarnings()
