"""A customer objects to profiling while offers to that customer are open: nothing more is learned of them."""

from __future__ import annotations

import json

from benchmarks.synthetic_events import START_MS, Load, events, profiles
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS
from tests.simulation.test_scorer_promise import answers
from tests.simulation.world import World, retail_bank, with_budgets

LOAD = Load(n_customers=60, n_events=1_200, days=10.0, seed=5, trigger_share=0.5)
EAGER = with_budgets(retail_bank(), per_day=10_000)
OBJECTORS = {f"c-{number}" for number in range(0, LOAD.n_customers, 2)}


def objections() -> list[OutputRecord]:
    """Return a later profile of every second customer, without consent to profiling."""
    at_ms = START_MS + 11 * DAY_MS
    records = []
    for number, record in enumerate(profiles(LOAD)):
        profile = json.loads(record.value)
        if profile["customer_id"] in OBJECTORS:
            profile |= {"event_id": f"objection-{number}", "event_time_ms": at_ms}
            profile["consents"]["profiling"] = False
            records.append(OutputRecord("customers", record.key, json.dumps(profile).encode(), at_ms))
    return records


def long_after(number: int = 90) -> list[OutputRecord]:
    """Return an event on each partition at which every open decision is over."""
    load = Load(n_customers=8, n_events=40, days=1.0, seed=1)
    later = []
    for record in events(load, products=EAGER.catalogue.product_ids):
        event = json.loads(record.value)
        event["event_time_ms"] += number * DAY_MS
        event["event_id"] = f"later-{event['event_id']}"
        at_ms = event["event_time_ms"]
        key = f"new-{event['customer_id']}"
        event["customer_id"] = key
        later.append(OutputRecord(record.role, key.encode(), json.dumps(event).encode(), at_ms))
    return later


def test_an_objection_to_profiling_forgets_open_decisions_and_what_models_could_learn_from_them() -> None:
    world = World(n_partitions=2, policy=EAGER)
    world.publish(profiles(LOAD))
    world.publish(events(LOAD, products=EAGER.catalogue.product_ids))
    scorer = world.scorer("a")
    world.run(scorer)
    delivered = [record for record in answers(world) if b'"kind": "delivered"' in record.value]
    world.publish(delivered)
    world.publish(objections())
    world.run(scorer)
    for partition in world.store.partitions.values():
        assert not OBJECTORS & (partition.open_decisions.keys() | partition.deadlines.keys())
    world.publish(long_after())
    world.run(scorer)
    of_customers = {
        json.loads(record.value or b"")["customer_id"] for record in world.log.records("examples")
    }
    assert of_customers
    assert not of_customers & OBJECTORS
