"""Robustness: do answers and verdicts survive what happens to a picture on the web?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiart_edge.decision import DecisionRule, Verdict
from aiart_edge.image import InputRule, decode, read_pixels
from aiart_train.data.split import Row, SplitRow
from aiart_train.evaluation.calibration import apply_rule
from aiart_train.evaluation.evaluate import measure, to_scores
from aiart_train.evaluation.perturbations import PERTURBATIONS

UNCHANGED = "as it is"


@dataclass(frozen=True)
class Robustness:
    """Figures on pictures that were all changed in one way.

    Args:
        name: `UNCHANGED`, or a name in `perturbations.PERTURBATIONS`.
        accuracy: share of right answers at the threshold 0.5.
        balanced_accuracy: mean of both classes' recall; None where a class has no picture.
        flip_rate: share of the pictures whose verdict (`ai`, `human` or `unsure`) is not the one on
            the unchanged picture.
    """

    name: str
    accuracy: float
    balanced_accuracy: float | None
    flip_rate: float


def sweep(
    score: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    folder: Path,
    rows: Sequence[SplitRow],
    rule: InputRule,
    decision: DecisionRule,
    progress: Callable[[Sequence[SplitRow]], Iterable[SplitRow]] = iter,
) -> tuple[Robustness, ...]:
    """Change each picture in every way, and measure each way.

    A picture and its changed versions are scored together, then forgotten: memory does not grow
    with their number.

    Args:
        score: from pixels, uint8 of shape [n, height, width, 3], to what
            `evaluate.to_scores` takes.
        folder: the data folder.
        rows: the pictures; of a part that neither trained nor fitted the decision rule.
        rule: how they are wanted.
        decision: made for these scores.
        progress: wraps the rows that are walked through. Default: nothing.

    Returns:
        The figures of the unchanged pictures, then of each perturbation.

    Raises:
        PictureError: a picture cannot be read.
    """
    outputs = [score(_versions(folder / row.path, rule)) for row in progress(rows)]
    by_version = [to_scores(output) for output in np.stack(outputs, axis=1)]
    return measure_changes(rows, by_version, lambda scores: apply_rule(scores, decision).verdicts)


def measure_changes(
    rows: Sequence[SplitRow],
    by_version: Iterable[NDArray[np.float64]],
    verdicts_of: Callable[[NDArray[np.float64]], Sequence[Verdict]],
) -> tuple[Robustness, ...]:
    """Measure scores of pictures as they are and changed in every way.

    Args:
        rows: the pictures.
        by_version: scores of shape [n, 2] of the unchanged pictures, then of each perturbation.
        verdicts_of: decides on such scores.

    Returns:
        The figures of the unchanged pictures, then of each perturbation.
    """
    unchanged, *changed = by_version
    before = verdicts_of(unchanged)
    return tuple(
        _measure(name, rows, scores, verdicts_of(scores), before)
        for name, scores in zip((UNCHANGED, *PERTURBATIONS), (unchanged, *changed), strict=True)
    )


def spread(rows: Sequence[Row], count: int) -> tuple[Row, ...]:
    """Choose pictures so that sources of each class have as even a share as their sizes allow.

    Args:
        rows: to choose from.
        count: how many; all, where there are fewer.

    Returns:
        Them, chosen by their SHA-256 alone.
    """
    of_sources: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.sha256):
        of_sources[row.label, row.source].append(row)
    in_turn = chain.from_iterable(zip_longest(*of_sources.values()))
    return tuple(islice((row for row in in_turn if row is not None), count))


def _versions(path: Path, rule: InputRule) -> NDArray[np.uint8]:
    """Read a picture as it is and changed in every way: uint8 [versions, height, width, 3]."""
    image = decode(path)
    changed = [read_pixels(perturb(image), rule) for perturb in PERTURBATIONS.values()]
    return np.concatenate([read_pixels(path, rule), *changed])


def _measure(
    name: str,
    rows: Sequence[SplitRow],
    scores: NDArray[np.float64],
    verdicts: Sequence[Verdict],
    before: Sequence[Verdict],
) -> Robustness:
    metrics = measure(rows, scores)
    flips = sum(now != then for now, then in zip(verdicts, before, strict=True))
    return Robustness(name, metrics.accuracy, metrics.balanced_accuracy, flips / len(rows))
