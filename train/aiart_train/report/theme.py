"""The colours of a light or a dark page, in which plots are drawn."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

from aiart_train.report.document import Theme

Draw = Callable[[Figure], None]


def _colours(ground: str, ink: str, grid: str, blue: str, orange: str) -> dict[Any, Any]:
    inked = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(inked, ink),
        "figure.facecolor": ground,
        "axes.facecolor": ground,
        "axes.edgecolor": grid,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.prop_cycle": cycler(color=[blue, orange]),
        "font.size": 10.5,
        "grid.color": grid,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "lines.linewidth": 2,
    }


_RC_PARAMS: dict[Theme, dict[Any, Any]] = {
    "light": _colours("#ffffff", "#3b4252", "#dfe3e8", "#2563c9", "#d9690f"),
    "dark": _colours("#1b2028", "#c9d1da", "#39414d", "#6ea8fe", "#ffa657"),
}
_SIZE = (5.2, 3.9)  # inches
_DPI = 150


def render(theme: Theme, draw: Draw) -> bytes:
    """Draw a plot.

    Args:
        theme: of the page.
        draw: draws on the figure that it is given.

    Returns:
        A PNG file.
    """
    stream = io.BytesIO()
    with mpl.rc_context(_RC_PARAMS[theme]):
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure)
        figure.savefig(stream, dpi=_DPI)
    return stream.getvalue()
