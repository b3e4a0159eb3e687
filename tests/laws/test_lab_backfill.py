"""A backfill and the live scorer after it, against the live scorer alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from benchmarks.synthetic_events import Load, events, profiles
from consumer.policy.document import Policy, parse_policy
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.time import DAY_MS
from offline.backfilling.backfill import BackfillReport, backfill
from offline.backfilling.writing import Ownership
from tests.oracles.past_of_world import clear_of, positions_after, write_past
from tests.simulation.small_bank import merged_log
from tests.simulation.world import ALL_OUTPUTS, World, retail_bank

PRODUCTS = retail_bank().catalogue.product_ids
QUIET = Load(n_customers=40, n_events=700, days=60.0, seed=11, trigger_share=0.0)
LIVE = Load(
    n_customers=40, n_events=300, days=20.0, seed=12, trigger_share=0.3, first_event=700, start_ms=QUIET.start_ms + 60 * DAY_MS
)


@cache
def views_only() -> Policy:
    """A policy under which only looking at a product triggers a decision."""
    data = retail_bank().text.model_dump(mode="python", by_alias=True)
    data["triggers"] = [t for t in data["triggers"] if t["name"] == "product_interest"]
    for offer in data["offers"]:
        offer["context_weights"] = {}
    return parse_policy(yaml.safe_dump(data), source="views only")


def quiet_past() -> list[OutputRecord]:
    """A past in which nothing triggers a decision: with malformed records, repeats, late ones and erasures."""
    made = list(events(QUIET, products=PRODUCTS))
    middle_ms = made[350].event_time_ms
    return [
        *profiles(QUIET),
        *made,
        *(OutputRecord(r.role, r.key, r.value, r.event_time_ms + 3 * DAY_MS) for r in made[100:140:5]),
        OutputRecord("transactions", b"c-1", b"{no json", middle_ms),
        OutputRecord("customers", b"c-3", b"", middle_ms),
        OutputRecord("traits", b"c-4", b"", middle_ms),
        OutputRecord("interactions", b"c-2", b'{"event_id":"x"}', middle_ms + DAY_MS),
    ]


def bank(*, with_live: bool) -> World:
    world = World(n_partitions=3, policy=views_only())
    past = sorted(quiet_past(), key=lambda record: record.event_time_ms)
    world.publish(past)
    if with_live:
        world.publish(events(LIVE, products=PRODUCTS))
    return world


def own(world: World, *, replaces: bool = False) -> Ownership:
    return Ownership(
        world.store, lambda partition: clear_of(world, partition), world.n_partitions, replaces=replaces
    )


def backfilled(world: World, folder: Path, *, replaces: bool = False) -> BackfillReport:
    """Fill the world's store from the past of a bank like it."""
    past = bank(with_live=False)
    records = merged_log(past)
    history = write_past(past, records, folder)
    return backfill(history, world.policy.catalogue, own(world, replaces=replaces), positions_after(past, records))


def test_a_scorer_after_a_backfill_decides_and_stores_what_a_scorer_over_the_whole_log_does(
    tmp_path: Path,
) -> None:
    whole = bank(with_live=True)
    whole.run(whole.scorer("a"))
    continued = bank(with_live=True)
    backfilled(continued, tmp_path / "past")
    continued.run(continued.scorer("a"))
    assert len(whole.outputs("decisions")) > 50
    live_outputs = [role for role in ALL_OUTPUTS if role != "dead_letter"]
    assert continued.outputs(*live_outputs) == whole.outputs(*live_outputs)
    assert continued.records() == whole.records()
    for number, partition in whole.store.partitions.items():
        other = continued.store.partitions[number]
        assert other.state.positions == partition.state.positions
        assert other.state.stream_time_ms == partition.state.stream_time_ms
