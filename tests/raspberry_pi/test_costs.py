"""What a cold start costs on a Raspberry Pi has not risen."""

from __future__ import annotations

import os
from concurrent.futures import Future

from benchmarks.costs import risen
from tests.raspberry_pi.costs import Costs, read_recorded, record, tolerance


def test_no_cost_on_a_raspberry_pi_has_risen(counted: list[Future[Costs]]) -> None:
    costs: Costs = {}
    for of_a_system in counted:
        costs |= of_a_system.result()
    if "AIART_RASPBERRY_PI_RECORD" in os.environ:
        record(costs)
    recorded = read_recorded()
    assert costs.keys() == recorded.keys()
    worse = {where: risen(recorded[where], costs[where], tolerance) for where in costs}
    assert {where: what for where, what in worse.items() if what} == {}
