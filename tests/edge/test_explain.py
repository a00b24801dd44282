"""The command that shows where the evidence lies."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from PIL import Image

from aiart_edge import Classifier, Explanation
from aiart_edge.classifier import Classification
from aiart_edge.cli import main
from aiart_edge.evidence_map import draw_map, map_lines
from aiart_edge.files import RECORD_SCHEMA

Command = Callable[..., Result]

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"

HALVES = np.array([[0.3, -0.1, -0.5]], np.float32)  # AI, neither, human art
EXPLANATION = Explanation(Classification("ai", 0.9, "ai"), HALVES + 1, -3.0, -0.3, "exact")
GREY = Image.new("RGB", (300, 100), "#a0a0a0")


@pytest.fixture(scope="module")
def as_json() -> dict[str, object]:
    return json.loads(CliRunner().invoke(main, ["explain", "--json", str(SAMPLE)]).stdout)


def test_it_says_the_verdict_and_draws_a_map_in_characters(aiart_edge: Command) -> None:
    result = aiart_edge("explain", SAMPLE)
    assert result.exit_code == 0, result.stderr
    verdict, *rows, legend, sums, footer = result.stdout.splitlines()
    classified = aiart_edge("classify", "--no-origin", SAMPLE).stdout
    assert classified == f"{verdict}\n{footer}\n"
    assert {len(row) for row in rows} == {46}
    assert {*"".join(rows)} <= {*" +*#-=%."}
    assert "+*# speak for AI" in legend
    assert sums.endswith("read off the network")


def test_its_json_is_a_record_whose_places_add_up(as_json: dict) -> None:
    schema = json.loads(RECORD_SCHEMA.read_text())
    Draft202012Validator(schema).validate(as_json)
    assert set(as_json) <= set(schema["properties"])
    evidence = as_json["evidence"]
    total = np.sum(evidence["places"]) + evidence["intercept"]
    assert total == pytest.approx(evidence["logit"], abs=0.02)
    with Classifier.load() as classifier:
        found = classifier.explain(SAMPLE)
    assert np.array(evidence["places"]) == pytest.approx(found.evidence, abs=1e-6)


def test_standard_input_is_a_picture_too(as_json: dict) -> None:
    arguments = ["explain", "--json", "-"]
    piped = json.loads(CliRunner().invoke(main, arguments, input=SAMPLE.read_bytes()).stdout)
    assert piped == as_json | {"path": "-"}


def test_it_draws_a_picture(aiart_edge: Command, tmp_path: Path) -> None:
    out = tmp_path / "map.png"
    result = aiart_edge("explain", SAMPLE, "--out", out)
    assert result.exit_code == 0, result.stderr
    with Image.open(out) as drawn:
        assert drawn.format == "PNG"
        assert min(drawn.size) > 500
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("content", [b"", b"no picture", SAMPLE.read_bytes()[:3000]])
def test_what_cannot_be_read_is_one_line_and_the_old_map_stays(
    content: bytes, aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    picture, out = tmp_path / "picture.jpg", tmp_path / "map.png"
    picture.write_bytes(content)
    out.write_bytes(b"old")
    result = aiart_edge("explain", picture, "--out", out)
    assert "picture.jpg" in one_line(result)
    assert result.exit_code == 1
    assert out.read_bytes() == b"old"


def test_a_map_that_cannot_be_written_is_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    result = aiart_edge("explain", SAMPLE, "--out", tmp_path / "missing" / "map.png")
    assert "cannot be written" in one_line(result)


def test_what_is_no_plain_file_is_not_replaced(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "it is no plain file" in one_line(aiart_edge("explain", SAMPLE, "--out", pipe))
    assert pipe.is_fifo()


def test_characters_tell_both_sides_without_colours() -> None:
    *rows, _, _ = map_lines((300, 100), EXPLANATION)
    for row in rows:
        # What has no place counts as -1 everywhere.
        cells = [letter for letter in row if letter in "+*#-=%."]
        assert cells[0] == "*"
        assert cells[21] == "-"
        assert cells[-1] == "%"


def test_colours_are_orange_for_ai_and_blue_for_human_art() -> None:
    drawn = Image.open(io.BytesIO(draw_map(GREY, EXPLANATION, "footer")))
    height = 28 + 2 * 24 + 100
    ai, human = (drawn.getpixel((drawn.width - 28 - offset, height)) for offset in (630, 10))
    assert ai[0] > ai[1] > ai[2]
    assert human[2] > human[1] > human[0]
    picture = drawn.getpixel((28 + 10, height))
    assert picture == (0xA0, 0xA0, 0xA0)


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (5, 5)])
def test_a_picture_of_any_shape_is_drawn(size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(draw_map(Image.new("RGB", size), EXPLANATION, "footer"))) as drawn:
        assert max(drawn.size) < 2000
    assert 4 <= len(list(map_lines(size, EXPLANATION))) - 2 <= 32
