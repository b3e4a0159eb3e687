"""The past through the service's own fold: what each customer looked like when each offer was made.

The features of a past offer are computed by the code that computes them live, so a model that learns from
the past is served the same numbers. An offer sees the events before it and nothing later.

Rules of this file: a day at a time; within it a customer's events are folded up to each of its offers. The
features are as of the customer's last event before the offer, while a live decision is made right at an
event: ages since the last event are a little shorter live than in the past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from consumer.adapters.codec import decode_batch
from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.features.contacts import note_contact
from consumer.features.event_columns import EventColumns, EventSource
from consumer.features.fold import fold_wave, waves
from consumer.features.layout import Records
from consumer.features.profile import is_known, objects_to_profiling
from consumer.features.record import empty_records
from consumer.features.values import feature_values
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.words import CHANNELS, code_of
from offline.history.past_files import PastDay, PastOffer

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Progress = Callable[[int], None]
"""Told the number of events folded so far."""

_CHANNEL = code_of(CHANNELS)

_Column = tuple[int, int]
"""(product column, channel code) of an offer."""


class _Answer(msgspec.Struct):
    """What links an outcome to its offer."""

    event_id: str
    decision_id: str


_ANSWERS = msgspec.json.Decoder(_Answer)


@dataclass(frozen=True, slots=True)
class PastFeatures:
    """Features at each past offer, and of every customer at the end.

    offers : the m offers, in order of time; values : shape (m, n_features), raw
    customer_ids : the n customers; final_values : shape (n, n_features)
    last_event_ms : shape (n,), of each customer; may_be_profiled : shape (n,), has a profile that agrees to it
    refused : dead-letter code → records that could not be used
    """

    offers: Sequence[PastOffer]
    values: Floats
    customer_ids: Sequence[str]
    final_values: Floats
    last_event_ms: Int64s
    may_be_profiled: NDArray[np.bool_]
    as_of_ms: int
    n_events: int
    refused: dict[str, int]


@dataclass(slots=True)
class _Customers:
    """Records of all customers seen so far; the array doubles when it is full."""

    features: FeatureCatalogue
    row_of: dict[str, int] = field(default_factory=dict)
    records: Records = field(init=False)

    def __post_init__(self) -> None:
        """Start with room for some."""
        self.records = empty_records(self.features.layout, 1_024)

    def rows(self, customer_ids: Iterable[str]) -> Int64s:
        """Return the rows of customers, new ones included."""
        rows = [self.row_of.setdefault(name, len(self.row_of)) for name in customer_ids]
        while len(self.row_of) > len(self.records):
            self.records = np.concatenate(
                [self.records, empty_records(self.features.layout, len(self.records))]
            )
        return np.array(rows, dtype=np.int64)


def features_of_past(
    days: Iterable[PastDay], catalogue: OfferCatalogue, *, progress: Progress = lambda _: None
) -> PastFeatures:
    """Return the features at each past offer.

    Parameters
    ----------
    days : the history (`past_files.days`)
    catalogue : the products, in column order

    Raises
    ------
    ConfigurationError : an offer names an unknown product or channel
    """
    features = catalogue_for(catalogue.product_ids)
    customers = _Customers(features)
    refused: Counter[str] = Counter()
    offer_of: dict[str, _Column] = {}
    offers: list[PastOffer] = []
    blocks: list[Floats] = []
    n_events = 0
    for day in days:
        made = _MadeOffers.of(day.offers, customers, catalogue)
        offer_of |= made.by_decision
        events, n_refused = _events(day, catalogue, customers, offer_of)
        refused.update(n_refused)
        offers += [day.offers[place] for place in made.order()]
        blocks += _fold_day(customers, events, made)
        n_events += len(events)
        progress(n_events)
    n = len(customers.row_of)
    records = customers.records[:n]
    return PastFeatures(
        offers=offers,
        values=np.concatenate(blocks) if blocks else np.empty((0, len(features.names))),
        customer_ids=list(customers.row_of),
        final_values=feature_values(features, records),
        last_event_ms=records["as_of_ms"].astype(np.int64),
        may_be_profiled=is_known(records) & ~objects_to_profiling(records, np.arange(n)),
        as_of_ms=int(records["as_of_ms"].max(initial=0)),
        n_events=n_events,
        refused=dict(refused),
    )


@dataclass(frozen=True, slots=True)
class _MadeOffers:
    """A day's offers as columns; `turn` k marks a customer's k-th offer of the day."""

    customer: Int64s
    at_ms: Int64s
    product: Int64s
    channel: Int64s
    key: Int64s
    turn: Int64s
    by_decision: dict[str, _Column]

    @staticmethod
    def of(offers: Sequence[PastOffer], customers: _Customers, catalogue: OfferCatalogue) -> _MadeOffers:
        """Return the columns of a day's offers."""
        product = [_known(catalogue.product_index, offer.product_id, "product") for offer in offers]
        channel = [_known(_CHANNEL, offer.channel, "channel") for offer in offers]
        customer = customers.rows(offer.customer_id for offer in offers)
        turn = np.zeros(len(offers), dtype=np.int64)
        for number, rows in enumerate(waves(customer)):
            turn[rows] = number
        keys = [stable_hash64(f"past_{offer.product_id}") % 65_535 + 1 for offer in offers]
        told = zip(offers, product, channel, strict=True)
        return _MadeOffers(
            customer=customer,
            at_ms=np.array([offer.offered_at_ms for offer in offers], dtype=np.int64),
            product=np.array(product, dtype=np.int64),
            channel=np.array(channel, dtype=np.int64),
            key=np.array(keys, dtype=np.int64),
            turn=turn,
            by_decision={offer.decision_id: (p, c) for offer, p, c in told if offer.decision_id},
        )

    def order(self) -> list[int]:
        """Return the offers in the order in which their features are taken: by turn, then by time."""
        return [int(place) for place in np.argsort(self.turn, kind="stable")]


def _fold_day(customers: _Customers, events: EventColumns, made: _MadeOffers) -> list[Floats]:
    """Fold a day's events and return the features at its offers, turn by turn."""
    stage = _stages(events, made)
    blocks = []
    for turn in range(int(made.turn.max(initial=-1)) + 1):
        _fold(customers, events, np.flatnonzero(stage == turn))
        offers = np.flatnonzero(made.turn == turn)
        rows = made.customer[offers]
        blocks.append(feature_values(customers.features, customers.records[rows]))
        note_contact(
            customers.records,
            rows,
            offer_key=made.key[offers],
            channel=made.channel[offers],
            product=made.product[offers],
            at_ms=made.at_ms[offers],
        )
    _fold(customers, events, np.flatnonzero(stage > made.turn.max(initial=-1)))
    return blocks


def _stages(events: EventColumns, made: _MadeOffers) -> Int64s:
    """Return how many of its customer's offers of the day come before each event."""
    times: dict[int, list[int]] = {}
    for customer, at_ms in zip(made.customer.tolist(), made.at_ms.tolist(), strict=True):
        times.setdefault(customer, []).append(at_ms)
    stage = np.zeros(len(events), dtype=np.int64)
    for place in np.flatnonzero(np.isin(events.customer, made.customer)).tolist():
        stage[place] = sum(
            at_ms <= events.event_time_ms[place] for at_ms in times[int(events.customer[place])]
        )
    # Customers without an offer today go with the first stage, or the last where there is none.
    return stage


def _fold(customers: _Customers, events: EventColumns, rows: Int64s) -> None:
    for wave in waves(events.customer[rows]):
        fold_wave(customers.features, customers.records, events, rows[wave])


def _events(
    day: PastDay, catalogue: OfferCatalogue, customers: _Customers, offer_of: dict[str, _Column]
) -> tuple[EventColumns, dict[str, int]]:
    """Return a day's events with rows of `customers`, and the records that could not be used by code."""
    decoded = decode_batch(day.records, catalogue)
    events = replace(decoded.events, customer=customers.rows(decoded.customer_ids)[decoded.events.customer])
    _name_products(events, decoded.event_ids.tolist(), day.records, offer_of)
    return events, dict(Counter(str(letter.code) for letter in decoded.dead_letters))


def _name_products(
    events: EventColumns, event_ids: Sequence[str], records: Sequence[RawRecord], offer_of: dict[str, _Column]
) -> None:
    """Fill in product and channel of the outcomes whose offer is known, as the service does live."""
    decision_of = {
        answer.event_id: answer.decision_id
        for record in records
        if record.role == "outcomes" and (answer := _answer(record)) is not None
    }
    for place in np.flatnonzero(events.source == EventSource.OUTCOME).tolist():
        column = offer_of.get(decision_of.get(event_ids[place], ""))
        if column is not None:
            events.product[place], events.channel[place] = column


def _answer(record: RawRecord) -> _Answer | None:
    """Return the ids of an outcome; None when the decoder will refuse it anyway."""
    try:
        return _ANSWERS.decode(record.value or b"")
    except msgspec.MsgspecError:
        return None


def _known(index: dict[str, int], name: str, what: str) -> int:
    if name not in index:
        raise ConfigurationError(
            f"The past campaign names the {what} {name}, which the policy does not have."
        )
    return index[name]
