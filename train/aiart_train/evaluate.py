"""Evaluation: how good scores are, in the field's standard figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from aiart_edge.decision import LABELS
from aiart_edge.image import InputRule
from aiart_train.batches import PictureBatches
from aiart_train.split import SplitRow

_BATCH_SIZE = 32


@dataclass(frozen=True)
class ClassMetrics:
    """Figures of one class.

    Args:
        precision: share of the pictures called this that are.
        recall: share of the pictures that are this that were called so.
        f1: harmonic mean of both.
        support: number of pictures.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Metrics:
    """Figures of a set of scores, at the threshold 0.5.

    Args:
        n: number of pictures.
        loss: mean binary cross-entropy, in nats.
        accuracy: share of right answers.
        accuracy_interval: its 95% Wilson score interval.
        classes: figures by label.
        confusion: counts, a row per true label and a column per answer, in the order of `LABELS`.
    """

    n: int
    loss: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    classes: dict[str, ClassMetrics]
    confusion: tuple[tuple[int, ...], ...]


def predict(
    model: keras.Model, folder: Path, rows: Sequence[SplitRow], rule: InputRule
) -> NDArray[np.float64]:
    """Score pictures with a Keras model.

    Args:
        model: with one sigmoid output, p(human), or two, p(ai) and p(human).
        folder: the data folder.
        rows: the pictures.
        rule: how the model wants them.

    Returns:
        float64 of shape [n, 2], p(ai) and p(human), not calibrated.

    Raises:
        PictureError: a picture cannot be read.
    """
    output = np.asarray(
        model.predict(PictureBatches(folder, rows, rule, _BATCH_SIZE), verbose=0), dtype=np.float64
    )
    return output if output.shape[1] == len(LABELS) else np.hstack([1 - output, output])


def measure(rows: Sequence[SplitRow], scores: NDArray[np.float64]) -> Metrics:
    """Measure scores against the labels.

    Args:
        rows: the pictures.
        scores: float of shape [n, 2], p(ai) and p(human).

    Returns:
        The figures. Accuracy's interval is Wilson's (1927), by scipy.
    """
    truth = targets(rows)
    answers = answer(scores)
    right = int((truth == answers).sum())
    interval = binomtest(right, len(rows)).proportion_ci(method="wilson")
    per_class = precision_recall_fscore_support(
        truth, answers, labels=range(len(LABELS)), zero_division=0
    )
    counts = confusion_matrix(truth, answers, labels=range(len(LABELS)))
    return Metrics(
        n=len(rows),
        loss=float(log_loss(truth, scores[:, 1], labels=range(len(LABELS)))),
        accuracy=right / len(rows),
        accuracy_interval=(float(interval.low), float(interval.high)),
        classes={
            label: ClassMetrics(float(precision), float(recall), float(f1), int(support))
            for label, precision, recall, f1, support in zip(LABELS, *per_class, strict=True)
        },
        confusion=tuple(tuple(row) for row in counts.tolist()),
    )


def targets(rows: Sequence[SplitRow]) -> NDArray[np.int_]:
    """Give the true class of each picture as a position in `LABELS`.

    Args:
        rows: the pictures.

    Returns:
        int of shape [n].
    """
    return np.array([LABELS.index(row.label) for row in rows])


def answer(scores: NDArray[np.float64]) -> NDArray[np.int_]:
    """Give the class that each pair of scores answers, as a position in `LABELS`.

    Args:
        scores: float of shape [n, 2], p(ai) and p(human).

    Returns:
        int of shape [n]; a tie is `human`, since an accusation needs more than a tie.
    """
    return (scores[:, 1] >= scores[:, 0]).astype(np.int_)
