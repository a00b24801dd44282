"""The plots of the report: each draws on a figure."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from benchmarks.results import Row

_COLOURS = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
_BINS = 60


def draw_trade(figure: Figure, rows: Sequence[Row]) -> None:
    """Draw accuracy against the p90 of a picture, with the file's size as area.

    Args:
        figure: to draw on.
        rows: those that were judged.
    """
    axes = figure.subplots()
    kinds = list(dict.fromkeys(_kind(row) for row in rows))
    for row in rows:
        x, y = _point(row)
        axes.scatter(
            x,
            y,
            s=_area(row),
            color=_COLOURS[kinds.index(_kind(row))],
            alpha=0.55,
            linewidth=0,
        )
    front = pareto_front(rows)
    ink = mpl.rcParams["text.color"]
    axes.step(*zip(*map(_point, front), strict=True), where="post", color=ink, linewidth=1)
    for row in front:
        axes.annotate(_name(row), _point(row), (0, 12), textcoords="offset points", size=8)
    for number, kind in enumerate(kinds):
        axes.scatter([], [], color=_COLOURS[number], label=kind)
    axes.set(xlabel="p90 of a picture, ms", ylabel="accuracy")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.margins(y=0.35)
    _log_milliseconds(axes)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)


def draw_histogram(figure: Figure, rows: Sequence[Row]) -> None:
    """Draw how long a picture takes.

    Args:
        figure: to draw on.
        rows: a few.
    """
    axes = figure.subplots()
    times = [1000 * np.array(row.data["picture"]) for row in rows]
    low, high = min(map(np.min, times)), max(map(np.max, times))
    bins = np.geomspace(low, high, _BINS).tolist()
    for number, (row, values) in enumerate(zip(rows, times, strict=True)):
        colour = _COLOURS[number]
        axes.hist(values, bins, histtype="stepfilled", color=colour, alpha=0.25)
        axes.hist(values, bins, histtype="step", color=colour, linewidth=1.2, label=_name(row))
    axes.set(xlabel="a picture, file to verdict, ms", ylabel="calls")
    _log_milliseconds(axes)
    figure.legend(loc="outside upper center", ncols=2, fontsize=8)


def pareto_front(rows: Sequence[Row]) -> list[Row]:
    """Pick the rows that no other is both faster and more accurate than.

    Args:
        rows: those that were judged.

    Returns:
        The front, from the fastest to the most accurate.
    """
    front: list[Row] = []
    for row in sorted(rows, key=lambda row: (_point(row)[0], -_point(row)[1])):
        if not front or _point(row)[1] > _point(front[-1])[1]:
            front.append(row)
    return front


def _point(row: Row) -> tuple[float, float]:
    assert row.accuracy is not None
    return 1000 * row.suites["picture"]["p90"], row.accuracy.accuracy


def _area(row: Row) -> float:
    return float(row.suites["picture"]["file_bytes"]) / 4e4


def _kind(row: Row) -> str:
    tool, runtime = row.variant.tool, row.variant.runtime
    return f"{tool}, {runtime}" if tool == "aiart" else tool


def _name(row: Row) -> str:
    variant = row.variant
    runtime = "" if variant.runtime in variant.tool else f", {variant.runtime}"
    return f"{variant.tool} {variant.precision}{runtime}"


def _log_milliseconds(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.tick_params(axis="x", which="both", length=3, pad=4)
    for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else ""))
