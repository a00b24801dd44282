"""Folds side by side on a cluster, by the extra `ray`; this module is imported without it, too.

A fold is trained in a process of its own, in a temporary folder; the files that it leaves are its
answer, and only the driver writes them into the run.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiart_edge.batch.engine import do_tasks
from aiart_edge.errors import AiartError, DataError
from aiart_edge.program import count_cores
from aiart_train.learning.backend import set_threads, start_keras
from aiart_train.learning.recipes import Recipe

if TYPE_CHECKING:
    from aiart_train.data.split import SplitRow

Files = Mapping[str, bytes]  # content, by name


@dataclass(frozen=True)
class Fold:
    """A training to be done.

    Args:
        number: of the fold.
        rows: of its split.
    """

    number: int
    rows: tuple[SplitRow, ...]


@dataclass(frozen=True)
class Plan:
    """What the folds of a cross-validation have in common.

    Args:
        recipe: what to train and how.
        folder: the data folder, by the same name on all nodes.
        seed: of the training.
        threads: see `backend.name_threads`.
        versions: see `card.find_versions`.
        features: the content of the file of what heads are fitted on; empty where none is.
    """

    recipe: Recipe
    folder: Path
    seed: int
    threads: Mapping[str, int]
    versions: Mapping[str, str]
    features: bytes


def score_folds(address: str, plan: Plan, folds: Iterable[Fold]) -> Iterator[tuple[int, Files]]:
    """Train on folds side by side, and score their test parts.

    Args:
        address: see `engine.do_tasks`.
        plan: what they have in common.
        folds: to be done.

    Yields:
        The number of each fold as it is done, and the files of its run folder.

    Raises:
        DataError: a node has other versions, does not see the data or has no room for its files.
        MissingExtra: the extra `ray` is not installed.
        PictureError: a picture of the split cannot be read any more.
        RuntimeUnavailable: the cluster does not answer.
        UnfitRecipe: the recipe does not fit its architecture.
        AiartError: a training does not fit into memory, or no node has so many processors.
    """
    processors = max(plan.threads.values())
    for fold, files in do_tasks(
        address, count_cores(), do_fold, plan, folds, processors=processors, fresh=True
    ):
        if files is None:
            raise AiartError(
                f"the processes of fold {fold.number} die on the cluster, as where memory runs out"
            )
        yield fold.number, files


def do_fold(plan: Plan, fold: Fold) -> Files | Exception:
    """Train on a fold and score its test part, on whichever node.

    Args:
        plan: to which it belongs.
        fold: its number and split.

    Returns:
        The files of its run folder; or why there are none.
    """
    start_keras()
    set_threads(plan.threads)
    from aiart_train.learning.fit import UnfitRecipe  # noqa: PLC0415  it needs Keras

    try:
        _prove(plan, fold)
        return _do_fold(plan, fold)
    except (AiartError, UnfitRecipe) as error:
        return error
    except OSError as error:
        return _refuse(f"has no room for the files of a fold ({error.strerror})")


def _prove(plan: Plan, fold: Fold) -> None:
    """Prove that this node computes with the same and sees the data."""
    from aiart_train.card import find_versions  # noqa: PLC0415  it needs Keras

    here = find_versions()
    for name, version in plan.versions.items():
        if here.get(name) != version:
            raise _refuse(f"may train otherwise: {name} is {here.get(name)} there, not {version}")
    first = plan.folder / fold.rows[0].path
    try:
        first.stat()
    except OSError as error:
        raise _refuse(f"does not see the data ({first}: {error.strerror})") from error


def _refuse(problem: str) -> DataError:
    return DataError(f"node {os.uname().nodename}", problem)


def _do_fold(plan: Plan, fold: Fold) -> Files:
    from aiart_train.crossval import score_fold  # noqa: PLC0415  it needs Keras
    from aiart_train.learning.fit import Listener  # noqa: PLC0415
    from aiart_train.run_folder import CHECKPOINT, FEATURES  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        features = folder / FEATURES
        features.write_bytes(plan.features)
        score_fold(
            plan.recipe,
            plan.folder,
            fold.rows,
            plan.seed,
            fold.number,
            folder,
            Listener(),
            features,
        )
        left = {CHECKPOINT, FEATURES}
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in left}
