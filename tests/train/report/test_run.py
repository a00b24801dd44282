"""The report that a person reads."""

from __future__ import annotations

import base64
import io
import json
import os
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from aiart_edge import PictureError
from aiart_edge.decision import DecisionRule
from aiart_train.data.split import SplitRow
from aiart_train.evaluation.calibration import apply_rule
from aiart_train.evaluation.robustness import Robustness
from aiart_train.report.plots import draw_coverage, draw_history, draw_reliability, draw_roc
from aiart_train.report.run import Report, headline, save_report

CARD = {
    "created": "2026-11-22T12:00:00+00:00",
    "command": "aiart-train fit --data 'my | art' --recipe seed",
    "recipe": {"name": "seed", "input": {"height": 150, "width": 150}},
    "seed": 7,
    "parameters": 3_453_121,
    "data": {
        "folder": "art",
        "sha256": "c0ffee",
        "broken": ["art/ai/my_letter_.jpg: no <picture>"],
    },
    "parts": {"train": 51, "validation": 13, "test": 16},
    "versions": {"keras": "3.15.1"},
}
HISTORY = {
    "loss": [0.7, 0.6, 0.5],
    "val_loss": [0.7, 0.6, 0.65],
    "accuracy": [0.5, 0.6, 0.7],
}
ROBUSTNESS = (Robustness("as it is", 0.6, 0.5, 0.0), Robustness("JPEG 30", 0.4, None, 0.125))


def make_report(folder: Path, rows: list[SplitRow], p_ai: list[float]) -> Report:
    scores = np.stack([p_ai, 1 - np.array(p_ai)], axis=1)
    decisions = apply_rule(scores, DecisionRule(1.0, low=0.3, high=0.7))
    return Report(
        title="Run <seed>",
        pictures="pictures of the test part",
        fitted_on="the validation part",
        card=CARD,
        history=HISTORY,
        chosen_epoch=2,
        folder=folder,
        rows=rows,
        scores=scores,
        decisions=decisions,
        robustness=ROBUSTNESS,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of 40 pictures in three sources; the human pictures 1, 3, ... are all called AI."""
    folder = tmp_path_factory.mktemp("art")
    rows = []
    for number in range(40):
        label, source = (("ai", "ai/one"), ("human", "human"), ("ai", "ai/two|odd"))[number % 3]
        path = f"{number}-<b>&_\udcff.png" if number == 1 else f"{number}.png"
        Image.new("RGB", (400, 300), (6 * number, 0, 0)).save(folder / path)
        rows.append(SplitRow(path, label, source, number, "test", "0", 0))
    return make_report(folder, rows, [0.51 + number / 100 for number in range(40)])


@pytest.fixture(scope="module")
def saved(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save_report(folder, report)
    return folder


def test_sources_that_match_a_pattern_are_told_apart(report: Report, tmp_path: Path) -> None:
    save_report(tmp_path, replace(report, apart=("ai/*", "human")))
    apart = json.loads((tmp_path / "metrics.json").read_text())["apart"]
    assert {pattern: part["n"] for pattern, part in apart.items()} == {"ai/*": 27, "human": 13}
    assert (apart["ai/*"]["accuracy"], apart["human"]["accuracy"]) == (1.0, 0.0)
    assert apart["human"]["auc"] is None
    called = [number for number in range(1, 40, 3) if 0.51 + number / 100 >= 0.7]
    assert apart["human"]["decisions"]["human_called_ai"] == len(called) / 13
    assert "| human | 13 | 0.0% | n/a |" in (tmp_path / "report.md").read_text()


class Page(HTMLParser):
    """What a browser would load, show and close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "img", "source"}:
            self._open.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "srcset", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page(saved: Path) -> Page:
    return Page((saved / "report.html").read_text(encoding="utf-8"))


def decoded(page: Page, kind: str) -> list[Image.Image]:
    start = f"data:image/{kind};base64,"
    found = [value.removeprefix(start) for value in page.loaded if value.startswith(start)]
    return [Image.open(io.BytesIO(base64.b64decode(value))) for value in found]


def test_the_headline_says_how_many_are_right_by_chance_and_when_unsure(report: Report) -> None:
    assert headline(report) == (
        "Of 40 pictures of the test part, 67.5% are answered rightly (95% interval 52.0% to "
        "79.9%); always answering the commoner class would reach 67.5%. Allowed to be unsure, it "
        "gives a verdict on 52%, and 66.7% of the verdicts are right. 7 of 13 human pictures are "
        "called AI art."
    )


def test_where_it_is_unsure_of_every_picture_the_headline_says_so(report: Report) -> None:
    rows, p_ai = list(report.rows[:4]), [0.5, 0.6, 0.5, 0.4]
    assert headline(make_report(report.folder, rows, p_ai)).endswith("it is unsure of every one.")


def test_both_files_show_every_part_of_the_report(saved: Path, page: Page) -> None:
    shown = "\n".join(page.text)
    for text in (shown, (saved / "report.md").read_text(encoding="utf-8").replace("\\", "")):
        for part in (
            "Run <seed>",
            "67.5% are answered rightly",
            "balanced accuracy",
            "fitted on the validation part",
            "ai/two|odd",
            "JPEG 30",
            "12.5%",
            "Human art it is surest is AI",
            "--data 'my | art' --recipe seed",
            "art/ai/my_letter_.jpg: no <picture>",
            "3.15.1",
            "c0ffee",
        ):
            assert part in text


def test_the_markdown_shows_text_as_it_is(saved: Path) -> None:
    text = (saved / "report.md").read_text(encoding="utf-8")
    assert "# Run \\<seed\\>" in text
    assert "| ai/two\\|odd | ai |" in text
    assert "- art/ai/my_letter\\_.jpg: no \\<picture\\>\n" in text


def test_the_html_asks_nothing_of_the_network_and_runs_no_script(page: Page) -> None:
    assert all(value.startswith("data:image/") for value in page.loaded)
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_each_plot_is_there_for_light_and_for_dark_pages(page: Page) -> None:
    plots = decoded(page, "png")
    assert page.tags.count("picture") == 6
    brightness = [np.asarray(plot.convert("L"))[0, 0] for plot in plots]
    assert sorted(value > 128 for value in brightness) == [False] * 6 + [True] * 6


def test_the_plots_that_the_markdown_names_lie_beside_it(saved: Path) -> None:
    text = (saved / "report.md").read_text(encoding="utf-8")
    plots = {"confusion", "roc", "reliability", "coverage", "loss", "accuracy"}
    assert {path.stem for path in saved.glob("*.png")} == plots
    assert all(f"]({name}.png)" in text for name in plots)


def test_the_surest_mistakes_come_first_as_small_thumbnails(saved: Path, page: Page) -> None:
    thumbnails = decoded(page, "jpeg")
    assert len(thumbnails) == 12
    assert {thumbnail.size for thumbnail in thumbnails} == {(160, 120)}
    reds = [thumbnail.getpixel((80, 60))[0] for thumbnail in thumbnails]  # type: ignore[index]
    assert reds == pytest.approx([6 * number for number in range(37, 3, -3)], abs=3)
    captions = [text for text in page.text if text.startswith("p(ai)")]
    assert captions[0] == "p(ai) 0.88  37.png"
    assert "37.png" not in (saved / "report.md").read_text(encoding="utf-8").split("## Human")[0]


def test_the_figures_are_left_for_programs_too(saved: Path) -> None:
    figures = json.loads((saved / "metrics.json").read_text())
    assert figures["accuracy"] == 0.675
    assert figures["decisions"]["rules"] == [{"temperature": 1.0, "low": 0.3, "high": 0.7}]
    assert figures["robustness"][1]["flip_rate"] == 0.125


def test_a_report_of_one_class_without_history_robustness_or_mistakes_leaves_those_out(
    report: Report, tmp_path: Path
) -> None:
    rows = [row for row in report.rows if row.label == "ai"]
    short = make_report(report.folder, rows, [0.9] * len(rows))
    save_report(tmp_path, replace(short, history=None, chosen_epoch=None, robustness=()))
    text = (tmp_path / "report.md").read_text()
    assert "| AUC | n/a |" in text
    for title in ("## How it learned", "## Robustness", "it is surest"):
        assert title not in text
    assert not (tmp_path / "roc.png").exists()


def test_no_heading_of_the_markdown_is_empty(saved: Path) -> None:
    blocks = (saved / "report.md").read_text(encoding="utf-8").split("\n\n")
    below = dict(pairwise(blocks))
    assert below["## Human art it is surest is AI"].startswith("- p(ai) 0.88  37.png\n")
    assert [block for block in blocks if block.startswith("##") and below[block][0] == "#"] == []


def test_what_would_be_a_single_dot_is_not_drawn(report: Report, tmp_path: Path) -> None:
    alike = make_report(report.folder, list(report.rows), [0.9] * len(report.rows))
    history = {name: values[:1] for name, values in HISTORY.items()}
    save_report(tmp_path, replace(alike, history=history, chosen_epoch=1))
    assert {path.stem for path in tmp_path.glob("*.png")} == {"confusion", "roc"}
    assert "## How it learned" not in (tmp_path / "report.md").read_text()


def test_a_legend_stands_where_no_point_can_lie(report: Report) -> None:
    rows, scores, p_ai = report.rows, report.scores, report.decisions.p_ai
    draws = (
        partial(draw_history, history=HISTORY, name="loss", chosen_epoch=2),
        partial(draw_roc, rows=rows, scores=scores),
        partial(draw_reliability, rows=rows, scores=scores, p_ai=p_ai),
        partial(draw_coverage, rows=rows, p_ai=p_ai, metrics=report.decision_metrics),
    )
    for draw in draws:
        figure = Figure(layout="constrained")
        draw(figure)
        FigureCanvasAgg(figure).draw()
        (legend,), (axes,) = figure.legends, figure.axes
        assert legend.get_window_extent().y0 >= axes.get_window_extent().y1


def test_a_picture_that_is_gone_is_one_line_and_leaves_no_file(
    report: Report, tmp_path: Path
) -> None:
    with pytest.raises(PictureError, match=r"37\.png"):
        save_report(tmp_path, replace(report, folder=tmp_path))
    assert os.listdir(tmp_path) == []  # noqa: PTH208
