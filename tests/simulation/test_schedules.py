"""Seeded schedules: stop, kill, delay, rebalance, zombies and store loss between any two effects.

300 schedules here, 10,000 with `make soak`. One alone: `python -m tests.simulation.schedules --seed N`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

import pytest

from consumer.adapters.memory_store import MemoryStore
from tests.simulation.schedules import run_schedule
from tests.simulation.small_bank import N_BANKS, small_bank
from tests.simulation.world import ALL_OUTPUTS, World

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SCHEDULES = 10_000 if IS_SOAK else 300
A_TEST = SCHEDULES // 10
HARMS = {"kill", "expel", "oversleep", "pause", "retry", "join", "time out", "roll back", "lose"}


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SCHEDULES, A_TEST))
def test_whatever_befalls_the_scorers_the_readable_output_is_that_of_the_undisturbed_run(
    first: int, record_property: Callable[[str, object], None]
) -> None:
    happened: Counter[str] = Counter()
    for seed in range(first, first + A_TEST):
        happened += run_schedule(seed)
    record_property("simulation", {"seed": first, "count": A_TEST, "happened": dict(happened)})
    assert happened.keys() >= HARMS


@pytest.mark.parametrize("number", range(N_BANKS))
def test_the_banks_of_the_schedules_hold_what_can_go_wrong(number: int) -> None:
    bank = small_bank(number)
    roles = Counter(role for role, _, _ in bank.outputs)
    assert roles["offers"] >= 8
    assert roles["dead_letter"] == 2
    assert roles["examples"] >= 5
    assert any(b'"expired"' in value for role, _, value in bank.outputs if role == "examples")


def test_the_next_owners_in_a_schedule_would_make_other_offers() -> None:
    bank = small_bank(1)
    world = World(n_partitions=2)
    for record in bank.log:
        world.log.append(
            record.role, record.partition, record.key, record.value, timestamp_ms=record.timestamp_ms
        )
    world.run(world.scorer("a", core=bank.other_core))
    different = set(world.outputs(*ALL_OUTPUTS)) ^ set(bank.outputs)
    assert sum(role == "offers" for role, _, _ in different) >= 5


def test_epochs_never_come_back_after_the_store_was_rolled_back() -> None:
    store = MemoryStore()
    copy = store.copy()
    epochs = []
    for _ in range(3):
        epochs.append(store.take_over(0, n_partitions=1)[0].epoch)
        store.restore(copy)
    assert len(set(epochs)) == 3
