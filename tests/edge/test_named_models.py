"""Models by name: the embedded one, those of other distributions, and two of them as a cascade."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from jsonschema import Draft202012Validator

from aiart_edge import Classifier, DecisionRule, ModelFileError
from aiart_edge.cascade import RULE_FILE, CascadeRule
from aiart_edge.decision import logit_of
from aiart_edge.files import EMBEDDED_MODEL, RECORD_SCHEMA
from aiart_edge.model_file import read_model_file, write_model_file
from aiart_edge.runtime import Scorer, load_network

Command = Callable[..., Result]

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))
EMBEDDED = read_model_file(EMBEDDED_MODEL)


def install(site: Path, entry_points: str, code: str = "") -> None:
    """Put into a folder what pip leaves of aiart-strong; it hides one that is installed."""
    noted = site / "aiart_strong-1.0.dist-info"
    noted.mkdir(parents=True)
    (noted / "METADATA").write_text("Metadata-Version: 2.1\nName: aiart-strong\nVersion: 1.0\n")
    (noted / "entry_points.txt").write_text(entry_points)
    (site / "strong_of_a_test.py").write_text(code)


@pytest.fixture
def without_strong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", "")
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.fixture
def strong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed model called strong: the embedded network under another description."""
    path = tmp_path / "strong.tflite"
    description = replace(EMBEDDED.description, name="strong", decision=DecisionRule(2.0, 0, 1))
    write_model_file(path, EMBEDDED.network, description)
    points = "[aiart.models]\nstrong = strong_of_a_test:MODEL\n"
    install(tmp_path / "site", points, f"MODEL = {str(path)!r}\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "strong_of_a_test", raising=False)
    return path


@pytest.fixture
def write_rule(strong: Path) -> Callable[..., CascadeRule]:
    """Write the rule of the embedded model and that which is called strong."""

    def write(**changes: Any) -> CascadeRule:
        rule = CascadeRule(
            networks=(EMBEDDED.sha256, EMBEDDED.sha256),
            unsure=(0.0, 1.0),
            alone=(0.5, 0.25),
            together=(0.5, 1.0, -0.25),
            decision=DecisionRule(1.0, 0.2, 0.8),
        )
        rule = replace(rule, **changes)
        strong.with_name(RULE_FILE).write_text(json.dumps(asdict(rule)))
        return rule

    return write


def records(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_model_of_another_distribution_is_found_by_its_name(
    strong: Path, aiart_edge: Command
) -> None:
    (record,) = records(aiart_edge("classify", SAMPLES[0], "--model", "strong", "--jsonl"))
    assert (record["model"], record["verdict"]) == ("strong", "unsure")
    assert json.loads(aiart_edge("info", "strong", "--json").stdout)["path"] == str(strong)
    checks = json.loads(aiart_edge("doctor", "--model", "strong", "--json").stdout)
    assert "strong int8" in next(check["found"] for check in checks if check["name"] == "model")


def test_default_is_the_embedded_model(aiart_edge: Command) -> None:
    named, plain = (
        records(aiart_edge("classify", SAMPLES[0], "--jsonl", *options))
        for options in (("--model", "default"), ())
    )
    assert named == plain


@pytest.mark.usefixtures("without_strong")
@pytest.mark.parametrize("name", ["strong", "cascade"])
def test_without_it_one_line_says_how_to_get_it(
    name: str, aiart_edge: Command, one_line: Callable[[Result], str]
) -> None:
    said = one_line(aiart_edge("classify", SAMPLES[0], "--model", name))
    assert said.startswith("Error: strong: this model is not installed: run  ")
    assert said.rstrip().endswith("edge/strong")


@pytest.mark.usefixtures("strong")
def test_a_name_that_nobody_brings_is_one_line_with_those_that_are_known(
    aiart_edge: Command, one_line: Callable[[Result], str]
) -> None:
    said = one_line(aiart_edge("classify", SAMPLES[0], "--model", "strnog"))
    assert "known are default, strong" in said


@pytest.mark.parametrize(
    ("machine", "remedy"),
    [("x86_64", "run  pip install ai-edge-litert"), ("armv7l", "none is published for 32 bits")],
)
def test_where_litert_is_missing_a_model_for_it_alone_says_so(
    machine: str,
    remedy: str,
    strong: Path,
    monkeypatch: pytest.MonkeyPatch,
    aiart_edge: Command,
    one_line: Callable[[Result], str],
) -> None:
    origin = {**EMBEDDED.description.origin, "target": "litert"}
    write_model_file(strong, EMBEDDED.network, replace(EMBEDDED.description, origin=origin))
    find, here = importlib.util.find_spec, os.uname()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ai_edge_litert" else find(name)
    )
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*here[:4], machine)))
    said = one_line(aiart_edge("classify", SAMPLES[0], "--model", "strong"))
    assert said.startswith("Error: ai-edge-litert is not installed: ")
    assert remedy in said


def test_a_distribution_without_its_model_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    aiart_edge: Command,
    one_line: Callable[[Result], str],
) -> None:
    install(tmp_path / "site", "[aiart.models]\nstrong = strong_of_no_test:MODEL\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert "install it again" in one_line(aiart_edge("info", "strong"))


def test_the_second_network_decides_where_the_first_is_unsure(
    write_rule: Callable[..., CascadeRule],
) -> None:
    with Classifier.load() as embedded:
        scores = {sample: embedded.scores(sample) for sample in SAMPLES}
    sure, unsure = sorted(SAMPLES, key=lambda sample: float(scores[sample][0]))
    between = float(scores[sure][0] + scores[unsure][0]) / 2
    rule = write_rule(unsure=(between, 1.0))
    with Classifier.load("cascade") as cascade:
        alone, together = cascade.classify(sure), cascade.classify(unsure)
    assert (alone.decided_by, together.decided_by) == ("default", "strong")
    for found, expected in (
        (alone, rule.combine(scores[sure], None)),
        (together, rule.combine(scores[unsure], scores[unsure])),
    ):
        assert found.p_ai == pytest.approx(expected[0])
    logit = np.log(together.p_ai / (1 - together.p_ai))
    assert logit == pytest.approx(1.5 * float(logit_of(scores[unsure])) - 0.25)


def test_each_record_of_a_cascade_says_which_network_decided(
    write_rule: Callable[..., CascadeRule], aiart_edge: Command
) -> None:
    write_rule()
    schema = Draft202012Validator(json.loads(RECORD_SCHEMA.read_text()))
    many = records(aiart_edge("classify", *SAMPLES, "--model", "cascade", "--jsonl", "--jobs", 2))
    for record in many:
        schema.validate(record)
        assert (record["model"], record["decided_by"]) == ("cascade", "strong")
    assert "decided_by" not in records(aiart_edge("classify", SAMPLES[0], "--jsonl"))[0]


def test_the_band_that_is_asked_for_is_that_of_the_pair(
    write_rule: Callable[..., CascadeRule], aiart_edge: Command
) -> None:
    write_rule(together=(0.0, 0.0, 0.5))  # p(ai) is .62, whatever the picture
    cascade = ("classify", SAMPLES[0], "--model", "cascade", "-q")
    verdicts = [
        aiart_edge(*cascade, *options).stdout.strip()
        for options in ((), ("--threshold", 0.6), ("--band", 0.63, 0.9))
    ]
    assert verdicts == ["unsure", "ai", "human"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be opened"),
        ("{", "is broken"),
        ('{"networks": ["a", "b"]}', "is broken"),
    ],
)
def test_a_rule_that_is_missing_or_broken_is_one_line(
    content: str | None,
    problem: str,
    strong: Path,
    aiart_edge: Command,
    one_line: Callable[[Result], str],
) -> None:
    if content is not None:
        strong.with_name(RULE_FILE).write_text(content)
    said = one_line(aiart_edge("classify", SAMPLES[0], "--model", "cascade"))
    assert problem in said


def test_a_rule_of_other_networks_is_refused(write_rule: Callable[..., CascadeRule]) -> None:
    write_rule(networks=(EMBEDDED.sha256, "0" * 64))
    with pytest.raises(ModelFileError, match="of two other networks than these"):
        Classifier.load("cascade")


def test_of_a_big_network_there_is_one_copy_for_all_threads() -> None:
    opened: list[Scorer] = []

    def open_one() -> Scorer:
        opened.append(load_network(EMBEDDED.network, trusted=True))
        return opened[-1]

    with Classifier(open_one, EMBEDDED.description, shared=True) as classifier:
        expected = classifier.classify(SAMPLES[0])
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(classifier.classify, [SAMPLES[0]] * 8))
    assert found == [expected] * 8
    assert len(opened) == 1


@pytest.mark.parametrize(("unsure", "decides"), [((0.0, 1.0), "strong"), ((0.999, 1.0), "default")])
def test_a_cascade_shows_the_evidence_of_the_network_that_decided(
    unsure: tuple[float, float], decides: str, write_rule: Callable[..., CascadeRule]
) -> None:
    write_rule(unsure=unsure)
    with Classifier.load("cascade") as cascade, Classifier.load(decides) as alone:
        found, expected = cascade.explain(SAMPLES[0]), alone.explain(SAMPLES[0])
        assert found.classification == cascade.classify(SAMPLES[0])
    assert found.classification.decided_by == decides
    assert (found.logit, found.method) == (expected.logit, expected.method)
    assert np.array_equal(found.evidence, expected.evidence)
