"""The file of scores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aiart_edge import DataError
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.scores import (
    ScoredRow,
    add_scores,
    read_scores,
    scores_of,
    write_scores,
)


def make_scored(fold: int | None = None) -> tuple[ScoredRow, ...]:
    paths = ("ai/a.jpg", 'human/a "quoted", odd\r\nname é \udcff.jpg')
    rows = [SplitRow(path, path.split("/")[0], "s", 3, "test", "0" * 64, 10) for path in paths]
    return add_scores(rows, np.array([[1 / 3, 2 / 3], [0.9, 0.1]]), fold)


@pytest.mark.parametrize("fold", [None, 4])
def test_scores_are_read_back_as_they_were_written(fold: int | None, tmp_path: Path) -> None:
    rows = make_scored(fold)
    write_scores(tmp_path / "scores.csv", rows)
    assert read_scores(tmp_path / "scores.csv") == rows


def test_both_scores_of_a_picture_are_found_again() -> None:
    assert scores_of(make_scored()) == pytest.approx(np.array([[1 / 3, 2 / 3], [0.9, 0.1]]))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("p_ai", "score"),
        lambda text: text.replace(",human,", ",robot,"),
        lambda text: text.replace("test", "holiday"),
        lambda text: text.replace("000a", "a"),
        lambda text: text.replace("0.9", "1.9"),
        lambda text: text.replace("0.9", "nan"),
        lambda text: text.replace(",0.9", ""),
        lambda text: text + "one,cell\n",
        lambda text: text + text.splitlines()[1] + "\n",
        lambda text: text.splitlines()[0],
        lambda _text: "",
    ],
)
def test_a_broken_file_of_scores_is_refused(spoil: Callable[[str], str], tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_scores(path, make_scored())
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    path.write_text(spoil(text), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=r"scores\.csv: .*evaluate again"):
        read_scores(path)


def test_a_missing_file_of_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the scores cannot be read"):
        read_scores(tmp_path / "scores.csv")
