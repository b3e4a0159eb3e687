"""Each protection of the promise taken away once: the adversary notices. All seeds: `tests/simulation/protections.py`."""

from __future__ import annotations

import pytest

from tests.simulation.protections import PROTECTIONS, finds
from tests.simulation.schedules import run_schedule

SEEDS = {
    "epoch check of the write": 148,
    "sequence check of the write": 4,
    "outbox": 0,
    "stable offsets": 7,
    "generation check of the transaction": 4,
    "suppressed publication": 1,
    "its filter of outputs": 1,
    "offsets that never move back": 53,
    "batches cut at the committed offsets": 18,
    "all due decisions closed": 6,
    "read-back of decisions": 1,
    "epochs that never come back": 148,
    "refused owners take over again": 17,
    "publication finished before a takeover": 106,
}
"""The first seed of each that ends with other outputs or another store."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTECTIONS)
def test_without_a_protection_a_schedule_fails_that_passes_with_it(name: str) -> None:
    assert finds(name, SEEDS[name])
    run_schedule(SEEDS[name])
