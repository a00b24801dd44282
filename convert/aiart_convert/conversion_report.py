"""A conversion, told: a table for a person, and what is written beside the file as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aiart_convert.conversion import Conversion
from aiart_convert.verify import Bar

_COLUMNS = (
    "precision",
    "run by",
    "size",
    "accuracy",
    "Keras",
    "agreement",
    "mean drift",
    "largest",
    "McNemar p",
    "gate",
)


def conversion_table(conversions: Sequence[tuple[Conversion, int]], bar: Bar) -> str:
    """Lay out how converted files compare with the Keras model, a line for each runtime.

    Args:
        conversions: of one model, each with the bytes of its file.
        bar: that they had to reach.

    Returns:
        A Markdown table, aligned so that it can be read as it is.
    """
    rows = [
        (
            conversion.description.precision,
            figures.runtime,
            f"{size / 1e6:.2f} MB",
            f"{figures.accuracy:.1%}",
            f"{figures.keras_accuracy:.1%}",
            f"{figures.agreement:.1%}",
            f"{figures.mean_drift:.4f}",
            f"{figures.largest_drift:.4f}",
            f"{figures.p_value:.2g}",
            "passed" if bar.is_reached(figures) else "FAILED",
        )
        for conversion, size in conversions
        for figures in conversion.verifications
    ]
    lines = [_COLUMNS, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in (_COLUMNS, rule, *rows)
    )


def conversion_document(conversion: Conversion, size: int, part: str, bar: Bar) -> dict[str, Any]:
    """Say of a conversion what a program may want to know.

    Args:
        conversion: of a model.
        size: of its file, bytes.
        part: of the split, on which it was compared.
        bar: that it had to reach.

    Returns:
        What is written beside the file, as JSON.
    """
    return {
        "precision": conversion.description.precision,
        "size": size,
        "accepted": conversion.is_accepted,
        "bar": asdict(bar),
        "part": part,
        "runtimes": [
            asdict(figures) | {"passed": bar.is_reached(figures)}
            for figures in conversion.verifications
        ],
        "origin": dict(conversion.description.origin),
        "calibration": {"pictures": len(conversion.calibration), "spread": conversion.spread},
        "remedy": asdict(conversion.remedy) if conversion.remedy else None,
    }


def failure(conversion: Conversion, part: str, bar: Bar) -> str:
    """Say why a conversion was not accepted.

    Args:
        conversion: that was not.
        part: of the split, on which it was compared.
        bar: that it had to reach.

    Returns:
        A phrase about the runtime with which it did worst.
    """
    worst = min(
        (figures for figures in conversion.verifications if not bar.is_reached(figures)),
        key=lambda figures: (figures.agreement, figures.accuracy),
    )
    right, keras_right, alike = (
        round(share * worst.n) for share in (worst.accuracy, worst.keras_accuracy, worst.agreement)
    )
    return (
        f"run by {worst.runtime} it answers {right} of {worst.n} {part} pictures rightly (Keras "
        f"{keras_right}, so at least {(1 - bar.max_drop) * keras_right:.2f} are asked) and {alike} "
        f"as Keras does (at least {bar.min_agreement * worst.n:.2f})"
    )


def verdicts(conversion: Conversion, part: str) -> str:
    """Say what verdicts a file gives, out of fold where its decision rule comes from there.

    Args:
        conversion: of a model.
        part: of the split, on which it was compared.

    Returns:
        A phrase.
    """
    figures = conversion.description.metrics
    is_out_of_fold = "crossval_n" in figures
    coverage, right, called_ai = (
        figures.get(f"{'crossval' if is_out_of_fold else part}_{name}")
        for name in ("coverage", "covered_accuracy", "human_called_ai")
    )
    return (
        f"{'out of fold ' if is_out_of_fold else ''}not unsure {_share(coverage)}, "
        f"of those right {_share(right)}, human art called ai {_share(called_ai)}"
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
