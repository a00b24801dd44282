"""The budget for what is decoded at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from aiart_edge import memory
from aiart_edge.memory import Budget, Share, available_memory

# Four pictures of 12 megapixels, of which each takes 100 MB, where 150 MB are free.
_FOUR_AT_ONCE = """
import sys
from aiart_edge import Classifier, memory
from aiart_edge.bench import peak_memory
memory.available_memory = lambda: int(sys.argv[2])
with Classifier.load() as classifier:
    classifier.classify(sys.argv[3])
    before = peak_memory()
    results = list(classifier.classify_many([sys.argv[1]] * 4, jobs=4))
assert len({result.p_ai for result in results}) == 1
print(peak_memory() - before)
"""


def most_taken_at_once(budget: Budget, needs: list[int]) -> int:
    """Have a thread for each take so much, and give the most that was held at once."""
    held: list[int] = []
    most = 0
    lock = threading.Lock()

    def work(need: int) -> None:
        nonlocal most
        with budget.turn() as take:
            take(need)
            with lock:
                held.append(need)
                most = max(most, sum(held))
            with lock:
                held.remove(need)

    with ThreadPoolExecutor(len(needs)) as pool:
        list(pool.map(work, needs))
    return most


def test_no_more_is_taken_at_once_than_there_is() -> None:
    assert most_taken_at_once(Budget(100), [30, 60, 50] * 20) <= 100


def test_what_is_larger_than_all_of_it_is_taken_alone() -> None:
    assert most_taken_at_once(Budget(100), [500, 20, 700] * 20) == 700


def test_what_failed_gives_back_what_it_held() -> None:
    budget = Budget(100)

    def fail() -> None:
        with budget.turn() as take:
            take(100)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with budget.turn() as take:
        take(100)


def test_four_pictures_at_once_stay_within_the_memory_that_is_free(tmp_path: Path) -> None:
    picture, small = tmp_path / "picture.png", tmp_path / "small.png"
    Image.new("RGB", (4000, 3000)).save(picture)
    Image.new("RGB", (100, 100)).save(small)

    command = [sys.executable, "-c", _FOUR_AT_ONCE, str(picture), "150000000", str(small)]
    peak = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert peak < 190_000_000  # one, and the network of each thread; all at once take 400 MB


def test_what_a_control_group_has_left_is_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = available_memory()
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000000\nfile 1500000\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert available_memory() == 2_000_000 < without


def test_of_processes_that_share_one_reads_a_big_picture_at_a_time(tmp_path: Path) -> None:
    ours, theirs = (Share(100, tmp_path / "lock") for _ in range(2))
    order: list[str] = []

    def read(need: int, name: str) -> None:
        with theirs.turn() as take:
            take(need)
            order.append(name)

    with ours.turn() as take:
        take(101)
        read(100, "small")
        thread = threading.Thread(target=read, args=(101, "big"))
        thread.start()
        thread.join(0.05)
        order.append("ours is read")
    thread.join()
    assert order == ["small", "ours is read", "big"]
