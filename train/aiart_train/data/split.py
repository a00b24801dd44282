"""Which picture trains, which validates, which tests: drawn once, written down, never crossed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError
from aiart_edge.files import write_atomically
from aiart_train.data.dataset import Dataset, Picture
from aiart_train.data.duplicates import group, near_pairs
from aiart_train.data.table import read_rows

PARTS = ("train", "validation", "test")
TRAINED = ("train", "test")  # without which nothing was trained or measured

FOLDS = 5  # a fifth tests, then a fifth of the rest validates, as in the original study
LEAST_PICTURES = 2  # of each class in a fold, near-duplicates counted once

_SHA256, _PHASH = re.compile("[0-9a-f]{64}"), re.compile("[0-9a-f]{16}")


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
        phash: 64-bit perceptual hash, so that near-duplicates are known without the pictures.
    """

    path: str
    label: str
    source: str
    group: int
    part: str
    sha256: str
    phash: int


Row = TypeVar("Row", bound=SplitRow)


def make_row(picture: Picture, group: int, part: str) -> SplitRow:
    """Put a picture into a part.

    Args:
        picture: of the data set.
        group: number of its near-duplicate group.
        part: one of `PARTS`.

    Returns:
        Its row.
    """
    return SplitRow(
        path=picture.path,
        label=picture.label,
        source=picture.source,
        group=group,
        part=part,
        sha256=picture.sha256,
        phash=picture.phash,
    )


def draw_split(
    dataset: Dataset,
    seed: int,
    by_source: bool = False,
    held_out: frozenset[Picture] = frozenset(),
    tied: Mapping[str, str] = MappingProxyType({}),
) -> tuple[SplitRow, ...]:
    """Draw a stratified split that keeps near-duplicates together.

    Args:
        dataset: what to split.
        seed: the same data and seed give the same split.
        by_source: keep whole sources together too. Default False.
        held_out: the test part, see `hold_out`. Default: one is drawn.
        tied: see `draw_folds`. Default none.

    Returns:
        One row per picture, in the data set's order.

    Raises:
        DataError: a class has too few different pictures, or sources, for three parts.
    """
    return next(_draw(dataset, seed, by_source, FOLDS, held_out, tied=tied))


def draw_folds(
    dataset: Dataset,
    seed: int,
    by_source: bool = False,
    count: int = FOLDS,
    validated: bool = True,
    tied: Mapping[str, str] = MappingProxyType({}),
) -> tuple[tuple[SplitRow, ...], ...]:
    """Draw the splits of a cross-validation: each picture is in the test part of exactly one.

    Args:
        dataset: what to split.
        seed: the same data and seed give the same splits.
        by_source: keep whole sources together, not only near-duplicates. Default False.
        count: of the folds. Default 5.
        validated: whether each has a validation part; else those pictures train. Default True.
        tied: sources that stay together, too, see `read_groups`; only where sources are kept
            whole. Default none.

    Returns:
        One split per fold, each with a row per picture in the data set's order.

    Raises:
        DataError: a class has too few different pictures, or sources, for the parts.
    """
    return tuple(_draw(dataset, seed, by_source, count, validated=validated, tied=tied))


def read_groups(path: Path, dataset: Dataset) -> dict[str, str]:
    """Read which sources belong together, as those of one artist or one collection do.

    A source is found by the end of its folder's path: `corpus/ai/tarot` names the source `ai/tarot`
    of the data folder `corpus`, and `corpus/ai/tarot` of several that have a folder in common.

    Args:
        path: of a CSV file with the columns `source` and `group`; a source that it does not name
            is a group of its own.
        dataset: whose sources are tied.

    Returns:
        For each source that the file names, the one that stands for its group.

    Raises:
        DataError: the file is missing or broken, names a source in two groups, or none that is
            here.
    """
    named = read_rows(path, "groups", "its columns are source,group", _parse_group)
    folder = dataset.folder.resolve()
    members: dict[str, list[str]] = {}
    for source in sorted({picture.source for picture in dataset.pictures}):
        parts = (folder / source).parts
        groups = {group for name, group in named if parts[-len(name) :] == name}
        if len(groups) > 1:
            raise DataError(path, f"the source {source} stands in two groups: leave it in one")
        for group_name in groups:
            members.setdefault(group_name, []).append(source)
    if not members:
        raise DataError(
            path, f"none of its sources is in {folder}: name them by their folders, as in ai/artist"
        )
    return {source: sources[0] for sources in members.values() for source in sources}


def hold_out(dataset: Dataset, rows: Sequence[SplitRow]) -> frozenset[Picture]:
    """Find the pictures that another split tests on, and those that look like them.

    Args:
        dataset: where to look; files may lie elsewhere than the split says.
        rows: of the other split.

    Returns:
        The pictures.

    Raises:
        DataError: there is none.
    """
    phashes = [picture.phash for picture in dataset.pictures]
    groups = group([*phashes, *(row.phash for row in rows_of(rows, "test"))])
    tested = set(groups[len(phashes) :])
    found = frozenset(
        picture
        for picture, number in zip(dataset.pictures, groups, strict=False)
        if number in tested
    )
    if not found:
        raise DataError(
            dataset.folder, "it has no picture of the test part to hold out: name another split"
        )
    return found


def check_split(dataset: Dataset, rows: Sequence[SplitRow]) -> None:
    """Check that a split is of this data set.

    Args:
        dataset: its pictures may be more than the split's; those are left out.
        rows: of a split.

    Raises:
        DataError: a picture of the split is missing or altered.
    """
    pictures = {picture.path: picture for picture in dataset.pictures}
    for row in rows:
        found = pictures.get(row.path)
        if found is None or (found.sha256, found.phash, found.label) != (
            row.sha256,
            row.phash,
            row.label,
        ):
            raise DataError(
                dataset.folder / row.path,
                "this picture of the split is "
                + ("not there" if found is None else "another one now")
                + ": split the data again, without --split",
            )


def number_folds(rows: Sequence[SplitRow], seed: int = 0) -> NDArray[np.int_] | None:
    """Cut rows into at most five stratified folds, near-duplicates in one.

    Args:
        rows: of a split, or of a part of it.
        seed: the same rows and seed give the same folds. Default 0.

    Returns:
        int of shape [n], the number of each row's fold; None where a class has not two pictures
        that do not look alike.
    """
    groups = np.array([row.group for row in rows])
    targets = np.array([LABELS.index(row.label) for row in rows])
    count = min(FOLDS, *(len(set(groups[targets == label])) for label in range(len(LABELS))))
    numbers = np.zeros(len(rows), dtype=np.int_)
    if count > 1:
        for number, fold in enumerate(_fold(targets, groups, seed, count)):
            numbers[fold] = number
    return numbers if numbers.any() else None


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
    write_rows(path, SplitRow, rows)


def read_split(path: Path, least: Sequence[str] = PARTS) -> tuple[SplitRow, ...]:
    """Read split.csv and check that it is one.

    Args:
        path: of the file.
        least: parts that must have a picture. Default: all.

    Returns:
        Its rows.

    Raises:
        DataError: it is missing or broken, or a picture, a group or near-duplicates stand in two
            parts.
    """
    rows = read_rows(path, "split", "draw it again", lambda cells: SplitRow(**from_cells(cells)))
    _check(path, rows, least)
    return rows


def write_rows(path: Path, kind: type[Row], rows: Sequence[Row]) -> None:
    """Write a CSV file of pictures.

    Args:
        path: of the file.
        kind: whose fields are the columns: `SplitRow`, or one that has more.
        rows: of that kind.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()  # a file name may hold any bytes, hence surrogateescape here and below
    writer = csv.DictWriter(text, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) | {"phash": f"{row.phash:016x}"} for row in rows)
    write_atomically(path, text.getvalue().encode(errors="surrogateescape"))


def from_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Read the cells of a `SplitRow`, and leave others alone.

    Args:
        cells: by column.

    Returns:
        The values by field.

    Raises:
        KeyError, TypeError, ValueError: a cell is missing or broken.
    """
    if (
        not _is_below(cells["path"])
        or not isinstance(cells["source"], str)
        or cells["label"] not in LABELS
        or cells["part"] not in PARTS
        or not _SHA256.fullmatch(cells["sha256"])
        or not _PHASH.fullmatch(cells["phash"])
    ):
        raise ValueError("a value is missing or unknown")
    return {**cells, "group": int(cells["group"]), "phash": int(cells["phash"], 16)}


def _is_below(path: Any) -> bool:
    """Say whether a path stays below the data folder, whatever the line says."""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and "\0" not in path


def _parse_group(cells: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    name = PurePosixPath(cells["source"]).parts
    if not name or not cells["group"]:
        raise ValueError("a value is missing")
    return name, cells["group"]


def _check(path: Path, rows: Sequence[SplitRow], least: Sequence[str]) -> None:
    part_of: dict[tuple[str, str | int], str] = {}
    for row in rows:
        for key in (("picture", row.path), ("file", row.sha256), ("group", row.group)):
            if part_of.setdefault(key, row.part) != row.part:
                raise DataError(
                    path, f"the split leaks: {key[0]} {key[1]} stands in two parts; draw it again"
                )
    for pair in near_pairs([row.phash for row in rows]):
        one, other = (rows[position] for position in pair)
        if one.part != other.part:
            raise DataError(
                path,
                f"the split leaks: {other.path} ({other.part}) looks like {one.path} "
                f"({one.part}); draw it again",
            )
    if missing := [part for part in least if part not in part_of.values()]:
        raise DataError(path, f"the split has no picture in: {', '.join(missing)}")


def _draw(
    dataset: Dataset,
    seed: int,
    by_source: bool,
    count: int,
    held_out: frozenset[Picture] = frozenset(),
    validated: bool = True,
    tied: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[SplitRow, ...]]:
    pictures = dataset.pictures
    groups = np.array(group([picture.phash for picture in pictures]))
    targets = np.array([LABELS.index(picture.label) for picture in pictures])
    sources = [tied.get(picture.source, picture.source) for picture in pictures]
    units = _join(groups, sources) if by_source else groups
    things, least = ("sources", count) if by_source else ("pictures", LEAST_PICTURES * count)
    if min(len(set(units[targets == label])) for label in range(len(LABELS))) < least:
        raise DataError(
            dataset.folder,
            f"each class needs at least {least} {things} that do not look alike, "
            "to train, validate and test",
        )
    tests: Iterable[NDArray[np.int_]] = (
        [np.flatnonzero([picture in held_out for picture in pictures])]
        if held_out
        else _fold(targets, units, seed, count)
    )
    for test in tests:
        parts = np.full(len(pictures), "train", dtype=object)
        parts[test] = "test"
        rest = np.flatnonzero(parts == "train")
        for fold in _fold(targets[rest], units[rest], seed, count) if validated else ():
            if len(set(targets[rest[fold]])) == len(LABELS):  # few sources may leave one out
                parts[rest[fold]] = "validation"
                break
        wanted = PARTS if validated else TRAINED
        if any(len(set(targets[parts == part])) < len(LABELS) for part in wanted):
            raise DataError(
                dataset.folder,
                f"its {things} cannot be split into {count} folds with both classes in each part: "
                "most pictures lie in too few of them",
            )
        yield tuple(
            make_row(picture, int(number), str(part))
            for picture, number, part in zip(pictures, groups, parts, strict=True)
        )


def _fold(
    targets: NDArray[np.int_], units: NDArray[np.int_], seed: int, count: int
) -> Iterator[NDArray[np.int_]]:
    if np.bincount(targets, minlength=len(LABELS)).min() < count:  # scikit-learn would refuse
        return
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for _, held_out in folds.split(targets, targets, units):
        yield held_out


def _join(groups: NDArray[np.int_], sources: Sequence[str]) -> NDArray[np.int_]:
    """Number what hangs together through a common group or a common source."""
    numbers = np.unique(sources, return_inverse=True)[1] + groups.max() + 1
    links = coo_array((np.ones(len(groups)), (groups, numbers)), shape=(numbers.max() + 1,) * 2)
    joined: NDArray[np.int_] = connected_components(links, directed=False)[1][groups]
    return joined
