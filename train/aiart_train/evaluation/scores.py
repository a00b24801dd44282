"""The scores of a run's pictures, written down, so that two runs can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiart_edge.errors import DataError
from aiart_train.data.split import SplitRow, from_cells, write_rows
from aiart_train.data.table import read_rows

SCORES = "scores.csv"


@dataclass(frozen=True)
class ScoredRow(SplitRow):
    """One picture and its score; a line of scores.csv.

    Args:
        fold: the fold of a cross-validation that tested it, or None where there are no folds.
        p_ai: the network's, not calibrated, 0 to 1.
    """

    fold: int | None
    p_ai: float


def add_scores(
    rows: Sequence[SplitRow], scores: NDArray[np.float64], fold: int | None = None
) -> tuple[ScoredRow, ...]:
    """Join pictures with their scores.

    Args:
        rows: the pictures.
        scores: float of shape [n, 2], p(ai) and p(human).
        fold: whose network scored them. Default: there is none.

    Returns:
        One scored row per picture, in order.
    """
    return tuple(
        ScoredRow(**asdict(row), fold=fold, p_ai=float(p_ai))
        for row, p_ai in zip(rows, scores[:, 0], strict=True)
    )


def scores_of(rows: Sequence[ScoredRow]) -> NDArray[np.float64]:
    """Give the scores of scored rows.

    Args:
        rows: the pictures.

    Returns:
        float64 of shape [n, 2], p(ai) and p(human).
    """
    p_ai = np.array([row.p_ai for row in rows], dtype=np.float64)
    return np.stack([p_ai, 1 - p_ai], axis=1)


def write_scores(path: Path, rows: Sequence[ScoredRow]) -> None:
    """Write scores.csv.

    Args:
        path: of the file.
        rows: the pictures that were scored.

    Raises:
        OutputError: it cannot be written.
    """
    write_rows(path, ScoredRow, rows)


def read_scores(path: Path) -> tuple[ScoredRow, ...]:
    """Read scores.csv and check that it is one.

    Args:
        path: of the file.

    Returns:
        Its rows.

    Raises:
        DataError: it is missing, empty or broken, or a picture stands in it twice.
    """
    rows = read_rows(path, "scores", "evaluate again", _parse)
    if not rows:
        raise DataError(path, "the scores are empty; evaluate again")
    picture, count = Counter(row.path for row in rows).most_common(1)[0]
    if count > 1:
        raise DataError(path, f"the picture {picture} stands here twice; evaluate again")
    return rows


def _parse(cells: dict[str, Any]) -> ScoredRow:
    fold, p_ai = int(cells["fold"]) if cells["fold"] else None, float(cells["p_ai"])
    if not 0 <= p_ai <= 1:
        raise ValueError("a value is missing or unknown")
    return ScoredRow(**{**from_cells(cells), "fold": fold, "p_ai": p_ai})
