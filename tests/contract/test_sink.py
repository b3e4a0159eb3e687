"""One suite for every sink: in memory and on Kafka."""

from __future__ import annotations

import pytest

from consumer.adapters.partitioner import partition_of
from consumer.vocabulary.errors import Fenced
from consumer.vocabulary.log import OutputRecord
from tests.contract.worlds import N_PARTITIONS, Process, World, until

CUSTOMERS = [b"c-%d" % number for number in range(40)]


def offers(keys: list[bytes]) -> list[OutputRecord]:
    return [
        OutputRecord("offers", key, b"offer to " + key, 1_000 + place, (("ce_id", b"transactions-0-1"),))
        for place, key in enumerate(keys)
    ]


def member(world: World, name: str, *, transactional: bool = True, static: bool = False) -> Process:
    """A process that owns all partitions."""
    process = world.start(name, transactional=transactional, static=static)
    until(lambda: len(process.listener.owned) == N_PARTITIONS, [process])
    return process


@pytest.mark.parametrize("transactional", [True, False])
def test_what_is_published_is_visible_as_it_was_with_the_offsets(world: World, transactional: bool) -> None:
    process = member(world, "a", transactional=transactional)
    decision = OutputRecord("decisions", b"c-1", b"\x00\xff", 77)
    process.sink.publish([*offers(CUSTOMERS), decision], {("transactions", 0): 5})
    seen = {record.key: record for record in world.visible("offers")}
    assert {key: (record.value, record.timestamp_ms) for key, record in seen.items()} == {
        output.key: (output.value, output.event_time_ms) for output in offers(CUSTOMERS)
    }
    assert [record.value for record in world.visible("decisions")] == [b"\x00\xff"]
    assert process.source.committed(0) == {"transactions": 5}


def test_the_key_alone_chooses_the_partition(world: World) -> None:
    member(world, "a").sink.publish(offers(CUSTOMERS), {("transactions", 0): 1})
    for record in world.visible("offers"):
        assert record.partition == partition_of(record.key or b"", N_PARTITIONS)


def test_one_batch_after_another_appears_in_order(world: World) -> None:
    process = member(world, "a")
    for number in range(4):
        process.sink.publish(offers([b"c-1"]) * number, {("transactions", 0): number})
    assert len(world.visible("offers")) == 6
    assert process.source.committed(0) == {"transactions": 3}


def test_offsets_alone_are_a_batch_too(world: World) -> None:
    process = member(world, "a")
    process.sink.publish([], {("transactions", 2): 3})
    assert process.source.committed(2) == {"transactions": 3}


def test_what_a_dead_process_left_open_stays_invisible_and_is_ended_by_its_successor(world: World) -> None:
    world.leave_open("a", offers(CUSTOMERS))
    assert world.visible("offers") == []
    process = member(world, "a")
    process.sink.publish(offers([b"c-1"]), {("transactions", 0): 1})
    assert [record.key for record in world.visible("offers")] == [b"c-1"]


def test_a_process_that_the_group_has_replaced_publishes_nothing(world: World) -> None:
    zombie = member(world, "a", transactional=False, static=True)
    successor = world.start_again(zombie)
    until(lambda: len(successor.listener.owned) == N_PARTITIONS, [successor])
    with pytest.raises(Fenced):
        zombie.sink.publish([], {("transactions", 0): 1})
    assert successor.source.committed(0) == {}


def test_a_transactional_process_that_was_replaced_publishes_nothing(world: World) -> None:
    zombie = member(world, "a", static=True)
    successor = world.start_again(zombie)
    until(lambda: len(successor.listener.owned) == N_PARTITIONS, [successor])
    for _ in range(2):
        with pytest.raises(Fenced):
            zombie.sink.publish(offers(CUSTOMERS), {("transactions", 0): 1})
    successor.sink.publish(offers([b"c-2"]), {("transactions", 0): 2})
    assert [record.key for record in world.visible("offers")] == [b"c-2"]
    assert successor.source.committed(0) == {"transactions": 2}
