"""The suites: `pytest benchmarks` compares every way to classify a picture.

    invoke     the network alone, on pixels that are ready
    picture    a file to a verdict
    cold       a whole process that classifies one picture and ends
    batch      a folder of pictures

The variants of a suite take turns and are timed where they run, in processes of their own (see
`recording`); what pytest-benchmark is told here is what was measured there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.pictures import Pictures
from benchmarks.recording import BATCH, Recording
from benchmarks.variants import Models, Variant


class Clock:
    """Time as it went by in the worker."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Give the time, in seconds."""
        return self.now


CLOCK = Clock()


@pytest.mark.benchmark(timer=CLOCK)
def test_suite(
    benchmark: BenchmarkFixture,
    recordings: Callable[[str], dict[Variant, Recording]],
    models: Models,
    pictures: Pictures,
    note_state: Callable[[str, Variant, str], None],
    suite: str,
    tool: str,
    precision: str,
    runtime: str,
    threads: int,
) -> None:
    variant = Variant(tool, precision, runtime, threads)
    recording = recordings(suite)[variant]
    if recording.state:
        note_state(suite, variant, recording.state)
        benchmark.skipped = True
        pytest.skip(recording.state)
    benchmark.group = suite
    benchmark.extra_info.update(_figures(suite, recording, pictures, models.file_of(variant)))
    _play(benchmark, [sample.seconds for sample in recording.samples])


def _play(benchmark: BenchmarkFixture, seconds: list[float]) -> None:
    left = iter(seconds)
    CLOCK.now = 0.0

    def replay() -> None:
        CLOCK.now += next(left)

    benchmark.pedantic(replay, rounds=len(seconds))  # type: ignore[no-untyped-call]


def _figures(
    suite: str, recording: Recording, pictures: Pictures, path: Path | None
) -> dict[str, object]:
    seconds = [sample.seconds for sample in recording.samples]
    p50, p90, p99 = np.percentile(seconds, (50, 90, 99)).tolist()
    figures: dict[str, object] = {"p50": p50, "p90": p90, "p99": p99, "count": len(seconds)}
    if path is not None:
        figures["file_bytes"] = path.stat().st_size
    if suite == "batch":
        figures["pictures_per_second"] = BATCH / p50
    if recording.fresh:
        for name in ("imported", "load", "first", "peak_memory"):
            values = [getattr(once, name) for once in recording.fresh]
            figures[name] = float(np.median(values))
    answers = [sample.p_ai for sample in recording.samples[: len(pictures.paths)]]
    if suite in {"invoke", "picture"} and None not in answers:
        figures["p_ai"] = np.round(np.array(answers, dtype=np.float64), 6).tolist()
    return figures
