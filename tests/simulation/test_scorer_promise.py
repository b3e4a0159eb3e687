"""The promise over memory: whatever the cuts, crashes and rebalances, the readable output is the same."""

from __future__ import annotations

import json

import pytest

from benchmarks.synthetic_events import Load, events, profiles
from consumer.runtime.scorer import TAKE_BACKS
from consumer.vocabulary.errors import Fenced
from consumer.vocabulary.log import OutputRecord
from tests.simulation.world import ALL_OUTPUTS, World, retail_bank, with_budgets

LOAD = Load(n_customers=60, n_events=1_200, days=40.0, seed=5)


class Crash(Exception):
    """The process is gone."""


def bank(load: Load = LOAD) -> World:
    world = World(n_partitions=3)
    world.publish(profiles(load))
    world.publish(events(load, products=retail_bank().catalogue.product_ids))
    return world


def answers(world: World) -> list[OutputRecord]:
    """Return outcomes to the offers of an undisturbed run: every fourth accepted, some refused or lost."""
    records = []
    for place, record in enumerate(world.log.records("offers")):
        offer = json.loads(record.value or b"")
        for kind in (("delivered", "accepted"), ("delivered",), ("undelivered",), ("rejected",))[place % 4]:
            at_ms = offer["event_time_ms"] + 60_000
            document = {
                "event_id": f"{offer['decision_id']}.{kind}",
                "customer_id": offer["customer_id"],
                "event_time_ms": at_ms,
                "decision_id": offer["decision_id"],
                "kind": kind,
            }
            records.append(OutputRecord("outcomes", record.key or b"", json.dumps(document).encode(), at_ms))
    return records


def undisturbed() -> tuple[World, list[OutputRecord]]:
    first = bank()
    first.run(first.scorer("a"))
    outcomes = answers(first)
    world = bank()
    world.publish(outcomes)
    world.run(world.scorer("a"))
    return world, outcomes


@pytest.fixture(scope="module")
def reference() -> tuple[World, list[OutputRecord]]:
    return undisturbed()


def same_bank(reference: tuple[World, list[OutputRecord]]) -> World:
    world = bank()
    world.publish(reference[1])
    return world


def test_the_reference_run_makes_offers_and_examples(reference: tuple[World, list[OutputRecord]]) -> None:
    world, _ = reference
    causes = {json.loads(value)["cause"] for _, _, value in world.outputs("examples")}
    assert causes == {"accepted", "rejected", "expired"}
    assert len(world.outputs("offers")) > 20


@pytest.mark.parametrize("batch_records", [1, 7, 250])
def test_cutting_the_stream_into_other_batches_changes_no_output_and_no_record(
    reference: tuple[World, list[OutputRecord]], batch_records: int
) -> None:
    world = same_bank(reference)
    world.run(world.scorer("a", batch_records=batch_records))
    assert world.outputs(*ALL_OUTPUTS) == reference[0].outputs(*ALL_OUTPUTS)
    assert world.records() == reference[0].records()


@pytest.mark.parametrize("step", ["begun", "produced", "offsets_sent", "committed"])
@pytest.mark.parametrize("batch", [0, 3])
def test_a_crash_while_publishing_loses_nothing_and_repeats_nothing(
    reference: tuple[World, list[OutputRecord]], step: str, batch: int
) -> None:
    world = same_bank(reference)
    seen = 0

    def crash(name: str) -> None:
        nonlocal seen
        if name == step:
            seen += 1
            if seen == batch + 1:
                raise Crash

    doomed = world.scorer("a", batch_records=200, on_step=crash)
    with pytest.raises(Crash):
        world.run(doomed)
    world.group.leave("a")
    world.log.abort_abandoned()
    world.run(world.scorer("b", batch_records=330))
    assert world.outputs(*ALL_OUTPUTS) == reference[0].outputs(*ALL_OUTPUTS)
    assert world.records() == reference[0].records()


def test_a_second_scorer_takes_over_its_share_in_the_middle(
    reference: tuple[World, list[OutputRecord]],
) -> None:
    world = same_bank(reference)
    first = world.scorer("a", batch_records=150)
    for _ in range(4):
        first.step()
    second = world.scorer("b", batch_records=90)
    world.run(first, second)
    assert first.owned.keys()
    assert second.owned.keys()
    assert not first.owned.keys() & second.owned.keys()
    assert world.outputs(*ALL_OUTPUTS) == reference[0].outputs(*ALL_OUTPUTS)


def test_an_owner_that_the_store_refuses_takes_its_partitions_over_again(
    reference: tuple[World, list[OutputRecord]],
) -> None:
    """The group still gives it the partitions, so nobody else would ever read on."""
    world = same_bank(reference)
    refused = world.scorer("a", batch_records=200)
    refused.step()
    refused.step()
    for partition in range(world.n_partitions):
        world.store.take_over(partition, n_partitions=world.n_partitions)
    world.run(refused)
    assert world.telemetry.counts[("fenced_total",)] == world.n_partitions
    assert world.outputs(*ALL_OUTPUTS) == reference[0].outputs(*ALL_OUTPUTS)
    assert world.records() == reference[0].records()


def test_a_partition_that_is_lost_again_and_again_ends_the_process(
    reference: tuple[World, list[OutputRecord]],
) -> None:
    world = same_bank(reference)
    scorer = world.scorer("a", batch_records=20)

    def lose_again_and_again() -> None:
        for _ in range(3 * TAKE_BACKS):
            scorer.step()
            for partition in range(world.n_partitions):
                world.store.take_over(partition, n_partitions=world.n_partitions)

    with pytest.raises(Fenced, match="times in a row"):
        lose_again_and_again()


def test_an_erased_customer_leaves_no_record_no_open_decision_and_no_deadline() -> None:
    world = bank()
    world.publish([OutputRecord("customers", b"c-1", b"", 1_790_000_000_000 + 30 * 86_400_000)])
    world.publish([OutputRecord("customers", b"c-2", b"", 1_790_000_000_000 + 90 * 86_400_000)])
    world.run(world.scorer("a"))
    for partition in world.store.partitions.values():
        for kept in (partition.records, partition.open_decisions, partition.deadlines):
            assert "c-2" not in kept
    assert any("c-3" in partition.records for partition in world.store.partitions.values())


def test_budgets_that_run_out_do_so_at_the_same_decision_however_the_stream_is_cut() -> None:
    scarce = with_budgets(retail_bank(), per_day=3)
    outputs, budget_spent = [], []
    for batch_records in (5_000, 40, 1):
        world = World(n_partitions=2, policy=scarce)
        load = Load(n_customers=80, n_events=600, days=3.0, seed=3, trigger_share=0.5)
        world.publish(profiles(load))
        world.publish(events(load, products=scarce.catalogue.product_ids))
        world.run(world.scorer("a", batch_records=batch_records))
        outputs.append(world.outputs(*ALL_OUTPUTS))
        budget_spent.append(world.telemetry.counts["exclusions_total", "budget_spent"])
    assert outputs[0] == outputs[1] == outputs[2]
    assert min(budget_spent) > 0
