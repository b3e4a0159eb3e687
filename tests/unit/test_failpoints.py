"""Failpoints: they strike at the step and the passing that were named, never in production, and stand in no one's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from consumer.adapters.codec import BatchDecoder
from consumer.adapters.failpoints import (
    DECIDER_STEPS,
    DECISIONS_STEPS,
    DECODER_STEPS,
    FEED_STEPS,
    NAMES,
    PRODUCER_STEPS,
    SINK_STEPS,
    SOURCE_STEPS,
    STORE_STEPS,
    Action,
    Failpoints,
    parse_failpoints,
)
from consumer.adapters.kafka_decisions import KafkaDecisionLog
from consumer.adapters.kafka_reader import KafkaModelFeed
from consumer.adapters.kafka_sink import KafkaSink
from consumer.adapters.kafka_source import KafkaSource
from consumer.adapters.memory_store import MemoryStore
from consumer.adapters.redis_store import RedisStore
from consumer.adapters.watched_ports import watched, watched_store
from consumer.pipeline.run import Pipeline
from consumer.ports import PartitionWrite
from consumer.settings import load_settings
from consumer.vocabulary.errors import ConfigurationError
from tests.simulation.world import StillClock


class Poller:
    """A source whose polls find what they are told to."""

    name = "poller"

    def __init__(self, *found: Sequence[int]) -> None:
        self.found = list(found)

    def poll(self, max_records: int, timeout_s: float) -> Sequence[int]:
        return self.found.pop(0)


def struck(text: str) -> tuple[Failpoints, list[Action]]:
    strikes: list[Action] = []
    return Failpoints(parse_failpoints(text), strike=strikes.append), strikes


def first_write(store: MemoryStore, partition: int) -> PartitionWrite:
    """Take a partition over and return its first write."""
    before = store.take_over(partition, n_partitions=2)[0]
    return PartitionWrite(before, replace(before, sequence=1), {}, {}, {}, None, 0)


def test_a_failpoint_is_refused_in_production_which_is_the_default() -> None:
    for environment in ({}, {"UPSWELL_ENVIRONMENT": "production"}):
        with pytest.raises(ConfigurationError) as refused:
            load_settings({"UPSWELL_FAILPOINT": "before_write:3", **environment})
        assert str(refused.value) == (
            "failpoint kills this process on purpose and is refused in production: leave it out, or set "
            "environment to test"
        )
    told = load_settings({"UPSWELL_FAILPOINT": "before_write:3", "UPSWELL_ENVIRONMENT": "test"})
    assert told.settings.failpoint == "before_write:3"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("before_lunch:1", r"failpoint before_lunch is no step; known are after_poll, "),
        ("before_write", r"failpoint before_write is not of the form step:passing"),
        ("before_write:0", r"failpoint before_write:0 is not of the form"),
        ("before_write:1:burn", r"failpoint before_write:1:burn is not of the form"),
    ],
)
def test_a_misspelt_failpoint_stops_the_start(text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        load_settings({"UPSWELL_FAILPOINT": text, "UPSWELL_ENVIRONMENT": "test"})


def test_it_strikes_at_the_passing_that_was_named_and_at_no_other() -> None:
    failpoints, strikes = struck("after_load:2,before_write:1:stop")
    counts = []
    for _ in range(3):
        failpoints.passed("after_load")
        counts.append(len(strikes))
    failpoints.passed("before_write")
    assert (counts, strikes) == ([0, 1, 1], ["kill", "stop"])


def test_publishing_between_the_epoch_and_the_seek_is_a_step_of_its_own() -> None:
    failpoints, strikes = struck("before_republish:1,before_publish:1:stop")
    failpoints.passed("after_epoch_raised")
    failpoints.passed("before_publish")
    assert strikes == ["kill"]
    failpoints.passed("before_seek")
    failpoints.passed("before_publish")
    assert strikes == ["kill", "stop"]


def test_a_poll_that_finds_nothing_is_no_step() -> None:
    failpoints, strikes = struck("after_poll:2")
    source = watched(Poller([1], [], [], [2, 3]), SOURCE_STEPS, failpoints)
    assert [source.poll(5, 0.0) for _ in range(3)] == [[1], [], []]
    assert strikes == []
    assert (source.poll(5, 0.0), strikes, source.name) == ([2, 3], ["kill"], "poller")


def test_between_two_writes_one_partition_is_written_and_the_other_not() -> None:
    store = MemoryStore()
    changes = [first_write(store, partition) for partition in range(2)]
    written: list[list[int]] = []

    def sequences() -> list[int]:
        return [store.partitions[partition].state.sequence for partition in range(2)]

    failpoints = Failpoints(
        parse_failpoints("between_writes:1"), strike=lambda _: written.append(sequences())
    )
    assert watched_store(store, failpoints).write(changes) == frozenset()
    assert (written, sequences()) == ([[1, 0]], [1, 1])


def test_without_failpoints_nothing_stands_around_a_port() -> None:
    clock, store = StillClock(), MemoryStore()
    assert watched(clock, SOURCE_STEPS, None) is clock
    assert watched_store(store, None) is store


@pytest.mark.parametrize(
    ("port", "steps"),
    [
        (KafkaSource, SOURCE_STEPS),
        (BatchDecoder, DECODER_STEPS),
        (RedisStore, STORE_STEPS),
        (Pipeline, DECIDER_STEPS),
        (KafkaSink, SINK_STEPS),
        (KafkaDecisionLog, DECISIONS_STEPS),
        (KafkaModelFeed, FEED_STEPS),
    ],
)
def test_every_watched_method_is_one_of_the_port(port: type, steps: Mapping[str, Any]) -> None:
    assert [name for name in steps if not callable(getattr(port, name, None))] == []


def test_every_watched_method_of_the_producer_is_one() -> None:
    from confluent_kafka import Producer

    assert all(hasattr(Producer, name) for name in PRODUCER_STEPS)
    assert hasattr(KafkaSink, "_new_producer")
    assert len(NAMES) == len(set(NAMES)) > 18
