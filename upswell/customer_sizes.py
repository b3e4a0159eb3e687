"""What each part of a customer costs in Redis: counted on example customers, byte for byte.

A family's stored bytes are what a record grows by because of it: the record as it is, less the record
with the family's fields empty. What belongs to no family alone (head, bitmaps that families share, the
time that the record is as of) is the rest.

Redis adds to the bytes of a value what it needs to find it again, and its allocator rounds up:

    customer    record, open decisions and 2 bytes     allocated(6 + bytes), e.g. 896 for 890
                that part them, header, end of string
                object that points to it               16
                key {p}:c:<id>                         allocated(2 + length)
                entry and place in the table           24 + 12 (a table is between half full and full)
    deadline    in a small sorted set of its hour      id and 2 bytes, 6 for the time, an eighth of rounding
                share of that set's own key            170 / 40 (a million customers, twelve partitions)

Rules of this file: nothing is guessed about a customer, everything is made by the fold; Redis' part is the
arithmetic above, which an integration test holds against a real Redis.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from consumer.adapters.customer_value import joined
from consumer.features.catalogue import FeatureCatalogue
from consumer.features.decayed_columns import FAMILIES
from consumer.features.fields import PROFILE_FIELD_NAMES, RECENT_EVENT_FIELD_NAMES
from consumer.features.layout import Records
from consumer.features.record import pack
from consumer.features.stored_words import free_value
from consumer.learning.open_decisions import open_decision_dtype, pack_all
from upswell.example_customers import LIVES, Life, example_customers

LIMIT_BYTES: Final = 1_000
SAMPLE: Final = 100
_KEY_BYTES: Final = len("{nbo.17}:c:customer-0123456")
_ID_BYTES: Final = len("customer-0123456")

_SMALL: Final = (*range(8, 65, 8), 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512)
_LARGE: Final = tuple(
    size for base in (512, 1_024, 2_048, 4_096) for size in range(base + base // 4, 2 * base + 1, base // 4)
)
_CLASSES: Final[tuple[int, ...]] = (*_SMALL, *_LARGE)
"""Sizes that Redis' allocator (jemalloc) hands out."""

_OBJECT: Final = 16
_ENTRY: Final = 24
_PLACE: Final = 12
_IN_SET: Final = 2 + 6
_ROUNDING: Final = 1.125
_SET_OF_AN_HOUR: Final = 170
_IN_AN_HOUR: Final = 40
"""Deadlines in one hour of one partition, in a bank of a million customers over twelve partitions."""

_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "profile": PROFILE_FIELD_NAMES,
    "traits": (
        "traits_ms",
        "lifetime_value_minor",
        "churn_probability",
        "affinity",
        "segment",
        "traits_flags",
    ),
    "balance and salary": ("balance_ms", "balance_minor", "salary_ms", "salary_minor"),
    "last events": ("first_event_s", "last_transaction_s", "last_interaction_s", "too_old_count"),
    "money in windows: sums, counts": ("tile_sum", "tile_count"),
    "money in windows: largest": ("tile_max",),
    "duplicates": RECENT_EVENT_FIELD_NAMES,
    "contacts": ("contact_s", "contact_offer", "contact_channel"),
    "refusals, last decision": ("refused_s", "last_decision_s"),
}
_HABITS: Final[dict[str, tuple[str, ...]]] = {
    "spending habits": ("spend", "debit"),
    "balance and salary habits": ("balance_fast", "balance_slow", "salary"),
    "channels and kinds": ("channel", "kind"),
    "interest in products": ("interest",),
    "complaints, satisfaction": ("complaints", "satisfaction"),
    "offers made, seen, answered": tuple(f.name for f in FAMILIES if f.name.startswith("offers_")),
}
REST: Final = "head, time, bitmaps"


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the table: bytes in the scorer's memory, and stored bytes for each of `LIVES`."""

    name: str
    in_memory: int | None
    stored: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CustomerSizes:
    """What customers cost.

    record : families of the record, the rest, then the record as a whole
    around : what Redis needs for it, open decisions, deadlines
    total : mean bytes of Redis a customer, everything included, for each of `LIVES`
    """

    record: tuple[Part, ...]
    around: tuple[Part, ...]
    total: Part


def customer_sizes(
    features: FeatureCatalogue, *, n: int = SAMPLE, lives: Sequence[Life] = LIVES
) -> CustomerSizes:
    """Return what each part of a customer costs, as means over `n` example customers of each life."""
    made = [example_customers(features, life, n) for life in lives]
    packed = [pack(features.layout, customers.records) for customers in made]
    whole = tuple(_mean(map(len, values)) for values in packed)
    families = [
        _family(features, name, [customers.records for customers in made], whole) for name in _names()
    ]
    known = tuple(sum(part.stored[life] for part in families) for life in range(len(lives)))
    itemsize = features.layout.dtype.itemsize
    named = sum(part.in_memory or 0 for part in families)
    rest = Part(REST, itemsize - named, tuple(a - b for a, b in zip(whole, known, strict=True)))
    record = Part("record", itemsize, whole)
    around = _around(
        features, packed, [_open_values(features, c.open_decisions, c.n_open.tolist()) for c in made]
    )
    total = tuple(sum(part.stored[life] for part in (record, *around)) for life in range(len(lives)))
    return CustomerSizes((*families, rest, record), around, Part("everything", None, total))


def allocated(n_bytes: int) -> int:
    """Return what the allocator hands out for a number of bytes.

    Examples
    --------
    >>> allocated(641), allocated(768), allocated(17)
    (768, 768, 24)
    """
    return _CLASSES[bisect_left(_CLASSES, n_bytes)]


def string_bytes(value: bytes, key_bytes: int) -> int:
    """Return what Redis needs for a key with a value, the value included.

    Examples
    --------
    >>> string_bytes(bytes(748), len("{17}:c:c-123456"))
    844
    """
    header = 3 if len(value) < 256 else 5
    return allocated(len(value) + header + 1) + _OBJECT + allocated(key_bytes + 2) + _ENTRY + _PLACE


def deadline_bytes(id_bytes: int) -> float:
    """Return what Redis needs for one customer in the sorted set of an hour's deadlines."""
    return (id_bytes + _IN_SET) * _ROUNDING + _SET_OF_AN_HOUR / _IN_AN_HOUR


def _names() -> Iterable[str]:
    return chain(_FIELDS, _HABITS)


def _family(
    features: FeatureCatalogue, name: str, records: Sequence[Records], whole: tuple[float, ...]
) -> Part:
    """Return what a family costs: what the records are longer by than without it."""
    blocks = [features.columns.block(family) for family in _HABITS.get(name, ())]
    stored = []
    for lived, full in zip(records, whole, strict=True):
        without = lived.copy()
        for field in _FIELDS.get(name, ()):
            without[field] = free_value(lived, field)
        for block in blocks:
            without["decayed"][:, block] = 0
        stored.append(full - _mean(map(len, pack(features.layout, without))))
    dtype = features.layout.dtype
    in_memory = sum(dtype[field].itemsize for field in _FIELDS.get(name, ()))
    in_memory += sum((block.stop - block.start) * dtype["decayed"].base.itemsize for block in blocks)
    return Part(name, int(in_memory), tuple(stored))


def _open_values(features: FeatureCatalogue, rows: np.ndarray, n_open: list[int]) -> list[bytes]:
    return pack_all(rows, n_open, features.fingerprint)


def _around(
    features: FeatureCatalogue, packed: Sequence[Sequence[bytes]], decisions: Sequence[Sequence[bytes]]
) -> tuple[Part, ...]:
    """Return what is needed beside the records' own bytes."""
    row_bytes = open_decision_dtype(len(features.input_names)).itemsize
    own = tuple(_mean(map(len, values)) for values in decisions)
    whole = [
        [joined(record, value) for record, value in zip(*of_life, strict=True)]
        for of_life in zip(packed, decisions, strict=True)
    ]
    stored = [_mean(string_bytes(value, _KEY_BYTES) for value in values) for values in whole]
    keys = tuple(
        total - _mean(map(len, records)) - open_bytes
        for total, records, open_bytes in zip(stored, packed, own, strict=True)
    )
    held = tuple(_mean(deadline_bytes(_ID_BYTES) if v else 0 for v in values) for values in decisions)
    return (
        Part("open decisions", row_bytes, own),
        Part("deadline of the open decisions", None, held),
        Part("key, entry and rounding", None, keys),
    )


def _mean(numbers: Iterable[float]) -> float:
    return float(np.mean(list(numbers)))
