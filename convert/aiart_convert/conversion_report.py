"""A conversion, told: a table for a person, and what is written beside the file as JSON."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from aiart_convert.conversion import Conversion

FEW = 100  # pictures of a class; on fewer, a share of a twentieth says little

_WIDTH = 80  # of a terminal
_CHANCE = 0.05  # above it, answers may well have nothing to do with the classes


def conversion_table(conversions: Sequence[tuple[Conversion, int]]) -> str:
    """Lay out how converted files compare with the Keras model, a line for each runtime.

    Args:
        conversions: of one model, each with the bytes of its file.

    Returns:
        A Markdown table, aligned so that it can be read as it is, at most 80 columns wide.
    """
    keras = conversions[0][0].verifications[0]
    rows = [
        (
            conversion.description.precision,
            _short(figures.runtime),
            f"{size / 1e6:.2f}",
            f"{figures.accuracy:.1%}",
            f"{figures.agreement:.1%}",
            f"{figures.mean_drift:.4f}",
            "FAILED" if conversion.bar.shortfalls(figures) else "passed",
        )
        for conversion, size in conversions
        for figures in conversion.verifications
    ]
    return _table(
        ("file", "run by", "MB", "right", "alike", "drift", "gate"),
        ("", "Keras", "", f"{keras.keras_accuracy:.1%}", "", "", ""),
        *rows,
    )


def verdict_table(conversions: Sequence[Conversion], part: str) -> str:
    """Lay out what the verdicts of converted files are worth, and what tells it.

    Args:
        conversions: of one model.
        part: of the split, on which they were compared.

    Returns:
        A sentence and a Markdown table, at most 80 columns wide.
    """
    rows = [
        (
            conversion.description.precision,
            f"{one.coverage:.0%}",
            _with_interval(
                one.covered_accuracy, one.covered_accuracy_low, one.covered_accuracy_high
            ),
            _with_interval(one.human_called_ai, one.human_called_ai_low, one.human_called_ai_high),
        )
        for conversion in conversions
        for one in (conversion.verdicts,)
    ]
    sentence = f"Verdicts on {measured_on(conversions[0], part)}; 95% intervals:"
    head = ("file", "get one", "of these right", "human art called ai")
    return "\n".join([*textwrap.wrap(sentence, _WIDTH), "", _table(head, *rows)])


def measured_on(conversion: Conversion, part: str) -> str:
    """Say on what the verdicts of a file were measured, and whether that flatters.

    Args:
        conversion: of a model.
        part: of the split, on which it was compared.

    Returns:
        A phrase.
    """
    one = conversion.verdicts
    pictures = f"{one.ai_n} pictures of AI art and {one.human_n} of human art"
    if one.in_sample:
        n = one.ai_n + one.human_n
        return f"{pictures}, {part} part: in sample, n = {n}, by a rule fitted on these very ones"
    if "crossval_n" in conversion.description.metrics:
        return f"{pictures}, out of fold, each by a rule fitted on the other folds"
    if part == "validation":
        return f"{pictures}, {part} part, each by a rule fitted on others of it (cross-fitted)"
    return f"{pictures}, {part} part, by the rule that the validation part gave"


def doubts(conversion: Conversion, part: str) -> list[str]:
    """Say what speaks against believing the figures of a file.

    Args:
        conversion: of a model.
        part: of the split, on which it was compared.

    Returns:
        Phrases, none where nothing does.
    """
    keras, one = conversion.verifications[0], conversion.verdicts
    found = []
    if keras.chance > _CHANCE:
        found.append(
            f"the Keras model's answers are not shown to be better than chance: it answers "
            f"{keras.keras_accuracy:.1%} of {keras.n} {part} pictures rightly (Fisher's exact "
            f"test, p = {keras.chance:.2g}), and a file that agrees with it is no better"
        )
    if min(one.ai_n, one.human_n) < FEW:
        found.append(
            f"there are {one.ai_n} pictures of AI art and {one.human_n} of human art: on fewer "
            f"than {FEW} of each the unsure band and its figures say little: take more pictures, "
            "or fit it on a cross-validation with  --decision FOLDER"
        )
    return found


def conversion_document(conversion: Conversion, size: int, part: str) -> dict[str, Any]:
    """Say of a conversion what a program may want to know.

    Args:
        conversion: of a model.
        size: of its file, bytes.
        part: of the split, on which it was compared.

    Returns:
        What is written beside the file, as JSON.
    """
    return {
        "precision": conversion.description.precision,
        "size": size,
        "accepted": conversion.is_accepted,
        "bar": asdict(conversion.bar),
        "part": part,
        "runtimes": [
            asdict(figures) | {"passed": not conversion.bar.shortfalls(figures)}
            for figures in conversion.verifications
        ],
        "origin": dict(conversion.description.origin),
        "calibration": {"pictures": len(conversion.calibration), "spread": conversion.spread},
        "remedy": asdict(conversion.remedy) if conversion.remedy else None,
        "evidence": asdict(conversion.completeness) if conversion.completeness else None,
    }


def failure(conversion: Conversion, part: str) -> str:
    """Say why a conversion was not accepted.

    Args:
        conversion: that was not.
        part: of the split, on which it was compared.

    Returns:
        A phrase about the runtime with which it did worst.
    """
    bar = conversion.bar
    worst = min(
        filter(bar.shortfalls, conversion.verifications),
        key=lambda figures: (figures.agreement, figures.accuracy),
    )
    phrases = ", and ".join(bar.shortfalls(worst))
    return f"run by {worst.runtime}, on the {part} part {phrases}"


def _table(*lines: tuple[str, ...]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *rows = lines
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in (head, rule, *rows)
    )


def _short(runtime: str) -> str:
    """Leave out the version, so that a line fits a terminal."""
    return re.sub(r" [\d.]+", "", runtime).replace("as on", "as")


def _with_interval(share: float | None, low: float | None, high: float | None) -> str:
    if share is None or low is None or high is None:
        return "-"
    return f"{share:.1%} ({100 * low:.1f} to {100 * high:.1f})"
