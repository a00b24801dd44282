"""A model card says what stands in the file, in the form that a model hub reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from huggingface_hub import ModelCard

from aiart_convert.card import model_card
from aiart_edge.files import EMBEDDED_MODEL
from aiart_edge.model_file import ModelFile, read_model_file

Command = Callable[..., Result]
OneLine = Callable[[Result], str]


@pytest.fixture(scope="module")
def embedded() -> ModelFile:
    return read_model_file(EMBEDDED_MODEL)


def read(text: str) -> ModelCard:
    """Read a card as the hub's own library does, which raises where its schema is not met."""
    return ModelCard(text, ignore_metadata_errors=False)


def test_the_hubs_library_finds_what_it_searches_by(aiart_convert: Command) -> None:
    result = aiart_convert("card", EMBEDDED_MODEL, "--license", "apache-2.0")
    assert result.exit_code == 0, result.stderr
    data = read(result.stdout).data
    assert (data.license, data.library_name) == ("apache-2.0", "tflite")
    assert data.pipeline_tag == "image-classification"
    assert "int8" in data.tags


def test_the_hubs_library_finds_the_strictest_figures_as_results(embedded: ModelFile) -> None:
    metrics = embedded.description.metrics
    results = read(model_card(embedded)).data.eval_results
    found = {one.metric_type: one.metric_value for one in results}
    assert {one.dataset_split for one in results} == {"crossval"}
    assert found["accuracy"] == pytest.approx(metrics["crossval_accuracy"], abs=1e-4)
    assert found["human_called_ai"] == pytest.approx(metrics["crossval_human_called_ai"], abs=1e-4)


def test_what_verdicts_are_worth_in_sample_is_no_result(embedded: ModelFile) -> None:
    metrics = {"validation_accuracy": 0.8, "validation_coverage": 0.9, "validation_in_sample": 1}
    flattered = replace(embedded, description=replace(embedded.description, metrics=metrics))
    card = read(model_card(flattered))
    assert [one.metric_type for one in card.data.eval_results] == ["accuracy"]
    assert "| get a verdict | 90.0% |" in card.text


def test_a_figure_has_its_interval_where_the_file_has_it(embedded: ModelFile) -> None:
    ends = {"low": 0.01, "high": 0.05}
    metrics = {f"test_human_called_ai_{end}": value for end, value in ends.items()}
    metrics = {"test_human_called_ai": 0.03, **metrics}
    told = replace(embedded, description=replace(embedded.description, metrics=metrics))
    assert "| human art called ai | 3.0% (1.0% to 5.0%) |" in model_card(told)


def test_every_figure_of_a_converted_file_stands_in_its_card(
    aiart_convert: Command, model_files: dict[str, Path]
) -> None:
    metrics = read_model_file(model_files["int8"]).description.metrics
    card = read(aiart_convert("card", model_files["int8"]).stdout)
    rows = card.text.partition("## What was measured")[2].partition("## ")[0].count("\n| ") - 2
    assert rows == len([name for name in metrics if not name.endswith(("_low", "_high"))])


def test_a_file_without_figures_has_a_card_without_results(embedded: ModelFile) -> None:
    bare = replace(embedded, description=replace(embedded.description, metrics={}, origin={}))
    assert not read(model_card(bare)).data.eval_results


def test_what_a_hostile_file_is_called_stays_text(embedded: ModelFile) -> None:
    name = "a\n---\nlicense: mit\n# [b](http://c) <script>"
    hostile = replace(embedded, description=replace(embedded.description, name=name))
    card = read(model_card(hostile))
    assert card.data.license == "unknown"
    assert "\n# [b]" not in card.text
    assert "<script>" not in card.text.replace("\\<script\\>", "")


def test_a_card_asks_for_the_licence_where_nobody_named_one(aiart_convert: Command) -> None:
    assert "the licence of the network" in aiart_convert("card", EMBEDDED_MODEL).stdout
    named = aiart_convert("card", EMBEDDED_MODEL, "--license", "mit").stdout
    assert "the licence of the network" not in named


def test_a_file_that_is_not_ours_is_refused_in_one_line(
    aiart_convert: Command, tmp_path: Path, one_line: OneLine
) -> None:
    file = tmp_path / "other.tflite"
    file.write_bytes(b"TFL3" * 4)
    assert "other.tflite" in one_line(aiart_convert("card", file))
