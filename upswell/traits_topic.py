"""Traits onto `bank.traits`: one record a customer, keyed by customer, as any producer of the bank would.

Publishing again is harmless: the records are the same, with the same event ids; scorers drop repeats, and
compaction leaves the latest record of each customer.

Rules of this file: every record is acknowledged by all replicas, or the command fails and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumer.adapters.kafka_config import ClientConfig, producer_config
from consumer.adapters.kafka_errors import kafka_error, translated
from consumer.adapters.kafka_log import KAFKA_LOG
from consumer.vocabulary.errors import ConfigurationError, Retryable
from consumer.vocabulary.messages import Traits
from consumer.vocabulary.time import iso_utc
from consumer.vocabulary.topics import Topics

ROLE: Final = "traits"
SOURCE: Final = b"upswell/laboratory"
PATIENCE_S: Final = 60.0
"""How long the broker may take for what is queued; a queue holds at most 500,000 records."""

POLL_S: Final = 0.05


def trait_line(traits: Traits) -> bytes:
    """Return the record's value: JSON without what is not known."""
    return traits.model_dump_json(exclude_none=True).encode()


def write_traits(traits: Sequence[Traits], file: Path) -> None:
    """Write what would be published, a line a record.

    Raises
    ------
    ConfigurationError : the file cannot be written
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(trait_line(each) + b"\n" for each in traits))
    except OSError as error:
        raise ConfigurationError(f"Cannot write the traits {file}: {error.strerror}.") from error


def publish_traits(traits: Sequence[Traits], client: ClientConfig, topics: Topics) -> None:
    """Publish traits and wait until the broker has all of them.

    Raises
    ------
    Retryable : the broker did not take all records; publish again, which repeats nothing
    """
    topic = topics.name(ROLE)
    refused: list[KafkaError] = []

    def note(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            refused.append(error)

    try:
        producer = Producer(
            dict(producer_config(client, transactional_id=None)), logger=KAFKA_LOG, on_delivery=note
        )
        for each in traits:
            _enqueue(producer, topic, each)
        waiting = producer.flush(PATIENCE_S)
    except KafkaException as error:
        raise translated(kafka_error(error), f"publish to {topic}") from error
    if refused:
        raise translated(refused[0], f"publish {len(refused):,} of {len(traits):,} traits to {topic}")
    if waiting:
        raise Retryable(f"Kafka did not take {waiting:,} of {len(traits):,} traits within {PATIENCE_S:.0f} s")


def _enqueue(producer: Producer, topic: str, traits: Traits) -> None:
    headers: list[tuple[str, str | bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", traits.event_id.encode()),
        ("ce_source", SOURCE),
        ("ce_type", b"upswell.traits.v1"),
        ("ce_time", iso_utc(traits.event_time_ms).encode()),
    ]
    value, key = trait_line(traits), traits.customer_id.encode()
    deadline_s = monotonic() + PATIENCE_S
    while True:
        try:
            producer.produce(topic, value, key, timestamp=traits.event_time_ms, headers=headers)
            return
        except BufferError:
            if monotonic() > deadline_s:
                raise Retryable("Kafka takes no records: the producer's queue stays full") from None
            producer.poll(POLL_S)
