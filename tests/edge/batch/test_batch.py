"""Very many pictures, by the command: what its results are, and that no accident changes them."""

from __future__ import annotations

import base64
import itertools
import json
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import Result
from jsonschema import Draft202012Validator
from PIL import Image

from aiart_edge.batch.results import Results
from aiart_edge.files import RECORD_SCHEMA

SAMPLE = Path(__file__).parents[3] / "samples" / "van-gogh-auvers-1890.jpg"
PROGRAM = [sys.executable, "-m", "aiart_edge"]
SLOWEST = 300.0  # seconds that a loaded machine may take for a step

Command = Callable[..., Result]
Check = Callable[[Result], str]


def draw(path: Path, seed: int) -> None:
    corners = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    Image.fromarray(corners).resize((72, 72), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of which there is everything to say."""
    folder = tmp_path / "pictures"
    (folder / "below" / "deeper").mkdir(parents=True)
    for number in range(4):
        draw(folder / f"{number}.png", number)
    shutil.copy(SAMPLE, folder / "below" / "deeper" / "art.jpg")
    draw(Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.jpg")), 5)
    (folder / "broken.jpg").write_bytes(SAMPLE.read_bytes()[:5000])
    (folder / "b.svg").write_bytes(b"<svg/>")
    (folder / "notes.txt").touch()
    (folder / ".hidden.jpg").touch()
    (folder / "link").symlink_to("below")
    (folder / "nowhere.jpg").symlink_to("missing")
    os.mkfifo(folder / "pipe.jpg")
    return folder


def results_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "results").iterdir())}


def records_of(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for part in results_of(out).values() for line in part.splitlines()]


def test_the_records_are_those_of_classify_in_the_order_of_their_names(
    aiart_edge: Command, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = aiart_edge("batch", folder, "--out", out, "--hash", "--shard-size", 5, "--report")
    assert result.exit_code == 3, result.output
    assert [*results_of(out)] == ["000000.jsonl", "000001.jsonl", "000002.jsonl"]
    lines = b"".join(results_of(out).values()).decode().splitlines()
    assert sorted(lines) == sorted(
        aiart_edge("classify", "--recursive", "--jsonl", "--hash", folder).stdout.splitlines()
    )
    records = [json.loads(line) for line in lines]
    names = [os.fsencode(record["path"]) for record in records]
    assert names == sorted(names)
    assert b"\0".join(names) + b"\0" == (out / "list").read_bytes()
    schema = Draft202012Validator(json.loads(RECORD_SCHEMA.read_text()))
    for record in records:
        schema.validate(record)
    odd = next(record for record in records if "path_bytes" in record)
    assert base64.b64decode(odd["path_bytes"]).endswith(b"\xff\xfe.jpg")
    assert [record.get("kind") for record in records if "error" in record] == [
        "content",
        "access",
        "content",
    ]
    told = dict(line.rsplit(None, 1) for line in result.stdout.splitlines())
    assert sum(int(told[f"verdicts.{verdict}"]) for verdict in ("ai", "human", "unsure")) == 6
    assert sum(int(count) for name, count in told.items() if name.startswith("p_ai.")) == 6
    assert (told["errors.content"], told["errors.access"]) == ("2", "1")
    assert told["this_run.files"] == "12"


def test_a_list_is_made_once_and_names_each_file_once(
    aiart_edge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        draw(tmp_path / f"{number}.png", number)
    (tmp_path / "listed").write_text("2.png\n0.png\n2.png\n0.png\n")
    command = ("batch", "listed", "--out", "out", "--shards", "2")
    assert aiart_edge(*command).exit_code == 0
    assert (tmp_path / "out" / "list").read_bytes() == b"0.png\x002.png\x00"
    before = results_of(tmp_path / "out")
    (tmp_path / "listed").write_text("1.png\n")
    shutil.rmtree(tmp_path / "out" / "results")
    assert aiart_edge(*command).exit_code == 0
    assert results_of(tmp_path / "out") == before


def test_what_could_not_be_reached_is_tried_again_when_asked_and_nothing_else(
    aiart_edge: Command, tmp_path: Path
) -> None:
    names = [tmp_path / f"{number}.png" for number in range(6)]
    for number in (0, 2):
        draw(names[number], number)
    (tmp_path / "listed").write_text("\n".join(map(str, names)))
    out = tmp_path / "out"
    command = ("batch", tmp_path / "listed", "--out", out, "--shard-size", "2")
    result = aiart_edge(*command)
    assert result.exit_code == 3
    assert [*results_of(out)] == ["000000.jsonl", "000001.jsonl"]  # in the third, there is nothing
    assert "2 of them could not be reached, in shards 000000, 000001" in result.stderr
    assert "Nothing in shard 000002 could be reached" in result.stderr
    first = results_of(out)
    for number in (1, 4, 5):
        draw(names[number], number)
    assert aiart_edge(*command).exit_code == 3
    assert {name: results_of(out)[name] for name in first} == first
    draw(names[3], 3)
    again = aiart_edge(*command, "--retry", "access")
    assert again.exit_code == 0, again.stderr
    assert ["verdict" in record for record in records_of(out)] == [True] * 6
    whole = tmp_path / "whole"
    assert aiart_edge(*command[:3], whole, *command[4:]).exit_code == 0
    assert results_of(whole) == results_of(out)


@pytest.fixture
def begun(aiart_edge: Command, tmp_path: Path) -> tuple[object, ...]:
    """The command of a run that is done."""
    (tmp_path / "pictures").mkdir()
    draw(tmp_path / "pictures" / "0.png", 0)
    command = ("batch", tmp_path / "pictures", "--out", tmp_path / "out")
    assert aiart_edge(*command).exit_code == 0
    return command


def test_another_value_of_the_manifest_is_refused_by_its_name(
    aiart_edge: Command, begun: tuple[object, ...], tmp_path: Path, one_line: Check
) -> None:
    assert "options.hash was false and is true" in one_line(aiart_edge(*begun, "--hash"))
    assert "model.decision.low was 0." in one_line(aiart_edge(*begun, "--threshold", "0.5"))
    manifest = tmp_path / "out" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"pillow": "', '"pillow": "0.'))
    assert 'versions.pillow was "0.' in one_line(aiart_edge(*begun))
    manifest.write_text("[]")
    assert "manifest.json: cannot be used" in one_line(aiart_edge(*begun))
    manifest.unlink()
    assert "holds results without their manifest.json" in one_line(aiart_edge(*begun))


def test_a_list_or_results_that_were_altered_are_refused(
    aiart_edge: Command, begun: tuple[object, ...], tmp_path: Path, one_line: Check
) -> None:
    result = tmp_path / "out" / "results" / "000000.jsonl"
    result.write_bytes(result.read_bytes()[:9])
    assert "000000.jsonl: is broken" in one_line(aiart_edge(*begun))
    result.unlink()
    (tmp_path / "out" / "list").write_bytes(b"another\0")
    assert "list: was altered" in one_line(aiart_edge(*begun))


def test_two_runs_do_not_share_a_folder(
    aiart_edge: Command, tmp_path: Path, one_line: Check
) -> None:
    with Results(tmp_path / "out"):
        said = one_line(aiart_edge("batch", SAMPLE.parent, "--out", tmp_path / "out"))
    assert "another aiart-edge batch is at work in this folder" in said


def test_a_clock_that_jumps_changes_nothing(
    aiart_edge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(2):
        draw(tmp_path / "pictures" / f"{number}.png", number)
    out, year = tmp_path / "out", 365 * 24 * 3600
    command = ("batch", tmp_path / "pictures", "--out", out, "--shards", 2, "--report")
    assert aiart_edge(*command).exit_code == 0
    before = results_of(out)
    (out / "results" / "000001.jsonl").unlink()
    for path in out.rglob("*"):
        os.utime(path, (time.time() + year,) * 2)
    os.utime(tmp_path / "pictures" / "1.png", (0, 0))
    monkeypatch.setattr(time, "time", itertools.count(time.time(), -year).__next__)
    again = aiart_edge(*command)
    assert again.exit_code == 0, again.stderr
    assert results_of(out) == before
    told = dict(line.rsplit(None, 1) for line in again.stdout.splitlines())
    assert told["this_run.files"] == "1"
    assert float(told["this_run.seconds"]) > 0


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        ("missing", "out", "missing: there is no such folder"),
        ("empty", "out", "empty: no file was found in it"),
        ("picture.jpg", "out", "the list cannot be used: it is a picture in the format JPEG"),
        (
            "pictures",
            "picture.jpg",
            "picture.jpg/results: the folder cannot be made (Not a directory)",
        ),
        ("pictures", "/proc/out", "the folder cannot be made (No such file or directory)"),
    ],
)
def test_what_cannot_be_is_one_line(
    source: str,
    out: str,
    said: str,
    aiart_edge: Command,
    tmp_path: Path,
    one_line: Check,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    draw(tmp_path / "pictures" / "0.png", 0)
    shutil.copy(SAMPLE, tmp_path / "picture.jpg")
    assert said in one_line(aiart_edge("batch", source, "--out", out))


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(20):
        (tmp_path / "pictures" / f"{number:02}.png").write_bytes(b"broken")
    # No file may have more than 2 kB: the results have, the list and the manifest have not.
    command = ["bash", "-c", 'ulimit -f 2; exec "$0" "$@"', *PROGRAM, "batch", "pictures"]
    done = subprocess.run(
        [*command, "--out", "out"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "000000.jsonl: cannot be written (File too large)" in done.stderr
    assert results_of(tmp_path / "out") == {}


def test_a_terminal_is_told_how_far_it_is(tmp_path: Path) -> None:
    for number in range(2):
        draw(tmp_path / f"{number}.png", number)
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "batch", tmp_path, "--out", tmp_path / "out", "--shards", "2"]
    done = subprocess.run([*command, "--jobs", "1"], stderr=theirs, check=False)
    os.close(theirs)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "Shards" in said
    assert "1/2" in said


def test_parquet_has_the_same_records_and_the_bytes_of_every_path(
    aiart_edge: Command, folder: Path, tmp_path: Path
) -> None:
    lines, tables = tmp_path / "lines", tmp_path / "tables"
    command = ("batch", folder, "--hash", "--shards", "2", "--out")
    assert aiart_edge(*command, lines).exit_code == 3
    assert aiart_edge(*command, tables, "--format", "parquet").exit_code == 3
    assert [*results_of(tables)] == ["000000.parquet", "000001.parquet"]
    with Results(tables) as results:
        records = [record for shard in results.shards for record in results.read(shard) or []]
    assert records == records_of(lines)
    before = results_of(tables)
    again = aiart_edge(*command, tables, "--format", "parquet", "--retry", "access")
    assert again.exit_code == 3
    assert results_of(tables) == before
    columns = pyarrow.parquet.read_table(tables / "results").to_pydict()
    assert b"\0".join(columns["path_bytes"]) + b"\0" == (tables / "list").read_bytes()
    odd = next(path for path in columns["path"] if "\\" in path)
    assert odd.endswith(r"\xff\xfe.jpg")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """600 files: a quarter of them pictures, which take their time, the others broken."""
    folder = tmp_path / "many"
    folder.mkdir()
    draw(folder / "000.jpg", 0)
    broken = (folder / "000.jpg").read_bytes()[:300]
    for number in range(600):
        path = folder / f"{number:03}.jpg"
        if number % 4:
            path.write_bytes(broken)
        else:
            draw(path, number)
    return folder


def until(come: Callable[[], object]) -> None:
    end = time.monotonic() + SLOWEST
    while not come():
        assert time.monotonic() < end
        time.sleep(0.01)


def children_of(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            yield child
            yield from children_of(child)


def test_a_run_that_is_killed_and_started_again_ends_as_one_that_was_not(
    many: Path, tmp_path: Path
) -> None:
    command = [*PROGRAM, "batch", str(many), "--shards", "30", "--jobs", "2", "--out"]
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert subprocess.run([*command, whole], stderr=subprocess.DEVNULL, check=False).returncode == 3
    chance = random.Random(0)
    for _ in range(3):
        process = subprocess.Popen([*command, out], stderr=subprocess.DEVNULL)
        enough = chance.randint(1, 6) + len([*(out / "results").glob("*.jsonl")])
        until(lambda: len([*(out / "results").glob("*.jsonl")]) >= enough)  # noqa: B023
        time.sleep(chance.random() / 20)
        workers = [*children_of(process.pid)]
        assert workers
        assert holds(process.pid, out / ".lock")
        assert not any(holds(worker, out / ".lock") for worker in workers)
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL
        until(lambda: not any(map(lives, workers)))  # noqa: B023
    (out / "results" / ".000029.jsonl.half").write_text("of a run that was killed as it wrote")
    assert subprocess.run([*command, out], stderr=subprocess.DEVNULL, check=False).returncode == 3
    assert results_of(out) == results_of(whole)
    assert [Path(str(record["path"])).name for record in records_of(out)] == [
        f"{number:03}.jpg" for number in range(600)
    ]


def holds(pid: int, path: Path) -> bool:
    try:
        return path.resolve() in {held.resolve() for held in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:  # it has ended
        return False


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except OSError:
        return False
