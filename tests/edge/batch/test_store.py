"""Pictures in an object store that fails as such stores do, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from obstore.store import S3Store

from tests.edge.batch.test_batch import draw, records_of, results_of

REPOSITORY = Path(__file__).parents[3]

Command = Callable[..., Result]
Check = Callable[[Result], str]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """A bucket `art`, reached without the proxy; the environment names the proxy."""
    command = [sys.executable, "-m", "benchmarks.faulty_store"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        store, proxy = (process.stdout.readline().strip() for _ in range(2))
        with urllib.request.urlopen(urllib.request.Request(f"{store}/art", method="PUT")):
            pass
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        yield S3Store("art", endpoint=store, client_options={"allow_http": True})
        process.stdin.close()


def test_objects_are_read_as_they_were_listed_over_all_faults(
    bucket: S3Store, aiart_edge: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        draw(folder / f"{number:02} é+%.jpg", number)
    (folder / "notes.txt").write_text("not a picture " * 1000)
    for path in folder.iterdir():
        bucket.put(f"in/{path.name}", path)
    bucket.put("inside/other.jpg", b"not asked for")
    out = tmp_path / "out"
    command = ("batch", "s3://art/in/", "--out", out, "--hash", "--shard-size", "5")
    first = aiart_edge(*command)
    assert first.exit_code == 0, first.stderr
    assert aiart_edge("batch", folder, "--out", tmp_path / "local", "--hash").exit_code == 0
    records, local = records_of(out), records_of(tmp_path / "local")
    assert [record.pop("path") for record in records] == [
        f"s3://art/in/{Path(str(record.pop('path'))).name}" for record in local
    ]
    assert records == local

    before = results_of(out)
    (out / "results" / "000000.jsonl").unlink()
    bucket.delete("in/00 é+%.jpg")
    bucket.put("in/01 é+%.jpg", b"another picture")
    again = aiart_edge(*command)
    assert again.exit_code == 3
    assert "2 of them could not be reached, in shard 000000" in again.stderr
    missing, changed, *others = map(json.loads, results_of(out)["000000.jsonl"].splitlines())
    assert missing["error"] == "cannot be read (there is no such object)"
    assert changed["error"] == "cannot be read (it has changed since it was listed)"
    assert [missing["kind"], changed["kind"]] == ["access", "access"]
    assert others == [json.loads(line) for line in before["000000.jsonl"].splitlines()[2:]]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("s3://art", "AWS_ACCESS_KEY_ID"),
        ("gs://art", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://art", "AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_nobody_is_asked_for_keys_that_are_not_named(
    url: str,
    key: str,
    aiart_edge: Command,
    tmp_path: Path,
    one_line: Check,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(key, raising=False)
    said = one_line(aiart_edge("batch", url, "--out", tmp_path / "out"))
    assert f"no keys are named: set {key}" in said


def test_a_store_that_does_not_answer_is_one_line(
    aiart_edge: Command, tmp_path: Path, one_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    said = one_line(aiart_edge("batch", "s3://art", "--anonymous", "--out", tmp_path / "out"))
    assert "s3://art: cannot be listed" in said
    assert "error sending request" in said
