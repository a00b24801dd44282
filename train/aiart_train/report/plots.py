"""The plots of a report: each draws on a figure."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from aiart_edge.decision import LABELS
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.evaluate import (
    MOST_FPR,
    DecisionMetrics,
    Metrics,
    coverage_curve,
    reliability,
    roc,
    wilson_interval,
)
from aiart_train.learning.fit import History


def draw_history(figure: Figure, history: History, name: str, chosen_epoch: int | None) -> None:
    """Draw a figure of the training against the epochs.

    Args:
        figure: to draw on.
        history: figures after each epoch.
        name: `loss` or `accuracy`; `val_` before it is the validation part's.
        chosen_epoch: the epoch whose weights were kept, from 1, or None.
    """
    axes = figure.subplots()
    epochs = range(1, len(history[name]) + 1)
    for key, label in ((name, "training"), (f"val_{name}", "validation")):
        if key in history:
            axes.plot(epochs, history[key], marker=".", label=label)
    if chosen_epoch is not None:
        axes.plot(
            chosen_epoch,
            history.get(f"val_{name}", history[name])[chosen_epoch - 1],
            "o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor=mpl.rcParams["text.color"],
            label="kept",
        )
    axes.set(xlabel="epoch", ylabel=name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend_above(figure)


def draw_confusion(figure: Figure, metrics: Metrics) -> None:
    """Draw the confusion matrix, each cell shaded by its share of its true class.

    Args:
        figure: to draw on.
        metrics: of the answers.
    """
    axes = figure.subplots()
    counts = np.array(metrics.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    first = mpl.rcParams["axes.prop_cycle"].by_key()["color"][0]
    shades = LinearSegmentedColormap.from_list("", [mpl.rcParams["axes.facecolor"], first])
    axes.imshow(shares, cmap=shades, vmin=0, vmax=1.25, aspect="auto")  # no cell hides its text
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center", size=15
        )
    axes.set(xlabel="answered", ylabel="true")
    axes.set_xticks(range(len(LABELS)), LABELS)
    axes.set_yticks(range(len(LABELS)), LABELS, rotation=90, va="center")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)


def draw_roc(figure: Figure, rows: Sequence[SplitRow], scores: NDArray[np.float64]) -> None:
    """Draw the ROC curve, and on it the point at a false positive rate of 5%.

    Args:
        figure: to draw on.
        rows: the pictures, of both classes.
        scores: float of shape [n, 2], p(ai) and p(human).
    """
    axes = _unit_square(figure, "human art called ai", "AI art called ai")
    fpr, tpr = roc(rows, scores)
    axes.plot(fpr, tpr, color="C0")
    best = int(np.flatnonzero(fpr <= MOST_FPR)[-1])
    found = f"{tpr[best]:.0%} found at {MOST_FPR:.0%} false alarms"
    axes.plot(fpr[best], tpr[best], "o", color="C1", markersize=8, label=found)
    _legend_above(figure)


def draw_reliability(
    figure: Figure,
    rows: Sequence[SplitRow],
    scores: NDArray[np.float64],
    p_ai: NDArray[np.float64],
) -> None:
    """Draw how often p(ai) comes true, before and after calibration.

    Args:
        figure: to draw on.
        rows: the pictures.
        scores: float of shape [n, 2], p(ai) and p(human).
        p_ai: float of shape [n], calibrated.
    """
    axes = _unit_square(figure, "p(ai)", "share that is AI art")
    raw, calibrated = reliability(rows, scores[:, 0]), reliability(rows, p_ai)
    axes.plot(raw.p_ai, raw.share_ai, "o", color="C1", markerfacecolor="none", label="as scored")
    shares_of = zip(calibrated.share_ai, calibrated.counts, strict=True)
    ends = [wilson_interval(round(share * n), n) for share, n in shares_of]
    reach = np.abs(np.transpose(ends) - calibrated.share_ai)
    axes.errorbar(
        calibrated.p_ai,
        calibrated.share_ai,
        reach,
        fmt="o",
        color="C0",
        elinewidth=1,
        label="calibrated",
    )
    _legend_above(figure)


def draw_coverage(
    figure: Figure,
    rows: Sequence[SplitRow],
    p_ai: NDArray[np.float64],
    metrics: DecisionMetrics,
) -> None:
    """Draw the accuracy against the share of pictures that are answered, the surest first.

    Args:
        figure: to draw on.
        rows: the pictures.
        p_ai: float of shape [n], calibrated.
        metrics: of the verdicts, for the point where the unsure band stands.
    """
    axes = _axes_of_shares(figure, "share of pictures answered", "accuracy on them")
    coverage, accuracy = coverage_curve(rows, p_ai)
    axes.plot(coverage, accuracy, color="C0")
    if metrics.covered_accuracy is not None:
        point = metrics.coverage, metrics.covered_accuracy
        axes.plot(*point, "o", color="C1", markersize=8, label="the verdicts")
        _legend_above(figure)
    axes.set(xlim=(0, 1.02), ylim=(min(0.5, float(accuracy.min())) - 0.02, 1.02))


def _legend_above(figure: Figure) -> None:
    """Say what is what where no point can lie."""
    figure.legend(loc="outside upper center", ncols=3)


def _unit_square(figure: Figure, xlabel: str, ylabel: str) -> Axes:
    axes = _axes_of_shares(figure, xlabel, ylabel)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.plot([0, 1], [0, 1], color=mpl.rcParams["text.color"], linestyle=":", linewidth=1)
    return axes


def _axes_of_shares(figure: Figure, xlabel: str, ylabel: str) -> Axes:
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    return axes
