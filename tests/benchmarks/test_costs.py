"""No cost that never varies has risen."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks.costs import RECORDED, measure_costs, risen

recorded_here = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="the costs of Python 3.11 are recorded"
)


@recorded_here
def test_no_cost_has_risen() -> None:
    assert risen(json.loads(RECORDED.read_bytes()), measure_costs()) == {}


def test_one_more_is_a_rise_and_one_less_is_none() -> None:
    recorded = {"modules": 100, "bytes": 100, "counted elsewhere": 100}
    assert risen(recorded, {"modules": 101, "bytes": 99}) == {"modules": "100 -> 101"}


def test_what_rises_within_its_own_tolerance_is_no_rise() -> None:
    tolerance = {"instructions": 0.02, "memory": 0.05}.__getitem__
    assert risen({"instructions": 1000}, {"instructions": 1020}, tolerance) == {}
    assert risen({"memory": 1000}, {"memory": 1050}, tolerance) == {}
    assert risen({"instructions": 1000}, {"instructions": 1050}, tolerance) != {}
