"""Duplicates: which keys a customer's record takes for the same."""

from __future__ import annotations

import numpy as np
import pytest

from consumer.features.catalogue import catalogue_for
from consumer.features.recent_events import is_duplicate, remember
from consumer.features.record import empty_records, pack

LAYOUT = catalogue_for(("mortgage",)).layout
FIRST = np.array([0])


@pytest.mark.parametrize(("bit", "is_same"), [(0, False), (31, False), (32, False), (39, False), (40, True)])
def test_of_a_key_forty_bits_are_compared(bit: int, is_same: bool) -> None:
    records = empty_records(LAYOUT, 1)
    key = 0x1234_5678_9ABC_DEF0
    remember(records, FIRST, np.array([key], dtype=np.uint64))
    other = np.array([key ^ 1 << bit], dtype=np.uint64)
    assert is_duplicate(records, FIRST, other).tolist() == [is_same]


def test_twelve_keys_are_remembered_and_stored_in_five_bytes_each() -> None:
    records = empty_records(LAYOUT, 1)
    [empty] = map(len, pack(LAYOUT, records))
    keys = np.random.default_rng(1).integers(2**63, 2**64, 13, dtype=np.uint64)
    for key in keys:
        remember(records, FIRST, key[None])
    assert [bool(is_duplicate(records, FIRST, key[None])[0]) for key in keys] == [False] + [True] * 12
    [full] = map(len, pack(LAYOUT, records))
    # The rest is their share of the bitmap and the place of the next one.
    assert 12 * 5 < full - empty <= 12 * 5 + 4 + 4
