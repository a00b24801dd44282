"""The run folder: everything that one training leaves behind, and how the next room finds it.

runs/2026-11-22-seed/
    model.keras    the trained network
    split.csv      which picture trained, validated, tested
    card.json      recipe, seed, data, versions, command line
    history.csv    figures after each epoch
    scores.csv     scores of the validation and test parts
    metrics.json   figures on the test part
    report.md      all of it for a person, with plots beside it
    report.html    the same in one file, with the worst mistakes as thumbnails
runs/2026-11-22-seed-crossval/
    fold-1/ ...    a run folder for each fold, without a report
    card.json, scores.csv, metrics.json, report.md, report.html    of all folds together
runs/latest        a link to the newest training

While it is being made, a run is a hidden folder that also holds a checkpoint, from which --resume
goes on.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from aiart_edge.errors import DataError, OutputError, RunFolderError
from aiart_edge.files import write_atomically
from aiart_train.data.split import PARTS, TRAINED, SplitRow, read_split
from aiart_train.learning.fit import History
from aiart_train.learning.recipes import Augmentation, Recipe, from_dict

MODEL = "model.keras"
SPLIT = "split.csv"
CARD = "card.json"
CHECKPOINT = "checkpoint.npz"
FEATURES = ".features.f16"  # goes when the run is complete; a link where it shall stay

FIT, CROSSVAL = "fit", "crossval"  # kinds of runs, named as the commands that make them

_LATEST = "latest"
_PARTIAL = ".partial"


@dataclass(frozen=True)
class Run:
    """A finished training.

    Args:
        folder: the run folder.
        card: the content of card.json.
        rows: of the split.
    """

    folder: Path
    card: dict[str, Any]
    rows: tuple[SplitRow, ...]

    @property
    def model_path(self) -> Path:
        """The trained network."""
        return self.folder / MODEL


@dataclass(frozen=True)
class NewRun:
    """A run that is being written.

    Args:
        partial: the hidden folder to write into.
        folder: what it is called when it is complete.
    """

    partial: Path
    folder: Path

    @property
    def can_be_resumed(self) -> bool:
        """Whether a training of it has begun, or one of its folds is done."""
        return any(any(self.partial.rglob(name)) for name in (CHECKPOINT, MODEL))


@contextlib.contextmanager
def new_run(runs: Path, name: str) -> Iterator[NewRun]:
    """Make a run folder that appears when it is complete.

    If the block fails, nothing is left, or what `resume_run` needs if there is a checkpoint.

    Args:
        runs: the folder of all runs; made if need be.
        name: of this one; a number is added where it is taken.

    Yields:
        Where to write, and what it will be called.

    Raises:
        OutputError: something cannot be written.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        run = _reserve(runs, name)
    except OSError as error:
        raise OutputError(runs, f"a run cannot be written here ({error.strerror})") from error
    with _complete(run, _lock(run.partial)):
        yield run


@contextlib.contextmanager
def resume_run(runs: Path, kind: str) -> Iterator[NewRun]:
    """Go on with the newest run that was broken off.

    Args:
        runs: the folder of all runs.
        kind: `FIT` or `CROSSVAL`.

    Yields:
        Where to go on, and what it will be called.

    Raises:
        RunFolderError: there is none, or its card is broken.
        OutputError: something cannot be written.
    """
    partials = [path for path in runs.glob(f".*{_PARTIAL}") if (path / CARD).is_file()]
    for partial in sorted(partials, key=lambda path: path.stat().st_mtime, reverse=True):
        if read_card(partial / CARD).get("kind") != kind:
            continue
        lock = _lock(partial)
        if lock is not None:
            name = partial.name.removeprefix(".").removesuffix(_PARTIAL)
            with _complete(NewRun(partial, runs / name), lock):
                yield NewRun(partial, runs / name)
            return
    raise RunFolderError(runs, f"no unfinished run lies here: start one with  {kind} --data FOLDER")


def _lock(partial: Path) -> int | None:
    """Take a hidden folder for this process until it ends; None if another one has it."""
    lock = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


@contextlib.contextmanager
def _complete(run: NewRun, lock: int | None) -> Iterator[None]:
    """Give a hidden folder its name if the block succeeds."""
    try:
        yield
        for name in (CHECKPOINT, ".*"):  # and what a killed process had not yet renamed
            for path in run.partial.rglob(name):
                path.unlink()
        run.partial.rename(run.folder)
        if (run.folder / MODEL).exists():
            _point_latest(run.folder)
    except BaseException as error:
        if not run.can_be_resumed:
            shutil.rmtree(run.partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise OutputError(
                run.folder, f"the run cannot be written ({error.strerror or error})"
            ) from error
        raise
    finally:
        if lock is not None:
            os.close(lock)


def open_run(folder: Path) -> Run:
    """Open a run folder.

    Args:
        folder: of the run, or a link to one.

    Returns:
        The run.

    Raises:
        RunFolderError: there is none, or it lacks a file.
        DataError: its split is broken.
    """
    if not folder.is_dir():
        raise RunFolderError(
            folder, "no such run: train one with  aiart-train fit --data FOLDER --recipe seed"
        )
    if not (folder / MODEL).is_file():
        raise RunFolderError(folder, f"not a run folder, it has no {MODEL}")
    card = read_card(folder / CARD)
    return Run(folder, card, read_split_of(card, folder / SPLIT, TRAINED))


def latest_run(runs: Path) -> Run:
    """Open the newest run.

    Args:
        runs: the folder of all runs.

    Returns:
        The run.

    Raises:
        RunFolderError: there is none yet.
    """
    return open_run(runs / _LATEST)


def read_card(path: Path) -> dict[str, Any]:
    """Read card.json.

    Args:
        path: of the file.

    Returns:
        Its content.

    Raises:
        RunFolderError: it is missing or broken.
    """
    try:
        card: dict[str, Any] = json.loads(path.read_bytes())
        if not _is_card(card):
            raise TypeError("Expected what write_card writes.")
        from_dict(card["recipe"])
    except OSError as error:
        raise RunFolderError(path, f"the run's card cannot be read ({error.strerror})") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunFolderError(path, "the run's card is broken: train again") from error
    return card


def read_split_of(
    card: dict[str, Any], path: Path, least: Sequence[str] = PARTS
) -> tuple[SplitRow, ...]:
    """Read the split that a card tells of.

    Args:
        card: of a run.
        path: of the split.
        least: parts that must have a picture. Default: all.

    Returns:
        Its rows.

    Raises:
        DataError: it is missing, broken, or another than when the run was trained.
    """
    rows = read_split(path, least)
    if card.get("split_sha256", sha256_of(path)) != sha256_of(path):  # older cards have none
        raise DataError(
            path, "the split was altered since the training: get the run's own back, or train again"
        )
    return rows


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file.

    Args:
        path: of the file.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write card.json.

    Args:
        folder: of the run.
        card: see `card.make_card`.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(folder / CARD, (json.dumps(card, indent=1) + "\n").encode())


def write_history(folder: Path, history: History) -> None:
    """Write history.csv.

    Args:
        folder: of the run.
        history: figures after each epoch.
    """
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", *history])
        for epoch, figures in enumerate(zip(*history.values(), strict=True), start=1):
            writer.writerow([epoch, *figures])


def _is_card(card: Any) -> bool:
    """Say whether a card has what it must have, and nothing of another type."""
    known = {"created": str, "command": str, "split_sha256": str, "parameters": int}
    recipe, data, seed = card["recipe"], card["data"], card["seed"]
    values = {item.name: item.type for kind in (Recipe, Augmentation) for item in fields(kind)}
    given = {**recipe, **recipe["augmentation"]}
    return (
        all(type(card.get(name, kind())) is kind for name, kind in known.items())
        and (card.get("kind") != CROSSVAL or (type(card["folds"]) is int and card["folds"] > 1))
        and type(seed) is int
        and 0 <= seed < 1 << 32  # as NumPy's generator, which Keras seeds, takes it
        and all(type(data[name]) is str for name in ("folder", "sha256"))
        and all(type(text) is str for text in (*data.get("broken", []), *card.get("measure", [])))
        and all(type(count) is int for count in card.get("parts", {}).values())
        and all(type(text) is str for text in card.get("versions", {}).values())
        and all(type(count) is int for count in card.get("threads", {}).values())
        and all(
            type(value).__name__ == values[name] or (type(value), values[name]) == (int, "float")
            for name, value in given.items()
            if name != "augmentation"
        )
    )


def _reserve(runs: Path, name: str) -> NewRun:
    for number in itertools.count(1):
        free = name if number == 1 else f"{name}-{number}"
        run = NewRun(runs / f".{free}{_PARTIAL}", runs / free)
        if not run.folder.exists():
            with contextlib.suppress(FileExistsError):
                run.partial.mkdir()
                return run
    raise AssertionError("unreachable: numbers do not end")


def _point_latest(folder: Path) -> None:
    temporary = folder.parent / f".{_LATEST}.{os.getpid()}"
    temporary.symlink_to(folder.name)
    temporary.replace(folder.parent / _LATEST)
