"""What is known about one customer: every feature by name, and the offers that still wait for an outcome.

Rules of this file: reads only, owns nothing; the same record reading and feature functions as the scorer,
so what is shown is what a decision would see as of the customer's last event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from consumer.adapters.partitioner import partition_of
from consumer.features.catalogue import FeatureCatalogue
from consumer.features.layout import Layout
from consumer.features.record import unpack as unpack_records
from consumer.features.values import feature_values
from consumer.learning.attribution import State
from consumer.learning.open_decisions import unpack as unpack_open_decisions
from consumer.ports import LoadedCustomers
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.ids import decision_id, is_id
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import CHANNELS


class ReadableStore(Protocol):
    """The part of a state store that an onlooker needs."""

    def partition_count(self) -> int | None:
        """Return the number of partitions of the state, None before it was ever owned."""

    def read_customer(self, partition: int, customer_id: str) -> LoadedCustomers:
        """Read one customer without owning its partition."""

    def layouts(self) -> dict[str, str]:
        """Return fingerprint → layout JSON."""


@dataclass(frozen=True, slots=True)
class OpenOffer:
    """One offer whose outcome still counts."""

    decision_id: str
    offer_id: str
    channel: str
    state: str
    decided_ms: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """One customer as of the latest event that was applied."""

    customer_id: str
    partition: int
    as_of_ms: int
    features: Mapping[str, float]
    open_offers: tuple[OpenOffer, ...]


def inspect_customer(
    store: ReadableStore, offers: OfferCatalogue, features: FeatureCatalogue, customer_id: str
) -> Inspection | None:
    """Return what is known about a customer, None when nothing is.

    Raises
    ------
    ConfigurationError : no scorer ever wrote to this store, or the id can be no id
    """
    if not is_id(customer_id):
        raise ConfigurationError("a customer id has 1 to 64 printable ASCII characters without spaces")
    n_partitions = store.partition_count()
    if n_partitions is None:
        raise ConfigurationError("no scorer has written to this Redis and namespace yet")
    partition = partition_of(customer_id.encode(), n_partitions)
    loaded = store.read_customer(partition, customer_id)
    if loaded.records[0] is None:
        return None
    layouts = {name: Layout.from_json(text) for name, text in store.layouts().items()}
    records = unpack_records(layouts, features.layout, loaded.records)
    values = feature_values(features, records)[0]
    return Inspection(
        customer_id=customer_id,
        partition=partition,
        as_of_ms=int(records["as_of_ms"][0]),
        features=dict(zip(features.names, values.tolist(), strict=True)),
        open_offers=_open_offers(loaded.open_decisions[0], offers, features, partition),
    )


def _open_offers(
    value: bytes | None, offers: OfferCatalogue, features: FeatureCatalogue, partition: int
) -> tuple[OpenOffer, ...]:
    rows = unpack_open_decisions(value, len(features.input_names), features.fingerprint)
    names = {offer.offer_key: offer.offer_id for offer in offers.offers}
    return tuple(_open_offer(row, names, partition) for row in rows)


def _open_offer(row: Any, names: Mapping[int, str], partition: int) -> OpenOffer:
    return OpenOffer(
        decision_id=decision_id(INPUT_ROLES[row["topic_code"]], partition, int(row["offset"])),
        offer_id=names.get(int(row["offer_key"]), "an offer that the policy no longer has"),
        channel=CHANNELS[row["channel"]],
        state=State(int(row["state"])).name.lower(),
        decided_ms=int(row["decided_ms"]),
        deadline_ms=int(row["deadline_ms"]),
    )
