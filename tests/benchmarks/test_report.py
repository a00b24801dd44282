"""The report shows what was measured, and docs/results.md what its command wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.plots import pareto_front
from benchmarks.report import DOCS, main, put_into, results_table
from benchmarks.results import Row, judge, read_results
from benchmarks.variants import Variant


def write_report(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def rows_of(markdown: str) -> list[list[str]]:
    """The cells of all tables."""
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_one_table_has_accuracy_and_latency_together(measured: Path, tmp_path: Path) -> None:
    assert write_report(measured, "--out", tmp_path).exit_code == 0
    head, _, *lines = rows_of((tmp_path / "report.md").read_text())
    assert {"accuracy (95% interval)", "agreement", "p90 ms", "peak MiB", "x original"} < set(head)
    original = dict(zip(head, lines[0], strict=True))
    assert original["tool"] == "Keras model(x)"
    assert (original["x original"], original["agreement"]) == ("1.00x", "100.0%")
    document = json.loads(measured.read_bytes())
    states: dict[tuple[str, ...], str] = {}
    for one in document["states"]:
        states.setdefault((one["tool"], one["precision"], one["runtime"]), one["state"])
    assert set(states.values()) <= {cell for line in lines for cell in line}


def test_the_html_file_needs_nothing_beside_it(measured: Path, tmp_path: Path) -> None:
    assert write_report(measured, "--out", tmp_path).exit_code == 0
    html = (tmp_path / "report.html").read_text()
    assert html.count("<img") == 2
    assert not re.search(r"(?:src|href)=\"(?!data:)", html)


def test_machines_stand_side_by_side(measured: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(measured.read_bytes())
    assert write_report(measured, other, "--out", tmp_path).exit_code == 0
    text = (tmp_path / "report.md").read_text()
    assert ["tool", "precision", "runtime", "threads", "measured", "other"] in rows_of(text)


def test_a_run_without_the_original_is_reported_without_ratios(
    document: dict[str, Any], tmp_path: Path
) -> None:
    edge = [one for one in document["benchmarks"] if one["params"]["runtime"] != "Keras"]
    file = tmp_path / "edge.json"
    file.write_text(json.dumps({**document, "benchmarks": edge}))
    assert write_report(file, "--out", tmp_path).exit_code == 0
    assert "x |" not in (tmp_path / "report.md").read_text()


def test_a_variant_that_failed_in_one_suite_shows_that_beside_its_figures(
    document: dict[str, Any], tmp_path: Path
) -> None:
    failed = {"tool": "aiart", "precision": "int8", "runtime": "tflite-runtime", "threads": 1}
    left = [
        one for one in document["benchmarks"] if one["params"] != {"suite": "cold", **failed}
    ]  # fmt: skip
    states = [{"suite": "cold", **failed, "state": "died"}]
    file = tmp_path / "failed.json"
    file.write_text(json.dumps({**document, "benchmarks": left, "states": states}))
    assert write_report(file, "--out", tmp_path).exit_code == 0
    assert re.search(r"% \([^)]*\); died \(in cold\)", (tmp_path / "report.md").read_text())


def test_a_document_without_marks_is_left_as_it_is(measured: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("nothing")
    result = write_report(measured, "--out", tmp_path, "--into", other)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert other.read_text() == "nothing"


def test_what_is_no_file_of_results_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    file.write_text("{}")
    result = write_report(file, "--out", tmp_path)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_answers_are_judged_against_the_truth_and_the_original() -> None:
    labels = ["ai"] * 6 + ["human"] * 4
    original = [0.9] * 6 + [0.1] * 4  # all right
    answered = [0.2] * 3 + [0.8] * 3 + [0.1] * 3 + [0.5]  # a tie is human
    judged = judge(labels, answered, answered, original)
    assert judged.accuracy == pytest.approx(0.7)
    assert judged.interval == pytest.approx((0.397, 0.892), abs=1e-3)  # Wilson (1927)
    assert judged.recalls == {"ai": 0.5, "human": 1.0}
    assert judged.agreement == pytest.approx(0.7)
    assert judged.p_value == pytest.approx(2 * 0.5**3)  # three pairs differ, all one way
    assert judged.drift == pytest.approx((3 * 0.7 + 3 * 0.1 + 0.4) / 10)


def test_the_pareto_front_has_no_row_that_another_beats_in_both() -> None:
    def row(name: str, p90: float, right: int) -> Row:
        accuracy = judge(["ai"] * 10, [0.9] * right + [0.1] * (10 - right))
        suites = {"picture": {"p90": p90, "file_bytes": 1}}
        return Row(Variant(name, "int8", "LiteRT", 1), "", suites, {}, accuracy, None)

    rows = [row("slow", 4, 7), row("best", 3, 9), row("fast", 1, 6), row("beaten", 2, 6)]
    assert [one.variant.tool for one in pareto_front(rows)] == ["fast", "best"]


def test_the_table_among_the_results_is_the_one_that_the_command_writes() -> None:
    (committed,) = DOCS.glob("*.json")
    results = (DOCS.parent / "results.md").read_text()
    assert put_into(results, results_table(read_results(committed))) == results


def test_the_committed_report_is_the_one_that_the_command_writes(tmp_path: Path) -> None:
    assert write_report("--out", tmp_path).exit_code == 0
    report = (DOCS / "report.md").read_text()
    assert (tmp_path / "report.md").read_text() == report
