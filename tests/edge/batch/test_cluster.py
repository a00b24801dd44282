"""Very many pictures on a cluster, whose processes are all their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from aiart_edge import Classifier, DataError
from aiart_edge.batch.cluster import Run, do_task
from aiart_edge.batch.manifest import describe
from aiart_edge.batch.shard import Rules, Task, classify_shard
from aiart_edge.memory import Share
from tests.edge.batch.test_batch import PROGRAM, draw, results_of, until

REPOSITORY = Path(__file__).parents[3]

Command = Callable[..., Result]


@pytest.fixture
def cluster() -> Iterator[subprocess.Popen[str]]:
    """A cluster of two nodes, of which a line on its standard input ends one."""
    command = [sys.executable, "-m", "benchmarks.loopback_cluster", "2"]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


def test_a_cluster_that_loses_a_node_gives_the_same_bytes(
    cluster: subprocess.Popen[str], aiart_edge: Command, tmp_path: Path
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    for number in range(40):
        draw(folder / f"{number:02}.png", number)
    command = ("batch", folder, "--shard-size", "2", "--out")
    assert aiart_edge(*command, tmp_path / "whole").exit_code == 0

    address = cluster.stdout.readline().strip()
    on_cluster = [*PROGRAM, *map(str, command), str(out), "--ray", address]
    with subprocess.Popen(
        on_cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: len([*(out / "results").glob("*.jsonl")]) >= 2 or process.poll() is not None)
        cluster.stdin.write("\n")
        cluster.stdin.flush()
        printed, said = process.communicate()
    assert process.returncode == 0, said
    assert printed == ""
    assert len(said.splitlines()) == 1, said
    assert results_of(out) == results_of(tmp_path / "whole")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What a process of a node gets, which has the same versions and sees the same pictures."""
    monkeypatch.chdir(tmp_path)
    with Classifier.load() as classifier:
        manifest = describe(["."], "jsonl", classifier, {}, "auto")
    rules = Rules(Classifier.load, Share(1 << 30, tmp_path / "lock").turn, "jsonl")
    return Run(manifest, rules, "auto", b"0.png")


def test_a_node_gives_the_bytes_of_a_shard(run: Run) -> None:
    draw(Path("0.png"), 0)
    shard = Task(0, [b"0.png"], [b""])
    with Classifier.load() as classifier:
        assert do_task(run, shard) == classify_shard(classifier, shard, run.rules)


def test_a_node_that_does_not_see_the_pictures_is_refused_by_name(run: Run) -> None:
    answer = do_task(run, Task(0, [b"1.png"], [b""]))
    assert isinstance(answer, DataError)
    assert answer.path == f"node {os.uname().nodename}"
    assert "does not see the pictures (0.png: No such file or directory)" in answer.problem


def test_a_node_with_another_version_is_refused_by_name(run: Run) -> None:
    draw(Path("0.png"), 0)
    versions = {**run.manifest.versions, "pillow": "0"}
    other = Run(replace(run.manifest, versions=versions), run.rules, "auto", b"0.png")
    answer = do_task(other, Task(0, [b"0.png"], [b""]))
    assert isinstance(answer, DataError)
    assert 'versions.pillow was "0" and is ' in answer.problem


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999"])
def test_where_no_cluster_answers_it_is_said_at_once(
    address: str, aiart_edge: Command, tmp_path: Path, one_line: Callable[[Result], str]
) -> None:
    draw(tmp_path / "0.png", 0)
    said = one_line(aiart_edge("batch", tmp_path, "--out", tmp_path / "out", "--ray", address))
    assert f"no cluster answers at {address}" in said


def test_the_recipe_for_dask_in_the_documents_judges_every_picture(
    aiart_edge: Command, tmp_path: Path
) -> None:
    blocks = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / "scale.md").read_text(), re.DOTALL
    )
    (tmp_path / "recipe.py").write_text(next(block for block in blocks if "dask" in block))
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        draw(tmp_path / "pictures" / f"{number}.jpg", number)
    subprocess.run([sys.executable, "recipe.py"], cwd=tmp_path, check=True)
    judged = [
        json.loads(line) for line in (tmp_path / "judged" / "0.part").read_text().splitlines()
    ]
    assert judged == [
        {"path": "pictures/" + Path(record["path"]).name, "p_ai": record["p_ai"]}
        for record in map(
            json.loads,
            aiart_edge("classify", "--jsonl", tmp_path / "pictures").stdout.splitlines(),
        )
    ]
