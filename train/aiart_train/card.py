"""The card of a run: what was trained, on what, how; generated, never written by hand."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import keras

from aiart_edge import __version__
from aiart_train.data.dataset import Dataset, fingerprint
from aiart_train.learning.recipes import Recipe


def make_card(
    kind: str, recipe: Recipe, dataset: Dataset, seed: int, command: str
) -> dict[str, Any]:
    """Say of a run, as it begins, what another person needs to judge and repeat it.

    Args:
        kind: `run_folder.FIT` or `run_folder.CROSSVAL`.
        recipe: what is trained and how.
        dataset: on what.
        seed: of the split and the training.
        command: the command line.

    Returns:
        A document that JSON can hold.
    """
    return {
        "kind": kind,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "recipe": asdict(recipe),
        "seed": seed,
        "data": {
            "folder": str(dataset.folder.resolve()),
            "sha256": fingerprint(dataset.pictures),
            "broken": list(dataset.broken),
        },
        "versions": find_versions(),
    }


def find_versions() -> dict[str, str]:
    """Find the versions of all that a training computes with, by name."""
    packages = (keras.config.backend(), "keras", "numpy", "pillow", "scikit-learn")
    return {
        "aiart": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }
