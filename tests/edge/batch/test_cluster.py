"""Very many pictures on a cluster, whose processes are all their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

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


def test_a_cluster_that_loses_a_node_gives_the_same_bytes_and_a_node_without_the_pictures_none(
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
    with subprocess.Popen(on_cluster, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: len([*(out / "results").glob("*.jsonl")]) >= 2 or process.poll() is not None)
        cluster.stdin.write("\n")
        cluster.stdin.flush()
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert results_of(out) == results_of(tmp_path / "whole")

    for shard in (out / "results").iterdir():
        shard.unlink()
    folder.rename(tmp_path / "not mounted")
    done = subprocess.run(on_cluster, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "does not see the pictures" in done.stderr
    assert results_of(out) == {}


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
