"""Merchant groups: the thousand codes of ISO 18245 in twelve groups that say something about a need.

Rules of this file: ranges are half-open; a later range overrides an earlier one, so a broad range can
come first and its exceptions after it; a code in no range is `other`.

Source: ISO 18245:2023 merchant category codes; the grouping is ours.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from consumer.features.event_columns import Int64s

MERCHANT_GROUPS: Final = (
    "groceries",
    "dining",
    "transport",
    "travel",
    "clothing",
    "home",
    "electronics",
    "health",
    "utilities",
    "leisure",
    "education",
    "other",
)

_RANGES: Final = (
    (1520, 1800, "home"),  # building contractors
    (3000, 4000, "travel"),  # airlines, car rental, hotels by name
    (4000, 4800, "transport"),  # railways, taxis, buses, tolls
    (4411, 4412, "travel"),  # cruise lines
    (4511, 4583, "travel"),  # airlines, airports
    (4722, 4724, "travel"),  # travel agencies
    (4812, 4817, "utilities"),  # telephone
    (4899, 4901, "utilities"),  # cable, electricity, gas, water
    (5045, 5047, "electronics"),
    (5200, 5300, "home"),  # building materials, garden
    (5300, 5400, "groceries"),  # warehouse clubs, discount and general stores
    (5400, 5500, "groceries"),
    (5500, 5600, "transport"),  # cars, fuel
    (5600, 5700, "clothing"),
    (5700, 5732, "home"),  # furniture
    (5732, 5736, "electronics"),
    (5811, 5815, "dining"),
    (5815, 5819, "leisure"),  # digital goods
    (5912, 5913, "health"),  # pharmacies
    (5921, 5922, "groceries"),  # bottle shops
    (5940, 5950, "leisure"),  # sports, books, toys, hobby
    (5975, 5977, "health"),  # hearing aids, orthopaedics
    (7011, 7034, "travel"),  # hotels, camping
    (7512, 7520, "travel"),  # car and caravan rental
    (7523, 7550, "transport"),  # parking, repair, washing
    (7800, 8000, "leisure"),  # cinema, sport, games, betting
    (8000, 8100, "health"),  # doctors, dentists, hospitals
    (8200, 8300, "education"),
)

NO_GROUP: Final = -1


def _table() -> Int64s:
    """Return group of each code 0..9999; the last entry, which index -1 finds, is "no code"."""
    table = np.full(10_001, MERCHANT_GROUPS.index("other"))
    for start, end, group in _RANGES:
        table[start:end] = MERCHANT_GROUPS.index(group)
    table[-1] = NO_GROUP
    return table


_GROUP_OF_CODE: Final = _table()


def merchant_group(merchant_category: Int64s) -> Int64s:
    """Return each code's place in `MERCHANT_GROUPS`, or `NO_GROUP` for an absent code (-1).

    Examples
    --------
    >>> [MERCHANT_GROUPS[i] for i in merchant_group(np.array([5411, 5812, 4511, 9999]))]
    ['groceries', 'dining', 'travel', 'other']
    """
    return np.asarray(_GROUP_OF_CODE[merchant_category])
