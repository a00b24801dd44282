"""The command `aiart-edge origin`."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.edge.origin import files

Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one that was cut off, a raw file by its name, and a text."""
    generated = files.png_with({"parameters": "castle, Steps: 20, Sampler: Euler a, Seed: 1"})
    (tmp_path / "ai.png").write_bytes(generated)
    (tmp_path / "cut.png").write_bytes(files.draw("PNG")[:60])
    (tmp_path / "silent.jpg").write_bytes(files.draw("JPEG"))
    (tmp_path / "silent.nef").write_bytes(files.draw("TIFF"))
    (tmp_path / "text.txt").write_text("Steps: 20")
    return tmp_path


def test_people_read_a_sentence_a_file(aiart_edge: Command, folder: Path) -> None:
    result = aiart_edge("origin", folder)
    assert result.exit_code == 0
    assert [line.rpartition("  ")[0] for line in result.stdout.splitlines()[:-1]] == [
        "ai              the file says: made with AI (Stable Diffusion (webui))",
        "nothing         the file was not read to its end: its chunks are out of step",
        "nothing         the file says nothing",
        "nothing         the file says nothing",
    ]
    assert "no proof" in result.stdout.splitlines()[-1]
    assert result.stderr == "1 file was left out: 1 .txt.\n"


def test_machines_read_a_record_a_file(aiart_edge: Command, folder: Path) -> None:
    lines = aiart_edge("origin", "--jsonl", folder).stdout.splitlines()
    assert lines == [
        json.dumps(record) for record in json.loads(aiart_edge("origin", "--json", folder).stdout)
    ]
    first, cut = (json.loads(line) for line in lines[:2])
    assert first == {
        "schema": 1,
        "path": str(folder / "ai.png"),
        "origin": {
            "says": "ai",
            "kind": "webui",
            "by": "Stable Diffusion (webui)",
            "where": "PNG tEXt parameters",
            "certainty": "declared",
            "verified": None,
            "complete": True,
            "marks": [
                {
                    "says": "ai",
                    "kind": "webui",
                    "by": "Stable Diffusion (webui)",
                    "where": "PNG tEXt parameters",
                    "certainty": "declared",
                }
            ],
            "pixels": "not looked at",
        },
    }
    assert (cut["origin"]["complete"], cut["origin"]["reason"]) == (
        False,
        "its chunks are out of step",
    )


def test_a_table_has_what_each_says_by_what_and_how_certain(
    aiart_edge: Command, folder: Path
) -> None:
    rows = list(csv.DictReader(aiart_edge("origin", "--csv", folder).stdout.splitlines()))
    assert rows[0] == {
        "path": str(folder / "ai.png"),
        "origin_says": "ai",
        "origin_by": "Stable Diffusion (webui)",
        "origin_certainty": "declared",
        "left_out": "",
        "error": "",
        "kind": "",
    }
    assert [row["left_out"] for row in rows] == ["", "", "", "", ".txt"]


@pytest.mark.parametrize("form", [[], ["--jsonl"]])
def test_prompts_are_shown_only_on_request(
    aiart_edge: Command, folder: Path, form: list[str]
) -> None:
    assert "castle" not in aiart_edge("origin", *form, folder).stdout
    assert "castle" in aiart_edge("origin", *form, "--show-metadata", folder).stdout


def test_a_file_that_cannot_be_read_is_one_line(aiart_edge: Command, folder: Path) -> None:
    result = aiart_edge("origin", "--jsonl", folder / "ai.png", folder / "missing.png")
    assert result.exit_code == 3
    assert len(result.stderr.splitlines()) == 1
    assert json.loads(result.stdout.splitlines()[1])["error"].startswith("cannot be read")


def test_nothing_named_is_wrong_usage(aiart_edge: Command) -> None:
    assert aiart_edge("origin").exit_code == 2


def test_it_starts_without_numpy_pillow_and_runtime(folder: Path) -> None:
    script = (
        "import sys; sys.argv[1:] = ['origin', '-', sys.argv[1]]\n"
        "from aiart_edge.cli import program\n"
        "try: program()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder / "silent.jpg"],
        input=(folder / "ai.png").read_bytes(),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )
    assert done.stdout.splitlines()[0].startswith(b"ai ")
    modules = set(done.stderr.decode().split())
    assert "aiart_edge.origin" in modules
    assert not modules & {"numpy", "PIL", "tflite_runtime", "ai_edge_litert", "importlib.metadata"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (files.png_with({"AIGC": '{"Label": "2", "ProduceID": "1"}'}), "hints: made with AI"),
        (files.png_with({"Software": "Luma AI"}), "seems to say: made with AI (Luma AI)"),
        (
            files.jpeg_with_xmp(
                files.xmp({"t:provenance": "https://x.org"}, {"t": "http://purl.org/dc/terms/"})
            ),
            "says nothing; its Content Credentials lie elsewhere",
        ),
        (
            files.png_with({"Software": "Luma AI"})[:-12],
            "seems to say: made with AI (Luma AI); it was not read to its end",
        ),
    ],
)
def test_a_sentence_is_no_stronger_than_what_the_file_says(
    aiart_edge: Command, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "picture.png").write_bytes(content)
    assert f"the file {said}" in aiart_edge("origin", tmp_path).stdout
