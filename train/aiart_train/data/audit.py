"""Audit: what a careful person wants to know of a data set before training on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score, mutual_info_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from aiart_edge.decision import LABELS
from aiart_train.data.dataset import Dataset, Picture, fingerprint
from aiart_train.data.duplicates import group, near_pairs

QUANTILES = {
    "least": 0.0,
    "5%": 0.05,
    "25%": 0.25,
    "median": 0.5,
    "75%": 0.75,
    "95%": 0.95,
    "most": 1.0,
}
FOLDS = 5  # of a cross-validation, where the data allow it
CLEARLY = 0.55  # chance is .5; a floor whose whole interval lies above this is warned of

BY_MODEL = ("ai", "partly-ai", "edited-with-ai")  # what files say of themselves

_SEED = 0
_LEAST_LEAF = 5  # pictures; smaller leaves remember single pictures instead of a rule
_RESAMPLES = 999

Folds = list[tuple[NDArray[np.int_], NDArray[np.int_]]]  # positions that train, that are held out


@dataclass(frozen=True)
class ClassFacts:
    """What the files of one class are.

    Args:
        pictures: their number.
        sources: number of pictures by source.
        formats: number of pictures by format.
        says: number of pictures by what their files say of themselves.
        quantiles: of width and height in pixels and file size in bytes, at `QUANTILES`.
    """

    pictures: int
    sources: dict[str, int]
    formats: dict[str, int]
    says: dict[str, int]
    quantiles: dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Pair:
    """Two pictures that look alike.

    Args:
        first: path of one.
        second: path of the other.
        bits: distance of their perceptual hashes, at most `duplicates.MOST_BITS`.
        same_file: whether they are the same, byte by byte.
        across: whether they stand in different classes.
    """

    first: str
    second: str
    bits: int
    same_file: bool
    across: bool


@dataclass(frozen=True)
class Floor:
    """How well a classifier tells the classes apart without looking at a picture.

    Args:
        folds: of the cross-validation; the figures are of all held-out answers together.
        auc: area under the ROC curve.
        balanced_accuracy: mean of both recalls; chance is 0.5.
        interval: its 95% bootstrap interval, drawn over the groups that the folds keep together.
    """

    folds: int
    auc: float
    balanced_accuracy: float
    interval: tuple[float, float]

    @property
    def is_clear(self) -> bool:
        """Whether the classifier is clearly better than chance."""
        return self.interval[0] > CLEARLY


@dataclass(frozen=True)
class GiveAway:
    """One feature of a file that gives the class away by itself.

    Args:
        feature: its name.
        floor: of a small decision tree on it alone, in a random split.
        where: the values that tell most of the class.
        counts: number of pictures with such a value, by class.
    """

    feature: str
    floor: Floor
    where: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Audit:
    """What is known of a data set without training on it.

    Args:
        folder: the data folder.
        sha256: the fingerprint of its pictures.
        classes: facts by label.
        broken: one line for each file that cannot be read as a picture.
        contradictions: paths of the human class whose files say that a model made them, sorted.
        pairs: pictures that look alike, sorted by path.
        random_floor: in a random split that keeps near-duplicates together; None where a class
            has too few different pictures.
        source_floor: with whole sources left out; None where a class has a single source.
        give_aways: the clear ones, the clearest first.
    """

    folder: str
    sha256: str
    classes: dict[str, ClassFacts]
    broken: tuple[str, ...]
    contradictions: tuple[str, ...]
    pairs: tuple[Pair, ...]
    random_floor: Floor | None
    source_floor: Floor | None
    give_aways: tuple[GiveAway, ...]


def audit(dataset: Dataset) -> Audit:
    """Find what a careful person wants to know before training.

    The floor is a random forest that sees nothing but metadata and geometry: the features that
    `audit_report` lists. A network that is no better may have learnt nothing else.

    Args:
        dataset: as `scan` gives it.

    Returns:
        The audit; the same data give the same.
    """
    pictures = dataset.pictures
    phashes = [picture.phash for picture in pictures]
    targets = np.array([picture.label == "ai" for picture in pictures], dtype=np.int_)
    groups = np.array(group(phashes))
    sources = np.unique([picture.source for picture in pictures], return_inverse=True)[1]
    features = _features(pictures)
    table = np.stack(list(features.values()), axis=1)
    forest = RandomForestClassifier(
        class_weight="balanced", min_samples_leaf=_LEAST_LEAF, random_state=_SEED
    )
    random_floor = source_floor = None
    give_aways: list[GiveAway] = []
    if _least_groups(targets, groups) >= FOLDS:
        folds = _draw_folds(targets, groups)
        random_floor = _measure(forest, table, targets, groups, folds)
        give_aways = [
            _give_away(name, values, pictures, targets, groups, folds)
            for name, values in features.items()
        ]
    if _least_groups(targets, sources) > 1:
        source_floor = _measure(forest, table, targets, sources, _draw_folds(targets, sources))
    return Audit(
        folder=str(dataset.folder),
        sha256=fingerprint(pictures),
        classes={
            label: _facts([picture for picture in pictures if picture.label == label])
            for label in LABELS
        },
        broken=dataset.broken,
        contradictions=tuple(
            picture.path
            for picture in pictures
            if picture.label == "human" and picture.says in BY_MODEL
        ),
        pairs=tuple(
            _pair(pictures[first], pictures[second]) for first, second in near_pairs(phashes)
        ),
        random_floor=random_floor,
        source_floor=source_floor,
        give_aways=tuple(
            sorted(
                (give_away for give_away in give_aways if give_away.floor.is_clear),
                key=lambda give_away: -give_away.floor.balanced_accuracy,
            )
        ),
    )


def _features(pictures: Sequence[Picture]) -> dict[str, NDArray[np.float64]]:
    width, height, size, quality = np.array(
        [(one.width, one.height, one.file_size, one.jpeg_quality) for one in pictures],
        dtype=np.float64,
    ).T
    formats = np.unique([picture.format for picture in pictures], return_inverse=True)[1]
    return {
        "format": formats.astype(np.float64),
        "width": width,
        "height": height,
        "short side": np.minimum(width, height),
        "width / height": width / height,
        "long / short side": np.maximum(width, height) / np.minimum(width, height),
        "bytes": size,
        "bytes per pixel": size / (width * height),
        "JPEG quality (0: no JPEG)": quality,
    }


def _least_groups(targets: NDArray[np.int_], groups: NDArray[np.int_]) -> int:
    return min(len(set(groups[targets == target].tolist())) for target in (0, 1))


def _draw_folds(targets: NDArray[np.int_], groups: NDArray[np.int_]) -> Folds:
    folds = StratifiedGroupKFold(
        min(FOLDS, _least_groups(targets, groups)), shuffle=True, random_state=_SEED
    )
    return list(folds.split(targets, targets, groups))


def _measure(
    model: BaseEstimator,
    table: NDArray[np.float64],
    targets: NDArray[np.int_],
    groups: NDArray[np.int_],
    folds: Folds,
) -> Floor:
    p_ai = cross_val_predict(model, table, targets, cv=folds, method="predict_proba")[:, 1]
    answers = (p_ai > 0.5).astype(np.int_)  # noqa: PLR2004  a tie is `human`, as in evaluate.py
    return Floor(
        folds=len(folds),
        auc=float(roc_auc_score(targets, p_ai)),
        balanced_accuracy=float(balanced_accuracy_score(targets, answers)),
        interval=_interval(answers == targets, targets, groups),
    )


def _interval(
    right: NDArray[np.bool_], targets: NDArray[np.int_], groups: NDArray[np.int_]
) -> tuple[float, float]:
    """Give the interval of balanced accuracy by the cluster bootstrap (Field and Welsh 2007).

    Pictures of one group are right or wrong together, so whole groups are drawn, in each class.
    """
    counts = []
    for target in (0, 1):
        chosen = targets == target
        numbers = np.unique(groups[chosen], return_inverse=True)[1]
        counts.append((np.bincount(numbers, weights=right[chosen]), np.bincount(numbers)))

    def balanced_accuracy(*drawn: NDArray[np.int_], axis: int) -> NDArray[np.float64]:
        recalls = [
            hits[positions].sum(axis) / sizes[positions].sum(axis)
            for (hits, sizes), positions in zip(counts, drawn, strict=True)
        ]
        mean: NDArray[np.float64] = np.mean(recalls, axis=0)
        return mean

    interval = bootstrap(
        [np.arange(len(sizes)) for _, sizes in counts],
        balanced_accuracy,
        n_resamples=_RESAMPLES,
        batch=100,
        method="percentile",
        random_state=_SEED,
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _give_away(
    name: str,
    values: NDArray[np.float64],
    pictures: Sequence[Picture],
    targets: NDArray[np.int_],
    groups: NDArray[np.int_],
    folds: Folds,
) -> GiveAway:
    """Measure a feature by itself, and find the values that tell most of the class.

    A tree of depth 2 cuts the values into at most four ranges. Of these, and of neighbours joined,
    the one with the most mutual information with the class is told.
    """
    tree = DecisionTreeClassifier(
        max_depth=2, class_weight="balanced", min_samples_leaf=_LEAST_LEAF, random_state=_SEED
    )
    floor = _measure(tree, values[:, np.newaxis], targets, groups, folds)
    nodes = tree.fit(values[:, np.newaxis], targets).tree_
    cuts = np.sort(nodes.threshold[nodes.feature >= 0])
    ranges = np.digitize(values, cuts, right=True)
    choices = [
        (ranges >= start) & (ranges < end)
        for start, end in combinations(range(len(cuts) + 2), 2)
        if end - start <= max(len(cuts), 1)  # not all of them
    ]

    def information(chosen: NDArray[np.bool_]) -> tuple[float, int]:
        # What lies outside a range tells as much: the smaller of the two is the plainer statement.
        return round(float(mutual_info_score(targets, chosen)), 9), -int(chosen.sum())

    best = max(choices, key=information)
    if name == "format":
        where = " or ".join(sorted({pictures[at].format for at in np.flatnonzero(best)}))
    else:
        where = " to ".join(
            f"{value:,.0f}" if value.is_integer() else f"{value:.3f}"
            for value in np.unique([values[best].min(), values[best].max()])
        )
    inside = Counter(pictures[at].label for at in np.flatnonzero(best))
    return GiveAway(name, floor, where, {label: inside[label] for label in LABELS})


def _facts(pictures: Sequence[Picture]) -> ClassFacts:
    values = {
        "width, px": [picture.width for picture in pictures],
        "height, px": [picture.height for picture in pictures],
        "file size, bytes": [picture.file_size for picture in pictures],
    }
    return ClassFacts(
        pictures=len(pictures),
        sources=dict(Counter(picture.source for picture in pictures).most_common()),
        formats=dict(Counter(picture.format for picture in pictures).most_common()),
        says=dict(Counter(picture.says for picture in pictures).most_common()),
        quantiles={
            name: tuple(
                int(value)
                for value in np.quantile(numbers, list(QUANTILES.values()), method="nearest")
            )
            for name, numbers in values.items()
        },
    )


def _pair(first: Picture, second: Picture) -> Pair:
    return Pair(
        first=first.path,
        second=second.path,
        bits=(first.phash ^ second.phash).bit_count(),
        same_file=first.sha256 == second.sha256,
        across=first.label != second.label,
    )
