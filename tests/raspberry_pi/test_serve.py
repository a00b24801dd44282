"""The service, as its document and its unit have it; `tests/raspberry_pi/run --serve` tries it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.raspberry_pi.conftest import AIART_EDGE, RUNTIMES, type_line
from tests.raspberry_pi.costs import SAMPLE
from tests.raspberry_pi.document import lines_of
from tests.raspberry_pi.systems import HERE, Pi

# All that the extra brings, of one day; none is compiled.
_WHEELS = (
    *("starlette==1.10.0", "uvicorn==0.54.0", "python-multipart==0.0.34", "h11==0.16.0"),
    *("prometheus-client==0.26.0", "anyio==4.16.0", "idna==3.20", "typing-extensions==4.16.0"),
)
_PORT = 18_765
_STEPS = ("start Python", "start the service", "the page", "first verdict", "another verdict")
_SLOWEST = {  # of the devices with such a core, in Hz
    "cortex-a7": 0.9e9,  # 2
    "cortex-a53": 1.0e9,  # Zero 2 W
    "cortex-a72": 1.5e9,  # 4
    "cortex-a76": 2.4e9,  # 5
}
_MOST_SECONDS = 3.0


@pytest.fixture(scope="session", autouse=True)
def counted() -> None:
    """Leave the costs of a cold start to the other tests."""


@pytest.fixture(scope="session")
def serving(pi: Pi) -> Pi:
    """Each system with the service, as the document installs it."""
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*fetch, "--dest", pi.root / "wheels", *_WHEELS], check=True)
    for line in lines_of("As a service", Path(HERE.parents[1], "docs", "serve.md")):
        type_line(pi, line)
    return pi


def test_the_units_command_shows_the_page_and_gives_a_verdict(serving: Pi) -> None:
    unit = serving.root / "etc/systemd/system/aiart-serve.service"
    command = re.search(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    assert command
    words = [*shlex.split(command[1]), "--port", str(_PORT)]
    picture = serving.root / "root" / SAMPLE
    address = f"http://127.0.0.1:{_PORT}"
    with subprocess.Popen(**serving.command(*words), stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr
        assert service.stderr.readline() == f"The page is at {address}/\n"
        with urllib.request.urlopen(address) as page:
            assert b"Was a picture made by AI" in page.read()
        kind = {"Content-Type": "image/jpeg"}
        asked = urllib.request.Request(f"{address}/v1/classify", picture.read_bytes(), kind)
        with urllib.request.urlopen(asked) as answer:
            heard = json.load(answer)
        service.send_signal(signal.SIGTERM)
        assert service.stderr.read() == ""
        assert service.wait() == 0
    (printed,) = json.loads(serving.run(AIART_EDGE, "classify", "--json", SAMPLE).stdout)
    assert heard == {**printed, "path": None}


def test_a_first_verdict_is_there_soon_after_the_page_is_opened(
    serving: Pi, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(HERE / "first_verdict.py", serving.root / "root")
    for runtime in (runtime for name, runtime in RUNTIMES if name == serving.system.name):
        words = ("/opt/aiart/bin/python", "first_verdict.py", runtime, SAMPLE)
        serving.run(*words)  # leaves the bytecode behind
        for core in serving.system.cores:
            counts, _ = serving.count(*words, core=core)
            seconds = sum(counts[2:4]) / _SLOWEST[core]
            steps = ", ".join(
                f"{step} {count / 1e6:.0f} M" for step, count in zip(_STEPS, counts, strict=False)
            )
            with capsys.disabled():
                sys.stdout.write(
                    f"\n{serving.system.name}, {runtime}, {core}: {steps}; {seconds:.2f} s\n"
                )
            assert seconds < _MOST_SECONDS
