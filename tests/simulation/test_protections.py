"""Each protection of the promise taken away once: the adversary notices. All seeds: `tests/simulation/protections.py`."""

from __future__ import annotations

import pytest

from tests.simulation.protections import PROTECTIONS, finds
from tests.simulation.schedules import run_schedule

SEEDS = {
    "epoch check of the write": 3,
    "sequence check of the write": 3,
    "outbox": 2,
    "stable offsets": 102,
    "generation check of the transaction": 0,
    "suppressed publication": 0,
    "its filter of outputs": 1,
    "offsets that never move back": 1,
    "batches cut at the committed offsets": 3,
    "all due decisions closed": 2,
    "read-back of decisions": 1,
    "epochs that never come back": 156,
    "refused owners take over again": 8,
    "readings checked at the write": 3,
    "membership proved at a takeover": 26,
    "publication finished before a takeover": 18,
}
"""The first seed of each that ends with other outputs or another store."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTECTIONS)
def test_without_a_protection_a_schedule_fails_that_passes_with_it(name: str) -> None:
    assert finds(name, SEEDS[name])
    run_schedule(SEEDS[name])
