"""Which bytes of a record share a word of its stored form: those that are used together, and zeros with zeros.

A word that is all zero costs nothing, and the bits of a group of words cost nothing where they are as expected:
all zero, or in the first groups all one (`zero_words`). Therefore the order is

    usual     what nearly every customer has, in full words: birth and joining day of two bytes each, two
              times' upper bytes
    rare      what few have, and the upper bytes of numbers that hardly ever fill them

Rules of this file: an order is a permutation of bytes, so nothing can be lost; a field that is named nowhere
is rare.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.layout import Layout

Places = NDArray[np.intp]
Pieces = tuple[tuple[str, int, int], ...]
"""Of each element of some fields: the first of its bytes, and the byte after the last."""

WIDE_FIELDS: Final = ("tile_sum", "tile_count", "tile_max", "decayed")
"""Fields of hundreds of bytes, which have places of their own."""

_USUAL: Final[tuple[Pieces, ...]] = (
    (("as_of_ms", 0, 4),),
    (("as_of_ms", 4, 6), ("profile_ms", 4, 6)),
    (("salary_ms", 4, 6), ("traits_ms", 4, 6)),
    (("profile_ms", 0, 4),),
    (("salary_ms", 0, 4),),
    (("salary_minor", 0, 4),),
    (("traits_ms", 0, 4),),
    (("balance_minor", 0, 4),),
    (("income_minor", 0, 3), ("traits_flags", 0, 1)),
    (("credit_limit_minor", 0, 3), ("segment", 0, 1)),
    (("last_interaction_s", 0, 3), ("recent_next", 0, 1)),
    (("birth_day", 0, 2), ("joined_day", 0, 2)),
    (("occupation", 0, 4),),
    (("region", 0, 4),),
    (("lifetime_value_minor", 4, 8),),
    (("first_event_s", 0, 4),),
    (("credit_score", 0, 2), ("consents", 0, 2)),
    (("employment_status", 0, 1), ("kyc_status", 0, 1), ("aml_status", 0, 1), ("profile_flags", 0, 1)),
    (("recent_low", 0, 4),),
    (("recent_high", 0, 1),),
    (("churn_probability", 0, 2),),
    (("affinity", 0, 2),),
    (("holdings", 0, 2),),
)
_RARE: Final[tuple[Pieces, ...]] = (
    (("balance_ms", 0, 4),),
    (("last_transaction_s", 0, 4),),
    (("last_decision_s", 0, 4),),
    (("contact_offer", 0, 2),),
    (("contact_channel", 0, 1),),
    (("contact_s", 0, 4),),
    (("refused_s", 0, 4),),
)


def usual_bytes(layout: Layout) -> Places:
    """Return which bytes of a record nearly every customer has, in stored order."""
    return _in_order(layout, _USUAL)


def rare_bytes(layout: Layout) -> Places:
    """Return which bytes of a record are neither usual nor of `WIDE_FIELDS`, in stored order."""
    first = _in_order(layout, _RARE)
    is_elsewhere = np.zeros(layout.dtype.itemsize, dtype=bool)
    is_elsewhere[first] = is_elsewhere[usual_bytes(layout)] = True
    for name in set(WIDE_FIELDS) & set(layout.dtype.names or ()):
        is_elsewhere[_bytes_of_elements(layout, name)] = True
    return np.concatenate([first, np.flatnonzero(~is_elsewhere)])


def _in_order(layout: Layout, words: tuple[Pieces, ...]) -> Places:
    """Return the bytes of the pieces one after another: the first elements of a tuple's fields, then the second."""
    known = set(layout.dtype.names or ())
    places = [np.zeros(0, dtype=np.intp)]
    for pieces in words:
        parts = [
            _bytes_of_elements(layout, name)[:, start:end] for name, start, end in pieces if name in known
        ]
        if parts:
            places.append(np.concatenate(parts, axis=1).reshape(-1))
    return np.concatenate(places)


def _bytes_of_elements(layout: Layout, name: str) -> Places:
    """Return the places of a field's bytes in a record, shape (elements, bytes of each)."""
    start, end = ends_of(layout, name)
    return np.arange(start, end).reshape(-1, layout.dtype[name].base.itemsize)


def ends_of(layout: Layout, name: str) -> tuple[int, int]:
    """Return the first byte of a field in a record, and the byte after its last."""
    fields: Mapping[str, Any] = layout.dtype.fields or {}
    offset = int(fields[name][1])
    return offset, offset + layout.dtype[name].itemsize


def between(layout: Layout, names: Collection[str]) -> tuple[tuple[int, int], ...]:
    """Return the stretches of a record's bytes that are of none of these fields."""
    cuts = sorted(ends_of(layout, name) for name in names)
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), layout.dtype.itemsize]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start < end)
