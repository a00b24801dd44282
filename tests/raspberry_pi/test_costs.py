"""What a cold start costs on a Raspberry Pi has not risen."""

from __future__ import annotations

import os

from benchmarks.costs import risen
from tests.raspberry_pi.costs import TOLERANCE, count_costs, read_recorded, record
from tests.raspberry_pi.systems import Pi


def test_no_cost_on_a_raspberry_pi_has_risen(pis: dict[str, Pi]) -> None:
    counted = count_costs(pis)
    if "AIART_RASPBERRY_PI_RECORD" in os.environ:
        record(counted)
    recorded = read_recorded()
    assert counted.keys() == recorded.keys()
    worse = {where: risen(recorded[where], counted[where], TOLERANCE) for where in counted}
    assert {where: what for where, what in worse.items() if what} == {}
