"""Recording: every variant of a suite in turn, so that a machine that drifts drifts for all alike.

A turn is a block of calls in the variant's own worker process. The runtimes cannot all live in one:
tflite-runtime 2.14 cannot load a network in a process that imported TensorFlow first, and a runtime
may die of a network that it does not understand.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.variants import Models, Variant, why_not
from benchmarks.worker import Once, Sample, timed

BLOCK = 10  # calls in a turn
BATCH = 32  # pictures in a batch

_PER_BATCH, _PER_PROCESS = 40, 20  # calls that a batch, and a process, stands for


@dataclass
class Recording:
    """What was measured of a variant in a suite.

    Args:
        samples: a timed call each.
        fresh: where each sample is a process, that process from within.
        state: why there is nothing, or nothing more: `not installed`, `refused ...`, `died`.
    """

    samples: list[Sample] = field(default_factory=list)
    fresh: list[Once] = field(default_factory=list)
    state: str = ""


class Workers(AbstractContextManager["Workers"]):
    """One process for each runtime and number of threads; each holds all of its variants open."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, int], ProcessPoolExecutor] = {}

    def timed(
        self, variant: Variant, path: Path | None, suite: str, pictures: Sequence[Path]
    ) -> tuple[Sample, ...]:
        """Take a turn.

        Args:
            variant: see `worker.timed`.
            path: likewise.
            suite: likewise.
            pictures: likewise.

        Returns:
            A sample per call.

        Raises:
            BrokenProcessPool: the process died; the next turn gets a new one.
            Exception: whatever the tool raises.
        """
        key = (variant.runtime, variant.threads)
        if key not in self._pools:
            spawn = multiprocessing.get_context("spawn")
            self._pools[key] = ProcessPoolExecutor(max_workers=1, mp_context=spawn)
        try:
            return self._pools[key].submit(timed, variant, path, suite, pictures).result()
        except BrokenProcessPool:
            self._pools.pop(key).shutdown()
            raise

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)


def record(
    workers: Workers,
    models: Models,
    suite: str,
    variants: Iterable[Variant],
    pictures: Sequence[Path],
    rounds: int,
) -> dict[Variant, Recording]:
    """Measure variants in turn.

    Args:
        workers: where they run.
        models: the files that they run.
        suite: one of `variants.SUITES`.
        variants: to be measured.
        pictures: to classify; each at least once in the suite `picture`, as accuracy needs.
        rounds: timed calls of each variant; of batches a 40th, of processes a 20th.

    Returns:
        A recording per variant.
    """
    recordings = {variant: Recording(state=why_not(variant, models)) for variant in variants}
    order = random.Random(0)  # noqa: S311
    for turn in _turns(suite, pictures, rounds):
        running = [variant for variant in recordings if not recordings[variant].state]
        for variant in order.sample(running, len(running)):
            recording = recordings[variant]
            try:
                _take(workers, variant, models.file_of(variant), suite, turn, recording)
            except BrokenProcessPool:
                recording.state = "died"
            except Exception as error:  # noqa: BLE001  a tool may raise anything
                recording.state = f"refused: {str(error).partition(chr(10))[0] or repr(error)}"
    return recordings


def _turns(suite: str, pictures: Sequence[Path], rounds: int) -> list[Sequence[Path]]:
    """Deal the pictures out, one for each call."""
    if suite == "cold":
        return [[pictures[n % len(pictures)]] for n in range(-(-rounds // _PER_PROCESS))]
    if suite == "batch":
        batch = [pictures[n % len(pictures)] for n in range(BATCH)]
        return [batch] * -(-rounds // _PER_BATCH)
    calls = max(rounds, len(pictures)) if suite == "picture" else rounds
    dealt = [pictures[n % len(pictures)] for n in range(calls)]
    return [dealt[start : start + BLOCK] for start in range(0, calls, BLOCK)]


def _take(
    workers: Workers,
    variant: Variant,
    path: Path | None,
    suite: str,
    turn: Sequence[Path],
    recording: Recording,
) -> None:
    if suite == "cold":
        seconds, fresh = _fresh_process(variant, path, turn[0])
        recording.samples.append(Sample(seconds, None))
        recording.fresh.append(fresh)
    else:
        recording.samples += workers.timed(variant, path, suite, turn)


def _fresh_process(variant: Variant, path: Path | None, picture: Path) -> tuple[float, Once]:
    request = json.dumps([asdict(variant), str(path), str(picture)])
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.worker", request],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode < 0:
        raise BrokenProcessPool
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    return seconds, Once(**json.loads(done.stdout.splitlines()[-1]))
