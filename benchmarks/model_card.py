"""The figures of the embedded model's card, put into docs/model-card.md.

`python -m benchmarks.model_card CROSSVAL HELD_OUT`, in a clone; docs/model-card.md has the commands
that make what it reads.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from aiart_edge.decision import LABELS
from aiart_edge.errors import DataError
from aiart_edge.files import EMBEDDED_MODEL, PATH, write_atomically
from aiart_edge.image import read_pixels
from aiart_edge.model_file import ModelDescription, ModelFile, read_model_file
from aiart_edge.program import run
from aiart_edge.runtime import load_network
from aiart_train.crossval import pooled_report
from aiart_train.data.split import SplitRow, read_split, rows_of
from aiart_train.evaluation.calibration import apply_rule
from aiart_train.evaluation.evaluate import (
    VERDICTS,
    answer,
    measure,
    measure_decisions,
    targets,
    to_scores,
    wilson_interval,
)
from aiart_train.evaluation.robustness import Robustness, sweep
from aiart_train.evaluation.scores import SCORES, ScoredRow, read_scores, scores_of
from aiart_train.report.document import Table, table_to_markdown
from aiart_train.report.run import METRICS, Report
from aiart_train.run_folder import CARD, read_card
from benchmarks.media import by_medium, by_year, read_media
from benchmarks.report import put_into

DOCUMENT = Path(__file__).parents[1] / "docs" / "model-card.md"

_MANIFEST = "manifest.csv"  # of a data folder, where it says what its pictures are
_NONE = "-"


def facts(model: ModelFile) -> Table:
    """Say what the embedded file is.

    Args:
        model: the file.

    Returns:
        The table.
    """
    told, rule = model.description, model.description.decision
    return Table(
        ("the embedded file", ""),
        (
            ("recipe, precision", f"{told.name}, {told.precision}"),
            ("pixels", f"{told.input.height} x {told.input.width}, {told.input.resize}"),
            ("size", f"{model.path.stat().st_size / 1e6:.2f} MB"),
            ("SHA-256 of the network", hashlib.sha256(model.network).hexdigest()),
            ("SHA-256 of the data", told.origin["data_sha256"]),
            ("temperature", f"{rule.temperature:.2f}"),
            ("human up to, ai from", f"p(ai) {rule.low:.3f}, {rule.high:.3f}"),
        ),
    )


def figures(columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """Lay figures of several evaluations side by side.

    Args:
        columns: what is in metrics.json, by what it was measured on.

    Returns:
        The table.
    """
    rows: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "pictures": lambda m: f"{m['n']:,}",
        "accuracy": lambda m: _with_interval(m["accuracy"], *m["accuracy_interval"]),
        "balanced accuracy": lambda m: f"{m['balanced_accuracy']:.3f}",
        "AUC": lambda m: f"{m['auc']:.3f}",
        "recall of AI / human art": lambda m: " / ".join(
            f"{m['classes'][label]['recall']:.3f}" for label in LABELS
        ),
        "get a verdict": lambda m: f"{m['decisions']['coverage']:.1%}",
        "verdicts that are right": lambda m: _of_verdicts(m, LABELS, right=True),
        "human art called ai": lambda m: _of_verdicts(m, ("human",), right=False),
        "AI art called human": lambda m: _of_verdicts(m, ("ai",), right=False),
        "ECE, calibrated": lambda m: f"{m['decisions']['ece']:.3f}",
    }
    return Table(
        ("", *columns),
        tuple((name, *(cell(m) for m in columns.values())) for name, cell in rows.items()),
    )


def sources(
    report: Report,
    origins: Mapping[str, tuple[str, str]],
    beside: Mapping[str, Sequence[ScoredRow]] = MappingProxyType({}),
) -> Table:
    """Say how each source fares, those of which most is wrong first.

    Args:
        report: of pictures, none of which was seen by the network that scored it.
        origins: what a picture is and its licence, by its path.
        beside: scores of the same pictures by other networks, by their names. Default: none.

    Returns:
        The table.
    """
    positions = defaultdict(list)
    for position, row in enumerate(report.rows):
        positions[row.label, row.source].append(position)
    own = _recalls(report.rows, report.scores)
    others = [_recalls(rows, scores_of(rows)) for rows in beside.values()]
    lines = []
    for (label, source), of_source in positions.items():
        told = {origins.get(report.rows[position].path, (_NONE, _NONE)) for position in of_source}
        verdicts = [report.decisions.verdicts[position] for position in of_source]
        lines.append(
            (
                own[label, source],
                (
                    source,
                    label,
                    "; ".join(sorted({what for what, _ in told})),
                    "; ".join(sorted({licence for _, licence in told})),
                    str(len(of_source)),
                    *(f"{recalls[label, source]:.0%}" for recalls in (own, *others)),
                    " / ".join(str(verdicts.count(verdict)) for verdict in VERDICTS),
                ),
            )
        )
    recalls = ("recall", *(f"{name}: recall" for name in beside))
    head = ("source", "class", "what", "licence", "pictures", *recalls, " / ".join(VERDICTS))
    return Table(head, tuple(line for _, line in sorted(lines)))


def changes(columns: Mapping[str, Sequence[Robustness]]) -> Table:
    """Say what becomes of the verdicts on changed pictures.

    Args:
        columns: of files, by their names.

    Returns:
        The table.
    """
    head = [f"{name}: {what}" for name in columns for what in ("accuracy", "verdicts that change")]
    return Table(
        ("pictures", *head),
        tuple(
            (
                of_files[0].name,
                *(f"{share:.1%}" for one in of_files for share in (one.accuracy, one.flip_rate)),
            )
            for of_files in zip(*columns.values(), strict=True)
        ),
    )


def _recalls(rows: Sequence[SplitRow], scores: NDArray[np.float64]) -> dict[tuple[str, str], float]:
    """Give the share of right answers by class and source."""
    right = answer(scores) == targets(rows)
    found = defaultdict(list)
    for row, is_right in zip(rows, right.tolist(), strict=True):
        found[row.label, row.source].append(is_right)
    return {of: float(np.mean(of_source)) for of, of_source in found.items()}


def _load(
    path: Path,
) -> tuple[ModelDescription, Callable[[NDArray[np.uint8]], NDArray[np.float32]]]:
    """Read a file, and make what scores pixels with it as the edge does."""
    model = read_model_file(path)
    network = load_network(model.network)

    def score(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.array([network.scores(picture[np.newaxis]) for picture in pixels])

    return model.description, score


def _sweep(path: Path, folder: Path, rows: Sequence[SplitRow]) -> tuple[Robustness, ...]:
    """Change pictures, and run a file on them."""
    told, score = _load(path)
    return sweep(score, folder, rows, told.input, told.decision)


def _measure(path: Path, folder: Path, rows: Sequence[SplitRow]) -> dict[str, Any]:
    """Run a file on pictures, and give what metrics.json would hold."""
    told, score = _load(path)
    pixels = (read_pixels(folder / row.path, told.input) for row in rows)
    scores = to_scores(np.concatenate([score(picture) for picture in pixels]))
    decisions = measure_decisions(rows, apply_rule(scores, told.decision))
    return {**asdict(measure(rows, scores)), "decisions": asdict(decisions)}


def _with_interval(share: float, low: float, high: float) -> str:
    return f"{share:.1%} ({100 * low:.1f} to {100 * high:.1f})"


def _of_verdicts(metrics: Mapping[str, Any], labels: Sequence[str], right: bool) -> str:
    """Give the share of right verdicts, or of a class's pictures that are called the other."""
    counts = {
        (label, verdict): count
        for label, row in zip(LABELS, metrics["decisions"]["verdicts"], strict=True)
        for verdict, count in zip(VERDICTS, row, strict=True)
        if label in labels
    }
    whole = {pair: count for pair, count in counts.items() if not right or pair[1] != "unsure"}
    part = sum(
        count
        for (label, verdict), count in counts.items()
        if verdict != "unsure" and (label == verdict) is right
    )
    total = sum(whole.values())
    return _with_interval(part / total, *wilson_interval(part, total)) if total else _NONE


def _of_the_same(crossval: Path, scored: Sequence[ScoredRow]) -> tuple[ScoredRow, ...]:
    """Read the scores of another cross-validation of these pictures."""
    rows = read_scores(crossval / SCORES)
    if {row.path for row in rows} != {row.path for row in scored}:
        raise DataError(crossval, "is of other pictures than CROSSVAL; name one of the same")
    return rows


def _origins(folder: Path) -> dict[str, tuple[str, str]]:
    """Read what the manifests below a data folder say of its pictures."""
    return {
        str(manifest.parent.relative_to(folder) / line["path"]): (
            line["generator_or_medium"],
            line["licence"],
        )
        for manifest in folder.glob(f"*/{_MANIFEST}")
        for line in csv.DictReader(manifest.read_text(encoding="utf-8").splitlines())
        if "generator_or_medium" in line
    }


def _below(folder: Path, rows: Sequence[SplitRow]) -> list[SplitRow]:
    """Find the pictures of a split that was drawn of one of the folders below this one."""
    for place in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        if all((place / row.path).is_file() for row in rows):
            return [replace(row, path=str((place / row.path).relative_to(folder))) for row in rows]
    raise DataError(folder, "the pictures of the split to hold out are not below it")


@click.command()
@click.argument("crossval", type=PATH)
@click.argument("held_out", type=PATH)
@click.option(
    "--beside",
    type=(str, PATH),
    multiple=True,
    metavar="NAME FOLDER",
    help="A folder with another evaluation to show; may be repeated.",
)
@click.option(
    "--baseline",
    type=(str, PATH, PATH),
    multiple=True,
    metavar="NAME CROSSVAL FILE",
    help="Another recipe's cross-validation of the same pictures, converted, and a .tflite file of "
    "it; may be repeated.",
)
def main(
    crossval: Path,
    held_out: Path,
    beside: tuple[tuple[str, Path], ...],
    baseline: tuple[tuple[str, Path, Path], ...],
) -> None:
    """Put the figures into docs/model-card.md.

    CROSSVAL is a folder of `aiart-convert crossval`, HELD_OUT the split.csv on whose test part the
    embedded file is tried, changed and unchanged.
    """
    scored = read_scores(crossval / SCORES)
    baselines = {name: _of_the_same(other, scored) for name, other, _ in baseline}
    card = read_card(crossval.parent / CARD)
    folder = Path(card["data"]["folder"])
    tested = _below(folder, rows_of(read_split(held_out), "test"))
    evaluations = {
        "this model, sources left out": crossval,
        **{f"{name}, sources left out": other for name, other, _ in baseline},
        **dict(beside),
    }
    report, media = pooled_report("", "", card, scored), read_media()
    files = {"this model": EMBEDDED_MODEL, **{name: file for name, _, file in baseline}}
    tables = (
        facts(read_model_file(EMBEDDED_MODEL)),
        figures(
            {
                **{n: json.loads((path / METRICS).read_bytes()) for n, path in evaluations.items()},
                "the embedded file, known sources": _measure(EMBEDDED_MODEL, folder, tested),
            }
        ),
        changes({name: _sweep(path, folder, tested) for name, path in files.items()}),
        by_medium(report, media),
        by_year(report, media),
        sources(report, _origins(folder), baselines),
    )
    text = put_into(
        DOCUMENT.read_text(encoding="utf-8"),
        "\n\n".join(map(table_to_markdown, tables)) + "\n",
        "benchmarks.model_card",
    )
    write_atomically(DOCUMENT, text.encode())
    click.echo(DOCUMENT)


if __name__ == "__main__":
    run(main)
