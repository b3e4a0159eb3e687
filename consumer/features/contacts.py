"""Contacts: the offers that were made to a customer, as the contact policy needs them.

The ring holds the last sixteen contacts, more than any cap allows in its window; the decayed "made"
counts feed features. Contacts are written by decisions, not by events, in the same atomic write.

Rules of this file: a contact is released by the very offer and time that it was noted with; times are
whole seconds in the record. Rows may repeat in none of the calls.
"""

from __future__ import annotations

import numpy as np

from consumer.features.decay import weight_at
from consumer.features.decayed_columns import decayed_columns
from consumer.features.event_columns import Int64s
from consumer.features.layout import Records
from consumer.vocabulary.time import SECOND_MS


def note_contact(
    records: Records, rows: Int64s, *, offer_key: Int64s, channel: Int64s, product: Int64s, at_ms: Int64s
) -> None:
    """Note that an offer is made, over the oldest contact of each customer.

    Parameters
    ----------
    rows : shape (n,), rows of `records`, each at most once
    offer_key : shape (n,), `Offer.offer_key`
    channel, product : shape (n,), columns of the offer's channel and first product; product -1 when the
        policy no longer has it
    at_ms : shape (n,), time of the decision
    """
    slot = records["contact_s"][rows].argmin(axis=1)
    records["contact_s"][rows, slot] = at_ms // SECOND_MS
    records["contact_offer"][rows, slot] = offer_key
    records["contact_channel"][rows, slot] = channel
    _add_made(records, rows, +1, channel=channel, product=product, at_ms=at_ms)


def release_contact(
    records: Records, rows: Int64s, *, offer_key: Int64s, channel: Int64s, product: Int64s, at_ms: Int64s
) -> None:
    """Take a contact back whose offer never reached the customer; one that is gone already is left alone.

    Parameters
    ----------
    channel, product, at_ms : shape (n,), what the contact was noted with
    """
    matches = (records["contact_s"][rows] == (at_ms // SECOND_MS)[:, None]) & (
        records["contact_offer"][rows] == offer_key[:, None]
    )
    found = np.flatnonzero(matches.any(axis=1))
    slot = matches[found].argmax(axis=1)
    rows = rows[found]
    for name in ("contact_s", "contact_offer", "contact_channel"):
        records[name][rows, slot] = 0
    _add_made(records, rows, -1, channel=channel[found], product=product[found], at_ms=at_ms[found])


def note_decision(records: Records, rows: Int64s, at_ms: Int64s) -> None:
    """Note when the customer's last decision was opened."""
    records["last_decision_s"][rows] = np.maximum(records["last_decision_s"][rows], at_ms // SECOND_MS)


def _add_made(
    records: Records, rows: Int64s, count: int, *, channel: Int64s, product: Int64s, at_ms: Int64s
) -> None:
    columns = decayed_columns(records.dtype["refused_s"].shape[0])
    unit = count * weight_at(at_ms, records["as_of_ms"][rows])
    sums = records["decayed"]
    for start, member in (("offers_made_channel", channel), ("offers_made_product", product)):
        known = np.flatnonzero(member >= 0)
        column = columns.start[start] + member[known]
        added = sums[rows[known], column] + unit[known, columns.group[column]]
        sums[rows[known], column] = np.maximum(added, 0.0)
