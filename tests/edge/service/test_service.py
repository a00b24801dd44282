"""The service over HTTP, on the loopback, with processes of its own."""

from __future__ import annotations

import asyncio
import gc
import http.client
import io
import json
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import Result
from jsonschema import Draft202012Validator
from PIL import Image

from aiart_edge.errors import DataError, RuntimeUnavailable
from aiart_edge.image import LARGEST_MEMORY
from aiart_edge.service import bodies, server, workers
from aiart_edge.service.app import Service, make_app
from aiart_edge.service.bodies import Part, Refused, Waiting, read_parts
from aiart_edge.service.camera import Camera
from aiart_edge.service.guard import Rules, is_loopback, name_hosts, read_token
from aiart_edge.service.workers import Crew, Question, examine, share_memory
from tests.edge.bombs import png
from tests.edge.service.browser import CHROMIUM, Browser
from tests.edge.service.deadly import CRASHING, FAILING, HANGING, Deadly

SAMPLE = Path(__file__).parents[3] / "samples" / "van-gogh-auvers-1890.jpg"
TOKEN = "0123456789abcdef0123456789abcdef"
SHUT = ("/app.js", "/v1/model", "/v1/camera/frame", "/metrics", "/openapi.json")  # without it
BOUNDARY = "----boundary"
ROOM = 36 << 20  # bytes that may wait, in these tests

Check = Callable[[Result], str]
Command = Callable[..., Result]


class Heard(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)


def ask(
    port: int,
    path: str,
    body: bytes | None = None,
    kind: str = "image/jpeg",
    method: str | None = None,
    **headers: str,
) -> Heard:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        sent.setdefault("content-type", kind)
    connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
    response = connection.getresponse()
    heard = Heard(response.status, dict(response.headers), response.read())
    connection.close()
    return heard


def form(*files: tuple[str | None, bytes], name: str = "file", end: str = "--") -> bytes:
    content = b""
    for filename, data in files:
        named = f'; filename="{filename}"' if filename else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        content += head.encode() + data + b"\r\n"
    return content + f"--{BOUNDARY}{end}\r\n".encode()


FORM = f"multipart/form-data; boundary={BOUNDARY}"


def draw(kind: str = "PNG", size: tuple[int, int] = (64, 64)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def cap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that covers the lens of the camera."""
    return tmp_path_factory.mktemp("camera") / "cap"


@pytest.fixture(scope="module")
def port(cap: Path) -> Iterator[int]:
    """The port of a service with one process, which hangs on some pictures and dies of others."""
    filming = [sys.executable, str(Path(__file__).with_name("film.py")), str(SAMPLE), str(cap)]
    with Deadly.load() as classifier, server.listen("127.0.0.1", 0) as listening:
        number: int = listening.getsockname()[1]
        crew = Crew(Deadly.load, classifier.identity, 1, 1 << 30)
        rules = Rules(name_hosts("127.0.0.1", number, ["aiart.example"], "http"), "http")
        service = Service(crew, {"name": "default"}, classifier.identity, rules, Camera(filming))
        service.waiting = Waiting(ROOM)
        answering = server.make_server(make_app(service))
        thread = threading.Thread(target=answering.run, args=([listening],))
        thread.start()
        yield number
        answering.should_exit = True
        thread.join()
        crew.close()


@pytest.fixture(scope="module")
def described(port: int) -> dict[str, Any]:
    document: dict[str, Any] = ask(port, "/openapi.json").document
    return document


def check(described: dict[str, Any], path: str, heard: Heard) -> None:
    """Check an answer against the description of the service."""
    answers = next(iter(described["paths"][path].values()))["responses"]
    schema = answers[str(heard.status)]["content"]["application/json"]["schema"]
    Draft202012Validator({**schema, "components": described["components"]}).validate(heard.document)


def test_raw_bytes_get_the_record_that_the_command_prints(
    port: int, described: dict[str, Any], aiart_edge: Command
) -> None:
    heard = ask(port, "/v1/classify", SAMPLE.read_bytes())
    (printed,) = json.loads(aiart_edge("classify", "--json", SAMPLE).stdout)
    assert heard.status == 200
    assert heard.document == {**printed, "path": None}
    check(described, "/v1/classify", heard)


def test_one_part_gets_a_record_and_several_get_an_array_with_what_is_wrong_with_each(
    port: int, described: dict[str, Any]
) -> None:
    one = ask(port, "/v1/classify", form(("a.png", draw())), FORM)
    assert (one.status, one.document["path"]) == (200, "a.png")
    parts = [("<b>.png", draw()), ("é.txt", b"text"), (None, draw("JPEG")), ("empty", b"")]
    several = ask(port, "/v1/classify", form(*parts), FORM)
    assert several.status == 200
    assert [record["path"] for record in several.document] == ["<b>.png", "é.txt", None, "empty"]
    assert ["verdict" in record for record in several.document] == [True, False, True, False]
    assert "format that Pillow knows" in several.document[1]["error"]
    check(described, "/v1/classify", several)


def test_an_explanation_adds_up_to_the_logit_and_its_verdict_is_that_of_classify(
    port: int, described: dict[str, Any]
) -> None:
    content = form(("art.jpg", SAMPLE.read_bytes()))
    heard = ask(port, "/v1/explain", content, FORM)
    check(described, "/v1/explain", heard)
    document = heard.document
    told = document.pop("explanation")
    assert document.pop("said") == "the file says nothing"
    assert document == ask(port, "/v1/classify", content, FORM).document
    total = sum(map(sum, told["evidence"])) + told["intercept"]
    assert total == pytest.approx(told["logit"], abs=0.05)


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/explain"])
def test_what_is_no_picture_is_422_and_says_why(
    port: int, described: dict[str, Any], path: str
) -> None:
    heard = ask(port, path, b"\xff\xd8\xff broken")
    assert heard.status == 422
    assert "cannot be read" in heard.document["error"]
    check(described, path, heard)


def test_a_picture_on_which_a_decoder_hangs_is_422_and_the_next_one_is_answered(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(workers, "LIMIT", 1.0)
        heard = ask(port, "/v1/classify", draw() + HANGING)
    assert heard.status == 422
    assert heard.document["error"] == "reading it takes longer than 1 seconds"
    assert ask(port, "/v1/classify", draw()).status == 200


def test_a_picture_of_which_a_decoder_dies_is_422_and_the_next_one_is_answered(port: int) -> None:
    heard = ask(port, "/v1/classify", draw() + CRASHING)
    assert (heard.status, heard.document["kind"]) == (422, "content")
    assert "makes a decoder crash" in heard.document["error"]
    assert ask(port, "/v1/classify", draw()).status == 200


def test_a_network_that_fails_is_500_and_another_answers_next(
    port: int, described: dict[str, Any]
) -> None:
    heard = ask(port, "/v1/classify", draw() + FAILING)
    assert heard.status == 500
    assert heard.document == {"error": "model.tflite: the model cannot be run"}
    check(described, "/v1/classify", heard)
    assert ask(port, "/v1/classify", draw()).status == 200


def test_processes_that_die_before_any_picture_are_not_blamed_on_one() -> None:
    with closing(Crew(partial(os._exit, 3), {}, 1, 0)) as crew:
        for _ in range(2):
            with pytest.raises(RuntimeUnavailable, match="processes die of the network"):
                asyncio.run(crew.answer(draw(), Question(None, False)))


def test_no_picture_is_blamed_for_a_process_that_was_killed_while_it_was_idle(port: int) -> None:
    assert ask(port, "/v1/classify", draw()).status == 200
    (process,) = multiprocessing.active_children()
    process.kill()
    process.join()
    assert ask(port, "/v1/classify", draw()).status == 200


def test_the_counts_are_those_of_what_was_answered(port: int) -> None:
    def counts() -> dict[str, float]:
        lines = ask(port, "/metrics").content.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    before = counts()
    assert ask(port, "/v1/classify", b"\xff\xd8\xff broken").status == 422
    verdict = ask(port, "/v1/classify", SAMPLE.read_bytes()).document["verdict"]
    after = counts()
    judged = f'aiart_pictures_total{{verdict="{verdict}"}}'
    failed = 'aiart_errors_total{status="422"}'
    assert after[judged] == before[judged] + 1
    assert after[failed] == before.get(failed, 0) + 1
    assert after["aiart_seconds_count"] == before["aiart_seconds_count"] + 2
    verdicts = {
        name: after[f'aiart_pictures_total{{verdict="{name}"}}']
        for name in ("ai", "human", "unsure")
    }
    assert after["aiart_unsure_share"] == verdicts["unsure"] / sum(verdicts.values())


def test_it_says_that_it_runs_and_with_which_network(port: int, described: dict[str, Any]) -> None:
    documents = {
        "/healthz": {"status": "ok"},
        "/v1/model": {"name": "default"},
        "/v1/camera": {"available": True},
    }
    for path, document in documents.items():
        heard = ask(port, path)
        assert heard.document == document
        check(described, path, heard)


def test_the_page_asks_nothing_of_anyone_else_and_holds_no_style_or_script_of_its_own(
    port: int,
) -> None:
    kinds = {"/": "html", "/app.js": "javascript", "/style.css": "css", "/icon.svg": "svg"}
    for path, kind in {**kinds, "/login": "html"}.items():
        heard = ask(port, path)
        assert heard.status == 200
        assert kind in heard.headers["content-type"]
        text = heard.content.decode()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|innerHTML", text)
        if kind == "html":
            assert not re.search(r"<style|style=|<script(?! src=\"/app\.js\")|\son\w+=", text)


def test_every_answer_keeps_a_browser_strict(port: int) -> None:
    for heard in (ask(port, "/"), ask(port, "/missing"), ask(port, "/", host="evil.example")):
        assert heard.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert heard.headers["x-content-type-options"] == "nosniff"
        assert heard.headers["referrer-policy"] == "no-referrer"
        assert heard.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "aiart.example:PORT"}, 200),
        ({"host": "LOCALHOST:PORT"}, 200),
        ({"host": "[::1]:PORT"}, 200),
        ({"host": "evil.example:PORT"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"host": "127.0.0.1.:PORT"}, 421),
        ({"host": "127.0.0.1:PORT@evil.example"}, 421),
        ({"origin": "http://127.0.0.1:PORT"}, 200),
        ({"origin": "https://127.0.0.1:PORT"}, 403),
        ({"origin": "http://localhost:PORT"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_only_our_own_name_origin_and_site_are_answered(
    port: int, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.replace("PORT", str(port)) for name, value in headers.items()}
    heard = ask(port, "/healthz", **sent)
    assert heard.status == status
    assert status == 200 or heard.document["error"]


@pytest.mark.parametrize(
    ("status", "problem", "body", "kind", "headers"),
    [
        (415, "send a picture as image", lambda: b"{}", "application/json", {}),
        (415, "send a picture as image", lambda: b"x", "multipart/form-data", {}),
        (415, "Content-Encoding", lambda: b"x", "image/png", {"content-encoding": "gzip"}),
        (400, "cut off", lambda: form(("a", b"x"), end=""), FORM, {}),
        (400, "another name", lambda: form(("a", b"x"), name="picture"), FORM, {}),
        (400, "has no part", form, FORM, {}),
        (400, "broken", lambda: b"--other\r\n", FORM, {}),
        (400, "broken", bytes, f"multipart/form-data; boundary={'x' * 300}", {}),
        (413, "1,000 parts", lambda: form(*[("a", b"")] * 1001), FORM, {}),
        (413, "picture may have 32 MB", lambda: bytes(33 << 20), "image/png", {}),
        (413, "50,000,000", lambda: png(8000, 8000, depth=8, rows=1), "image/png", {}),
        (503, "try again", lambda: form(*[("a", bytes(19 << 20))] * 2), FORM, {}),
    ],
)
def test_a_body_that_is_not_taken_says_why(
    port: int,
    described: dict[str, Any],
    status: int,
    problem: str,
    body: Callable[[], bytes],
    kind: str,
    headers: dict[str, str],
) -> None:
    heard = ask(port, "/v1/classify", body(), kind, **headers)
    assert heard.status == status
    assert problem in heard.document["error"]
    assert ("retry-after" in heard.headers) == (status == 503)
    check(described, "/v1/classify", heard)
    assert ask(port, "/v1/classify", draw()).status == 200


@pytest.mark.parametrize("length", ["Content-Length: 70000000", "Transfer-Encoding: chunked"])
def test_a_request_of_more_than_64_mb_is_413_and_not_read_to_its_end(
    port: int, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MOST_REQUEST", 1000)
    with socket.create_connection(("127.0.0.1", port), timeout=300) as raw:
        head = f"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{length}\r\n"
        chunk = b"7d0\r\n" + bytes(2000) + b"\r\n" if "chunked" in length else b""
        raw.sendall(head.encode() + b"Content-Type: image/png\r\n\r\n" + chunk)
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_come_is_408(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PAUSE", 0.1)
    with socket.create_connection(("127.0.0.1", port), timeout=300) as raw:
        head = f"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 100\r\n"
        raw.sendall(head.encode() + b"Content-Type: image/png\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_asks_nothing_is_closed(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD", 0.1)
    with socket.create_connection(("127.0.0.1", port), timeout=300) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n")
        assert raw.recv(1) == b""


def test_a_client_that_leaves_takes_no_room_along(port: int) -> None:
    length = ROOM - 1000
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port), timeout=300) as raw:
            head = f"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: "
            raw.sendall(head.encode() + f"{length}\r\nContent-Type: image/png\r\n\r\n".encode())
            raw.sendall(bytes(20 << 20))
    assert (
        ask(port, "/v1/classify", form(("a", draw()), ("b", bytes(20 << 20))), FORM).status == 200
    )


def test_nothing_of_a_form_that_is_refused_stays_in_memory_until_python_looks_for_garbage() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield form(("a", b"x"), end="")

    gc.disable()
    try:
        with pytest.raises(Refused, match="cut off"):
            asyncio.run(read_parts({"content-type": FORM}, body(), lambda _: None))
        assert not [thing for thing in gc.get_objects() if type(thing) is Part]
    finally:
        gc.enable()


def test_no_part_of_a_form_is_written_to_a_file(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    heard = ask(port, "/v1/classify", form(("a.png", draw()), ("b", bytes(20 << 20))), FORM)
    assert [record["path"] for record in heard.document] == ["a.png", "b"]


def test_a_question_is_answered_in_the_memory_that_it_asks_for() -> None:
    wanted: list[int] = []
    with Deadly.load() as classifier:
        explained = examine(classifier, SAMPLE.read_bytes(), Question("a", True), wanted.append)
        classified = examine(classifier, SAMPLE.read_bytes(), Question("a", False), wanted.append)
        broken = examine(classifier, b"", Question(None, True), wanted.append)
    assert len(wanted) == 2
    assert explained.verdict == classified.verdict == "unsure"
    assert (broken.status, broken.verdict) == (422, None)


def test_memory_is_shared_so_that_half_of_it_at_most_is_for_networks() -> None:
    megabyte = 1 << 20
    assert share_memory(2000 * megabyte, 4, 128 * megabyte) == (4, 1592 * megabyte)
    assert share_memory(300 * megabyte, 4, 128 * megabyte) == (2, 32 * megabyte)
    assert share_memory(0, 4, 128 * megabyte) == (1, 0)


def test_the_unit_has_the_memory_that_its_processes_may_take() -> None:
    unit = (resources.files("aiart_edge.service") / "aiart-serve.service").read_text()
    found = re.search(r"--jobs (\d+)$.*^MemoryMax=(\d+)M$", unit, re.MULTILINE | re.DOTALL)
    assert found
    jobs, limit = int(found[1]), int(found[2]) << 20
    listening = 90 << 20
    networks = limit - share_memory(limit, jobs, 0)[1]
    assert share_memory(limit * 2 // 3, jobs, bodies.MOST_WAITING)[0] == jobs
    assert networks + LARGEST_MEMORY + bodies.MOST_WAITING + listening <= limit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_the_unit_sound_with_a_camera_and_without(tmp_path: Path) -> None:
    dropped = {"aiart-serve-camera.conf": "aiart-serve.service.d/camera.conf"}
    (tmp_path / "aiart-serve.service.d").mkdir()
    commands = []
    for name, place in ({"aiart-serve.service": "aiart-serve.service"} | dropped).items():
        text = (resources.files("aiart_edge.service") / name).read_text().replace("\\\n", " ")
        command = re.search(r"^ExecStart=(/.+)$", text, re.MULTILINE)
        assert command
        commands.append(shlex.split(command[1]))
        (tmp_path / place).write_text(text.replace("/opt/aiart/bin/aiart-edge", "/bin/true"))
        unit = str(tmp_path / "aiart-serve.service")
        verified = ["systemd-analyze", "verify", "--man=no", unit]
        done = subprocess.run(verified, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    plain, watching = commands
    assert watching[: len(plain) + 1] == [*plain, "--camera"]
    assert shlex.split(watching[-1])[:3] == ["rpicam-vid", "--codec", "mjpeg"]


def test_a_browser_leaves_out_the_port_that_is_the_schemes_own() -> None:
    assert "localhost" in name_hosts("127.0.0.1", 80, [], "http")
    assert "localhost" not in name_hosts("127.0.0.1", 80, [], "https")
    assert "[fe80::1]:1" in name_hosts("fe80::1", 1, [], "http")
    assert "0.0.0.0:1" not in name_hosts("0.0.0.0", 1, [], "http")


@pytest.mark.parametrize(
    ("token", "is_good"),
    [
        (TOKEN + "\n", True),
        ("k7Jq-2xWv9_BtR4mNc8ZpQ", True),
        (TOKEN[:31], False),
        ("k7Jq-2xWv9_BtR4mNc8Zp", False),
        (f"{TOKEN} {TOKEN}", False),
        ("é" * 40, False),
        ("", False),
    ],
)
def test_a_token_has_128_bits_and_is_one_word(tmp_path: Path, token: str, is_good: bool) -> None:
    (tmp_path / "token").write_text(token)
    if is_good:
        assert read_token(tmp_path / "token") == token.strip()
    else:
        with pytest.raises(DataError):
            read_token(tmp_path / "token")


def log_in(port: int, profile: Path) -> None:
    """Log in as a person does, once with a token that is wrong."""
    with Browser(profile) as browser:
        browser.open(f"http://127.0.0.1:{port}/login")
        assert browser.find_barriers() == []
        for token, place in (("guessed", "/login#wrong"), (TOKEN, "/")):
            script = f"document.forms[0].token.value = '{token}'; document.forms[0].submit()"
            browser.evaluate(script)
            there = f"location.pathname + location.hash === '{place}'"
            browser.wait(f"{there} && document.readyState === 'complete'")
        assert browser.evaluate("fetch('/v1/model').then(({ status }) => status)") == 200
        assert browser.evaluate("document.cookie") == ""


def test_with_a_token_nothing_but_the_health_and_the_login_is_open(
    aiart_edge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command itself, in this process, ended as Ctrl-C ends it."""
    (tmp_path / "aiart-token").write_text(TOKEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with server.listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    heard: dict[str, Heard] = {}
    failed: list[Exception] = []

    def visit() -> None:
        while True:
            try:
                heard["health"] = ask(port, "/healthz")
                break
            except ConnectionError:
                threading.Event().wait(0.05)
        try:
            for path in ("/", "/login", *SHUT):
                heard[path] = ask(port, path)
            heard["wrong"] = ask(port, "/v1/model", authorization=f"Bearer {TOKEN[1:]}0")
            for name, path in (("bearer", "/v1/model"), ("blind", "/v1/camera/frame")):
                heard[name] = ask(port, path, authorization=f"Bearer {TOKEN}")
            typed = "application/x-www-form-urlencoded"
            heard["refused"] = ask(port, "/login", b"token=guessed", typed)
            heard["login"] = ask(port, "/login", f"token={TOKEN}".encode(), typed)
            heard["long"] = ask(port, "/login", bytes(5000), typed)
            cookie = heard["login"].headers["set-cookie"].partition(";")[0]
            heard["cookie"] = ask(port, "/v1/classify", SAMPLE.read_bytes(), cookie=cookie)
            heard["forged"] = ask(port, "/v1/model", cookie=cookie[:-1])
            heard["odd"] = ask(port, "/v1/model", cookie="\x7f=;;=")
            if CHROMIUM:
                log_in(port, tmp_path / "profile")
        except Exception as error:  # noqa: BLE001  told by the test
            failed.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGTERM)
    visitor = threading.Thread(target=visit)
    visitor.start()
    result = aiart_edge("serve", "--host", "0.0.0.0", "--port", port, "--jobs", 1)
    visitor.join()
    signal.signal(signal.SIGTERM, before)
    assert failed == []
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines() == [
        "Without --tls-cert, token and pictures travel in the clear.",
        f"The page is at http://0.0.0.0:{port}/",
    ]
    statuses = {name: answer.status for name, answer in heard.items()}
    assert statuses == {
        "health": 200,
        "/": 303,
        "/login": 200,
        **dict.fromkeys(SHUT, 401),
        "wrong": 401,
        "bearer": 200,
        "blind": 404,
        "refused": 303,
        "login": 303,
        "long": 413,
        "cookie": 200,
        "forged": 401,
        "odd": 401,
    }
    assert heard["bearer"].document["sha256"]
    refused = heard["refused"].headers
    assert (refused["location"], "set-cookie" in refused) == ("/login#wrong", False)
    cookie = heard["login"].headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (["--host", "0.0.0.0"], 2, "beyond this machine: add --token-file"),
        (["--host", "raspberrypi.local"], 2, "beyond this machine"),
        (["--tls-cert", "cert.pem"], 2, "--tls-cert and --tls-key go together"),
        (["--token-file", "missing"], 1, "the token cannot be read"),
        (["--port", "PORT"], 1, "cannot be listened on (Address already in use)"),
        (["--camera", "film 'red"], 2, "cannot be read (No closing quotation)"),
        (["--camera", "missing --codec mjpeg"], 2, "a program that is installed here"),
        (["--camera", ""], 2, "a program that is installed here"),
        (["--host", "::1", "--model", "missing.tflite"], 1, "missing.tflite"),
        (["--port", "0", "--tls-cert", "missing", "--tls-key", "missing"], 1, "certificate"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    aiart_edge: Command,
    one_line: Check,
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = aiart_edge("serve", *(part.replace("PORT", str(port)) for part in options))
    assert result.exit_code == code
    if code == 1:
        assert problem in one_line(result)
    assert problem in result.stderr


def test_loopback_is_told_from_what_others_reach() -> None:
    assert [is_loopback(host) for host in ("127.0.0.2", "::1", "Localhost")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "name")] == [False] * 4


DRAW = """
(async () => {
  const canvas = new OffscreenCanvas(80, 80);
  canvas.getContext("2d").fillRect(10, 10, 30, 50);
  const blob = await canvas.convertToBlob();
  const dropped = new DataTransfer();
  for (let count = 0; count < 40; count += 1) dropped.items.add(new File([blob], `${count}.png`));
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
})()
"""


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed")
def test_the_page_judges_what_is_chosen_or_dropped_whatever_it_is_called(
    port: int, tmp_path: Path
) -> None:
    odd = "<img src=x onerror=alert(1)>=1.png"
    files = {
        "art.jpg": SAMPLE.read_bytes(),
        "broken.jpg": SAMPLE.read_bytes()[:3000],
        odd: draw(),
        "large.png": png(10_000, 10_000, depth=8, rows=1),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with Browser(tmp_path / "profile") as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        assert browser.complaints == []
        browser.choose("#choose", *(tmp_path / name for name in files))
        done = "document.querySelector('#list li') && !document.querySelector('#list .waiting')"
        browser.wait(done)
        said = browser.evaluate(
            "[...document.querySelectorAll('#list li')].map((card) =>"
            " [...card.querySelectorAll('.name, .verdict, .said')].map((part) => part.textContent))"
        )
        assert said[0] == ["art.jpg", "Cannot tell", "the file says nothing."]
        assert said[1][1].startswith("No verdict: cannot be read")
        assert said[2][0] == odd
        assert "50,000,000" in said[3][1]
        assert browser.evaluate("document.querySelectorAll('#list img').length") == len(files)
        assert browser.evaluate("document.querySelector('#list canvas').width") > 10
        assert browser.evaluate("document.querySelector('#status').textContent") == (
            "4 pictures: 2 unsure, 2 without a verdict."
        )
        rows = browser.evaluate("asTable()").splitlines()
        assert rows[0].startswith('"path","verdict","p_ai","label","model",')
        assert rows[3].startswith(f'"./{odd}","unsure",')
        assert [record["path"] for record in browser.evaluate("records()")] == [*files]
        assert browser.find_barriers() == []
        for button in ("csv", "json", "clear"):
            browser.evaluate(f"find('{button}').click()")
        browser.evaluate(DRAW)
        browser.wait(done)
        assert browser.evaluate("records().filter(({ verdict }) => verdict).length") == 40
        refused = "Failed to load resource: the server responded with a status of 4"
        assert [text for text in browser.complaints if not text.startswith(refused)] == []


def test_what_the_camera_shows_is_a_picture_like_any_other(
    port: int, described: dict[str, Any]
) -> None:
    heard = ask(port, "/v1/camera/frame")
    assert (heard.status, heard.headers["content-type"]) == (200, "image/jpeg")
    assert heard.content == SAMPLE.read_bytes()
    assert (
        "image/jpeg" in described["paths"]["/v1/camera/frame"]["get"]["responses"]["200"]["content"]
    )


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed")
def test_the_page_watches_the_camera_with_a_warning_until_it_is_told_to_stop_or_it_fails(
    port: int, cap: Path, tmp_path: Path, described: dict[str, Any]
) -> None:
    with Browser(tmp_path / "profile") as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.wait("!find('camera').hidden")
        assert "not what the network was measured on" in browser.evaluate(
            "find('camera').innerText"
        )
        browser.evaluate("find('watch').click()")
        verdict = "document.querySelector('#live .verdict')?.textContent"
        browser.wait(f"{verdict} === 'Cannot tell'")
        assert browser.evaluate("find('watch').getAttribute('aria-pressed')") == "true"
        assert browser.evaluate("document.querySelector('#live img').naturalWidth") > 100
        assert browser.find_barriers() == []
        browser.evaluate("document.querySelector('#live li').id = 'first'")
        browser.wait(f"!document.querySelector('#first') && {verdict} === 'Cannot tell'")
        browser.evaluate("find('watch').click()")
        assert browser.evaluate("find('live').children.length") == 0
        assert browser.complaints == []
        cap.touch()
        browser.evaluate("find('watch').click()")
        browser.wait("find('blind').textContent !== ''")
        assert browser.evaluate("find('blind').textContent") == (
            "the camera's command has ended (the cap is on the lens)"
        )
        assert browser.evaluate("find('live').children.length") == 0
    refused = ask(port, "/v1/camera/frame")
    assert refused.status == 503
    check(described, "/v1/camera/frame", refused)
