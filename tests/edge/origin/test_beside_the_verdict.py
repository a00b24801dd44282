"""What a file says of itself beside the network's verdict, and never mixed into it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.edge.origin import files

Command = Callable[..., Result]

SENTENCE = "        the file says: made with AI (Stable Diffusion (webui))"


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    path = tmp_path / "ai.png"
    settings = "castle, Steps: 20, Sampler: Euler a, Seed: 1"
    path.write_bytes(files.png_with({"parameters": settings}))
    return path


def test_people_read_it_below_the_verdict(aiart_edge: Command, generated: Path) -> None:
    result = aiart_edge("classify", generated)
    _, sentence, *footer = result.stdout.splitlines()
    assert sentence == SENTENCE
    assert "forged or removed" in footer[-1]


def test_it_never_moves_the_verdict(aiart_edge: Command, generated: Path) -> None:
    record, without = (
        json.loads(aiart_edge("classify", "--jsonl", *options, generated).stdout)
        for options in ([], ["--no-origin"])
    )
    assert record.pop("origin")["says"] == "ai"
    assert record == without


def test_a_table_has_three_columns_of_it(aiart_edge: Command, generated: Path) -> None:
    (row,) = csv.DictReader(aiart_edge("classify", "--csv", generated).stdout.splitlines())
    assert [row[f"origin_{name}"] for name in ("says", "by", "certainty")] == [
        "ai",
        "Stable Diffusion (webui)",
        "declared",
    ]


@pytest.mark.parametrize("form", [[], ["--jsonl"]])
def test_prompts_are_shown_only_on_request(
    aiart_edge: Command, generated: Path, form: list[str]
) -> None:
    assert "castle" not in aiart_edge("classify", *form, generated).stdout
    assert "castle" in aiart_edge("classify", *form, "--show-metadata", generated).stdout


@pytest.mark.parametrize(
    ("options", "said"), [([], (True, False)), (["--show-metadata"], (True, True)),
                          (["--no-origin"], (False, False))]
)  # fmt: skip
def test_watch_has_the_same_options(
    generated: Path, options: list[str], said: tuple[bool, bool]
) -> None:
    program = "from aiart_edge.cli import program; program()"
    command = [sys.executable, "-c", program, "watch", "--every", "0.02", *options]
    with subprocess.Popen([*command, generated.parent], stdout=subprocess.PIPE) as watching:
        line = watching.stdout.readline()
        watching.terminate()
    assert (b"Stable Diffusion (webui)" in line, b"castle" in line) == said


def test_standard_input_is_read_once_for_both(generated: Path) -> None:
    program = "from aiart_edge.cli import program; program()"
    done = subprocess.run(
        [sys.executable, "-c", program, "classify", "--jsonl", "-"],
        input=generated.read_bytes(),
        capture_output=True,
        check=True,
    )
    record = json.loads(done.stdout)
    assert (record["origin"]["says"], "verdict" in record) == ("ai", True)
