"""Evaluation: how good scores are, in the field's standard figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from aiart_edge.decision import LABELS, DecisionRule, Verdict
from aiart_edge.errors import AiartError, DataError
from aiart_edge.image import InputRule, read_pixels
from aiart_train.data.dataset import Dataset
from aiart_train.data.duplicates import group, near_pairs
from aiart_train.data.split import SplitRow, make_row
from aiart_train.evaluation.calibration import Decisions
from aiart_train.learning.batches import PictureBatches
from aiart_train.learning.features import FeatureBatches, open_cache
from aiart_train.learning.recipes import HEAD

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MOST_FPR = 0.05  # share of human art called `ai`, at which the true positive rate is told
BINS = 15  # of p(ai), equally wide, for the reliability; as many as Guo et al. (2017) use

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
    """Figures of a set of scores as they are: not calibrated, and answered at the threshold 0.5.

    `ai` is the positive class. A figure that needs both classes is None where one has no picture.

    Args:
        n: number of pictures.
        loss: mean binary cross-entropy, in nats.
        accuracy: share of right answers.
        accuracy_interval: its 95% Wilson score interval.
        balanced_accuracy: mean of both classes' recall.
        auc: area under the ROC curve.
        tpr_at_5_fpr: the highest recall of AI art at which at most 5% of human art is called `ai`.
        brier: mean squared error of p(ai).
        ece: expected calibration error of p(ai), see `Reliability`.
        classes: figures by label.
        confusion: counts, a row per true label and a column per answer, in the order of `LABELS`.
    """

    n: int
    loss: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    balanced_accuracy: float | None
    auc: float | None
    tpr_at_5_fpr: float | None
    brier: float
    ece: float
    classes: dict[str, ClassMetrics]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class DecisionMetrics:
    """Figures of calibrated probabilities and verdicts.

    A share is None where it is a share of no pictures.

    Args:
        n: number of pictures.
        rules: see `calibration.Decisions`.
        brier: mean squared error of the calibrated p(ai).
        ece: its expected calibration error, see `Reliability`.
        coverage: share of the pictures that get a verdict other than `unsure`.
        covered_accuracy: share of right verdicts among those.
        human_called_ai: share of the human pictures whose verdict is `ai`.
        ai_called_human: share of the AI pictures whose verdict is `human`.
        verdicts: counts, a row per true label in the order of `LABELS` and a column per verdict in
            the order of `VERDICTS`.
    """

    n: int
    rules: tuple[DecisionRule, ...]
    brier: float
    ece: float
    coverage: float
    covered_accuracy: float | None
    human_called_ai: float | None
    ai_called_human: float | None
    verdicts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Whether p(ai) means what it says, in 15 equally wide bins of p(ai); empty ones are left out.

    Args:
        p_ai: float64 of shape [bins], its mean in each bin.
        share_ai: float64 of shape [bins], the share of AI art in each.
        counts: int of shape [bins], the pictures in each.
    """

    p_ai: NDArray[np.float64]
    share_ai: NDArray[np.float64]
    counts: NDArray[np.int_]

    @property
    def ece(self) -> float:
        """The expected calibration error: the mean distance of both, weighted by the pictures.

        Naeini et al. (2015), "Obtaining Well Calibrated Probabilities Using Bayesian Binning", with
        the equally wide bins that most others report. A small set overstates it.
        """
        return float(np.average(np.abs(self.p_ai - self.share_ai), weights=self.counts))


def predict(
    model: keras.Model,
    folder: Path,
    rows: Sequence[SplitRow],
    rule: InputRule,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
    features: Path | None = None,
) -> NDArray[np.float64]:
    """Score pictures with a Keras model.

    Args:
        model: with one sigmoid output, p(human), or two, p(ai) and p(human).
        folder: the data folder.
        rows: the pictures.
        rule: how the model wants them.
        progress: wraps the steps that are walked through. Default: nothing.
        features: the file in which what this model's head sees is kept, see
            `learning.features.file_of`; of a model whose head alone was trained. Default: none is.

    Returns:
        float64 of shape [n, 2], p(ai) and p(human), not calibrated.

    Raises:
        PictureError: a picture cannot be read.
        AiartError: a score is no probability, or there is no room for the features.
    """
    outputs: list[NDArray[np.float32]] = []
    if features:
        pictures = PictureBatches(folder, rows, rule, _BATCH_SIZE)
        with open_cache(features, model) as cache:
            batches = FeatureBatches(pictures, model, cache)
            for number in progress(range(len(batches))):
                outputs.append(np.asarray(model.get_layer(HEAD)(batches[number][0])))
        return to_scores(np.concatenate(outputs))
    for start in progress(range(0, len(rows), _BATCH_SIZE)):
        batch = rows[start : start + _BATCH_SIZE]
        pixels = [read_pixels(folder / row.path, rule) for row in batch]
        outputs.append(model.predict_on_batch(np.concatenate(pixels)))
    return to_scores(np.concatenate(outputs))


def to_scores(output: NDArray[np.float32]) -> NDArray[np.float64]:
    """Turn what a Keras model puts out into two scores.

    Args:
        output: float of shape [n, 1], p(human), or [n, 2], p(ai) and p(human).

    Returns:
        float64 of shape [n, 2], p(ai) and p(human).

    Raises:
        AiartError: it is no probability, as of a network whose training went astray.
    """
    scores = np.asarray(output, dtype=np.float64)
    if not ((scores >= 0) & (scores <= 1)).all():  # nor is what is no number
        raise AiartError(
            "the network's scores are no probabilities: train again, with a smaller --learning-rate"
        )
    return scores if scores.shape[1] == len(LABELS) else np.hstack([1 - scores, scores])


def measure(rows: Sequence[SplitRow], scores: NDArray[np.float64]) -> Metrics:
    """Measure scores against the labels.

    Args:
        rows: the pictures.
        scores: float of shape [n, 2], p(ai) and p(human).

    Returns:
        The figures.
    """
    truth = targets(rows)
    answers = answer(scores)
    right = int((truth == answers).sum())
    per_class = precision_recall_fscore_support(
        truth, answers, labels=range(len(LABELS)), zero_division=0
    )
    counts = confusion_matrix(truth, answers, labels=range(len(LABELS)))
    both = len(set(truth)) == len(LABELS)
    return Metrics(
        n=len(rows),
        loss=float(log_loss(truth, scores[:, 1], labels=range(len(LABELS)))),
        accuracy=right / len(rows),
        accuracy_interval=wilson_interval(right, len(rows)),
        balanced_accuracy=float(np.mean(per_class[1])) if both else None,
        auc=float(roc_auc_score(_is_ai(rows), scores[:, 0])) if both else None,
        tpr_at_5_fpr=_tpr_at_5_fpr(*roc(rows, scores)) if both else None,
        brier=_brier(rows, scores[:, 0]),
        ece=reliability(rows, scores[:, 0]).ece,
        classes={
            label: ClassMetrics(float(precision), float(recall), float(f1), int(support))
            for label, precision, recall, f1, support in zip(LABELS, *per_class, strict=True)
        },
        confusion=tuple(tuple(row) for row in counts.tolist()),
    )


def measure_decisions(rows: Sequence[SplitRow], decisions: Decisions) -> DecisionMetrics:
    """Measure calibrated probabilities and verdicts against the labels.

    Args:
        rows: the pictures; of a part on which no rule of the decisions was fitted.
        decisions: made of their scores.

    Returns:
        The figures.
    """
    pairs: Counter[tuple[str, str]] = Counter(
        zip((row.label for row in rows), decisions.verdicts, strict=True)
    )
    support = Counter(row.label for row in rows)
    covered = sum(got != "unsure" for got in decisions.verdicts)
    return DecisionMetrics(
        n=len(rows),
        rules=decisions.rules,
        brier=_brier(rows, decisions.p_ai),
        ece=reliability(rows, decisions.p_ai).ece,
        coverage=covered / len(rows),
        covered_accuracy=_share(sum(pairs[label, label] for label in LABELS), covered),
        human_called_ai=_share(pairs["human", "ai"], support["human"]),
        ai_called_human=_share(pairs["ai", "human"], support["ai"]),
        verdicts=tuple(tuple(pairs[label, got] for got in VERDICTS) for label in LABELS),
    )


def reliability(rows: Sequence[SplitRow], p_ai: NDArray[np.float64]) -> Reliability:
    """Compare p(ai) with how often it comes true.

    Args:
        rows: the pictures.
        p_ai: float of shape [n], calibrated or not.

    Returns:
        The bins.
    """
    bins = np.minimum((p_ai * BINS).astype(np.int_), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    filled = counts > 0
    means = [
        np.bincount(bins, values, BINS)[filled] / counts[filled] for values in (p_ai, _is_ai(rows))
    ]
    return Reliability(means[0], means[1], counts[filled])


def roc(
    rows: Sequence[SplitRow], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw the ROC curve, with `ai` as the positive class.

    Args:
        rows: the pictures, of both classes.
        scores: float of shape [n, 2], p(ai) and p(human).

    Returns:
        The false and the true positive rates, float64 of shape [points] each, from 0 to 1.
    """
    fpr, tpr, _ = roc_curve(_is_ai(rows), scores[:, 0], drop_intermediate=False)
    return fpr, tpr


def coverage_curve(
    rows: Sequence[SplitRow], p_ai: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Say how accurate the answers are if only the most confident pictures are answered.

    El-Yaniv and Wiener (2010), "On the Foundations of Noise-free Selective Classification".
    Pictures of the same confidence come together, so that the rows' order does not matter.

    Args:
        rows: the pictures.
        p_ai: float of shape [n], calibrated.

    Returns:
        The shares of pictures that are answered, ascending to 1, and the accuracy on them; float64
        of shape [distinct confidences] each.
    """
    confidence = np.abs(p_ai - 0.5)
    order = np.argsort(-confidence, kind="stable")
    right = (p_ai > 0.5) == _is_ai(rows)  # noqa: PLR2004
    answered = np.arange(1, len(rows) + 1)
    last_of_a_tie = np.append(np.diff(confidence[order]) != 0, True)
    return (
        (answered / len(rows))[last_of_a_tie],
        (np.cumsum(right[order]) / answered)[last_of_a_tie],
    )


def wilson_interval(count: int, n: int) -> tuple[float, float]:
    """Give the 95% score interval of a share (Wilson 1927).

    Args:
        count: how many.
        n: of how many, at least 1.

    Returns:
        Its lower and upper end.
    """
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def unseen(dataset: Dataset, rows: Sequence[SplitRow]) -> tuple[SplitRow, ...]:
    """Pick the pictures of a data set that a run neither trained on nor validated with.

    Args:
        dataset: of art from elsewhere, or the run's own, wherever it lies now.
        rows: of the run's split.

    Returns:
        One row per picture that is in neither part, nor a near-duplicate of one that is; all are in
        the part `test`.

    Raises:
        DataError: the run has seen every picture.
    """
    phashes = [picture.phash for picture in dataset.pictures]
    learnt = [row.phash for row in rows if row.part != "test"]
    seen = {one for one, other in near_pairs(phashes + learnt) if other >= len(phashes)}
    found = tuple(
        make_row(picture, number, "test")
        for position, (picture, number) in enumerate(
            zip(dataset.pictures, group(phashes), strict=True)
        )
        if position not in seen
    )
    if not found:
        raise DataError(
            dataset.folder,
            "the run trained or validated on all of its pictures, or on ones that look like them; "
            "name other data",
        )
    return found


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


def _is_ai(rows: Sequence[SplitRow]) -> NDArray[np.bool_]:
    return np.array([row.label == "ai" for row in rows])


def _brier(rows: Sequence[SplitRow], p_ai: NDArray[np.float64]) -> float:
    return float(brier_score_loss(_is_ai(rows), p_ai, pos_label=True))


def _tpr_at_5_fpr(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> float:
    return float(tpr[fpr <= MOST_FPR].max())


def _share(count: int, n: int) -> float | None:
    return count / n if n else None
