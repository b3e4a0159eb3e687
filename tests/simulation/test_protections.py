"""Each protection of the promise taken away once: the adversary notices. All seeds: `tests/simulation/protections.py`."""

from __future__ import annotations

import pytest

from tests.simulation.protections import PROTECTIONS, finds
from tests.simulation.schedules import run_schedule

SEEDS = {
    "epoch check of the write": 186,
    "sequence check of the write": 94,
    "outbox": 0,
    "stable offsets": 102,
    "generation check of the transaction": 1,
    "suppressed publication": 0,
    "its filter of outputs": 0,
    "offsets that never move back": 1,
    "batches cut at the committed offsets": 2,
    "all due decisions closed": 1,
    "read-back of decisions": 3,
    "epochs that never come back": 149,
    "refused owners take over again": 1,
    "membership proved at a takeover": 140,
    "publication finished before a takeover": 15,
}
"""The first seed of each that ends with other outputs or another store."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTECTIONS)
def test_without_a_protection_a_schedule_fails_that_passes_with_it(name: str) -> None:
    assert finds(name, SEEDS[name])
    run_schedule(SEEDS[name])
