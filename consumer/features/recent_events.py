"""Duplicates: the keys of a customer's last twelve events.

A producer that retries sends an event again within seconds, under another offset; twelve events of one
customer reach far beyond that. Of a key 40 bits are kept: a new event looks like one of the twelve, and is
dropped as a duplicate, once in 2 ** 40 / 12 = 9 × 10^10 events. In memory the upper eight of them have two bytes; only
one of these is ever used, which is what makes their stored form short.

Rules of this file: every event that is looked at leaves its key, so that a redelivery changes nothing
at all, not even a counter.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import Bools, Int64s, UInt64s
from consumer.features.fields import RECENT_EVENTS
from consumer.features.layout import Records

_HIGH_MASK: Final = np.uint16(0xFF)
"""Bits above the low 32 of a key that are kept."""


def is_duplicate(records: Records, customers: Int64s, keys: UInt64s) -> Bools:
    """Return for each customer whether `keys` holds one of the customer's last events; keys are never 0."""
    low, high = _halves(keys)
    same_low = records["recent_low"][customers] == low[:, None]
    same_high = records["recent_high"][customers] == high[:, None]
    return np.asarray((same_low & same_high).any(axis=1))


def remember(records: Records, customers: Int64s, keys: UInt64s) -> None:
    """Write each key over the customer's oldest one; each customer at most once."""
    slot = records["recent_next"][customers]
    records["recent_low"][customers, slot], records["recent_high"][customers, slot] = _halves(keys)
    records["recent_next"][customers] = (slot + 1) % RECENT_EVENTS


def _halves(keys: UInt64s) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
    """Return the low 32 bits of each key and the 8 above them."""
    return keys.astype(np.uint32), (keys >> np.uint64(32)).astype(np.uint16) & _HIGH_MASK
