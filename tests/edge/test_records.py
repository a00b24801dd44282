"""What machines read of classify and watch, and what no name can do to it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from jsonschema import Draft202012Validator

from aiart_edge.classifier import Classification, Classifier
from aiart_edge.files import RECORD_SCHEMA
from aiart_edge.model_file import read_model_file
from aiart_edge.output import Record, as_csv, as_text

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"

PROGRAM = [sys.executable, "-c", "from aiart_edge.cli import program; program()"]

Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of which there is everything to say: verdicts, an error, and what is left out."""
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    shutil.copy(SAMPLE, folder / "a.jpg")
    (folder / "broken.jpg").write_bytes(SAMPLE.read_bytes()[:5000])
    (folder / "plain.ppm").write_bytes(b"P6 80 80 255 " + b"\x80" * 80 * 80 * 3)
    (folder / "b.svg").write_bytes(b"<svg/>")
    (folder / "notes.txt").touch()
    (folder / "Makefile").touch()
    (folder / "link").symlink_to("below")
    return folder


def assert_valid(record: dict[str, object]) -> None:
    schema = json.loads(RECORD_SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(record)
    assert set(record) <= set(schema["properties"])


@pytest.mark.parametrize("form", ["--json", "--jsonl"])
def test_every_record_is_what_the_schema_says(form: str, aiart_edge: Command, folder: Path) -> None:
    text = aiart_edge("classify", form, "--hash", folder, folder / "missing.jpg").stdout
    records = json.loads(text) if form == "--json" else [*map(json.loads, text.splitlines())]
    for record in records:
        assert_valid(record)
    kinds = [
        kind for record in records for kind in ("verdict", "error", "left_out") if kind in record
    ]
    assert [kinds.count(kind) for kind in ("verdict", "error", "left_out")] == [2, 2, 5]


def test_a_record_of_an_origin_is_one_too(aiart_edge: Command, folder: Path) -> None:
    records = aiart_edge("origin", "--jsonl", folder).stdout.splitlines()
    assert len(records) == 8
    for record in records:
        assert_valid(json.loads(record))


def test_a_watcher_writes_the_same_records(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            os.utime(path, (1, 1))
    command = [*PROGRAM, "watch", "--every", "0.02", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for _ in ("a.jpg", "broken.jpg", "plain.ppm", "b.svg", "notes.txt", "Makefile"):
            assert_valid(json.loads(process.stdout.readline()))
        process.terminate()


def test_the_command_prints_the_schema(aiart_edge: Command) -> None:
    assert json.loads(aiart_edge("schema").stdout) == json.loads(RECORD_SCHEMA.read_text())


def test_a_record_names_the_network_and_on_demand_the_file(aiart_edge: Command) -> None:
    (record,) = json.loads(aiart_edge("classify", "--json", "--hash", SAMPLE).stdout)
    info = json.loads(aiart_edge("info", "--json").stdout)
    assert record["model"] == info["name"]
    assert record["model_version"] == info["origin"]["aiart"]
    assert record["model_sha256"] == info["network"]["sha256"][:12]
    assert record["sha256"] == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    (unhashed,) = json.loads(aiart_edge("classify", "--json", SAMPLE).stdout)
    assert "sha256" not in unhashed


def test_networks_of_one_name_differ_in_the_record(
    aiart_edge: Command, model_files: dict[str, Path]
) -> None:
    records = [
        json.loads(aiart_edge("classify", "--jsonl", SAMPLE, "--model", path).stdout)
        for path in model_files.values()
    ]
    assert len({record["model"] for record in records}) == 1
    assert len({record["model_sha256"] for record in records}) == 2


def test_a_network_from_elsewhere_is_named_by_the_hash_of_its_file(
    tmp_path: Path, model_files: dict[str, Path]
) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(read_model_file(model_files["float32"]).network)
    with Classifier.load_foreign(path, labels=("ai", "human"), size=(64, 64)) as classifier:
        assert classifier.identity == {
            "model": "foreign.tflite",
            "model_version": "",
            "model_sha256": hashlib.sha256(path.read_bytes()).hexdigest()[:12],
        }


def test_what_comes_through_a_pipe_is_hashed_too() -> None:
    command = [*PROGRAM, "classify", "--jsonl", "--hash", "-"]
    done = subprocess.run(command, input=SAMPLE.read_bytes(), capture_output=True, check=True)
    record = json.loads(done.stdout)
    assert record["sha256"] == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()


def csv_rows(name: str, model: str = "default") -> list[dict[str, str]]:
    record = Record(name, {"model": model}, Classification("ai", 0.9, "ai"))
    return list(csv.DictReader(io.StringIO("".join(as_csv([record])), newline="")))


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0.jpg", "+1.jpg", "-1.jpg", "@sum.jpg", "\t=1"])
def test_a_name_is_no_formula_in_a_table_and_still_names_the_file(name: str) -> None:
    (row,) = csv_rows(name)
    assert row["path"] == f"./{name}"
    assert Path(row["path"]) == Path(name)


@pytest.mark.parametrize("name", ["a.jpg", "/=1.jpg", "-", "ß.jpg", ".=1"])
def test_other_names_stand_in_a_table_as_they_are(name: str) -> None:
    assert csv_rows(name)[0]["path"] == name


def test_the_name_of_a_network_is_no_formula_either() -> None:
    assert csv_rows("a.jpg", "=1+1")[0]["model"] == "'=1+1"


def test_a_table_is_quoted_for_whoever_splits_it_at_semicolons() -> None:
    record = Record("a;=1+1.jpg", {}, Classification("ai", 0.9, "ai"))
    assert '"a;=1+1.jpg"' in "".join(as_csv([record]))


def on_a_terminal(*arguments: object) -> bytes:
    reader, terminal = pty.openpty()
    subprocess.run([*PROGRAM, *map(str, arguments)], stdout=terminal, stderr=terminal, check=True)
    os.close(terminal)
    seen = b""
    try:
        while part := os.read(reader, 1 << 16):
            seen += part
    except OSError:  # the end, on Linux
        pass
    os.close(reader)
    return seen


@pytest.mark.parametrize("form", ["--csv", "--paths"])
def test_a_name_reaches_a_pipe_byte_for_byte_and_a_terminal_without_orders(
    form: str, tmp_path: Path
) -> None:
    path = os.fsencode(tmp_path) + b"/\x1b[31m\xff.jpg"
    shutil.copy(SAMPLE, path)
    piped = subprocess.run([*PROGRAM, "classify", form, path], capture_output=True, check=True)
    assert path in piped.stdout
    seen = on_a_terminal("classify", form, tmp_path)
    assert b"?[31m" in seen
    assert b"\x1b" not in seen


def test_paths_are_the_names_of_those_that_were_chosen(aiart_edge: Command, folder: Path) -> None:
    assert (
        aiart_edge("classify", "--paths", folder).stdout == f"{folder}/a.jpg\n{folder}/plain.ppm\n"
    )
    chosen = aiart_edge("classify", "--paths", "-0", "--only", "unsure", folder)
    assert chosen.stdout == f"{folder}/a.jpg\0{folder}/plain.ppm\0"
    assert aiart_edge("classify", "--paths", "--only", "human", folder).stdout == ""


@pytest.mark.parametrize(
    "options", [["--json", "--csv"], ["-q", "--paths"], ["--jsonl", "-0"], ["-0"]]
)
def test_one_form_excludes_another(options: list[str], aiart_edge: Command) -> None:
    result = aiart_edge("classify", SAMPLE, *options)
    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("p_ai", "marks"),
    [
        (0.0, 0),
        (0.044, 0),
        (0.0499, 1),
        (0.5451, 6),
        (0.5549, 6),
        (0.549, 6),
        (0.955, 10),
        (1.0, 10),
    ],
)
def test_one_printed_number_has_one_bar(p_ai: float, marks: int) -> None:
    line, _ = as_text([Record("a.jpg", {}, Classification("unsure", p_ai, "ai"))])
    assert re.search(r"\[(#*)\.*\]", line)[1] == "#" * marks


def test_info_is_rounded_and_in_words_for_people(aiart_edge: Command) -> None:
    table = aiart_edge("info").stdout
    assert re.search(
        r"^says +ai from p\(ai\) 0\.\d\d on, human up to 0\.\d\d, unsure ", table, re.M
    )
    assert re.search(r"^crossval: right answers +\d\d\.\d%$", table, re.M)
    assert not re.search(r"\d\.\d{6}", table)
