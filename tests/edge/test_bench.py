"""The measurements on a device."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from aiart_edge.bench import device_state, peak_memory

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))

Command = Callable[..., Result]


def test_each_stage_gets_its_percentiles_and_the_count(aiart_edge: Command) -> None:
    result = aiart_edge("bench", "--json", "--count", 5, *SAMPLES)
    report = json.loads(result.stdout)
    assert (report["count"], report["pictures"]) == (5, 2)
    for stage in ("decode_ms", "preprocess_ms", "invoke_ms", "total_ms"):
        assert 0 < report[stage]["p50"] <= report[stage]["p90"] <= report[stage]["p99"]
    assert report["before"].keys() == report["after"].keys() == {"governor", "throttled"}


def test_a_picture_that_cannot_be_read_is_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    assert "No such file" in one_line(aiart_edge("bench", tmp_path / "missing.jpg"))


def test_peak_memory_counts_what_was_held() -> None:
    before = peak_memory()
    held = bytearray(b"x" * (100 << 20))
    assert len(held) < peak_memory() <= before + len(held) + (200 << 20)


def test_a_device_without_a_governor_says_unknown() -> None:
    assert all(device_state().values())
