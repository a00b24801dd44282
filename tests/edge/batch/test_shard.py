"""What becomes of one shard, whichever process does it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from aiart_edge import Classifier, ModelFileError
from aiart_edge.batch.crew import do_shards
from aiart_edge.batch.shard import Rules, Task, classify_shard
from aiart_edge.memory import Share
from tests.edge.batch.killer import DEADLY, loader

SAMPLE = Path(__file__).parents[3] / "samples" / "van-gogh-auvers-1890.jpg"


def rules(load: Callable[[], Classifier] = Classifier.load, **options: bool) -> Rules:
    return Rules(load, Share(1 << 30, Path("never needed")).turn, "jsonl", **options)


@pytest.fixture(scope="module")
def classifier() -> Iterator[Classifier]:
    with Classifier.load() as classifier:
        yield classifier


def task(*names: Path | str, number: int = 0, **known: Mapping[int, object]) -> Task:
    return Task(number, [os.fsencode(name) for name in names], [b""] * len(names), **known)


def kinds(content: bytes) -> list[str]:
    records = map(json.loads, content.splitlines())
    return [record.get("kind") or record.get("left_out") or record["verdict"] for record in records]


def test_a_file_that_comes_back_meanwhile_is_read_after_the_others(
    classifier: Classifier, tmp_path: Path
) -> None:
    late = tmp_path / "late.jpg"
    tries: list[int] = []

    def bring(place: int) -> None:
        tries.append(place)
        if tries.count(0) == 3:
            late.write_bytes(SAMPLE.read_bytes())

    shard = task(late, SAMPLE)
    assert kinds(classify_shard(classifier, shard, rules(), bring)) == ["unsure", "unsure"]
    assert tries == [0, 1, 0, 0]


def test_nothing_is_written_where_nothing_can_be_reached(
    classifier: Classifier, tmp_path: Path
) -> None:
    shard = task(*(tmp_path / f"{number}.jpg" for number in range(3)))
    assert classify_shard(classifier, shard, rules()) == b""


def test_a_record_that_stands_is_not_made_again(classifier: Classifier) -> None:
    known = {0: {"path": "of old", "verdict": "ai"}}
    shard = task("gone.jpg", SAMPLE, known=known)
    content = classify_shard(classifier, shard, rules())
    assert kinds(content) == ["ai", "unsure"]


def test_a_disk_that_fails_is_no_fault_of_the_picture(
    classifier: Classifier, tmp_path: Path
) -> None:
    # Linux gives EIO to whoever reads the memory of a process at address 0.
    (tmp_path / "fails.jpg").symlink_to("/proc/self/mem")
    shard = task(tmp_path / "fails.jpg", SAMPLE)
    assert kinds(classify_shard(classifier, shard, rules())) == ["access", "unsure"]


def test_a_folder_that_could_not_be_searched_is_no_picture_left_out(
    classifier: Classifier, tmp_path: Path
) -> None:
    shard = task(tmp_path, SAMPLE)
    content = classify_shard(classifier, shard, rules(hashed=True, origin=False))
    assert kinds(content) == ["access", "unsure"]
    assert "origin" not in content.decode()
    assert len(json.loads(content.splitlines()[1])["sha256"]) == 64


def test_pictures_wait_for_memory(classifier: Classifier) -> None:
    asked: list[int] = []

    @contextmanager
    def turn() -> Iterator[Callable[[int], None]]:
        yield asked.append

    shard = task(SAMPLE)
    classify_shard(classifier, shard, Rules(Classifier.load, turn, "jsonl"))
    assert len(asked) == 1
    assert asked[0] > 0


@pytest.mark.parametrize(("how", "kind"), [(signal.SIGSEGV, "content"), (signal.SIGKILL, "access")])
def test_a_picture_that_kills_its_process_is_an_error_and_takes_no_other_along(
    how: signal.Signals, kind: str, classifier: Classifier, tmp_path: Path
) -> None:
    names = [tmp_path / f"{number}.jpg" for number in range(4)]
    for number, name in enumerate(names):
        name.write_bytes(DEADLY if number in {1, 2} else SAMPLE.read_bytes())
    tasks = [task(*names), task(names[0], number=1)]
    done = {
        shard.number: content
        for shard, content in do_shards(classifier, tasks, rules(loader(how)), jobs=1)
    }
    assert kinds(done[0]) == ["human", kind, kind, "human"]
    assert kinds(done[1]) == ["human"]


def test_what_is_wrong_with_the_network_is_said_once(classifier: Classifier) -> None:
    missing = partial(Classifier.load, "missing.tflite")
    with pytest.raises(ModelFileError, match=r"missing\.tflite"):
        [*do_shards(classifier, [task("a.jpg")], rules(missing), jobs=2)]
