"""A data set: folders with one folder of AI art and one of human art each, or lists of pictures."""

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

from aiart_edge import origin
from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError, PictureError
from aiart_edge.image import decode
from aiart_train.data.table import read_rows

# Names of folders and labels that stand for a class, in small letters without punctuation.
KNOWN_NAMES = {
    "ai": frozenset({"ai", "aiart", "aiartdata", "aigenerated", "fake", "generated"}),
    "human": frozenset({"human", "humanart", "real", "realart"}),
}
MOST_BROKEN = 0.05  # share of the files; above it the folder is not what it seems

_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})

_TOLD = 5  # labels that are not known

_PHASH_SIDE = 64  # pixels; the perceptual hash itself looks at 32 x 32

_STANDARD_LUMINANCE = 3688  # the sum of JPEG's example table for luminance, which is quality 50


@dataclass(frozen=True)
class Picture:
    """One picture of a data set.

    Args:
        path: below the data folder, with forward slashes.
        label: `ai` or `human`.
        source: the nested folder it comes from, or its class's folder where it is not nested; what
            a list says; or a pattern that stands for several.
        sha256: of the file.
        phash: 64-bit perceptual hash of what it shows.
        format: as Pillow names what the file holds, such as `JPEG`.
        width: pixels as stored, before EXIF turns the picture.
        height: likewise.
        file_size: bytes.
        jpeg_quality: 1 to 100, estimated; 0 where it is no JPEG.
        says: what the file says of itself (`aiart_edge.origin`). Default `nothing`.
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
    says: origin.Says = "nothing"


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


@dataclass(frozen=True)
class _Listed:
    """A file that may be a picture; its source as its own data folder or list has it."""

    path: Path
    label: str
    source: str


def scan(
    *places: Path,
    names: Mapping[str, str] = MappingProxyType({}),
    one_source: Sequence[str] = (),
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> Dataset:
    """Read every picture of data folders once: what it is, where it belongs, what it looks like.

    Args:
        places: each a folder that holds one folder per class, in which what counts as a picture is
            decided by content; or a CSV file with the columns `path`, from the file's folder,
            `label` and, where it is known, `source`.
        names: the class folder's name, or label, where `KNOWN_NAMES` does not tell. Default none.
        one_source: patterns as of a shell; all sources that match one of them count as one.
            Default none.
        progress: wraps the list of files that is walked through. Default: nothing.

    Returns:
        The data set.

    Raises:
        DataError: a folder lies in another one or has not two classes, a list is broken or has
            another label, a picture is listed twice, a class has no picture, or too many files are
            broken.
    """
    listings = [_list(place, names) for place in _apart(places)]
    folder = _common([root for root, _ in listings])
    found: dict[Path, tuple[str, str]] = {}  # label and source
    for place, (root, listed) in zip(places, listings, strict=True):
        for one in listed:
            if one.path in found:
                raise DataError(place, f"the picture {one.path} is listed twice: name it once")
            source = (root.relative_to(folder) / one.source).as_posix()
            alike = (pattern for pattern in one_source if fnmatchcase(source, pattern))
            found[one.path] = one.label, next(alike, source)

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


def root_of(place: Path) -> Path:
    """Give the folder below which a data folder, or a list, has its pictures.

    Args:
        place: see `scan`.

    Returns:
        The folder itself; of a list, its own folder, or one above where its pictures lie elsewhere.

    Raises:
        DataError: the list is missing or broken.
    """
    return _root(place, _read_list(place)) if place.is_file() else place


def _apart(places: Sequence[Path]) -> tuple[Path, ...]:
    """Check that no data folder lies in another; one alone is left as it was named."""
    if len(places) == 1:
        return tuple(places)
    resolved = tuple(place.resolve() for place in places)
    for one, other in itertools.permutations(resolved, 2):
        if one.is_relative_to(other):
            how = "is named twice" if one == other else f"lies in another, {other}"
            raise DataError(one, f"this data folder {how}: name one of them")
    return resolved


def _common(roots: Sequence[Path]) -> Path:
    return roots[0] if len(roots) == 1 else Path(os.path.commonpath(roots))


def _list(place: Path, names: Mapping[str, str]) -> tuple[Path, tuple[_Listed, ...]]:
    """List what may be a picture, and the folder below which all of it lies."""
    if place.is_file():
        cells = _read_list(place)
        return _root(place, cells), tuple(_labelled(place, cells, names))
    return place, tuple(
        _Listed(path, label, Path(*path.relative_to(place).parts[:-1][:2]).as_posix())
        for label, class_folder in _class_folders(place, names).items()
        for path in sorted(_files_in(class_folder))
    )


def _read_list(path: Path) -> tuple[tuple[Path, str, str], ...]:
    """Read the path, label and source of a list's pictures."""

    def parse(cells: dict[str, str | None]) -> tuple[Path, str, str]:
        name, label = cells["path"], cells["label"]
        if not name or not label:
            raise ValueError("a value is missing")
        # Not resolved: a link keeps its name, as in a folder.
        picture = Path(os.path.normpath(_folder_of(path) / name))
        return picture, label, (cells.get("source") or "").strip("/")

    return read_rows(path, "list", "its columns are path,label or path,label,source", parse)


def _root(path: Path, listed: Sequence[tuple[Path, str, str]]) -> Path:
    return Path(os.path.commonpath([_folder_of(path), *(one.parent for one, _, _ in listed)]))


def _folder_of(path: Path) -> Path:
    return Path(os.path.abspath(path.parent))  # noqa: PTH100  Path.absolute() leaves .. alone


def _labelled(
    path: Path, listed: Sequence[tuple[Path, str, str]], names: Mapping[str, str]
) -> Iterator[_Listed]:
    labels = {label for _, label, _ in listed}
    known = {label: _match(sorted(labels), names, label) for label in KNOWN_NAMES}
    label_of = {name: label for label, found in known.items() for name in found}
    if strange := sorted(labels - label_of.keys()):
        raise DataError(
            path,
            "expected labels of AI art and of human art, found besides: "
            f"{', '.join(strange[:_TOLD])}; name them with --ai LABEL and --human LABEL",
        )
    for one, name, source in listed:
        yield _Listed(one, label_of[name], source or label_of[name])


def _class_folders(folder: Path, names: Mapping[str, str]) -> dict[str, Path]:
    try:
        folders = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise DataError(folder, f"the data folder cannot be opened ({error.strerror})") from error
    matches = {
        label: _match([path.name for path in folders], names, label) for label in KNOWN_NAMES
    }
    if any(len(found) != 1 for found in matches.values()):
        seen = ", ".join(path.name for path in folders) or "none"
        raise DataError(
            folder,
            "expected one folder of AI art and one of human art, found the folders: "
            f"{seen}; name them with --ai FOLDER and --human FOLDER",
        )
    return {label: folder / found[0] for label, found in matches.items()}


def _match(found: Sequence[str], names: Mapping[str, str], label: str) -> list[str]:
    """Pick the names that stand for a class."""
    if label in names:
        return [name for name in found if name == names[label]]
    return [name for name in found if _plain(name) in KNOWN_NAMES[label]]


def _files_in(class_folder: Path) -> Iterator[Path]:
    for path in class_folder.rglob("*"):
        folders = path.relative_to(class_folder).parts[:-1]
        litter = path.name in _LITTER or path.name.startswith("._")  # macOS's second files
        if path.is_file() and not litter and not any(name.startswith(".") for name in folders):
            yield path


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _describe(path: Path, folder: Path, label: str, source: str) -> Picture:
    if not os.path.isfile(path):  # noqa: PTH113  a list may name what blocks, or is too long
        raise PictureError(path, "there is no such file")
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
        says=origin.read(content).says,
    )


def _estimate_quality(header: Image.Image) -> int:
    """Estimate the quality that libjpeg's scaling of the example tables would give this file."""
    tables: dict[int, list[int]] = getattr(header, "quantization", {})
    if 0 not in tables:
        return 0
    percent = 100 * sum(tables[0]) / _STANDARD_LUMINANCE
    return max(1, round(5000 / percent if percent > 100 else 100 - percent / 2))  # noqa: PLR2004
