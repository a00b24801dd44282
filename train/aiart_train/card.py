"""The card of a run: what was trained, on what, how; generated, never written by hand."""

from __future__ import annotations

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import keras

from aiart_edge import __version__
from aiart_train.dataset import Dataset, fingerprint
from aiart_train.recipes import Recipe
from aiart_train.split import PARTS, SplitRow

_VERSIONS_OF = ("tensorflow", "keras", "numpy", "pillow", "scikit-learn")


def make_card(
    recipe: Recipe,
    dataset: Dataset,
    rows: Sequence[SplitRow],
    seed: int,
    model: keras.Model,
    command: str,
) -> dict[str, Any]:
    """Say of a run what another person needs to judge and repeat it.

    Args:
        recipe: what was trained and how.
        dataset: on what.
        rows: of the split.
        seed: of the split and the training.
        model: the trained network.
        command: the command line.

    Returns:
        A document that JSON can hold.
    """
    parts = Counter(row.part for row in rows)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "recipe": asdict(recipe),
        "seed": seed,
        "parameters": model.count_params(),
        "data": {
            "folder": str(dataset.folder.resolve()),
            "sha256": fingerprint(dataset.pictures),
            "broken": list(dataset.broken),
        },
        "parts": {part: parts[part] for part in PARTS},
        "versions": {
            "aiart": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _VERSIONS_OF},
        },
    }
