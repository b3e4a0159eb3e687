"""Offsets of the input topics that a history ends at: its cut, as the broker knows it.

Rules of this file: asks the broker, commits nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition

from consumer.adapters.kafka_config import ANSWER_TIMEOUT_S, ClientConfig
from consumer.adapters.kafka_errors import kafka_error, translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.vocabulary.errors import ConfigurationError, Retryable
from consumer.vocabulary.time import SECOND_MS, iso_utc
from consumer.vocabulary.topics import INPUT_ROLES, Topics
from offline.backfilling.positions import POSITIONS_FILE, read_cut

Positions = dict[int, dict[str, int]]

START: Final = "start"
END: Final = "end"

ATTEMPTS: Final = 20
PAUSE_S: Final = 0.25

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class InputTopics:
    """The input topics of a service."""

    client: ClientConfig
    topics: Topics
    n_partitions: int


def positions_of(wanted: str | None, history_dir: Path, inputs: InputTopics) -> Positions:
    """Return where a scorer reads on after a backfill from `history_dir`.

    Parameters
    ----------
    wanted : None (the history's own positions.json), a file like it, `start`, `end`, or a time in ISO 8601: what
        the broker stamped before it is in the history

    Raises
    ------
    ConfigurationError : there is no such file, it does not fit the topics, or the words mean nothing
    """
    if wanted in (START, END):
        return _at_bounds(inputs, wanted)
    at_ms = None if wanted is None else _time_of(wanted)
    if at_ms is not None:
        return _at_time(inputs, at_ms)
    file = history_dir / POSITIONS_FILE if wanted is None else Path(wanted)
    if not file.is_file():
        raise ConfigurationError(
            f"{file} is not there, so it is unknown which records of the topics the history holds: give "
            f"--continue-from {START} (none), {END} (all), a time (those before it) or a positions file."
        )
    return _checked(file, inputs)


def ends(inputs: InputTopics) -> Positions:
    """Return partition → role → end of the topic now."""
    return _at_bounds(inputs, END)


def output_ends(inputs: InputTopics, role: str) -> Positions:
    """Return partition → role → end of an output topic now; it may have another number of partitions."""
    name = inputs.topics.name(role)

    def ask(consumer: Consumer) -> Positions:
        numbers = consumer.list_topics(name, timeout=ANSWER_TIMEOUT_S).topics[name].partitions
        return {number: {role: _bounds(consumer, TopicPartition(name, number))[1]} for number in numbers}

    return _asked(inputs.client, ask, f"tell the end of {name}")


def _checked(file: Path, inputs: InputTopics) -> Positions:
    cut = read_cut(file)
    if cut.n_partitions != inputs.n_partitions:
        raise ConfigurationError(
            f"{file} is of topics with {cut.n_partitions} partitions, these have {inputs.n_partitions}."
        )
    positions = cut.by_partition()
    lows, highs = _at_bounds(inputs, START), ends(inputs)
    for partition, offsets in positions.items():
        for role, offset in offsets.items():
            low, high = lows[partition][role], highs[partition][role]
            if not low <= offset <= high:
                raise ConfigurationError(
                    f"{file}, positions.{role}: partition {partition} continues at offset {offset}, but the topic "
                    f"{inputs.topics.name(role)} holds {low} to {high}."
                )
    return positions


def _at_bounds(inputs: InputTopics, which: str) -> Positions:
    def ask(consumer: Consumer) -> Positions:
        return {
            partition: {
                role: _bounds(consumer, place)[which == END] for role, place in _places(inputs, partition)
            }
            for partition in range(inputs.n_partitions)
        }

    return _asked(inputs.client, ask, "tell the bounds of the input topics")


def _bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    return consumer.get_watermark_offsets(place, timeout=ANSWER_TIMEOUT_S)


def _at_time(inputs: InputTopics, at_ms: int) -> Positions:
    """Return the first offset stamped at or after the time; the end where there is none."""
    highs = ends(inputs)
    asked = [
        TopicPartition(place.topic, place.partition, at_ms)
        for partition in range(inputs.n_partitions)
        for _, place in _places(inputs, partition)
    ]

    def ask(consumer: Consumer) -> list[TopicPartition]:
        found = consumer.offsets_for_times(asked, timeout=ANSWER_TIMEOUT_S)
        for place in found:
            if place.error is not None:
                raise KafkaException(place.error)
        return found

    for place in _asked(inputs.client, ask, f"tell the offsets of {iso_utc(at_ms)}"):
        if place.offset >= 0:
            highs[place.partition][inputs.topics.role(place.topic)] = place.offset
    return highs


def _places(inputs: InputTopics, partition: int) -> list[tuple[str, TopicPartition]]:
    return [(role, TopicPartition(inputs.topics.name(role), partition)) for role in INPUT_ROLES]


def _time_of(text: str) -> int | None:
    """Return the ms of an ISO 8601 time, UTC where no zone is given; None when it is no time."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() * SECOND_MS)


def _asked(client: ClientConfig, ask: Callable[[Consumer], Answer], what: str) -> Answer:
    """Return the broker's answer; what passes by itself, such as a leader on its way, is asked again."""
    consumer = Consumer(
        {**client, "group.id": "unused", "enable.auto.commit": False, "isolation.level": "read_committed"},
        logger=KAFKA_LOG,
    )
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return ask(consumer)
            except KafkaException as error:
                told = translated(kafka_error(error), what)
                if attempt == ATTEMPTS or not isinstance(told, Retryable):
                    raise told from error
                sleep(PAUSE_S)
    finally:
        consumer.close()
    raise AssertionError("unreachable: the loop returns or raises")
