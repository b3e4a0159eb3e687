"""Budgets: how often an offer may be made in one bank day.

A day's budget is divided over the partitions, since their owners do not talk to each other, and counted
for each partition and bank day. Decisions take from it in their order: once the last piece is gone, every
later decision excludes the offer (`budget_spent`) and divides its probabilities among the others, so the
logged propensities stay exact and a batch decides as one decision at a time would.

For a batch this is solved in rounds. A round decides all open rows as if budgets lasted; the first row of
each group that takes the last piece of any offer, and all rows before it, are final; the rows after it go
into the next round with the offer excluded. A round ends an offer in every group that has one to end, so
there are at most O + 1 rounds, and nearly always one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from consumer.policy.bank_time import local_day
from consumer.policy.facts import Bools, Int64s
from consumer.policy.schema import PolicyText

NO_LIMIT: Final = 2**62


def bank_day(text: PolicyText, at_ms: Int64s) -> Int64s:
    """Return the bank's local day of each instant, days since 1970-01-01."""
    return local_day(text.time_zone, at_ms)


def budgets_per_day(text: PolicyText) -> Int64s:
    """Return how often each offer may be made a day in the whole bank, shape (O,)."""
    budgets = (NO_LIMIT if offer.budget_per_day is None else offer.budget_per_day for offer in text.offers)
    return np.array(list(budgets), np.int64)


def budgets_of_partitions(per_day: Int64s, partition: Int64s, *, n_partitions: int) -> Int64s:
    """Return how often each offer may be made a day on each of these partitions, shape (n, O).

    What does not divide evenly goes to the first partitions, so the parts add up to the whole.

    Examples
    --------
    >>> budgets_of_partitions(np.array([7, NO_LIMIT]), np.arange(3), n_partitions=3)[:, 0]
    array([3, 2, 2])
    """
    parts = (per_day + n_partitions - 1 - partition[:, None]) // n_partitions
    return np.where(per_day == NO_LIMIT, NO_LIMIT, parts)


def last_final_row(group: Int64s, chosen: Int64s, is_sent: Bools, left: Int64s) -> Int64s:
    """Return for each group the first row that takes the last piece of a budget; n where none does.

    Parameters
    ----------
    group, chosen, is_sent : shape (n,), in the order of the decisions; `chosen` is an offer column
    left : shape (groups, O), pieces left before these rows
    """
    n_groups, n_offers = left.shape
    last = np.full(n_groups, len(group), np.int64)
    if (taken(group, chosen, is_sent, left.shape) < left).all():
        return last
    rows = np.flatnonzero(is_sent)
    key = group[rows] * n_offers + chosen[rows]
    order = np.argsort(key, kind="stable")
    key, rows = key[order], rows[order]
    starts = np.searchsorted(key, key, side="left")
    takes_last = np.arange(len(key)) - starts + 1 == left.reshape(-1)[key]
    np.minimum.at(last, group[rows[takes_last]], rows[takes_last])
    return last


def taken(group: Int64s, chosen: Int64s, is_sent: Bools, shape: tuple[int, int]) -> Int64s:
    """Return how many pieces these rows take of each budget, shape (groups, O)."""
    key = group[is_sent] * shape[1] + chosen[is_sent]
    counts: Int64s = np.bincount(key, minlength=shape[0] * shape[1]).reshape(shape)
    return counts
