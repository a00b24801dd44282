"""The rule of the cascade, fitted on what both networks said of pictures that they had not seen.

    python -m benchmarks.cascade DEFAULT-CROSSVAL/int8 STRONG-CROSSVAL/dynamic MODEL --write

Both cross-validations are of the same folds, converted by `aiart-convert crossval`. Prints what the
pair is worth beside each network alone, each picture judged by a rule of the other folds; `--write`
leaves the rule of all folds beside the strong model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from aiart_edge.cascade import RULE_FILE
from aiart_edge.errors import AiartError, DataError
from aiart_edge.files import EMBEDDED_MODEL, PATH, write_atomically
from aiart_edge.model_file import read_model_file
from aiart_edge.program import run
from aiart_train.evaluation.calibration import Decisions, cross_fit
from aiart_train.evaluation.cascade import fit_cascade
from aiart_train.evaluation.evaluate import measure, measure_decisions, targets
from aiart_train.evaluation.scores import SCORES, ScoredRow, read_scores, scores_of

_HEAD = "| | asked | balanced, AUC, AI found at 5% | verdicts | right | human called ai, ai human |"


@click.command()
@click.argument("first", metavar="DEFAULT", type=PATH)
@click.argument("second", metavar="STRONG", type=PATH)
@click.argument("model", type=PATH)
@click.option("--write", is_flag=True, help="Leave the rule beside MODEL.")
def main(first: Path, second: Path, model: Path, write: bool) -> None:
    """Fit the rule of the embedded model and MODEL on the scores in DEFAULT and STRONG."""
    rows, others = pair(read_scores(first / SCORES), read_scores(second / SCORES), second)
    one, other = scores_of(rows), scores_of(others)
    classes, folds = targets(rows), np.array([row.fold for row in rows])
    hashes = (read_model_file(EMBEDDED_MODEL).sha256, read_model_file(model).sha256)
    try:
        found = fit_cascade(hashes, one, other, classes, folds)
    except ValueError as error:
        raise AiartError(str(error)) from error
    click.echo(f"{_HEAD}\n{'|---' * 6}|")
    for name, asked, scores, decisions in (
        ("default", 0.0, one, cross_fit(one, classes, folds)),
        ("cascade", float(found.asked.mean()), found.scores, found.decisions),
        ("strong", 1.0, other, cross_fit(other, classes, folds)),
    ):
        click.echo(f"| {name} | {asked:.1%} | {_figures(rows, scores, decisions)} |")
    if write:
        document = json.dumps(asdict(found.rule), indent=1) + "\n"
        write_atomically(model.with_name(RULE_FILE), document.encode())


def pair(
    rows: Sequence[ScoredRow], others: Sequence[ScoredRow], second: Path
) -> tuple[list[ScoredRow], list[ScoredRow]]:
    """Bring two cross-validations of the same pictures into one order.

    Args:
        rows: of the first.
        others: of the second.
        second: its folder.

    Returns:
        The rows of both.

    Raises:
        DataError: they are of other pictures, or of other folds.
    """
    by_picture = {(row.path, row.sha256, row.fold): row for row in others}
    keys = [(row.path, row.sha256, row.fold) for row in rows]
    if set(keys) != set(by_picture):
        raise DataError(second, "it is of other pictures or folds than the first one")
    return list(rows), [by_picture[key] for key in keys]


def _figures(rows: Sequence[ScoredRow], scores: NDArray[np.float64], decisions: Decisions) -> str:
    plain, judged = measure(rows, scores), measure_decisions(rows, decisions)
    return (
        f"{plain.balanced_accuracy:.3f} {plain.auc:.3f} {plain.tpr_at_5_fpr:.2f} | "
        f"{judged.coverage:.1%} | {judged.covered_accuracy or 0:.1%} | "
        f"{judged.human_called_ai:.1%} {judged.ai_called_human:.1%}"
    )


if __name__ == "__main__":
    run(main)
