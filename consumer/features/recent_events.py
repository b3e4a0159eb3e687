"""Duplicates: the keys of a customer's last twelve events.

A producer that retries sends an event again within seconds, under another offset; twelve events of one
customer reach far beyond that. A key is 64 bits of the event id's hash, so two different events of one
customer look alike once in 10^18.

Rules of this file: every event that is looked at leaves its key, so that a redelivery changes nothing
at all, not even a counter.
"""

from __future__ import annotations

import numpy as np

from consumer.features.event_columns import Bools, Int64s, UInt64s
from consumer.features.fields import RECENT_EVENTS
from consumer.features.layout import Records


def is_duplicate(records: Records, customers: Int64s, keys: UInt64s) -> Bools:
    """Return for each customer whether `keys` holds one of the customer's last events; keys are never 0."""
    return np.asarray((records["recent_keys"][customers] == keys[:, None]).any(axis=1))


def remember(records: Records, customers: Int64s, keys: UInt64s) -> None:
    """Write each key over the customer's oldest one; each customer at most once."""
    slot = records["recent_next"][customers]
    records["recent_keys"][customers, slot] = keys
    records["recent_next"][customers] = (slot + 1) % RECENT_EVENTS
