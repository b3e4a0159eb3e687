"""One suite for every source: in memory and on Kafka."""

from __future__ import annotations

from contextlib import suppress

import pytest

from consumer.ports import Bounds
from consumer.vocabulary.errors import ConfigurationError, Fenced, Retryable
from consumer.vocabulary.log import OutputRecord, RawRecord
from tests.contract.worlds import N_PARTITIONS, Process, World, read, until


def values(records: list[RawRecord]) -> list[bytes | None]:
    return [record.value for record in records]


def test_a_record_arrives_as_it_was_written(world: World) -> None:
    world.append("transactions", 1, b"\x00\xff", timestamp_ms=1_234, key=b"c-9")
    world.append("customers", 1, None, timestamp_ms=1_235, key=b"c-9")
    assert read(world.start("a"), 2) == [
        RawRecord("transactions", 1, 0, b"c-9", b"\x00\xff", 1_234),
        RawRecord("customers", 1, 0, b"c-9", None, 1_235),
    ]


@pytest.mark.parametrize("batch", [1, 7, 1_000])
def test_a_written_log_is_merged_the_same_way_however_it_is_cut(world: World, batch: int) -> None:
    """Many of one role, few of the others, equal times, and times that step back within a role."""
    transaction_times = [1, 3, 3, 2, 8, 8, 9, 20, 21, 22, 23, 24]
    for place, time_ms in enumerate(transaction_times):
        world.append("transactions", 0, b"t%d" % place, timestamp_ms=time_ms)
    for place, time_ms in enumerate([3, 8, 100]):
        world.append("customers", 0, b"c%d" % place, timestamp_ms=time_ms)
    world.append("outcomes", 0, b"o0", timestamp_ms=8)
    world.append("interactions", 0, b"i0", timestamp_ms=8)
    merged = values(read(world.start("a"), 17, batch=batch))
    assert b" ".join(value or b"" for value in merged) == (
        b"t0 c0 t1 t2 t3 c1 t4 t5 i0 o0 t6 t7 t8 t9 t10 t11 c2"
    )


def test_a_poll_gives_no_more_than_it_is_asked_for(world: World) -> None:
    for number in range(10):
        world.append("transactions", number % N_PARTITIONS, b"v", timestamp_ms=number)
    process = world.start("a")
    sizes: list[int] = []
    while sum(sizes) < 10:
        sizes.append(len(process.source.poll(4, 0.02)))
    assert max(sizes) <= 4


def test_partitions_are_told_to_the_listener_before_their_first_record(world: World) -> None:
    world.append("transactions", 2, b"v", timestamp_ms=1)
    process = world.start("a")
    read(process, 1)
    assert process.listener.history == [("assigned", [0, 1, 2])]


def test_reading_starts_where_the_listener_seeks_to_and_else_at_the_beginning(world: World) -> None:
    for number in range(4):
        world.append("transactions", 0, b"t%d" % number, timestamp_ms=number)
        world.append("customers", 0, b"c%d" % number, timestamp_ms=number)
    process: Process

    def take_over(partitions: frozenset[int]) -> None:
        process.source.seek(0, {"transactions": 3})

    process = world.start("a", takes_over=take_over)
    assert sorted(value or b"" for value in values(read(process, 5))) == [b"c0", b"c1", b"c2", b"c3", b"t3"]


def test_without_a_seek_reading_starts_at_the_committed_offsets(world: World) -> None:
    for number in range(4):
        world.append("transactions", 0, b"t%d" % number, timestamp_ms=number)
    first = world.start("a")
    read(first, 4)
    first.sink.publish([], {("transactions", 0): 2})
    first.source.close()
    assert values(read(world.start("a"), 2)) == [b"t2", b"t3"]


def test_a_seek_reads_again_and_forgets_what_was_buffered(world: World) -> None:
    for number in range(10):
        world.append("transactions", 0, b"t%d" % number, timestamp_ms=number)
    process = world.start("a")
    read(process, 4, batch=2)
    process.source.seek(0, {"transactions": 1})
    assert values(read(process, 9))[0] == b"t1"
    process.source.seek(0, {"transactions": 8})
    assert values(read(process, 2)) == [b"t8", b"t9"]


def test_records_of_an_aborted_transaction_are_left_out_and_hold_nobody_back(world: World) -> None:
    world.append("interactions", 0, b"before", timestamp_ms=1)
    world.append_aborted("interactions", 0, b"never", timestamp_ms=2)
    world.append("transactions", 0, b"after", timestamp_ms=3)
    process = world.start("a")
    assert values(read(process, 2)) == [b"before", b"after"]
    world.append("interactions", 0, b"last", timestamp_ms=4)
    assert values(read(process, 1)) == [b"last"]


def test_an_open_transaction_of_one_role_holds_no_other_role_back(world: World) -> None:
    keys = [b"c-%d" % number for number in range(20)]  # some for every partition
    world.leave_open("bank", [OutputRecord("customers", key, b"not yet", 1) for key in keys])
    for partition in range(N_PARTITIONS):
        world.append("transactions", partition, b"now", timestamp_ms=5)
    assert values(read(world.start("a"), N_PARTITIONS)) == [b"now"] * N_PARTITIONS


def test_an_end_of_partition_between_two_records_stops_nothing(world: World) -> None:
    world.append("transactions", 0, b"before the end", timestamp_ms=1)
    process = world.start("a")
    records: list[RawRecord] = []
    until(lambda: len(process.listener.owned) == N_PARTITIONS, [process], records)
    world.visible("transactions")  # takes as long as the source's own fetch of record and end
    world.append("transactions", 0, b"after the end", timestamp_ms=2)
    world.visible("transactions")
    until(lambda: len(records) >= 2, [process], records)
    assert values(records) == [b"before the end", b"after the end"]


def test_committed_offsets_are_told_by_role_and_partition(world: World) -> None:
    process = world.start("a")
    until(lambda: len(process.listener.owned) == N_PARTITIONS, [process])
    assert process.source.committed(0) == {}
    process.sink.publish([], {("transactions", 0): 7, ("customers", 0): 1, ("transactions", 1): 9})
    assert process.source.committed(0) == {"transactions": 7, "customers": 1}
    assert process.source.committed(1) == {"transactions": 9}


def test_a_member_commits_while_it_takes_over(world: World) -> None:
    def take_over(partitions: frozenset[int]) -> None:
        process.source.commit({("transactions", partition): 0 for partition in partitions})

    process = world.start("a", takes_over=take_over)
    until(lambda: process.source.committed(0) == {"transactions": 0}, [process])


def test_who_is_replaced_while_it_takes_over_commits_nothing(world: World) -> None:
    successors: list[Process] = []

    def take_over(partitions: frozenset[int]) -> None:
        successors.append(world.start_again(zombie))
        until(lambda: len(successors[0].listener.owned) == N_PARTITIONS, successors)
        successors[0].source.commit({("transactions", 0): 8})
        with pytest.raises(Fenced):
            zombie.source.commit({("transactions", 0): 0})

    zombie = world.start("a", static=True, takes_over=take_over)
    with suppress(Fenced):
        until(lambda: bool(successors), [zombie])
    assert successors[0].source.committed(0) == {"transactions": 8}


def test_bounds_tell_what_the_log_holds(world: World) -> None:
    for number in range(3):
        world.append("transactions", 1, b"v", timestamp_ms=number)
    process = world.start("a", roles=("transactions", "customers"))
    assert process.source.bounds(1) == {"transactions": Bounds(0, 3), "customers": Bounds(0, 0)}


def test_bounds_end_where_an_open_transaction_begins(world: World) -> None:
    world.leave_open("dead", [OutputRecord("examples", b"mortgage", b"v", 1)] * 2)
    process = world.start("a", roles=("examples",))
    assert {process.source.bounds(partition)["examples"].high for partition in range(N_PARTITIONS)} == {0}


def test_members_share_the_partitions_in_runs_and_leave_them_to_the_rest(world: World) -> None:
    for partition in range(N_PARTITIONS):
        world.append("transactions", partition, b"v", timestamp_ms=1)
    a, b = world.start("a"), world.start("b")
    runs = [{0, 1}, {2}]
    until(lambda: [a.listener.owned, b.listener.owned] in (runs, runs[::-1]), [a, b])
    a.source.close()
    assert a.listener.owned == set()
    until(lambda: b.listener.owned == {0, 1, 2}, [b])


def test_a_takeover_that_fails_is_raised_and_tried_again(world: World) -> None:
    world.append("transactions", 0, b"v", timestamp_ms=1)
    attempts = []

    def take_over(partitions: frozenset[int]) -> None:
        attempts.append(partitions)
        if len(attempts) < 3:
            raise Retryable("the store is away")

    process = world.start("a", takes_over=take_over)
    refused = 0
    records: list[RawRecord] = []
    while not records:
        try:
            records += process.source.poll(10, 0.02)
        except Retryable:
            refused += 1
    assert (refused, len(attempts), len(records)) == (2, 3, 1)


def test_an_offset_that_the_log_does_not_have_stops_the_reading(world: World) -> None:
    world.append("transactions", 0, b"v", timestamp_ms=1)
    process: Process

    def take_over(partitions: frozenset[int]) -> None:
        process.source.seek(0, {"transactions": 50})

    process = world.start("a", takes_over=take_over)
    with pytest.raises(ConfigurationError, match=r"transactions.*partition 0|partition 0.*transactions"):
        until(lambda: False, [process])
