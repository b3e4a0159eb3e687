"""A topic of garbage stops the scorer, however often it is started again."""

from __future__ import annotations

import pytest

from consumer.runtime.dead_letter_limit import TooManyDeadLetters
from consumer.vocabulary.log import OutputRecord
from tests.simulation.world import World, retail_bank

MAX_RUN = retail_bank().dead_letter_limit.max_run
T_MS = 1_740_000_000_000


def garbage(count: int) -> list[OutputRecord]:
    return [OutputRecord("transactions", b"c-1", b"garbage", T_MS) for _ in range(count)]


def lives(world: World, count: int) -> None:
    """Start a scorer so often; it must stop each time."""
    for life in range(count):
        with pytest.raises(TooManyDeadLetters, match="501 records in a row of transactions"):
            world.run(world.scorer(f"life-{life}", batch_records=70))
        world.group.leave(f"life-{life}")


def test_a_scorer_that_is_started_again_and_again_does_not_eat_its_way_through_garbage() -> None:
    world = World(n_partitions=1)
    world.publish(garbage(3_000))
    lives(world, 4)
    assert len(world.outputs("dead_letter")) <= MAX_RUN


def test_a_good_record_ends_the_run_also_across_a_restart() -> None:
    world = World(n_partitions=1)
    world.publish(garbage(MAX_RUN))
    world.run(world.scorer("first"))
    world.group.leave("first")
    world.publish([OutputRecord("transactions", b"c-1", good(), T_MS), *garbage(MAX_RUN)])
    world.run(world.scorer("second"))
    world.group.leave("second")
    assert len(world.outputs("dead_letter")) == 2 * MAX_RUN


def test_mostly_garbage_stops_a_scorer_that_is_started_again_before_each_window_is_full() -> None:
    """Three bad records, two good ones, and so on: never a long run, and never a whole window in one life."""
    world = World(n_partitions=1)
    mixed = [*garbage(3), *[OutputRecord("transactions", b"c-1", good(), T_MS)] * 2] * 50
    for life in range(retail_bank().dead_letter_limit.window // len(mixed) - 1):
        world.publish(mixed)
        world.run(world.scorer(f"life-{life}", batch_records=70))
        world.group.leave(f"life-{life}")
    world.publish(mixed)
    with pytest.raises(TooManyDeadLetters, match=r"1200 of 2000 records in a row of partition 0"):
        world.run(world.scorer("last", batch_records=70))


def good() -> bytes:
    return (
        b'{"event_id":"e-1","customer_id":"c-1","event_time_ms":1740000000000,"kind":"fee","direction":"debit",'
        b'"amount_minor":500,"currency":"EUR","channel":"online"}'
    )
