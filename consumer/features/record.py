"""Customer records, and their stored form: which layout and form, then the words that are not zero.

    4 bytes   head: names the layout, and whether the record is narrow or wide (`tile_words`)
    the rest  its words (`stored_words`) without the zeros (`zero_words`)

Records of the two forms before, of which one began with all eight bytes of its layout's fingerprint, are refused.

Rules of this file: a stored record that cannot be what `pack` wrote, or of a layout that nobody
remembers, is a `Defect`: guessing at a customer's state would be worse than stopping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from consumer.features.event_columns import Int64s
from consumer.features.layout import Layout, Records
from consumer.features.migration import migrated
from consumer.features.stored_words import from_words, n_full_groups_of, n_words_of, to_words
from consumer.features.tile_words import Form, is_wide
from consumer.features.tiles import clear_hidden_maxima
from consumer.features.zero_words import restored, suppressed
from consumer.vocabulary.errors import Defect

HEAD_BYTES: Final = 4
_FINGERPRINT_BYTES: Final = 8
_BLOCK_ROWS: Final = 400
"""Records taken at a time: 1.3 MB, so that what one step has made is still in the cache for the next."""

_EVERY_BIT: Final = 0xFFFFFFFF
_EVERY_SECOND_BIT: Final = 0x55555555
_FORMS: Final[tuple[Form, ...]] = ("narrow", "wide")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a head says about the value that it begins."""

    layout: Layout
    form: Form


def empty_records(layout: Layout, n: int) -> Records:
    """Return `n` records of customers of whom nothing is known."""
    return np.zeros(n, dtype=layout.dtype)


def pack(layout: Layout, records: Records) -> list[bytes]:
    """Return the stored form of each record.

    Tile maxima that no window can show are cleared in `records` first (`clear_hidden_maxima`): this is
    what makes the stored form of a customer's history the same however it was cut into batches.

    Examples
    --------
    >>> from consumer.features.catalogue import catalogue_for
    >>> layout = catalogue_for(("mortgage",)).layout
    >>> records = empty_records(layout, 1)
    >>> records["as_of_ms"] = 7
    >>> [stored] = pack(layout, records)
    >>> unpack({}, layout, [stored])["as_of_ms"].tolist()
    [7]
    """
    blocks = (records[start : start + _BLOCK_ROWS] for start in range(0, len(records), _BLOCK_ROWS))
    return [value for block in blocks for value in _packed_block(layout, block)]


def _packed_block(layout: Layout, records: Records) -> list[bytes]:
    maxima = clear_hidden_maxima(records)
    wide = is_wide(records)
    if not wide.any():
        return _packed(layout, records, "narrow", maxima)
    values = np.empty(len(records), dtype=object)
    for form in _FORMS:
        if len(rows := np.flatnonzero(wide == (form == "wide"))):
            chosen = records[rows]
            values[rows] = _packed(layout, chosen, form, np.flatnonzero(chosen["tile_max"] != 0))
    return list(values)


def _packed(layout: Layout, records: Records, form: Form, maxima: Int64s) -> list[bytes]:
    words = to_words(layout, np.ascontiguousarray(records), form, maxima=maxima)
    return suppressed(words, head_of(layout, form), n_full=n_full_groups_of(layout))


def unpack(layouts: Mapping[str, Layout], current: Layout, values: Sequence[bytes | None]) -> Records:
    """Return the records of stored values, migrated to the current layout.

    Parameters
    ----------
    layouts : every layout that was ever stored, by fingerprint; the current one need not be in it
    current : layout of the result
    values : stored forms; None is a customer of whom nothing is known

    Raises
    ------
    Defect : a value is damaged, or of a layout that nobody remembers
    """
    records = empty_records(current, len(values))
    kinds = _kinds(current)
    rows_of = _rows_by_head(values)
    if not rows_of.keys() <= kinds.keys():
        kinds = {head: kind for layout in layouts.values() for head, kind in _kinds(layout).items()} | kinds
    for head, rows in rows_of.items():
        kind = _kind_of(head, kinds, values[rows[0]])
        for start in range(0, len(rows), _BLOCK_ROWS):
            _unpack_block(kind, current, values, rows[start : start + _BLOCK_ROWS], into=records)
    return records


def _unpack_block(
    kind: _Kind, current: Layout, values: Sequence[bytes | None], rows: list[int], *, into: Records
) -> None:
    """Write the records of the values at `rows`, all of one kind, over the empty ones `into`."""
    told = [value for row in rows if (value := values[row]) is not None]
    is_current = kind.layout.fingerprint == current.fingerprint
    is_one_piece = rows[-1] - rows[0] == len(rows) - 1
    if is_current and is_one_piece:
        _unpacked(kind, told, into=into[rows[0] : rows[-1] + 1])
        return
    found = empty_records(kind.layout, len(rows))
    _unpacked(kind, told, into=found)
    into[rows] = found if is_current else migrated(kind.layout, current, found)


def head_of(layout: Layout, form: Form) -> bytes:
    """Return the bytes that begin every stored record of this layout and form.

    They are taken from the fingerprint, every second bit turned over, so that they begin no value of a former form;
    the last bit is the form's.

    Examples
    --------
    >>> from consumer.features.catalogue import catalogue_for
    >>> layout = catalogue_for(("mortgage",)).layout
    >>> int.from_bytes(head_of(layout, "narrow")) ^ int.from_bytes(head_of(layout, "wide"))
    1
    """
    return _heads(layout, _EVERY_SECOND_BIT)[_FORMS.index(form)]


@cache
def _heads(layout: Layout, turned: int) -> tuple[bytes, bytes]:
    """Return the heads of both forms, with these bits of the fingerprint turned over."""
    number = int(layout.fingerprint[: 2 * HEAD_BYTES], 16) ^ turned
    return (number & ~1).to_bytes(HEAD_BYTES), (number | 1).to_bytes(HEAD_BYTES)


@cache
def _kinds(layout: Layout) -> dict[bytes, _Kind]:
    """Return head → kind of everything of a layout that is read."""
    return {head_of(layout, form): _Kind(layout, form) for form in _FORMS}


def _rows_by_head(values: Sequence[bytes | None]) -> dict[bytes, list[int]]:
    # The common case first: customers of one layout and form, all known.
    heads = {value[:HEAD_BYTES] if value is not None else None for value in values}
    if len(heads) == 1 and (head := heads.pop()) is not None:
        return {head: list(range(len(values)))}
    rows: dict[bytes, list[int]] = {}
    for row, value in enumerate(values):
        if value is not None:
            rows.setdefault(value[:HEAD_BYTES], []).append(row)
    return rows


def _kind_of(head: bytes, known: Mapping[bytes, _Kind], example: bytes | None) -> _Kind:
    if head in known:
        return known[head]
    begin = (example or b"")[:_FINGERPRINT_BYTES].hex()
    if any(head in _former_heads(kind.layout) for kind in known.values()):
        raise Defect(
            f"a customer record has a form of before version 0.1.0, which is not read: it begins with {begin}"
        )
    raise Defect(f"a customer record has an unknown layout: it begins with {begin}")


def _former_heads(layout: Layout) -> tuple[bytes, ...]:
    return (bytes.fromhex(layout.fingerprint)[:HEAD_BYTES], *_heads(layout, _EVERY_BIT))


def _unpacked(kind: _Kind, values: Sequence[bytes], *, into: Records) -> None:
    layout, form = kind.layout, kind.form
    words = restored(values, n_words_of(layout, form), start=HEAD_BYTES, n_full=n_full_groups_of(layout))
    from_words(layout, words, form, into=into)
