"""No cost that never varies has risen."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.costs import RECORDED, main, measure_costs, read_costs, risen

recorded_here = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the costs of Python 3.11 are recorded"
)


@recorded_here
def test_no_cost_has_risen() -> None:
    assert risen(read_costs(RECORDED), measure_costs()) == {}


@recorded_here
def test_a_count_from_elsewhere_is_gated_too(tmp_path: Path) -> None:
    counted = tmp_path / "counted.json"
    counted.write_text(json.dumps({"instructions of an inference": 8_300_000}))
    result = CliRunner().invoke(main, ["--counted", str(counted)])
    assert result.exit_code == 1
    assert "instructions of an inference" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_one_more_is_a_rise_and_one_less_is_none() -> None:
    recorded = {"modules": 100, "bytes": 100, "counted elsewhere": 100}
    assert risen(recorded, {"modules": 101, "bytes": 99}) == {"modules": "100 -> 101"}
