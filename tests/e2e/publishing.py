"""Records as any producer of the bank writes them, good and bad."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Producer

from tests.e2e.processes import Deployment

SENT_WITHIN_S: Final = 90.0
T_MS: Final = 1_740_000_000_000


@dataclass(frozen=True, slots=True)
class Input:
    """One record to publish; without a key it lands on any partition."""

    role: str
    value: bytes | None
    key: bytes | None = b"c-1"
    timestamp_ms: int = T_MS


def publish(deployment: Deployment, inputs: Iterable[Input]) -> None:
    """Write records with Kafka's own partitioner and wait until all are there."""
    producer = Producer(
        {"bootstrap.servers": deployment.servers, "partitioner": "murmur2_random", "enable.idempotence": True}
    )
    for record in inputs:
        name = deployment.topics.name(record.role)
        producer.produce(name, record.value, record.key, timestamp=record.timestamp_ms)
    assert producer.flush(SENT_WITHIN_S) == 0


def transaction(number: int, customer_id: str = "c-1", **changes: Any) -> Input:
    """Return a good card payment, one second after the one before, with changes; `...` leaves a field out."""
    at_ms = T_MS + 1_000 * number
    document = {
        "event_id": f"e-{number}",
        "customer_id": customer_id,
        "event_time_ms": at_ms,
        "kind": "card_payment",
        "direction": "debit",
        "amount_minor": 1_250,
        "currency": "EUR",
        "channel": "pos",
    }
    fields = {name: value for name, value in (document | changes).items() if value is not ...}
    return Input("transactions", json.dumps(fields).encode(), customer_id.encode(), at_ms)
