"""Training over several workers, with the real command in a process for each."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result

from aiart_edge import AiartError
from aiart_train.cli import main
from aiart_train.data.dataset import scan
from aiart_train.data.split import PARTS, SplitRow, draw_split, read_split, rows_of, write_split
from aiart_train.learning.workers import Cluster, Workers, join_workers, read_cluster

Command = Callable[..., Result]
Process = subprocess.Popen[str]

PROGRAM = [sys.executable, "-c", "from aiart_train.cli import program; program()"]
TIMEOUT = 180  # seconds; far above what it takes
BATCH_SIZE = 16

# All that a recipe may ask for, except dropout, on the smallest network.
RECIPE = [
    *("--recipe", "seed", "--size", "46", "--batch-size", str(BATCH_SIZE), "--dropout", "0"),
    *("--head-views", "1", "--epochs", "1", "--schedule", "cosine", "--weight-decay", "0.01"),
    *("--label-smoothing", "0.1", "--balance", "class", "--averaging", "0.9"),
    *("--flip", "--zoom", "0.3", "--jpeg", "0.5"),
]


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def tf_config(addresses: list[str], index: int) -> str:
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


@contextmanager
def two_workers(art: Path, runs: Path, *options: str) -> Iterator[list[Process]]:
    """The command in two processes on the loopback interface, the chief first."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    command = [*PROGRAM, "fit", "--data", str(art), "--runs", str(runs), "--workers", "tensorflow"]
    with ExitStack() as stack:
        processes = []
        for index in range(2):
            variables = {"TF_CONFIG": tf_config(addresses, index), "CUDA_VISIBLE_DEVICES": "-1"}
            process = subprocess.Popen(
                [*command, *RECIPE, *options],
                env={**os.environ, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield processes


def split(art: Path) -> tuple[SplitRow, ...]:
    return draw_split(scan(art), seed=0)


def divided(rows: tuple[SplitRow, ...], replicas: int) -> tuple[SplitRow, ...]:
    return Workers(nullcontext, replicas, is_chief=True).divide(rows, BATCH_SIZE)


@pytest.fixture(scope="module")
def together(art: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]]]:
    """The folder of the runs of two workers, and what each wrote on both of its outputs."""
    runs = tmp_path_factory.mktemp("together")
    with two_workers(art, runs) as processes:
        said = [list(process.communicate(timeout=TIMEOUT)) for process in processes]
        assert [process.returncode for process in processes] == [0, 0], said
    return runs, said


@pytest.fixture(scope="module")
def alone(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process on the rows that two workers divide."""
    folder = tmp_path_factory.mktemp("alone")
    write_split(folder / "split.csv", divided(split(art), replicas=2))
    command = ["fit", "--data", art, "--runs", folder, "--split", folder / "split.csv", *RECIPE]
    result = CliRunner().invoke(main, [str(part) for part in command], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return Path(result.stdout.strip())


def test_two_workers_train_what_one_process_trains(
    together: tuple[Path, list[list[str]]], alone: Path
) -> None:
    folders = (together[0] / "latest", alone)
    models = (keras.models.load_model(folder / "model.keras") for folder in folders)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_two_workers_report_the_figures_of_one_process(
    together: tuple[Path, list[list[str]]], alone: Path
) -> None:
    texts = [(folder / "history.csv").read_text() for folder in (together[0] / "latest", alone)]
    heads, figures = zip(*(text.split("\n", maxsplit=1) for text in texts), strict=True)
    assert heads[0] == heads[1]
    one, other = (
        [float(cell) for cell in text.replace("\n", ",").split(",") if cell] for text in figures
    )
    assert one == pytest.approx(other, abs=1e-5)


def test_the_chief_alone_leaves_a_run_and_speaks(
    together: tuple[Path, list[list[str]]], art: Path
) -> None:
    runs, (chief, other) = together
    assert len([path for path in runs.iterdir() if not path.is_symlink()]) == 1
    assert chief[0] == f"{(runs / 'latest').resolve()}\n"
    assert [line.split()[0] for line in chief[1].splitlines()] == ["about", "epoch", "epoch", "Of"]
    assert other == ["", ""]
    assert read_split(runs / "latest" / "split.csv") == split(art)


def test_a_lost_worker_is_one_line_on_the_chief(art: Path, tmp_path: Path) -> None:
    with two_workers(art, tmp_path, "--epochs", "1000") as (chief, other):
        assert chief.stderr is not None
        assert chief.stderr.readline().startswith("about ")
        assert chief.stderr.readline().startswith("epoch 1/")
        other.kill()
        said = chief.communicate(timeout=TIMEOUT)[1].splitlines()
    assert chief.returncode == 1
    assert said[-1].startswith("Error: another worker was lost")
    assert {line.split()[0] for line in said[:-1]} <= {"epoch", "unfinished:"}


@pytest.mark.parametrize(
    "config",
    [
        None,
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": 1}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"evaluator": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
    ],
)
def test_a_missing_or_broken_tf_config_is_one_line_with_an_example(
    config: str | None,
    art: Path,
    aiart_train: Command,
    one_line: Callable[[Result], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    line = one_line(aiart_train("fit", "--data", art, "--workers", "tensorflow"))
    assert line.startswith("Error: the environment variable TF_CONFIG must name all workers")
    assert "as in  export TF_CONFIG='{" in line


def test_the_chief_comes_first_whatever_tf_config_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"worker": ["b:1"], "chief": ["a:1"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert read_cluster() == Cluster(("a:1", "b:1"), index=1)


def test_a_worker_that_does_not_answer_is_named() -> None:
    own, absent = (f"127.0.0.1:{port}" for port in free_ports(2))
    with (
        pytest.raises(AiartError, match=f"^{absent}: this worker did not answer"),
        join_workers(Cluster((own, absent), index=0), patience=0),
    ):
        pass


def test_a_port_that_is_taken_is_named(
    art: Path,
    aiart_train: Command,
    one_line: Callable[[Result], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("", 0)) as taken:
        own = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("TF_CONFIG", tf_config([own, "127.0.0.1:1"], index=0))
        line = one_line(aiart_train("fit", "--data", art, "--workers", "tensorflow"))
    assert line.startswith(f"Error: {own}: this worker cannot listen")


def test_parts_divide_into_equal_shares(art: Path) -> None:
    whole = {part: len(rows_of(split(art), part)) for part in PARTS}
    assert whole == {"train": 51, "validation": 13, "test": 16}
    rows = divided(split(art), replicas=4)
    assert {part: len(rows_of(rows, part)) for part in PARTS} == {
        "train": 48,
        "validation": 12,
        "test": 16,
    }


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(AiartError, match="16 pictures does not divide into 3 equal shares"):
        divided((), replicas=3)
