"""Heads on features that are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from aiart_train.data.split import SplitRow
from benchmarks.frozen_heads import find_leaks, main, view_of
from tests.conftest import draw_smooth, draw_strokes

NETWORK = ("original", "--size", "64")


def run(*words: object) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan for six sources a class, two of which are tied across the classes."""
    art, folder = tmp_path_factory.mktemp("art"), tmp_path_factory.mktemp("heads")
    for label, draw in (("ai", draw_smooth), ("human", draw_strokes)):
        for number in range(12):
            source = art / label / f"source{number // 2}"
            source.mkdir(parents=True, exist_ok=True)
            draw(number, (90, 80)).save(source / f"{number}.png")
    (folder / "groups.csv").write_text("source,group\nai/source0,tied\nhuman/source0,tied\n")
    run("plan", folder, art, "--groups", folder / "groups.csv")
    return folder


def test_features_are_computed_once_and_heads_are_scored_on_what_they_have_not_seen(
    folder: Path,
) -> None:
    first = run("extract", folder, *NETWORK, "--view", 0, "--view", 1)
    assert "view 1: 24 of 24" in first.output
    again = run("extract", folder, *NETWORK, "--view", 0, "--view", 1)
    assert "of 24" not in again.output
    shown = run("screen", folder, *NETWORK, "--views", 0, "--views", 1, "--on-view", 1)
    head, plain, with_view = shown.output.splitlines()
    assert head == "original-64-float32, folds of seed 0: 24 of 24 pictures, 12 sources"
    assert "0 views" in plain
    assert "1 views" in with_view
    balanced, auc, _ = (float(figure) for figure in plain.split("|")[2].split(";")[0].split())
    assert balanced > 0.7  # strokes and gradients are easily told apart, even by chance's features
    assert auc > 0.8


def test_heads_on_shares_of_the_sources_are_scored_and_drawn(folder: Path, tmp_path: Path) -> None:
    run("extract", folder, *NETWORK)
    shown = run("curve", folder, *NETWORK, "--into", tmp_path / "curve.png")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.output.splitlines()]
    shares = [(float(share), int(sources)) for share, _, sources, _ in rows[2:]]
    assert [share for share, _ in shares] == [0.25] * 3 + [0.5] * 3 + [0.75] * 3 + [1]
    quarters, everything = [sources for share, sources in shares if share == 0.25], shares[-1][1]
    assert everything == 10  # of twelve, five folds leave two or three out
    assert all(1 <= sources <= 3 for sources in quarters)
    with Image.open(tmp_path / "curve.png") as plot:
        assert plot.format == "PNG"


def test_a_view_depends_on_the_picture_and_its_number_alone(tmp_path: Path) -> None:
    path, sha256 = tmp_path / "picture.png", "12" * 32
    draw_strokes(0, (120, 90)).save(path)
    view = view_of(path, sha256, 48, 1)
    assert view.shape == (1, 48, 48, 3)
    assert np.array_equal(view, view_of(path, sha256, 48, 1))
    for other in (view_of(path, sha256, 48, 2), view_of(path, "34" * 32, 48, 1)):
        assert not np.array_equal(view, other)


@pytest.mark.parametrize("kind", ["file", "source", "group", "near-duplicates", "looks like"])
def test_whatever_stands_on_both_sides_is_found(kind: str) -> None:
    train = SplitRow("a.jpg", "ai", "one", 1, "train", "aa", 0)
    test = SplitRow("b.jpg", "ai", "two", 2, "test", "bb", 2**64 - 1)
    changes = {
        "file": {"sha256": "aa"},
        "source": {"source": "one"},
        "group": {"source": "tied"},
        "near-duplicates": {"group": 1},
        "looks like": {"phash": 0b1111},
    }

    def group_of(source: str, default: str) -> str:
        return {"tied": "one"}.get(source, default)

    assert list(find_leaks([train, test], group_of)) == []
    leaks = list(find_leaks([train, replace(test, **changes[kind])], group_of))  # type: ignore[arg-type]
    assert any(kind in leak for leak in leaks)
