"""A large batch of raw records as columns, decoded in small parts.

A fold wants large batches, a decoder small ones: 10,000 records with all that is made of them on the way fit into
the processor's cache (2.2 microseconds a record), 300,000 do not (3.5). So parts are decoded, and their columns
joined.

Rules of this file: customers become rows of `Customers` here, so that parts can be joined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from consumer.adapters.codec import decode_batch
from consumer.decoded import DecodedBatch, Objects
from consumer.features.event_columns import PROFILE, TRAITS, EventColumns, Int64s
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.products import OfferCatalogue
from offline.history.customers import Customers

PART_RECORDS: Final = 10_000
_DETAILS: Final = {"profiles": PROFILE, "traits": TRAITS}
"""Column of details → source of the events that have them."""


@dataclass(frozen=True, slots=True)
class DecodedHistory:
    """n events and the erasures of a batch; customers are rows of `Customers`.

    event_ids, offset : shape (n,), as in `DecodedBatch`
    record : shape (n,), place of each event's raw record in the batch
    erased : customers, in order; erased_before : the event before which each erasure stands
    refused : dead-letter code → records
    """

    events: EventColumns
    event_ids: Objects
    offset: Int64s
    record: Int64s
    erased: Int64s
    erased_before: Int64s
    refused: Counter[str]


def decoded_history(
    records: Sequence[RawRecord], catalogue: OfferCatalogue, customers: Customers
) -> DecodedHistory:
    """Return a batch of records as columns; new customers get their rows."""
    starts = range(0, max(len(records), 1), PART_RECORDS)
    parts = [_part(records[start : start + PART_RECORDS], catalogue, customers) for start in starts]
    return parts[0] if len(parts) == 1 else _joined(parts, starts)


def _part(records: Sequence[RawRecord], catalogue: OfferCatalogue, customers: Customers) -> DecodedHistory:
    decoded = decode_batch(records, catalogue)
    row_of = customers.rows(decoded.customer_ids)
    return DecodedHistory(
        events=replace(decoded.events, customer=row_of[decoded.events.customer]),
        event_ids=decoded.event_ids,
        offset=decoded.offset,
        record=_record_places(records, decoded),
        erased=row_of[decoded.erasures.customer],
        erased_before=decoded.erasures.before_event,
        refused=Counter(str(letter.code) for letter in decoded.dead_letters),
    )


def _record_places(records: Sequence[RawRecord], decoded: DecodedBatch) -> Int64s:
    """Return the place in `records` of each event: what is no event is an erasure or a dead letter."""
    if len(decoded.events) == len(records):
        return np.arange(len(records))
    refused = {(letter.record.role, letter.record.offset) for letter in decoded.dead_letters}
    return np.array(
        [
            place
            for place, record in enumerate(records)
            if (record.role, record.offset) not in refused
            and (record.value is not None or record.role != "customers")
        ],
        dtype=np.int64,
    )


def _joined(parts: Sequence[DecodedHistory], starts: range) -> DecodedHistory:
    n_events = [len(part.events) for part in parts]
    first = np.concatenate([[0], np.cumsum(n_events)[:-1]]).tolist()
    return DecodedHistory(
        events=_joined_events([part.events for part in parts]),
        event_ids=np.concatenate([part.event_ids for part in parts]),
        offset=np.concatenate([part.offset for part in parts]),
        record=np.concatenate([part.record + start for part, start in zip(parts, starts, strict=True)]),
        erased=np.concatenate([part.erased for part in parts]),
        erased_before=np.concatenate(
            [part.erased_before + start for part, start in zip(parts, first, strict=True)]
        ),
        refused=sum((part.refused for part in parts), Counter()),
    )


def _joined_events(parts: Sequence[EventColumns]) -> EventColumns:
    """Return all parts' events; a detail counts on from the details of the parts before."""
    plain = [field.name for field in fields(EventColumns) if field.name not in _DETAILS]
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in plain
    }
    for name, source in _DETAILS.items():
        tables = [getattr(part, name) for part in parts]
        of_table = [field.name for field in fields(tables[0])]
        columns[name] = type(tables[0])(
            **{column: np.concatenate([getattr(table, column) for table in tables]) for column in of_table}
        )
        n_rows = [len(getattr(table, of_table[0])) for table in tables]
        earlier = np.repeat(
            np.concatenate([[0], np.cumsum(n_rows)[:-1]]), [len(part.customer) for part in parts]
        )
        columns["detail"] += np.where(columns["source"] == source, earlier, 0)
    return EventColumns(**columns)
