"""The checkpoint of a training: all that it needs to go on as if it had not been broken."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiart_edge.errors import RunFolderError
from aiart_edge.files import write_atomically

Arrays = list[NDArray[Any]]

_KINDS = ("variables", "kept")


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands.

    Args:
        epoch: number of the epoch that begins, from 0. Default 0.
        variables: of the model and the optimiser as the epoch begins. Default: as they are.
        kept: the model's variables after the best epoch, or after the last one.
        best_loss: validation loss of that epoch, infinite where there is no validation part.
        waited: epochs since then.
        history: figures after the head's fit, where there was one, and after each epoch.
    """

    epoch: int = 0
    variables: Arrays = field(default_factory=list)
    kept: Arrays = field(default_factory=list)
    best_loss: float = float("inf")
    waited: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)

    def at_epoch(self, epoch: int, variables: Arrays) -> Checkpoint:
        """Give the state as an epoch begins."""
        return replace(self, epoch=epoch, variables=variables)

    def after_epoch(self, figures: dict[str, float], variables: Arrays, always: bool) -> Checkpoint:
        """Give the state after an epoch.

        Args:
            figures: of the epoch.
            variables: of the model.
            always: keep them whether or not the validation loss is the best so far.
        """
        better = always or figures["val_loss"] < self.best_loss
        past = self.history.get("kept", [])
        if better:  # only one is the kept one
            past = [0.0] * len(past)
        unknown = [math.nan] * len(past)  # of a figure that the file did not hold
        history = {
            name: [*self.history.get(name, unknown), value] for name, value in figures.items()
        }
        return replace(
            self,
            kept=variables if better else self.kept,
            best_loss=figures.get("val_loss", self.best_loss) if better else self.best_loss,
            waited=0 if better else self.waited + 1,
            history={**history, "kept": [*past, float(better)]},
        )


def write_checkpoint(path: Path, state: Checkpoint) -> None:
    """Write a checkpoint.

    Args:
        path: of the file; a killed process leaves the old one.
        state: where the training stands.

    Raises:
        OutputError: it cannot be written.
    """
    arrays = {
        f"{kind}{number}": array
        for kind in _KINDS
        for number, array in enumerate(getattr(state, kind))
    }
    facts = {name: getattr(state, name) for name in ("epoch", "best_loss", "waited", "history")}
    content = io.BytesIO()  # on a full disk, numpy would complain once more of its own file
    np.savez(content, facts=np.array(json.dumps(facts)), **arrays)
    write_atomically(path, content.getvalue())


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: of the file.

    Returns:
        Where the training stands.

    Raises:
        RunFolderError: it is broken.
    """
    try:
        # Opened here, since NumPy would leave a broken file open.
        with path.open("rb") as stream, np.load(stream) as file:
            facts = json.loads(str(file["facts"]))
            if not _are_facts(**facts):
                raise TypeError("Expected what write_checkpoint writes.")
            variables, kept = (_read(file, kind) for kind in _KINDS)
            return Checkpoint(**facts, variables=variables, kept=kept)
    except Exception as error:  # a damaged archive makes NumPy raise anything
        raise RunFolderError(path, "the checkpoint is broken: train from the start") from error


def _are_facts(epoch: Any, best_loss: Any, waited: Any, history: Any) -> bool:
    return (
        all(type(count) is int and count >= 0 for count in (epoch, waited))
        and type(best_loss) is float
        and len({len(values) for values in history.values()}) < 2  # noqa: PLR2004
        and all(type(value) is float for values in history.values() for value in values)
    )


def _read(file: Any, kind: str) -> Arrays:
    count = sum(name.startswith(kind) for name in file.files)
    arrays = [file[f"{kind}{number}"] for number in range(count)]
    if not all(array.dtype.kind in "biuf" for array in arrays):
        raise TypeError("Expected numbers.")
    return arrays
