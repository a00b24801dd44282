"""Results: what a JSON file of `pytest benchmarks --benchmark-json` holds, as figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError
from benchmarks.variants import PRECISIONS, TOOLS, Variant

ORIGINAL = Variant("Keras model(x)", "float32", "Keras", 1)


@dataclass(frozen=True)
class Accuracy:
    """How good answers are, and how far from the original's.

    Args:
        n: number of pictures.
        accuracy: share of right answers.
        interval: its 95% Wilson score interval.
        recalls: share of right answers by label; None where there is no such picture.
        agreement: share of the pictures that the original answers alike; None, as all that
            follows, where the original's answers are not known.
        drift: mean difference to the original's p(ai), before calibration.
        p_value: of McNemar's exact test (1947): how likely a difference to the original's accuracy
            at least as large is where neither is better.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    recalls: dict[str, float | None]
    agreement: float | None = None
    drift: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Row:
    """A variant and all that was measured of it; what was not is empty or None.

    Args:
        variant: what was measured.
        state: why it was not, in at least one suite.
        suites: the figures of each suite, as `extra_info` has them; times in seconds.
        data: the times of each suite, in seconds, in order.
        accuracy: of its answers.
        ratio: how many times as fast as the original it takes a picture from file to verdict.
    """

    variant: Variant
    state: str
    suites: dict[str, dict[str, Any]]
    data: dict[str, list[float]]
    accuracy: Accuracy | None
    ratio: float | None

    def figure(self, suite: str, name: str) -> float | None:
        """Give one figure, or None where it was not measured."""
        value: float | None = self.suites.get(suite, {}).get(name)
        return value


@dataclass(frozen=True)
class Results:
    """What one machine measured.

    Args:
        name: of the file, without the ending.
        date: of the measurement, as in 2026-11-22.
        machine: see `machine.describe_machine`.
        before: see `machine.machine_state`; when it began.
        after: likewise; when it ended.
        labels: of the pictures.
        rows: one per variant.
    """

    name: str
    date: str
    machine: dict[str, Any]
    before: dict[str, str]
    after: dict[str, str]
    labels: tuple[str, ...]
    rows: tuple[Row, ...]


def read_results(path: Path) -> Results:
    """Read a file of results.

    Args:
        path: of the file.

    Returns:
        What it holds.

    Raises:
        DataError: it is missing, or not one of `pytest benchmarks --benchmark-json`.
    """
    try:
        document = json.loads(path.read_bytes())
        return Results(
            name=path.stem,
            date=document["datetime"][:10],
            machine=document["machine_info"],
            before=document["before"],
            after=document["after"],
            labels=tuple(document["labels"]),
            rows=_rows(document),
        )
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            path, "not a file of results: write one with  pytest benchmarks --benchmark-json FILE"
        ) from error


def judge(
    labels: Sequence[str],
    answered: Sequence[float],
    scored: Sequence[float] = (),
    original: Sequence[float] = (),
) -> Accuracy:
    """Judge answers; the pictures are those that all sequences have.

    Args:
        labels: `ai` or `human`.
        answered: p(ai), calibrated or not, from the calls that were timed.
        scored: p(ai) before calibration. Default: not known.
        original: p(ai) of the original. Default: not known.

    Returns:
        How good they are.
    """
    n = min(len(labels), len(answered))
    truth = np.array(labels[:n]) == "ai"
    called = _called(answered[:n])
    right = called == truth
    interval = binomtest(int(right.sum()), n).proportion_ci(method="wilson")
    judged = Accuracy(
        n=n,
        accuracy=float(right.mean()),
        interval=(float(interval.low), float(interval.high)),
        recalls={
            label: float(right[of_label].mean()) if of_label.any() else None
            for label, of_label in zip(LABELS, (truth, ~truth), strict=True)
        },
    )
    if len(original) < n:
        return judged
    called_by_original = _called(original[:n])
    only = int((right & (called != called_by_original)).sum())
    differ = int((called != called_by_original).sum())
    scored = scored[:n]
    return replace(
        judged,
        agreement=float((called == called_by_original).mean()),
        drift=float(np.abs(np.subtract(scored, original[: len(scored)])).mean()),
        # Where they never differ there is nothing to test.
        p_value=float(binomtest(only, differ).pvalue) if differ else 1.0,
    )


def _called(p_ai: Sequence[float]) -> NDArray[np.bool_]:
    """Tell which pictures are called `ai`; a tie is not, since an accusation needs more."""
    called: NDArray[np.bool_] = np.array(p_ai) > 0.5  # noqa: PLR2004
    return called


def _rows(document: dict[str, Any]) -> tuple[Row, ...]:
    figures: dict[Variant, dict[str, dict[str, Any]]] = {}
    data: dict[Variant, dict[str, list[float]]] = {}
    for benchmark in document["benchmarks"]:
        parameters = dict(benchmark["params"])
        suite = parameters.pop("suite")
        variant = Variant(**parameters)
        figures.setdefault(variant, {})[suite] = benchmark["extra_info"]
        data.setdefault(variant, {})[suite] = benchmark["stats"].get("data", [])
    states: dict[Variant, str] = {}
    for noted in document["states"]:
        parameters = {key: noted[key] for key in ("tool", "precision", "runtime", "threads")}
        variant = Variant(**parameters)
        where = f" (in {noted['suite']})" if variant in figures else ""
        states.setdefault(variant, noted["state"] + where)
    original = _p_ai(figures.get(ORIGINAL, {}), "picture") or document["original"]
    p50 = figures.get(ORIGINAL, {}).get("picture", {}).get("p50")
    return tuple(
        Row(
            variant=variant,
            state=states.get(variant, ""),
            suites=figures.get(variant, {}),
            data=data.get(variant, {}),
            accuracy=_accuracy(figures.get(variant, {}), document["labels"], original),
            ratio=_ratio(p50, figures.get(variant, {})),
        )
        for variant in sorted({*figures, *states}, key=_order)
    )


def _order(variant: Variant) -> tuple[int, int, int, str]:
    precision = PRECISIONS.index(variant.precision) if variant.precision else -1
    return list(TOOLS).index(variant.tool), variant.threads, precision, variant.runtime


def _p_ai(suites: dict[str, dict[str, Any]], suite: str) -> list[float]:
    found: list[float] = suites.get(suite, {}).get("p_ai", [])
    return found


def _accuracy(
    suites: dict[str, dict[str, Any]], labels: Sequence[str], original: Sequence[float]
) -> Accuracy | None:
    answered = _p_ai(suites, "picture")
    if not answered:
        return None
    return judge(labels, answered, _p_ai(suites, "invoke") or answered, original)


def _ratio(original: float | None, suites: dict[str, dict[str, Any]]) -> float | None:
    if original is None or "picture" not in suites:
        return None
    return float(original / suites["picture"]["p50"])
