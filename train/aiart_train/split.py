"""Which picture trains, which validates, which tests: drawn once, written down, never crossed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError
from aiart_edge.files import write_atomically
from aiart_train.dataset import Dataset
from aiart_train.duplicates import group

PARTS = ("train", "validation", "test")

_SHA256 = re.compile("[0-9a-f]{64}")
_FOLDS = 5  # a fifth tests, then a fifth of the rest validates, as in the original study
_LEAST_PICTURES = 10  # of each class, near-duplicates counted once


@dataclass(frozen=True)
class SplitRow:
    """One picture and the part it belongs to; a line of split.csv.

    Args:
        path: below the data folder, with forward slashes.
        label: `ai` or `human`.
        source: see `dataset.Picture`.
        group: number of its near-duplicate group, which stays in one part.
        part: `train`, `validation` or `test`.
        sha256: of the file, so that a picture that was swapped later is noticed.
    """

    path: str
    label: str
    source: str
    group: int
    part: str
    sha256: str


def draw_split(dataset: Dataset, seed: int) -> tuple[SplitRow, ...]:
    """Draw a stratified split that keeps near-duplicates together.

    Args:
        dataset: what to split.
        seed: the same data and seed give the same split.

    Returns:
        One row per picture, in the data set's order.

    Raises:
        DataError: a class has too few different pictures for three parts.
    """
    pictures = dataset.pictures
    groups = np.array(group([picture.phash for picture in pictures]))
    targets = np.array([LABELS.index(picture.label) for picture in pictures])
    if min(len(set(groups[targets == label])) for label in range(len(LABELS))) < _LEAST_PICTURES:
        raise DataError(
            dataset.folder,
            f"each class needs at least {_LEAST_PICTURES} pictures that do not look alike, "
            "to train, validate and test",
        )
    parts = np.full(len(pictures), "train", dtype=object)
    for part in ("test", "validation"):
        rest = np.flatnonzero(parts == "train")
        parts[rest[_draw_fold(targets[rest], groups[rest], seed)]] = part
    return tuple(
        SplitRow(
            picture.path, picture.label, picture.source, int(number), str(part), picture.sha256
        )
        for picture, number, part in zip(pictures, groups, parts, strict=True)
    )


def rows_of(rows: Sequence[SplitRow], part: str) -> tuple[SplitRow, ...]:
    """Pick the rows of one part.

    Args:
        rows: of a split.
        part: one of `PARTS`.

    Returns:
        Its rows, in order.
    """
    return tuple(row for row in rows if row.part == part)


def write_split(path: Path, rows: Sequence[SplitRow]) -> None:
    """Write split.csv.

    Args:
        path: of the file.
        rows: of the split.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()  # a file name may hold any bytes, hence surrogateescape here and below
    writer = csv.DictWriter(text, [field.name for field in fields(SplitRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_atomically(path, text.getvalue().encode(errors="surrogateescape"))


def read_split(path: Path) -> tuple[SplitRow, ...]:
    """Read split.csv and check that it is one.

    Args:
        path: of the file.

    Returns:
        Its rows.

    Raises:
        DataError: it is missing or broken, or a picture or group stands in two parts.
    """
    try:
        text = path.read_bytes().decode(errors="surrogateescape")
    except OSError as error:
        raise DataError(path, f"the split cannot be read ({error.strerror})") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = []
    try:
        for values in reader:
            row = SplitRow(**{**values, "group": int(values["group"])})  # type: ignore[arg-type]
            if (
                row.label not in LABELS
                or row.part not in PARTS
                or not _SHA256.fullmatch(row.sha256)
            ):
                raise ValueError("a value is missing or unknown")
            rows.append(row)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise DataError(path, f"line {reader.line_num} of the split is broken ({error})") from error
    _check(path, rows)
    return tuple(rows)


def _check(path: Path, rows: Sequence[SplitRow]) -> None:
    part_of: dict[tuple[str, str | int], str] = {}
    for row in rows:
        for key in (("picture", row.path), ("file", row.sha256), ("group", row.group)):
            if part_of.setdefault(key, row.part) != row.part:
                raise DataError(
                    path, f"the split leaks: {key[0]} {key[1]} stands in two parts; draw it again"
                )
    if missing := [part for part in PARTS if part not in part_of.values()]:
        raise DataError(path, f"the split has no picture in: {', '.join(missing)}")


def _draw_fold(targets: NDArray[np.int_], groups: NDArray[np.int_], seed: int) -> NDArray[np.int_]:
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    fold: NDArray[np.int_] = next(folds.split(targets, targets, groups))[1]
    return fold
