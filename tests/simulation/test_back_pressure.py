"""What may wait is bounded: a loop that is faster than the broker stops reading, and the outbox stays short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from consumer.runtime.backoff import Backoff
from consumer.vocabulary.errors import Retryable
from tests.simulation.small_bank import N_PARTITIONS, small_bank
from tests.simulation.world import ALL_OUTPUTS, World

BATCH = 7
UNPUBLISHED_BATCHES_MAX = 2
"""The one that is being published, and the one that was written meanwhile."""


@dataclass
class SlowLane:
    """A lane that does nothing before somebody waits for it."""

    under_way: Callable[[], None] | None = field(default=None)

    def start(self, action: Callable[[], None]) -> None:
        assert self.under_way is None, "there is room for one publication"
        self.under_way = action

    def finish(self) -> None:
        action, self.under_way = self.under_way, None
        if action is not None:
            action()

    def close(self) -> None:
        """Nothing is under way."""


@dataclass
class Broker:
    """Takes everything back while it is away."""

    is_away: bool = False

    def at(self, step: str) -> None:
        if self.is_away:
            raise Retryable(f"the broker is away: {step}")


def bank(broker: Broker) -> tuple[World, Callable[[], int]]:
    """Return a world with the log of a small bank, and a step of its only scorer."""
    world = World(n_partitions=N_PARTITIONS)
    for record in small_bank(1).log:
        place = (record.role, record.partition, record.key, record.value)
        world.log.append(*place, timestamp_ms=record.timestamp_ms)
    scorer = world.scorer("a", batch_records=BATCH, core=small_bank(1).core, on_step=broker.at)
    scorer.publisher.lane = SlowLane()
    scorer.backoff = Backoff(attempts=1)
    return world, scorer.step


def outbox_lengths(world: World) -> list[int]:
    return [len(partition.outbox) for partition in world.store.partitions.values()]


def test_the_outbox_never_holds_more_than_two_batches_of_a_partition() -> None:
    world, step = bank(Broker())
    longest = 0
    while step():
        longest = max(longest, *outbox_lengths(world))
    step()
    assert longest == UNPUBLISHED_BATCHES_MAX
    assert world.outputs(*ALL_OUTPUTS) == small_bank(1).outputs


def test_while_the_broker_is_away_one_batch_is_written_ahead_and_then_nothing_is_read() -> None:
    broker = Broker()
    world, step = bank(broker)
    for _ in range(3):
        step()
    broker.is_away = True
    with pytest.raises(Retryable, match="the broker is away"):
        step()
    assert max(outbox_lengths(world)) <= UNPUBLISHED_BATCHES_MAX
    assert world.telemetry.counts[("records_total",)] == 3 * BATCH
