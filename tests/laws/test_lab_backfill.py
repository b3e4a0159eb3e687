"""A backfill and the live scorer after it, against the live scorer alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import yaml

from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.memory_store import MemoryStore
from consumer.policy.document import Policy, parse_policy
from consumer.ports import PartitionWrite
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS
from offline.backfilling import backfill as backfill_module
from offline.backfilling.backfill import BackfillReport, backfill
from offline.backfilling.writing import Ownership
from offline.history import decoding as decoding_module
from offline.history import fold as fold_module
from tests.oracles.past_of_world import clear_of, positions_after, write_past
from tests.simulation.small_bank import merged_log
from tests.simulation.world import ALL_OUTPUTS, World, retail_bank

PRODUCTS = retail_bank().catalogue.product_ids
QUIET = Load(n_customers=40, n_events=700, days=60.0, seed=11, trigger_share=0.0)
LIVE = Load(
    n_customers=40,
    n_events=300,
    days=20.0,
    seed=12,
    trigger_share=0.3,
    first_event=700,
    start_ms=QUIET.start_ms + 60 * DAY_MS,
)

pytestmark = pytest.mark.slow


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
    return backfill(
        history, world.policy.catalogue, own(world, replaces=replaces), positions_after(past, records)
    )


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


def test_position_and_stream_time_after_a_backfill_are_those_of_a_scorer_that_read_as_far(
    tmp_path: Path,
) -> None:
    read, filled = bank(with_live=False), bank(with_live=False)
    read.run(read.scorer("a"))
    backfilled(filled, tmp_path / "past")
    assert len(filled.store.partitions) == filled.n_partitions
    for number, partition in read.store.partitions.items():
        state = filled.store.partitions[number].state
        assert state.stream_time_ms == partition.state.stream_time_ms > 0
        assert state.positions == partition.state.positions
        assert not state.extra


def test_a_store_that_scorers_have_written_to_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    world = bank(with_live=True)
    world.run(world.scorer("a"))
    before = world.records()
    with pytest.raises(ConfigurationError, match=r"state of partition 0, 1, 2.*--replace"):
        backfilled(world, tmp_path / "past")
    assert world.records() == before


def test_a_replaced_state_leaves_no_customer_and_no_open_decision_of_the_old_one(tmp_path: Path) -> None:
    fresh = bank(with_live=True)
    backfilled(fresh, tmp_path / "one")
    used = bank(with_live=True)
    used.publish(profiles(Load(n_customers=90, n_events=0)))
    used.run(used.scorer("a"))
    assert len(used.records()) > len(fresh.records())
    backfilled(used, tmp_path / "two", replaces=True)
    assert used.records() == fresh.records()
    for partition in used.store.partitions.values():
        assert not partition.open_decisions
        assert not partition.deadlines
        assert not partition.outbox


def test_no_scorer_goes_on_from_a_backfill_that_was_interrupted_and_the_next_one_heals_it(
    tmp_path: Path,
) -> None:
    world = bank(with_live=True)
    n_writes = 0

    def interrupt(change: PartitionWrite) -> None:
        nonlocal n_writes
        n_writes += 1
        if n_writes == 5:  # three marks, the records of partition 0, and then
            raise KeyboardInterrupt

    world.store = MemoryStore(before_write=interrupt)
    with pytest.raises(KeyboardInterrupt):
        backfilled(world, tmp_path / "one")
    with pytest.raises(ConfigurationError, match="backfill of its state has not finished"):
        world.run(world.scorer("a"))
    world.group.leave("a")
    backfilled(world, tmp_path / "two")
    world.run(world.scorer("b"))
    whole = bank(with_live=True)
    whole.run(whole.scorer("a"))
    assert world.records() == whole.records()


def test_a_scorer_that_takes_over_while_records_are_written_ends_the_backfill(tmp_path: Path) -> None:
    world = bank(with_live=False)

    def take_over(change: PartitionWrite) -> None:
        if change.records:
            world.store.take_over(change.expected.partition, n_partitions=world.n_partitions)

    world.store = MemoryStore(before_write=take_over)
    with pytest.raises(ConfigurationError, match="A scorer took partition 0 over"):
        backfilled(world, tmp_path / "past")


def test_partitions_one_by_one_come_to_what_all_at_once_do(tmp_path: Path) -> None:
    past = bank(with_live=False)
    records = merged_log(past)
    history, positions = write_past(past, records, tmp_path / "past"), positions_after(past, records)
    whole, parts = bank(with_live=False), bank(with_live=False)
    backfill(history, whole.policy.catalogue, own(whole), positions)
    for number in (2, 0, 1):
        backfill(history, parts.policy.catalogue, own(parts), {number: positions[number]})
    assert parts.records() == whole.records()
    for number, partition in whole.store.partitions.items():
        assert parts.store.partitions[number].state.stream_time_ms == partition.state.stream_time_ms


@pytest.mark.parametrize("batch_records", [1, 50, 10_000])
def test_the_size_of_batches_and_blocks_changes_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_records: int
) -> None:
    reference, world = bank(with_live=False), bank(with_live=False)
    backfilled(reference, tmp_path / "one")
    monkeypatch.setattr(backfill_module, "BATCH_RECORDS", batch_records)
    monkeypatch.setattr(fold_module, "BLOCK_CUSTOMERS", 7)
    monkeypatch.setattr(decoding_module, "PART_RECORDS", 13)
    backfilled(world, tmp_path / "two")
    assert world.records() == reference.records()
