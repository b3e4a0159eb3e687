"""A naive loop: one poll, HGETALL, 12 models one by one, HSET, next.

What a first version of such a service looks like; at least once, offsets committed in the background.
"""

from __future__ import annotations

import json

import redis
from confluent_kafka import Consumer, Producer

from benchmarks.peers.job import features_of, fold, offer_of, taught_models
from benchmarks.peers.order import Tally, read_order

POLL_S = 1.0


def main() -> None:
    """Work until the ordered number of events is done, and report."""
    order = read_order()
    store = redis.Redis.from_url(order.redis_url, decode_responses=True)
    consumer = Consumer(
        {"bootstrap.servers": order.servers, "group.id": order.group_id, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(list(order.topics))
    producer = Producer({"bootstrap.servers": order.servers})
    models, tally = taught_models(), Tally(order.events)
    while True:
        message = consumer.poll(POLL_S)
        if message is None or message.error() is not None:
            continue
        event = json.loads(message.value() or b"")
        key = f"{order.group_id}:{event['customer_id']}"
        kept: dict[str, str] = store.hgetall(key)  # type: ignore[assignment]
        state = fold({name: float(number) for name, number in kept.items()}, event)
        offer = offer_of(event, models.best(features_of(state)))
        store.hset(key, mapping={name: str(number) for name, number in state.items()})
        if offer is not None:
            producer.produce(order.offers_topic, offer, message.key())
        producer.poll(0)
        if tally.is_last():
            break
    producer.flush()
    tally.report()
    consumer.close()


if __name__ == "__main__":
    main()
