"""The log that every run of the crash matrix reads, and what must come of it.

The log is made in memory from one number, so it is the same everywhere: profiles, events of two months with
repeats, latecomers and malformed records, and outcomes of every kind to the offers that it leads to. What must
come of it is what the real pipeline makes of it over the memory adapters, undisturbed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import yaml
from confluent_kafka import Producer

from benchmarks.synthetic_events import Load, events, profiles
from consumer.policy.document import Policy
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.topics import Topics
from tests.simulation.small_bank import merged_log, outcomes_of, state_of, with_latecomers
from tests.simulation.world import ALL_OUTPUTS, World, retail_bank, with_budgets

N_PARTITIONS: Final = 3
LOG: Final = 11
LOAD: Final = Load(n_customers=60, n_events=2_000, days=60.0, seed=LOG, trigger_share=0.3)
BUDGET_PER_DAY: Final = 9
"""For each offer over all partitions, so that some run out."""

IN_ORDER: Final = ("offers", "decisions")
"""Topics keyed by customer: what a customer's partition published has one order."""

Sequences = Mapping[tuple[str, bytes], list[bytes]]
"""(role, key) → values; in order of publication for `IN_ORDER`, sorted for the others."""


@dataclass(frozen=True, slots=True)
class CrashLog:
    """The records, partition by partition in merged order, and what must come of them."""

    records: tuple[RawRecord, ...]
    policy_text: str
    customers: tuple[str, ...]
    outputs: Sequences
    state: Mapping[tuple[int, str], Any]

    @property
    def n_outputs(self) -> int:
        """How many records the output topics must gain."""
        return sum(map(len, self.outputs.values()))

    def write(self, servers: str, topics: Topics) -> None:
        """Write the log to its own offsets: repeated sends must neither double nor reorder it."""
        refused: list[str] = []
        producer = Producer(
            {"bootstrap.servers": servers, "linger.ms": 5, "compression.type": "lz4"}
            | {"enable.idempotence": True}
        )
        for record in self.records:
            producer.produce(
                topics.name(record.role),
                record.value,
                record.key,
                partition=record.partition,
                timestamp=record.timestamp_ms,
                on_delivery=_refusing(refused, record.offset),
            )
        assert producer.flush(30.0) == 0
        assert not refused, refused[0]


def _refusing(refused: list[str], offset: int) -> Callable[[Any, Any], None]:
    """Return what notes a record that was not delivered, or not to its place."""

    def note(error: Any, message: Any) -> None:
        if error is not None:
            refused.append(str(error))
        elif message.offset() != offset:
            refused.append(f"a record of offset {offset} went to {message.offset()}")

    return note


@cache
def crash_log() -> CrashLog:
    """Return the log, the same in every process."""
    policy = with_budgets(retail_bank(), per_day=BUDGET_PER_DAY)
    inputs = _inputs(policy)
    first = _read(policy, inputs)
    everything = with_latecomers(LOG, [*inputs, *outcomes_of(first)])
    world = _read(policy, everything)
    return CrashLog(
        records=merged_log(world),
        policy_text=yaml.safe_dump(policy.text.model_dump(mode="python", by_alias=True)),
        customers=tuple(sorted({(record.key or b"").decode() for record in everything})),
        outputs=sequences(
            (role, record.key, record.value) for role in ALL_OUTPUTS for record in world.log.outputs(role)
        ),
        state=state_of(world),
    )


def sequences(outputs: Any) -> Sequences:
    """Return (role, key, value) in order of publication as `Sequences`."""
    found: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
    for role, key, value in outputs:
        found[role, key].append(value)
    return {place: values if place[0] in IN_ORDER else sorted(values) for place, values in found.items()}


def _read(policy: Policy, records: list[OutputRecord]) -> World:
    world = World(n_partitions=N_PARTITIONS, policy=policy)
    world.publish(records)
    world.run(world.scorer("undisturbed"))
    return world


def _inputs(policy: Policy) -> list[OutputRecord]:
    rng = np.random.default_rng(LOG)
    made = list(events(LOAD, products=policy.catalogue.product_ids))
    last_ms = made[-1].event_time_ms
    repeated = [made[place] for place in rng.choice(len(made), 60, replace=False).tolist()]
    malformed = [
        OutputRecord("transactions", b"c-%d" % number, b"{no json", last_ms - number * DAY_MS)
        for number in range(1, 40)
    ]
    erased = [
        OutputRecord("customers", b"c-%d" % number, b"", last_ms - number * DAY_MS) for number in (3, 17, 31)
    ]
    return [
        *profiles(LOAD),
        *(_traits(number) for number in range(0, LOAD.n_customers, 2)),
        *made,
        *(OutputRecord(r.role, r.key, r.value, r.event_time_ms + DAY_MS) for r in repeated),
        *malformed,
        *erased,
    ]


def _traits(number: int) -> OutputRecord:
    document = {
        "event_id": f"t-{number}",
        "customer_id": f"c-{number}",
        "event_time_ms": LOAD.start_ms,
        "segment": number % 5,
        "churn_probability": number / LOAD.n_customers,
        "affinity": {"mortgage": 0.25},
    }
    return OutputRecord("traits", b"c-%d" % number, json.dumps(document).encode(), LOAD.start_ms)
