"""A data set: a folder with one folder of AI art and one of human art."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

import imagehash
from PIL import Image

from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError, PictureError
from aiart_edge.image import decode

# Folder names by which a class is recognised, in small letters without punctuation.
KNOWN_NAMES = {
    "ai": frozenset({"ai", "aiart", "aiartdata", "aigenerated", "fake", "generated"}),
    "human": frozenset({"human", "humanart", "real", "realart"}),
}
MOST_BROKEN = 0.05  # share of the files; above it the folder is not what it seems

_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})

_PHASH_SIDE = 64  # pixels; the perceptual hash itself looks at 32 x 32

_STANDARD_LUMINANCE = 3688  # the sum of JPEG's example table for luminance, which is quality 50


@dataclass(frozen=True)
class Picture:
    """One picture of a data set.

    Args:
        path: below the data folder, with forward slashes.
        label: `ai` or `human`.
        source: the nested folder it comes from, or its class's folder where it is not nested; or a
            pattern that stands for several.
        sha256: of the file.
        phash: 64-bit perceptual hash of what it shows.
        format: as Pillow names what the file holds, such as `JPEG`.
        width: pixels as stored, before EXIF turns the picture.
        height: likewise.
        file_size: bytes.
        jpeg_quality: 1 to 100, estimated; 0 where it is no JPEG.
    """

    path: str
    label: str
    source: str
    sha256: str
    phash: int
    format: str
    width: int
    height: int
    file_size: int
    jpeg_quality: int


@dataclass(frozen=True)
class Dataset:
    """Scanned data.

    Args:
        folder: the data folder, or the one that several have in common.
        pictures: sorted by path.
        broken: one line for each file that cannot be read as a picture.
    """

    folder: Path
    pictures: tuple[Picture, ...]
    broken: tuple[str, ...]


def scan(
    *folders: Path,
    names: Mapping[str, str] = MappingProxyType({}),
    one_source: Sequence[str] = (),
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> Dataset:
    """Read every picture of data folders once: what it is, where it belongs, what it looks like.

    Args:
        folders: each holds one folder per class; what counts as a picture is decided by content.
        names: the class folder's name for a label, where `KNOWN_NAMES` does not tell. Default none.
        one_source: patterns as of a shell; all sources that match one of them count as one.
            Default none.
        progress: wraps the list of files that is walked through. Default: nothing.

    Returns:
        The data set.

    Raises:
        DataError: a folder lies in another one or has not two classes, a class has no picture, or
            too many files are broken.
    """
    folder, data_folders = _resolve(folders)
    found: dict[Path, tuple[str, str]] = {}  # label and source
    for data_folder in data_folders:
        for label, class_folder in _class_folders(data_folder, names).items():
            for path in sorted(_files_in(class_folder)):
                within = path.relative_to(data_folder).parts[:-1][:2]
                source = (data_folder.relative_to(folder) / Path(*within)).as_posix()
                alike = (pattern for pattern in one_source if fnmatchcase(source, pattern))
                found[path] = label, next(alike, source)

    pictures, broken = [], []
    for path in progress(list(found)):
        try:
            pictures.append(_describe(path, folder, *found[path]))
        except PictureError as error:
            broken.append(error.format_message())
    for label in LABELS:
        if not any(picture.label == label for picture in pictures):
            raise DataError(folder, f"the class {label!r} has no picture that can be read")
    if len(broken) > MOST_BROKEN * len(found):
        raise DataError(
            folder,
            f"{len(broken)} of {len(found)} files cannot be read as pictures "
            f"(at most {MOST_BROKEN:.0%} are skipped); the first is {broken[0]}",
        )
    return Dataset(folder, tuple(sorted(pictures, key=lambda picture: picture.path)), tuple(broken))


def fingerprint(pictures: Iterable[Picture]) -> str:
    """Give the SHA-256 that stands for a set of pictures, whatever order they are in.

    Args:
        pictures: of a data set.

    Returns:
        64 hexadecimal digits; they change when a picture is added, removed, moved or altered.
    """
    lines = sorted(f"{picture.sha256} {picture.label} {picture.path}\n" for picture in pictures)
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _resolve(folders: Sequence[Path]) -> tuple[Path, tuple[Path, ...]]:
    """Find the folder that data folders have in common; one alone is left as it was named."""
    if len(folders) == 1:
        return folders[0], (folders[0],)
    resolved = tuple(folder.resolve() for folder in folders)
    common = Path(os.path.commonpath(resolved))
    for one, other in itertools.permutations(resolved, 2):
        if one.is_relative_to(other):
            how = "is named twice" if one == other else f"lies in another, {other}"
            raise DataError(one, f"this data folder {how}: name one of them")
    return common, resolved


def _class_folders(folder: Path, names: Mapping[str, str]) -> dict[str, Path]:
    try:
        folders = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise DataError(folder, f"the data folder cannot be opened ({error.strerror})") from error
    matches = {
        label: [
            path
            for path in folders
            if (path.name == names[label] if label in names else _plain(path.name) in known)
        ]
        for label, known in KNOWN_NAMES.items()
    }
    if any(len(paths) != 1 for paths in matches.values()):
        seen = ", ".join(path.name for path in folders) or "none"
        raise DataError(
            folder,
            "expected one folder of AI art and one of human art, found the folders: "
            f"{seen}; name them with --ai FOLDER and --human FOLDER",
        )
    return {label: paths[0] for label, paths in matches.items()}


def _files_in(class_folder: Path) -> Iterator[Path]:
    for path in class_folder.rglob("*"):
        folders = path.relative_to(class_folder).parts[:-1]
        litter = path.name in _LITTER or path.name.startswith("._")  # macOS's second files
        if path.is_file() and not litter and not any(name.startswith(".") for name in folders):
            yield path


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _describe(path: Path, folder: Path, label: str, source: str) -> Picture:
    image = decode(path, at_least=_PHASH_SIDE)
    content = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in decode, which has read the picture
        header = Image.open(io.BytesIO(content))
    return Picture(
        path=path.relative_to(folder).as_posix(),
        label=label,
        source=source,
        sha256=hashlib.sha256(content).hexdigest(),
        phash=int(str(imagehash.phash(image)), 16),
        format=header.format or "",
        width=header.width,
        height=header.height,
        file_size=len(content),
        jpeg_quality=_estimate_quality(header),
    )


def _estimate_quality(header: Image.Image) -> int:
    """Estimate the quality that libjpeg's scaling of the example tables would give this file."""
    tables: dict[int, list[int]] = getattr(header, "quantization", {})
    if 0 not in tables:
        return 0
    percent = 100 * sum(tables[0]) / _STANDARD_LUMINANCE
    return max(1, round(5000 / percent if percent > 100 else 100 - percent / 2))  # noqa: PLR2004
