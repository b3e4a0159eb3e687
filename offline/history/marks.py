"""Marks: what happens to a customer between two events of a batch.

    place of event i                             3 i + 1
    contact of a campaign, erasure before it     3 i
    decision that event i triggered              3 i + 2

Rules of this file: columns out; a batch without offers and erasures costs nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import msgspec
import numpy as np

from consumer.features.event_columns import EventSource, Int64s
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.topics import INPUT_ROLES
from offline.history.customers import Customers
from offline.history.decoding import DecodedHistory
from offline.history.offers import PastOffers

NO_OFFER: Final = -1
_STEP: Final = 3
_EVENT: Final = 1
_DECISION: Final = 2


class Mark(IntEnum):
    """What a mark stands for."""

    CONTACT = 0
    DECISION = 1
    ERASURE = 2


@dataclass(frozen=True, slots=True)
class Marks:
    """m marks.

    place : where they stand among the events; customer : row in `Customers`
    kind : `Mark`; offer : row in `PastOffers`, `NO_OFFER` for erasures
    """

    place: Int64s
    customer: Int64s
    kind: Int64s
    offer: Int64s

    def __len__(self) -> int:
        """Return the number of marks."""
        return len(self.place)


class _Answer(msgspec.Struct, frozen=True, gc=False):
    """What links an outcome to its offer."""

    decision_id: str


_ANSWERS: Final = msgspec.json.Decoder(_Answer)


def event_places(n_events: int) -> Int64s:
    """Return the place of each event."""
    return np.arange(n_events, dtype=np.int64) * _STEP + _EVENT


def joined(parts: Sequence[Marks]) -> Marks:
    """Return the marks of all parts, in the order of the parts."""
    return Marks(
        place=np.concatenate([part.place for part in parts]),
        customer=np.concatenate([part.customer for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
        offer=np.concatenate([part.offer for part in parts]),
    )


def erasure_marks(decoded: DecodedHistory) -> Marks:
    """Return the erasures of a batch."""
    n_erasures = len(decoded.erased)
    return _marks(decoded.erased_before * _STEP, decoded.erased, Mark.ERASURE, [NO_OFFER] * n_erasures)


def contact_marks(
    offers: PastOffers, contacts: range, customers: Customers, *, event_merged_ms: Int64s
) -> Marks:
    """Return the contacts of the campaign, each before the first event that is not older.

    Parameters
    ----------
    contacts : places in `offers.campaign`
    event_merged_ms : shape (n_events,), largest time up to each event, rising
    """
    rows = customers.rows(offers.campaign[place].customer_id for place in contacts)
    at_ms = offers.at_ms[contacts.start : contacts.stop]
    places = np.searchsorted(event_merged_ms, at_ms, side="left").astype(np.int64) * _STEP
    return _marks(places, rows, Mark.CONTACT, contacts)


def decision_marks(offers: PastOffers, decoded: DecodedHistory, customers: Customers) -> Marks:
    """Return the logged decisions, each after the first event that has its trigger's id."""
    if not offers.by_trigger:
        return _marks([], [], Mark.DECISION, [])
    customer, all_names = decoded.events.customer, list(customers.row_of)
    names = [all_names[row] for row in customer.tolist()]
    topics = [INPUT_ROLES[source] for source in decoded.events.source.tolist()]
    keys = zip(topics, names, decoded.event_ids.tolist(), strict=True)
    # Taken out when found: an event that comes again is a duplicate and triggers nothing.
    found = [
        (event, decision)
        for event, key in enumerate(keys)
        if (decision := offers.by_trigger.pop(key, None)) is not None
    ]
    events = np.array([event for event, _ in found], dtype=np.int64)
    rows = [len(offers.campaign) + decision for _, decision in found]
    return _marks(events * _STEP + _DECISION, customer[events], Mark.DECISION, rows)


def offers_of_outcomes(offers: PastOffers, decoded: DecodedHistory, records: Sequence[RawRecord]) -> Int64s:
    """Return the row in `PastOffers` that each event answers, `NO_OFFER` for all but outcomes of known offers."""
    answered = np.full(len(decoded.events), NO_OFFER, dtype=np.int64)
    outcomes = np.flatnonzero(decoded.events.source == EventSource.OUTCOME)
    if not len(outcomes) or not offers.by_decision:
        return answered
    value_at = {record.offset: record.value for record in records if record.role == "outcomes"}
    decision_ids = [
        _ANSWERS.decode(value_at[offset] or b"").decision_id for offset in decoded.offset[outcomes].tolist()
    ]
    answered[outcomes] = [offers.by_decision.get(name, NO_OFFER) for name in decision_ids]
    return answered


def _marks(
    place: Int64s | Sequence[int], customer: Int64s | Sequence[int], kind: Mark, offer: Sequence[int] | range
) -> Marks:
    return Marks(
        place=np.asarray(place, dtype=np.int64),
        customer=np.asarray(customer, dtype=np.int64),
        kind=np.full(len(place), kind.value, dtype=np.int64),
        offer=np.array(offer, dtype=np.int64),
    )
