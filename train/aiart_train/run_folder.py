"""The run folder: everything that one training leaves behind, and how the next room finds it.

runs/2026-11-22-seed/
    model.keras    the trained network
    split.csv      which picture trained, validated, tested
    card.json      recipe, seed, data, versions, command line
    history.csv    figures after each epoch
    metrics.json   figures on the test part
    report.md      all of it for a person, with curves.png
runs/latest        a link to the newest
"""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras

from aiart_edge.errors import OutputError, RunFolderError
from aiart_train.evaluate import Metrics
from aiart_train.fit import History
from aiart_train.report import CURVES, draw_curves, write_report
from aiart_train.split import SplitRow, read_split, write_split

MODEL = "model.keras"
SPLIT = "split.csv"
CARD = "card.json"

_LATEST = "latest"


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


@contextlib.contextmanager
def new_run(runs: Path, name: str) -> Iterator[NewRun]:
    """Make a run folder that appears when it is complete, and not at all if the block fails.

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
    try:
        yield run
        run.partial.rename(run.folder)
        _point_latest(runs, run.folder.name)
    except BaseException as error:
        shutil.rmtree(run.partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise OutputError(
                run.folder, f"the run cannot be written ({error.strerror or error})"
            ) from error
        raise


def fill_run(
    folder: Path,
    model: keras.Model,
    rows: Sequence[SplitRow],
    card: dict[str, Any],
    history: History,
    metrics: Metrics,
) -> None:
    """Write the files of a run.

    Args:
        folder: of the run.
        model: the trained network.
        rows: of the split.
        card: see `card.make_card`.
        history: figures after each epoch.
        metrics: on the test part.
    """
    model.save(folder / MODEL)
    write_split(folder / SPLIT, rows)
    _write_json(folder / CARD, card)
    _write_json(folder / "metrics.json", asdict(metrics))
    with (folder / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", *history])
        for epoch, figures in enumerate(zip(*history.values(), strict=True), start=1):
            writer.writerow([epoch, *figures])
    draw_curves(history, folder / CURVES)
    (folder / "report.md").write_text(write_report(card, metrics), encoding="utf-8")


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
    return Run(folder, read_card(folder / CARD), read_split(folder / SPLIT))


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
        needed = (card["recipe"]["name"], card["data"]["folder"], card["data"]["sha256"])
        if not all(isinstance(value, str) for value in needed):
            raise TypeError("Expected text.")
    except OSError as error:
        raise RunFolderError(path, f"the run's card cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise RunFolderError(path, "the run's card is broken: train again") from error
    return card


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _reserve(runs: Path, name: str) -> NewRun:
    for number in itertools.count(1):
        free = name if number == 1 else f"{name}-{number}"
        run = NewRun(runs / f".{free}.partial", runs / free)
        if not run.folder.exists():
            with contextlib.suppress(FileExistsError):
                run.partial.mkdir()
                return run
    raise AssertionError("unreachable: numbers do not end")


def _point_latest(runs: Path, name: str) -> None:
    temporary = runs / f".{_LATEST}.{os.getpid()}"
    temporary.symlink_to(name)
    temporary.replace(runs / _LATEST)
