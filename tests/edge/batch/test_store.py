"""Pictures in an object store that fails as such stores do, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import Result
from obstore.store import S3Store

from aiart_edge import PictureError
from aiart_edge.batch import store
from aiart_edge.batch.store import list_objects
from aiart_edge.errors import AccessError
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
        url, proxy = (process.stdout.readline().strip() for _ in range(2))
        with urllib.request.urlopen(urllib.request.Request(f"{url}/art", method="PUT")):
            pass
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        store._open.cache_clear()
        yield S3Store("art", endpoint=url, client_options={"allow_http": True})
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


def test_a_listing_that_breaks_off_goes_on_behind_what_it_has(bucket: S3Store) -> None:
    # More than come at once; and the first answer on this prefix is broken off by the proxy.
    names = [f"pictures/{number:04}.jpg" for number in range(1100)]
    for name in names:
        bucket.put(name, b"x")
    listed = list_objects("s3://art/pictures/", anonymous=False)
    assert [*listed] == [f"s3://art/{name}".encode() for name in names]


class Stub(ThreadingHTTPServer):
    """Says of each object what its key asks for, and never sends one; notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[str] = []
        self.over = Event()


class StubHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Stub)
        self.server.asked.append(self.path)
        if self.path.endswith("late.jpg"):
            self.server.over.wait()
        denied = self.path.endswith("denied.jpg")
        self.send_response(403 if denied else 200)
        self.send_header("Content-Length", "0" if denied else str(129 << 20))
        self.send_header("ETag", '"as listed"')
        self.send_header("Last-Modified", "Wed, 25 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if not denied:
            self.wfile.flush()
            self.server.over.wait()  # who wants to read it waits for ever

    do_PUT = do_GET  # noqa: N815  as the library names it

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """Stands for a store, and for the metadata of a machine in a cloud."""
    with Stub() as server:
        for name in ("AWS_ENDPOINT_URL", "AWS_METADATA_ENDPOINT", "AZURE_MSI_ENDPOINT"):
            monkeypatch.setenv(name, server.url)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "nobody")
        monkeypatch.setattr(store, "_LIMITS", {"connect_timeout": "10s", "timeout": "1s"})
        store._open.cache_clear()
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()
        store._open.cache_clear()


@pytest.mark.parametrize(
    ("key", "error", "said"),
    [
        ("large.jpg", PictureError, "cannot be read (it has more than 128 MB)"),
        ("denied.jpg", AccessError, "cannot be read (the store denies it)"),
        ("late.jpg", AccessError, "cannot be read (the store fails, or does not answer)"),
    ],
)
def test_an_object_that_is_too_large_denied_or_late_is_an_error_of_its_kind(
    key: str, error: type[PictureError], said: str, stub: Stub
) -> None:
    with pytest.raises(error) as caught:
        next(store.read_object(f"s3://art/{key}", '"as listed"', anonymous=True))
    assert type(caught.value) is error
    assert caught.value.problem == said
    assert stub.asked == [f"/art/{key}"]


@pytest.mark.parametrize(
    ("url", "named", "missing"),
    [
        ("s3://art", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://art", "AWS_EC2_METADATA_DISABLED", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("gs://art", "GOOGLE_BUCKET", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("az://art", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_ACCOUNT_KEY"),
    ],
)
def test_nobody_is_asked_for_keys_that_are_not_named_or_not_whole(
    url: str,
    named: str,
    missing: str,
    stub: Stub,
    aiart_edge: Command,
    tmp_path: Path,
    one_line: Check,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in missing.split(" and "):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(named, "something")
    said = one_line(aiart_edge("batch", url, "--out", tmp_path / "out"))
    assert f"no keys are named: set {missing}" in said
    assert stub.asked == []


def test_a_store_that_does_not_answer_is_one_line(
    aiart_edge: Command, tmp_path: Path, one_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    said = one_line(aiart_edge("batch", "s3://art", "--anonymous", "--out", tmp_path / "out"))
    assert "s3://art: cannot be listed" in said
    assert "error sending request" in said
