"""The commands of aiart-edge, as the document installed them."""

from __future__ import annotations

import json
import re
import signal
import subprocess

import pytest

from aiart_edge import __version__
from tests.raspberry_pi.conftest import AIART_EDGE, RUNTIMES, Everywhere
from tests.raspberry_pi.pictures import break_pictures
from tests.raspberry_pi.systems import Pi

SAMPLE = "van-gogh-auvers-1890.jpg"


def test_the_version_is_this_one(pi: Pi) -> None:
    assert pi.run(AIART_EDGE, "--version").stdout == f"aiart-edge, version {__version__}\n"


def test_each_broken_file_is_one_line_and_the_rest_is_done(pi: Pi) -> None:
    folder = pi.root / "root/broken"
    folder.mkdir(exist_ok=True)
    break_pictures(folder)
    names = sorted(path.name for path in folder.iterdir())
    wanted = [f"broken/{name}" for name in names]
    done = pi.run(AIART_EDGE, "classify", *wanted, "missing.jpg", SAMPLE)
    assert done.returncode == 3
    lines = done.stderr.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == [*wanted, "missing.jpg"]
    assert len(done.stdout.splitlines()) == 3


def test_a_damaged_model_is_one_line(pi: Pi) -> None:
    (embedded,) = pi.root.glob("opt/aiart/lib/python3*/site-packages/aiart_edge/models/*.tflite")
    content = bytearray(embedded.read_bytes())
    content[1000] ^= 1
    (pi.root / "root/damaged.tflite").write_bytes(content)
    done = pi.run(AIART_EDGE, "classify", "--model", "damaged.tflite", SAMPLE)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "altered or damaged" in done.stderr


def test_a_watched_folder_gives_each_picture_once_and_ends_when_told(pi: Pi) -> None:
    folder = pi.root / "root/inbox"
    folder.mkdir()
    sample = (pi.root / "root" / SAMPLE).read_bytes()

    def arrive(name: str) -> None:
        (folder / f".{name}").write_bytes(sample)
        (folder / f".{name}").rename(folder / name)

    command = pi.command(AIART_EDGE, "watch", "--every", "0.2", "inbox")
    with subprocess.Popen(**command, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout
        for name in ("first.jpg", "second.jpg"):
            arrive(name)
            record = json.loads(watcher.stdout.readline())
            assert record["path"] == f"inbox/{name}"
            assert record["verdict"] in ("ai", "human", "unsure")
        watcher.send_signal(signal.SIGTERM)
        assert watcher.stdout.read() == ""
        assert watcher.wait() == 0


def test_nothing_but_the_declared_dependencies_was_needed(pi: Pi) -> None:
    done = pi.run("/opt/aiart/bin/pip", "list", "--local", "--format=json")
    names = {re.sub("[_.]", "-", found["name"].lower()) for found in json.loads(done.stdout)}
    declared = {wheel.partition("==")[0] for wheel in pi.system.wheels}
    assert names - {"pip", "setuptools", "pkg-resources"} == {"aiart", *declared}
    assert pi.run("/opt/aiart/bin/pip", "check").stdout == "No broken requirements found.\n"
    for compiler in ("gcc", "cc", "g++", "clang"):
        assert not (pi.root / "usr/bin" / compiler).exists()


@pytest.mark.parametrize(("system", "runtime"), RUNTIMES)
def test_the_doctor_finds_the_golden_answers_and_nothing_wrong(
    system: str, runtime: str, everywhere: Everywhere
) -> None:
    done = everywhere("doctor", "--json")[system, runtime]
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert {check["state"] for check in checks.values()} == {"ok"}
    kernels = {"litert": "xnnpack", "tflite": "reference"}[runtime]
    assert checks["runtime"]["found"].endswith(f"{kernels} kernels")
    assert "the same bits as" in checks["answers"]["found"]


@pytest.mark.parametrize(("system", "runtime"), RUNTIMES)
def test_the_bench_measures_every_stage(system: str, runtime: str, everywhere: Everywhere) -> None:
    done = everywhere("bench", "--count", "2", "--json")[system, runtime]
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for stage in ("decode", "preprocess", "invoke", "total"):
        assert report[f"{stage}_ms"]["p50"] > 0


@pytest.mark.parametrize(("system", "runtime"), RUNTIMES)
def test_the_evidence_of_all_places_adds_up(
    system: str, runtime: str, everywhere: Everywhere
) -> None:
    done = everywhere("explain", "--json", SAMPLE)[system, runtime]
    assert done.returncode == 0, done.stderr
    evidence = json.loads(done.stdout)["evidence"]
    assert evidence["method"] == "exact"
    placed = sum(map(sum, evidence["places"]))
    assert placed + evidence["intercept"] == pytest.approx(evidence["logit"], abs=0.05)
