"""The job in Bytewax: state in memory of one worker, no recovery store (its fastest way)."""

from __future__ import annotations

import json
import os
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
from bytewax.connectors.kafka import (  # type: ignore[import-not-found]
    KafkaSinkMessage,
    KafkaSource,
    KafkaSourceMessage,
)
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.run import cli_main  # type: ignore[import-not-found]
from confluent_kafka import OFFSET_BEGINNING

from benchmarks.peers.job import State, features_of, fold, offer_of, taught_models
from benchmarks.peers.order import Order, Tally, read_order

BATCH = 1_000


def dataflow(order: Order) -> Any:
    """Return the flow: Kafka, a state for each customer, Kafka."""
    models, tally = taught_models(), Tally(order.events)

    def keyed(message: KafkaSourceMessage) -> tuple[str, dict[str, Any]]:
        event = json.loads(message.value)
        return event["customer_id"], event

    def decide(state: State | None, event: dict[str, Any]) -> tuple[State, bytes | None]:
        state = fold(state or {}, event)
        offer = offer_of(event, models.best(features_of(state)))
        if tally.is_last():
            tally.report()
            os._exit(0)  # a bounded run of an engine that is made to run for ever
        return state, offer

    def outgoing(row: tuple[str, bytes | None]) -> KafkaSinkMessage | None:
        return None if row[1] is None else KafkaSinkMessage(row[0].encode(), row[1])

    flow = Dataflow("upswell")
    source = KafkaSource([order.servers], list(order.topics), OFFSET_BEGINNING, batch_size=BATCH)
    events = op.map("keyed", op.input("events", flow, source), keyed)
    offers = op.filter_map("outgoing", op.stateful_map("decide", events, decide), outgoing)
    kafka.output("offers", offers, brokers=[order.servers], topic=order.offers_topic)
    return flow


if __name__ == "__main__":
    cli_main(dataflow(read_order()))
