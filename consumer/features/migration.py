"""Records of an older layout, read as the current one: field by field, member by member, BY NAME.

A product that was added in the middle, a merchant group that moved, a longer ring: what still has the
same name keeps its value, what is new starts at zero ("nothing known"), what is gone is dropped.

Rules of this file: pure; nothing is guessed, a member that was renamed is a new member.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from consumer.features.layout import Field, Layout, Records

Pairs = tuple[tuple[int, int], ...]
"""(place in the old field, place in the new field) of each member that both have."""


def migrated(old: Layout, new: Layout, records: Records) -> Records:
    """Return `records` of the `old` layout in the `new` one."""
    result = np.zeros(len(records), dtype=new.dtype)
    old_fields = {field.name: field for field in old.fields}
    for field in new.fields:
        former = old_fields.get(field.name)
        if former is None or bool(former.members) != bool(field.members):
            continue
        if not field.members:
            result[field.name] = records[field.name]
        elif field.has_bits:
            _move_bits(result, records, field.name, _shared(former, field))
        else:
            _move_elements(result, records, field.name, _shared(former, field))
    return result


@cache
def _shared(old: Field, new: Field) -> Pairs:
    place = {member: i for i, member in enumerate(old.members)}
    return tuple((place[member], i) for i, member in enumerate(new.members) if member in place)


def _move_elements(result: Records, records: Records, name: str, pairs: Pairs) -> None:
    if pairs:
        before, after = (list(places) for places in zip(*pairs, strict=True))
        result[name][:, after] = records[name][:, before]


def _move_bits(result: Records, records: Records, name: str, pairs: Pairs) -> None:
    bits = np.zeros(len(records), dtype=np.int64)
    for before, after in pairs:
        bits |= (records[name].astype(np.int64) >> before & 1) << after
    result[name] = bits
