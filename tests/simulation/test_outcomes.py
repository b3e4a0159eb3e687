"""Outcomes that come late, or name a decision that is not theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.synthetic_events import START_MS, Load, events, profiles
from consumer.adapters.codec import encode
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS
from tests.simulation.world import ALL_OUTPUTS, World, retail_bank, with_budgets

LOAD = Load(n_customers=60, n_events=1_200, days=10.0, seed=5, trigger_share=0.5)
EAGER = with_budgets(retail_bank(), per_day=10_000)


def bank() -> World:
    world = World(n_partitions=2, policy=EAGER)
    world.publish(profiles(LOAD))
    world.publish(events(LOAD, products=EAGER.catalogue.product_ids))
    return world


@pytest.fixture(scope="module")
def offers() -> list[dict[str, Any]]:
    world = bank()
    world.run(world.scorer("a"))
    return [json.loads(record.value or b"") for record in world.log.records("offers")]


def outcome(offer: dict[str, Any], kind: str, at_ms: int, *, decision_id: str | None = None) -> OutputRecord:
    document = {
        "event_id": f"{offer['decision_id']}.{kind}",
        "customer_id": offer["customer_id"],
        "event_time_ms": at_ms,
        "decision_id": decision_id or offer["decision_id"],
        "kind": kind,
    }
    return OutputRecord("outcomes", offer["customer_id"].encode(), encode(document), at_ms)


@pytest.mark.slow
def test_outcomes_after_a_long_silence_find_the_same_decisions_however_the_stream_is_cut(
    offers: list[dict[str, Any]],
) -> None:
    outputs = []
    for batch_records in (5_000, 1):
        world = bank()
        scorer = world.scorer("a", batch_records=batch_records)
        world.publish(outcome(offer, "delivered", offer["event_time_ms"] + 60_000) for offer in offers)
        world.run(scorer)
        world.publish(outcome(offer, "accepted", START_MS + 300 * DAY_MS) for offer in offers)
        world.run(scorer)
        outputs.append(world.outputs(*ALL_OUTPUTS))
    assert outputs[0] == outputs[1]


def test_an_outcome_that_names_a_decision_of_another_partition_is_an_orphan(
    offers: list[dict[str, Any]],
) -> None:
    world = bank()
    wrong = []
    for offer in offers:
        role, partition, offset = offer["decision_id"].rsplit("-", 2)
        other = f"{role}-{1 - int(partition)}-{offset}"
        wrong.append(outcome(offer, "accepted", offer["event_time_ms"] + 60_000, decision_id=other))
    world.publish(wrong)
    world.run(world.scorer("a"))
    assert world.telemetry.counts["outcomes_total", "orphan"] == len(offers)
    assert not world.telemetry.counts["outcomes_total", "attributed"]


def test_a_deadline_that_was_over_before_an_erasure_gives_its_example_however_the_stream_is_cut(
    offers: list[dict[str, Any]],
) -> None:
    outputs = []
    for batch_records in (5_000, 1):
        world = bank()
        scorer = world.scorer("a", batch_records=batch_records)
        world.publish(outcome(offer, "delivered", offer["event_time_ms"] + 60_000) for offer in offers)
        world.run(scorer)
        later_ms = START_MS + 300 * DAY_MS
        world.publish(outcome(offer, "clicked", later_ms) for offer in offers[:10])
        gone = sorted({offer["customer_id"] for offer in offers[10:]})
        world.publish(OutputRecord("customers", name.encode(), b"", later_ms + 1) for name in gone)
        world.run(scorer)
        outputs.append(world.outputs(*ALL_OUTPUTS))
        kept = {name for partition in world.store.partitions.values() for name in partition.open_decisions}
        assert not kept & set(gone)
    assert outputs[0] == outputs[1]
    assert world.log.records("examples")
