"""What the sources are made of, and how each kind fares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiart_edge.errors import DataError
from aiart_train.crossval import pooled_report
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.scores import add_scores
from aiart_train.report.run import Report
from benchmarks.media import Medium, by_medium, by_year, read_media

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
KINDS = {
    *("museum", "painting", "drawing", "print", "digital", "anime", "cartoon", "flat", "photo"),
    *("render", "mixed"),
}
MEDIA = {
    "art/ai/old": Medium("digital", 2022),
    "art/ai/new": Medium("digital", 2026),
    "art/human/oils": Medium("painting", 1900),
}


def make_report(*sources: tuple[str, float]) -> Report:
    """Ten pictures of each source, all of which get one p(ai), in two folds."""
    rows = [
        SplitRow(f"{source}/{n}", source.split("/")[0], source, n, "test", "0" * 64, n)
        for source, _ in sources
        for n in range(10)
    ]
    p_ai = np.repeat([share for _, share in sources], 10)
    scores = np.stack([p_ai, 1 - p_ai], axis=1)
    scored = [row for fold in (0, 1) for row in add_scores(rows[fold::2], scores[fold::2], fold)]
    return pooled_report("", "", {"data": {"folder": "/art", "sha256": ""}}, scored)


def test_each_source_of_the_data_has_a_kind_and_a_year() -> None:
    media = read_media()
    assert {found.medium for found in media.values()} == KINDS
    assert all(1800 <= found.year <= 2026 for found in media.values())
    if not SHARED_DATA.exists():
        pytest.skip("without the data there is nothing to compare with")
    corpus = [path for path in (SHARED_DATA / "corpus").glob("*/*") if path.is_dir()]
    folders = [*corpus, *(path for path in (SHARED_DATA / "kaggle").iterdir() if path.is_dir())]
    assert set(media) == {path.relative_to(SHARED_DATA).as_posix() for path in folders}


def test_kinds_are_told_the_worst_first_and_small_ones_are_marked() -> None:
    report = make_report(("ai/old", 0.9), ("ai/new", 0.1), ("human/oils", 0.1))
    table = by_medium(report, MEDIA)
    assert [line[:5] for line in table.rows] == [
        ("digital", "ai", "2", "20 (few)", "50.0%"),
        ("painting", "human", "1", "10 (few)", "100.0%"),
    ]


def test_generators_are_told_by_year_without_human_art() -> None:
    report = make_report(("ai/old", 0.9), ("ai/new", 0.1), ("human/oils", 0.1))
    table = by_year(report, MEDIA)
    assert [(line[0], line[4]) for line in table.rows] == [("2022", "100.0%"), ("2026", "0.0%")]


def test_a_source_that_nothing_is_known_of_is_an_error_that_names_it() -> None:
    report = make_report(("ai/old", 0.9), ("human/unknown", 0.1))
    with pytest.raises(DataError, match=r"human/unknown.*add a line"):
        by_medium(report, MEDIA)
