"""Contact policy: how often a customer is contacted, and what is not said so soon again.

A contact at time s counts in a window of w days while at < s + w. Contacts later than the decision's
event (late events) count too: more contacts never allow more. The ring remembers the last 16 contacts;
a policy whose caps would need more is refused when it is loaded.

* caps: in total, for a channel, for an offer;
* cooling-off: after a refusal of a product, days differ by product group;
* mutual exclusion: while an offer is live (within its validity), offers that exclude it wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from consumer.policy.exclusions import note
from consumer.policy.facts import Bools, Facts, Int64s, UInt8s
from consumer.policy.schema import CapText, PolicyText
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.time import DAY_MS, SECOND_MS
from consumer.vocabulary.words import CHANNELS

_NO_CAP = 10**6
_N_CHANNELS = len(CHANNELS)
_OFFER_KEYS = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class WindowCaps:
    """All caps of one window length. channel_max : (7,); offer_max : (O,)."""

    window_ms: int
    total_max: int
    channel_max: Int64s
    offer_max: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class ContactTable:
    """Compiled contact policy.

    column_of_key : (65536,), offer column of an offer key, O for keys of offers no longer in the policy
    validity_ms : (O + 1,); cooling_off_ms : (products,)
    product_pairs : (offer, product) for each product of an offer
    waiting, others, others_start : offers that wait for live others; those others, one waiting offer's after
        another's; where each one's begin
    """

    windows: tuple[WindowCaps, ...]
    column_of_key: Int64s
    validity_ms: Int64s
    cooling_off_ms: Int64s
    product_pairs: tuple[tuple[int, int], ...]
    waiting: Int64s
    others: Int64s
    others_start: Int64s


def contact_table(text: PolicyText, catalogue: OfferCatalogue) -> ContactTable:
    """Return the contact policy of a policy."""
    n_offers = len(catalogue.offers)
    column_of_key = np.full(_OFFER_KEYS, n_offers, np.int64)
    for column, offer in enumerate(catalogue.offers):
        column_of_key[offer.offer_key] = column
    groups = [
        [catalogue.offer_index[name] for name in group] for group in text.contact_policy.mutually_exclusive
    ]
    pairs = np.array(sorted({pair for group in groups for pair in permutations(set(group), 2)}), np.int64)
    waiting, others_start = np.unique(pairs.reshape(-1, 2)[:, 0], return_index=True)
    by_group, days = text.contact_policy.cooling_off_days_by_group, text.contact_policy.cooling_off_days
    return ContactTable(
        windows=_windows(text, catalogue),
        column_of_key=column_of_key,
        validity_ms=np.array([offer.validity_days for offer in catalogue.offers] + [0], np.int64) * DAY_MS,
        cooling_off_ms=np.array([by_group.get(p.group, days) for p in catalogue.products], np.int64) * DAY_MS,
        product_pairs=tuple(
            (column, catalogue.product_index[name])
            for column, offer in enumerate(catalogue.offers)
            for name in offer.products
        ),
        waiting=waiting,
        others=pairs.reshape(-1, 2)[:, 1],
        others_start=others_start,
    )


def _windows(text: PolicyText, catalogue: OfferCatalogue) -> tuple[WindowCaps, ...]:
    caps = text.contact_policy.caps
    lengths = sorted({cap.window_days for cap in caps})
    return tuple(_window([cap for cap in caps if cap.window_days == days], catalogue) for days in lengths)


def _window(caps: list[CapText], catalogue: OfferCatalogue) -> WindowCaps:
    total_max = min((cap.max for cap in caps if cap.scope == "total"), default=_NO_CAP)
    channel_max = np.full(_N_CHANNELS, _NO_CAP, np.int64)
    offer_max = np.full(len(catalogue.offers), _NO_CAP, np.int64)
    for cap in caps:
        if cap.scope == "channel":
            where = slice(None) if cap.channel is None else CHANNELS.index(cap.channel)
            channel_max[where] = np.minimum(channel_max[where], cap.max)
        elif cap.scope == "offer":
            where = slice(None) if cap.offer is None else catalogue.offer_index[cap.offer]
            offer_max[where] = np.minimum(offer_max[where], cap.max)
    return WindowCaps(caps[0].window_days * DAY_MS, total_max, channel_max, offer_max)


@dataclass(frozen=True, slots=True, eq=False)
class _Contacts:
    """Contacts of n customers as one list: the customer, age, offer column, channel."""

    row: Int64s
    age_ms: Int64s
    offer: Int64s
    channel: Int64s


def apply_contact_policy(table: ContactTable, facts: Facts, excluded: UInt8s) -> UInt8s:
    """Note exclusions by caps, refusals and live offers in `excluded` (O, n).

    Returns
    -------
    shape (n,), bits of the channels that are at their cap; `choose_channels` turns them into exclusions
    """
    if facts.refused_s.any():
        note(excluded, _is_cooling_off(table, facts, excluded.shape), Exclusion.COOLING_OFF)
    capped = np.zeros(len(facts), np.uint8)
    contacted, contacts = _contacts(table, facts)
    if len(contacted):
        of_contacted = excluded[:, contacted]
        capped[contacted] = _note_contacts(table, contacts, of_contacted)
        excluded[:, contacted] = of_contacted
    return capped


def _note_contacts(table: ContactTable, contacts: _Contacts, excluded: UInt8s) -> UInt8s:
    """Note what contacts exclude; return the bits of the channels that are at their cap."""
    n_offers, n = excluded.shape
    at_total = np.zeros(n, np.bool_)
    at_channel = np.zeros((n, _N_CHANNELS), np.bool_)
    at_offer = np.zeros((n, n_offers), np.bool_)
    for caps in table.windows:
        inside = contacts.age_ms < caps.window_ms
        row, offer, channel = contacts.row[inside], contacts.offer[inside], contacts.channel[inside]
        at_total |= np.bincount(row, minlength=n) >= caps.total_max
        at_channel |= _count(row, channel, (n, _N_CHANNELS)) >= caps.channel_max
        at_offer |= _count(row, offer, (n, n_offers + 1))[:, :-1] >= caps.offer_max
    note(excluded, at_total, Exclusion.CAP_TOTAL)
    note(excluded, at_offer.T, Exclusion.CAP_OFFER)
    note(excluded, _is_shut_out(table, contacts, excluded.shape), Exclusion.MUTUALLY_EXCLUSIVE)
    bits: UInt8s = np.packbits(at_channel, axis=1, bitorder="little")[:, 0]
    return bits


def _contacts(table: ContactTable, facts: Facts) -> tuple[Int64s, _Contacts]:
    """Return the rows of customers with contacts, and their contacts; `row` is a place among those rows."""
    row, slot = np.nonzero(facts.contact_s)
    time_ms = facts.contact_s[row, slot].astype(np.int64) * SECOND_MS
    is_first = np.ones(len(row), np.bool_)
    np.not_equal(row[1:], row[:-1], out=is_first[1:])
    return row[is_first], _Contacts(
        row=np.cumsum(is_first) - 1,
        age_ms=facts.at_ms[row] - time_ms,
        offer=table.column_of_key[facts.contact_offer[row, slot]],
        channel=facts.contact_channel[row, slot].astype(np.int64),
    )


def _count(row: Int64s, column: Int64s, shape: tuple[int, int]) -> Int64s:
    """Return how often each (row, column) occurs."""
    n_rows, n_columns = shape
    counts: Int64s = np.bincount(row * n_columns + column, minlength=n_rows * n_columns).reshape(shape)
    return counts


def _is_cooling_off(table: ContactTable, facts: Facts, shape: tuple[int, ...]) -> Bools:
    """Return which offers hold a product that was refused too lately, (O, n)."""
    refused_ms = facts.refused_s.astype(np.int64) * SECOND_MS
    since_ms = facts.at_ms[:, None] - refused_ms
    is_cooling = ((facts.refused_s != 0) & (since_ms < table.cooling_off_ms)).T
    cooling = np.zeros(shape, np.bool_)
    for offer, product in table.product_pairs:
        cooling[offer] |= is_cooling[product]
    return cooling


def _is_shut_out(table: ContactTable, contacts: _Contacts, shape: tuple[int, ...]) -> Bools:
    """Return which offers wait for a live offer that excludes them, (O, n)."""
    n_offers, n = shape
    is_live = contacts.age_ms < table.validity_ms[contacts.offer]
    live = _count(contacts.row[is_live], contacts.offer[is_live], (n, n_offers + 1)).T > 0
    shut_out = np.zeros(shape, np.bool_)
    if len(table.waiting):
        shut_out[table.waiting] = np.logical_or.reduceat(live[table.others], table.others_start, axis=0)
    return shut_out
