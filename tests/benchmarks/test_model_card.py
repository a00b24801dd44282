"""The card of the embedded model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.model_file import read_model_file
from aiart_train.crossval import pooled_report
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.robustness import Robustness
from aiart_train.evaluation.scores import add_scores, write_scores
from benchmarks import give_away
from benchmarks.model_card import DOCUMENT, changes, facts, figures, main, sources

CARD = {"data": {"folder": ".", "sha256": ""}}


def make_rows() -> list[SplitRow]:
    """Twenty pictures of four sources."""
    return [
        SplitRow(f"{label}/{source}/{n}", label, source, n, "test", "0" * 64, n)
        for label, source in (("ai", "a"), ("ai", "b"), ("human", "c"), ("human", "d"))
        for n in range(5)
    ]


def test_the_committed_card_is_that_of_the_embedded_file() -> None:
    model = read_model_file(EMBEDDED_MODEL)
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"| {hashlib.sha256(model.network).hexdigest()} |" in text
    for line in facts(model).rows:
        assert f"| {' | '.join(line)} |" in text


def test_sources_are_told_with_their_origin_and_the_worst_first() -> None:
    rows = make_rows()
    p_ai = np.array([0.9] * 5 + [0.9, 0.9, 0.1, 0.1, 0.1] + [0.1] * 5 + [0.9] * 5)
    scored = [
        row
        for fold in (1, 2)
        for row in add_scores(
            rows[fold - 1 :: 2],
            np.stack([p_ai[fold - 1 :: 2], 1 - p_ai[fold - 1 :: 2]], axis=1),
            fold,
        )
    ]
    origins = {row.path: ("oil", "CC0") for row in rows if row.source == "d"}
    baseline = add_scores(rows, np.tile([0.8, 0.2], (len(rows), 1)))
    table = sources(pooled_report("", "", CARD, scored), origins, {"guess": baseline})
    assert table.head[5:7] == ("recall", "guess: recall")
    assert [line[0] for line in table.rows] == ["d", "b", "a", "c"]
    assert table.rows[0][1:7] == ("human", "oil", "CC0", "5", "0%", "0%")
    assert table.rows[1][2:7] == ("-", "-", "5", "40%", "100%")


def test_a_baseline_of_other_pictures_is_refused(tmp_path: Path) -> None:
    rows = add_scores(make_rows(), np.tile([0.8, 0.2], (20, 1)), 1)
    for name, scored in (("own", rows), ("other", rows[1:])):
        (tmp_path / name).mkdir()
        write_scores(tmp_path / name / "scores.csv", scored)
    own, other = str(tmp_path / "own"), str(tmp_path / "other")
    result = CliRunner().invoke(
        main, [own, "split.csv", "--baseline", "seed", other, "model.tflite"]
    )
    assert result.exit_code == 1
    assert f"{other}: is of other pictures than CROSSVAL" in result.output


def test_changed_pictures_are_told_for_each_file() -> None:
    columns = {
        name: [Robustness("as it is", right, right, 0.0), Robustness("JPEG 50", right, right, 0.04)]
        for name, right in (("one", 0.8), ("other", 0.6))
    }
    table = changes(columns)
    assert table.head[1:3] == ("one: accuracy", "one: verdicts that change")
    assert table.rows[1] == ("JPEG 50", "80.0%", "4.0%", "60.0%", "4.0%")


def test_shares_of_verdicts_are_counted_over_what_they_are_shares_of() -> None:
    metrics = {
        "n": 100,
        "accuracy": 0.7,
        "accuracy_interval": [0.6, 0.8],
        "balanced_accuracy": 0.7,
        "auc": 0.8,
        "classes": {"ai": {"recall": 0.7}, "human": {"recall": 0.7}},
        # a row per class, ai and human; called ai, human, unsure
        "decisions": {"coverage": 0.5, "ece": 0.1, "verdicts": [[20, 4, 26], [2, 24, 24]]},
    }
    told = {line[0]: line[1] for line in figures({"somewhere": metrics}).rows}
    assert told["verdicts that are right"].startswith("88.0% (")
    assert told["human art called ai"].startswith("4.0% (")
    assert told["AI art called human"].startswith("8.0% (")


def test_a_texture_has_the_size_of_its_picture_and_shows_none_of_it(
    art: Path, tmp_path: Path
) -> None:
    result = CliRunner().invoke(give_away.main, [str(tmp_path), str(art)], catch_exceptions=False)
    assert result.exit_code == 0
    likeness = []
    for path in art.glob("*/*"):
        texture = tmp_path / art.name / path.relative_to(art)
        with Image.open(path) as picture, Image.open(texture) as got:
            assert (got.format, got.size) == ("JPEG", picture.size)
            levels = [np.asarray(image.convert("L")).ravel() for image in (got, picture)]
            likeness.append(np.corrcoef(levels)[0, 1])
    assert abs(np.mean(likeness)) < 0.1
