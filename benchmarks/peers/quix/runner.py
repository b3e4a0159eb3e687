"""The job in Quix Streams: state in its RocksDB store with a changelog topic, at least once (its faster way)."""

from __future__ import annotations

import os
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]

from benchmarks.peers.job import features_of, fold, offer_of, taught_models
from benchmarks.peers.order import Tally, read_order

STATE = "customer"


def main() -> None:
    """Work until the ordered number of events is done, and report."""
    order = read_order()
    models, tally = taught_models(), Tally(order.events)
    application = Application(
        broker_address=order.servers,
        consumer_group=order.group_id,
        auto_offset_reset="earliest",
        state_dir=order.state_dir,
        loglevel="WARNING",
    )

    def decide(event: dict[str, Any], kept: State) -> bytes | None:
        state = fold(kept.get(STATE) or {}, event)
        offer = offer_of(event, models.best(features_of(state)))
        kept.set(STATE, state)
        if tally.is_last():
            tally.report()
            os._exit(0)  # a bounded run of an engine that is made to run for ever
        return offer

    first, *others = [application.dataframe(application.topic(name)) for name in order.topics]
    for other in others:
        first = first.concat(other)
    offers = first.apply(decide, stateful=True).filter(lambda offer: offer is not None)
    offers.to_topic(application.topic(order.offers_topic, value_serializer="bytes"))
    application.run()


if __name__ == "__main__":
    main()
