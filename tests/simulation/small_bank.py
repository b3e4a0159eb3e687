"""Small banks for the simulation: a log with everything in it that a scorer can meet, and its undisturbed run.

A log holds profiles, events with steps back in time, repeats, late and malformed records, erasures, outcomes
of every kind, budgets that run out, and enough days for offers to expire. The records are kept in their
merged order, so that a schedule may publish them bit by bit and every reader still merges them in this order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import yaml

from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.memory_group import MemoryGroup
from consumer.adapters.memory_io import MemorySource
from consumer.assembly import Core
from consumer.policy.document import Policy, parse_policy
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.time import DAY_MS
from tests.simulation.world import ALL_OUTPUTS, World, retail_bank, with_budgets

N_PARTITIONS = 2
N_BANKS = 8
SCARCE, PLENTY = 2, 1_000
FEW, CROWD = 5, 10
"""Few customers meet in every batch; of a crowd a batch holds a part, so what others missed is not overwritten."""

State = dict[tuple[int, str], Any]


@dataclass(frozen=True, slots=True)
class Bank:
    """A log in merged order, and what the undisturbed run makes of it.

    core, other_core : the same bank under its policy, and under one that chooses other offers
    """

    log: tuple[RawRecord, ...]
    core: Core
    other_core: Core
    outputs: list[tuple[str, bytes, bytes]]
    state: State


@cache
def small_bank(number: int) -> Bank:
    """Return bank `number`, the same in every process."""
    policy = with_budgets(retail_bank(), per_day=SCARCE if number % 4 == 0 else PLENTY)
    records = _records(number, policy)
    first = _world(policy, records)
    first.run(first.scorer("a"))
    world = _world(policy, with_latecomers(number, [*records, *outcomes_of(first)]))
    log = merged_log(world)
    world.run(world.scorer("a"))
    other = World(n_partitions=N_PARTITIONS, policy=other_choices(policy))
    return Bank(log, world.core(), other.core(), world.outputs(*ALL_OUTPUTS), state_of(world))


def state_of(world: World) -> State:
    """Return everything that the store holds, but who owned it and how often it was written."""
    state: State = {}
    for number, partition in world.store.partitions.items():
        for name, values in (
            ("record", partition.records),
            ("open", partition.open_decisions),
            ("deadline", partition.deadlines),
        ):
            state |= {(number, f"{name} {customer}"): value for customer, value in values.items()}
        state[number, "positions"] = dict(partition.state.positions)
        state[number, "stream time"] = partition.state.stream_time_ms
        state[number, "budgets"] = dict(partition.state.extra)
    return state


def _world(policy: Policy, records: Iterable[OutputRecord]) -> World:
    world = World(n_partitions=N_PARTITIONS, policy=policy)
    world.publish(records)
    return world


def _records(number: int, policy: Policy) -> list[OutputRecord]:
    rng = np.random.default_rng([number, 7])
    load = Load(
        n_customers=CROWD if number % 4 >= 2 else FEW, n_events=36, days=45.0, seed=number, trigger_share=0.5
    )
    made = list(events(load, products=policy.catalogue.product_ids))
    repeated = [made[place] for place in rng.choice(len(made), 4, replace=False).tolist()]
    last_ms = made[-1].event_time_ms
    return [
        *profiles(load),
        *made,
        *(OutputRecord(r.role, r.key, r.value, r.event_time_ms + DAY_MS) for r in repeated),
        OutputRecord("transactions", b"c-1", b"{no json", last_ms - 20 * DAY_MS),
        OutputRecord("interactions", b"c-2", b'{"event_id":"x"}', last_ms - 9 * DAY_MS),
        OutputRecord("customers", b"c-3", b"", last_ms - 15 * DAY_MS),
    ]


def outcomes_of(world: World) -> list[OutputRecord]:
    """Return answers to the offers of a run: accepted, refused, lost, late, or none at all."""
    kinds = (("delivered", "accepted"), ("delivered",), ("undelivered",), ("rejected",), ())
    records = []
    for place, record in enumerate(world.log.records("offers")):
        offer = json.loads(record.value or b"")
        for step, kind in enumerate(kinds[place % len(kinds)]):
            at_ms = offer["event_time_ms"] + (1 + step + place % 3) * DAY_MS
            document = {
                "event_id": f"{offer['decision_id']}.{kind}",
                "customer_id": offer["customer_id"],
                "event_time_ms": at_ms,
                "decision_id": offer["decision_id"],
                "kind": kind,
            }
            records.append(OutputRecord("outcomes", record.key or b"", json.dumps(document).encode(), at_ms))
    return records


def with_latecomers(number: int, records: list[OutputRecord]) -> list[OutputRecord]:
    """Publish most records in order of time, and some of them late."""
    rng = np.random.default_rng([number, 8])
    late_ms = np.where(rng.random(len(records)) < 0.1, rng.integers(0, 4 * DAY_MS, len(records)), 0)
    at_ms = [record.event_time_ms for record in records] + late_ms
    return [records[place] for place in np.argsort(at_ms, kind="stable").tolist()]


def merged_log(world: World) -> tuple[RawRecord, ...]:
    """Return all input records, each partition's in the order in which every reader merges them."""

    class Nobody:
        def on_assigned(self, partitions: frozenset[int]) -> None:
            return None

        def on_revoked(self, partitions: frozenset[int]) -> None:
            return None

    source = MemorySource(world.log, MemoryGroup("merge", world.n_partitions), member="m")
    source.open(Nobody())
    found: list[RawRecord] = []
    while records := source.poll(10_000, 0.0):
        found += records
    runs = [
        [record for record in found if record.partition == number] for number in range(world.n_partitions)
    ]
    # Side by side, so that the last records of a log are the last of every partition.
    places = [(at / len(run), number, at) for number, run in enumerate(runs) for at in range(len(run))]
    return tuple(runs[number][at] for _, number, at in sorted(places))


def other_choices(policy: Policy) -> Policy:
    """Return the policy with other draws, so that other offers are chosen."""
    data = policy.text.model_dump(mode="python", by_alias=True)
    data["exploration"] |= {"salt": "other"}
    return parse_policy(yaml.safe_dump(data), source="other choices")
