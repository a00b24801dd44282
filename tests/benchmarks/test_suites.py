"""The suites measure what is here, and say of the rest why not."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aiart_edge.model_file import read_model_file, write_model_file
from benchmarks.variants import PRECISIONS, RUNTIMES, SUITES

Suites = Callable[..., subprocess.CompletedProcess[str]]

INSTALLED = {
    name for name, modules in RUNTIMES.items() if importlib.util.find_spec(modules[0].split(".")[0])
}
QUICK = ("--rounds", "1", "--pictures", "2")


def measured_by(document: dict[str, Any]) -> dict[str, set[str]]:
    """The runtimes that each suite measured."""
    runtimes = defaultdict(set)
    for one in document["benchmarks"]:
        runtimes[one["group"]].add(one["params"]["runtime"])
    return runtimes


def figures_of(document: dict[str, Any], suite: str, tool: str) -> list[dict[str, Any]]:
    return [
        one["extra_info"]
        for one in document["benchmarks"]
        if (one["group"], one["params"]["tool"]) == (suite, tool)
    ]


def test_every_suite_measures_every_runtime_that_is_installed(document: dict[str, Any]) -> None:
    runtimes = measured_by(document)
    for suite in SUITES:
        floors = {"Pillow"} if suite in {"picture", "batch"} else set()
        assert runtimes[suite] - {"MediaPipe"} == INSTALLED - {"MediaPipe", "Pillow"} | floors


def test_what_is_not_installed_is_said_to_be_so(document: dict[str, Any]) -> None:
    said = {one["runtime"] for one in document["states"] if one["state"] == "not installed"}
    assert said == RUNTIMES.keys() - INSTALLED


def test_every_precision_is_measured_with_every_number_of_threads(document: dict[str, Any]) -> None:
    cores = len(os.sched_getaffinity(0))
    expected = {(name, count) for name in PRECISIONS for count in (1, 2, 4) if count <= cores}
    ours = [one["params"] for one in document["benchmarks"] if one["params"]["tool"] == "aiart"]
    assert {(one["precision"], one["threads"]) for one in ours} == expected


@pytest.mark.parametrize("tool", ["aiart", "Keras model(x)", "label_image"])
def test_the_calls_that_are_timed_are_the_calls_that_are_judged(
    document: dict[str, Any], tool: str
) -> None:
    for figures in figures_of(document, "picture", tool):
        assert figures["count"] == 8  # each picture once, though only 2 rounds were asked for
        assert len(figures["p_ai"]) == len(document["labels"]) == 8
        assert 0 < figures["p50"] <= figures["p90"] <= figures["p99"]


def test_a_fresh_process_tells_its_load_its_first_picture_and_its_memory(
    document: dict[str, Any],
) -> None:
    for figures in figures_of(document, "cold", "aiart"):
        assert figures["load"] + figures["first"] < figures["p50"]
        # numpy, Pillow and a runtime, but nothing that the tests hold: that has TensorFlow in it.
        assert 20 < figures["peak_memory"] / 2**20 < 150


def test_the_peers_run_the_same_network(document: dict[str, Any]) -> None:
    ours = figures_of(document, "invoke", "aiart")[0]["p_ai"]
    original = figures_of(document, "invoke", "Keras model(x)")[0]["p_ai"]
    assert ours == pytest.approx(original, abs=1e-4)


def test_the_edge_alone_is_measured_where_there_is_no_keras(
    small_run: Path, suites: Suites, tmp_path: Path
) -> None:
    hidden = (
        "import sys\nfor name in ('tensorflow', 'keras', 'sklearn'): sys.modules[name] = None\n"
    )
    (tmp_path / "sitecustomize.py").write_text(hidden)
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    out = tmp_path / "edge.json"
    done = suites(
        "-k", "picture", "--run", small_run, *QUICK, "--benchmark-json", out,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(out.read_bytes())
    assert measured_by(document)["picture"] == INSTALLED - {"Keras", "MediaPipe"}
    assert {one["tool"] for one in document["states"] if one["runtime"] == "Keras"} == {
        "Keras model(x)",
        "Keras predict",
    }
    assert len(document["original"]) == 2  # from the run's scores.csv


def test_a_network_that_a_runtime_refuses_or_dies_of_leaves_the_others_alone(
    small_run: Path, suites: Suites, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    whole = read_model_file(run / "model-float32.tflite")
    write_model_file(whole.path, whole.network[:5000], whole.description)
    out = tmp_path / "broken.json"
    selected = "picture and aiart and (float32 or int8)"
    done = suites("-k", selected, "--run", run, *QUICK, "--benchmark-json", out)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(out.read_bytes())
    states = {
        one["state"].partition(":")[0] for one in document["states"] if one["runtime"] in INSTALLED
    }
    assert states <= {"died", "refused"}
    assert {one["params"]["precision"] for one in document["benchmarks"]} >= {"int8"}
    assert "float32" not in {one["params"]["precision"] for one in document["benchmarks"]}


def test_missing_pictures_are_named_in_one_line(
    small_run: Path, suites: Suites, tmp_path: Path
) -> None:
    done = suites("--run", small_run, "--data", tmp_path)
    assert done.returncode == 2
    assert "--data FOLDER" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_a_run_the_embedded_model_is_measured_on_the_samples(
    suites: Suites, tmp_path: Path
) -> None:
    out = tmp_path / "embedded.json"
    done = suites("-k", "picture and int8", "--rounds", "1", "--benchmark-json", out)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(out.read_bytes())
    assert {one["params"]["precision"] for one in document["benchmarks"]} == {"int8"}


@pytest.mark.parametrize(("factor", "passes"), [(1e-3, False), (1e3, True)])
def test_a_stored_baseline_fails_a_run_that_is_slower(
    measured: Path, small_run: Path, suites: Suites, tmp_path: Path, factor: float, passes: bool
) -> None:
    document = json.loads(measured.read_bytes())
    document["machine_info"]["device"] = "another"
    for one in document["benchmarks"]:
        one["stats"]["median"] *= factor
    baseline = tmp_path / "baseline.json"
    baseline.write_text(json.dumps(document))
    compare = (f"--benchmark-compare={baseline}", "--benchmark-compare-fail=median:50%")
    selected = "invoke and aiart and int8 and 1"
    done = suites("-k", selected, "--run", small_run, *QUICK, *compare)
    assert (done.returncode == 0) is passes, done.stdout + done.stderr
