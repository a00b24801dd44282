"""The report of a run, for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aiart_edge.decision import LABELS
from aiart_train.evaluate import Metrics
from aiart_train.fit import History

CURVES = "curves.png"


def draw_curves(history: History, path: Path) -> None:
    """Draw loss and accuracy against the epochs.

    Args:
        history: figures after each epoch.
        path: of the PNG to write.
    """
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[name]) + 1)
        axes.plot(epochs, history[name], marker=".", label="training")
        axes.plot(epochs, history[f"val_{name}"], marker=".", label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def write_report(card: dict[str, Any], metrics: Metrics) -> str:
    """Write the report's text.

    Args:
        card: of the run.
        metrics: on the test part.

    Returns:
        Markdown.
    """
    low, high = metrics.accuracy_interval
    per_class = "\n".join(
        f"| {label} | {figures.precision:.3f} | {figures.recall:.3f} | {figures.f1:.3f} "
        f"| {figures.support} |"
        for label, figures in metrics.classes.items()
    )
    confusion = "\n".join(
        f"| **{label}** | " + " | ".join(str(count) for count in row) + " |"
        for label, row in zip(LABELS, metrics.confusion, strict=True)
    )
    parts = ", ".join(f"{count} {part}" for part, count in card["parts"].items())
    broken = "".join(f"\n- {line}" for line in card["data"]["broken"]) or " none"
    return f"""# Run `{card["recipe"]["name"]}`, seed {card["seed"]}

{card["created"]}, {card["parameters"]:,} parameters, {card["recipe"]["epochs"]} epochs.
Made by `{card["command"]}`.

## On the {metrics.n} pictures of the test part

Accuracy **{metrics.accuracy:.1%}** (95% interval {low:.1%} to {high:.1%}), loss {metrics.loss:.4f}.

| class | precision | recall | F1 | pictures |
|---|---|---|---|---|
{per_class}

| true \\ answered | {" | ".join(LABELS)} |
|---|{"---|" * len(LABELS)}
{confusion}

![Loss and accuracy]({CURVES})

## Data

{parts}; near-duplicates stay in one part. SHA-256 of the data: `{card["data"]["sha256"]}`.

Files skipped because they cannot be read:{broken}
"""
