"""Offers that were made and whose answer may still come: one row each, one value a customer.

A row keeps what its example will need (inputs, logging propensity) from the moment of the decision, so
that the model learns from exactly what it saw. All rows of a customer are one value of the store:

    byte 0       50                             form of the value (5), and number of rows less 1
    byte 1       73                             number of inputs F, below 256 (byte 0 is 6.. from 256 on)
    bytes 2-4    9f 86 d0                       from the fingerprint of the features that the inputs come from
    1 byte each  a8                             length of each row but the last; ff: two bytes more say it
    then the rows, short (`stored_rows`)        about 165 bytes for the first of 115 inputs, 105 for each more

In memory a row is `open_decision_dtype(F)`, 68 + 4 F bytes (500 for F = 108).

Rules of this file: pure; a value of another feature layout is still read: its rows go on through every
state, but they can no longer become examples (`has_inputs` is 0), since no model of today could use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from itertools import chain, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.learning.attribution import OPEN_STATES
from consumer.learning.stored_rows import row_bytes, rows_from
from consumer.vocabulary.errors import Defect

Rows = NDArray[np.void]
"""Structured rows of `open_decision_dtype`."""

Int64s = NDArray[np.int64]

ROWS_MAX = 16
"""Open decisions kept for a customer: at one decision a day and two weeks of validity, all of them."""

_FORM: Final = 5
"""Upper half of the first byte. Values of former forms began with 03 and with "OD2", which is 4f."""

_DIGEST_BYTES: Final = 3
_LAYOUT_BYTES: Final = 1 + _DIGEST_BYTES
_HEADER_BYTES: Final = 1 + _LAYOUT_BYTES
_N_INPUTS_MAX: Final = 511
"""With 63 products a catalogue has 268."""

_LONG: Final = 255


@cache
def open_decision_dtype(n_inputs: int) -> np.dtype[np.void]:
    """Return the type of one row.

    topic_code, offset : position of the trigger (`INPUT_ROLES` code), with the partition the decision id
    model_key, product_key, offer_key : `catalogue_key` of each, since a column number would name something
        else as soon as the policy's products or offers change; channel : its code
    state : `attribution.State`
    has_inputs : 0 when the inputs were of another feature layout
    decided_ms, delivered_ms : event times; delivered 0 while unknown
    window_ms : attribution window; the deadline moves to delivered + window on delivery
    deadline_ms : end of what the state waits for; a new row waits until the offer's expiry for delivery
    forget_ms : the row leaves the store then, if it is closed; new: deadline + `labels.KEEP_CLOSED_MS`
    logging_propensity, segment (-1 unknown), inputs_milli : as decided
    """
    return np.dtype(
        [
            ("topic_code", "u1"),
            ("channel", "u1"),
            ("state", "u1"),
            ("has_inputs", "u1"),
            ("offset", "<i8"),
            ("model_key", "<u2"),
            ("product_key", "<u2"),
            ("offer_key", "<u2"),
            ("segment", "<i2"),
            ("decided_ms", "<i8"),
            ("delivered_ms", "<i8"),
            ("window_ms", "<i8"),
            ("deadline_ms", "<i8"),
            ("forget_ms", "<i8"),
            ("logging_propensity", "<f8"),
            ("inputs_milli", "<i4", (n_inputs,)),
        ]
    )


def empty_rows(n_inputs: int, n_rows: int = 0) -> Rows:
    """Return `n_rows` rows in state OFFERED with every number zero, to be filled in."""
    rows = np.zeros(n_rows, dtype=open_decision_dtype(n_inputs))
    rows["has_inputs"] = 1
    return rows


def pack(rows: Rows, fingerprint: str) -> bytes:
    """Return the stored value of one customer's rows; empty bytes when there is none (delete the key).

    Parameters
    ----------
    rows : at most `ROWS_MAX` (use `with_limit`)
    fingerprint : 16 characters, of the feature layout that the inputs come from
    """
    return pack_all(rows, [len(rows)], fingerprint)[0]


def pack_all(rows: Rows, n_rows: Sequence[int], fingerprint: str) -> list[bytes]:
    """Return the stored values of many customers; empty bytes for one that has no row (delete the key).

    Parameters
    ----------
    rows : of all customers, one customer's after another's
    n_rows : how many are each customer's, at most `ROWS_MAX`
    """
    if max(n_rows, default=0) > ROWS_MAX:
        raise Defect(f"A customer has {max(n_rows)} open decisions to store, the limit is {ROWS_MAX}.")
    layout = _Layout.of(rows.dtype["inputs_milli"].shape[0], fingerprint)
    ends = np.cumsum(n_rows, dtype=np.int64)
    short = row_bytes(rows, _marks(len(rows), ends - n_rows)) if len(rows) else []
    told = pairwise([0, *ends.tolist()])
    alone = layout.head(1)
    return [alone + short[a] if b - a == 1 else layout.value(short[a:b]) if a < b else b"" for a, b in told]


def _marks(n_rows: int, starts: Int64s) -> NDArray[np.bool_]:
    """Return True at each customer's first row; a customer without rows starts where the next one does."""
    marks = np.zeros(n_rows, dtype=bool)
    marks[starts[starts < n_rows]] = True
    return marks


@dataclass(frozen=True, slots=True)
class _Layout:
    """Header of the values of one feature layout: the upper half of byte 0, and the bytes after byte 0."""

    form: int
    bytes_after: bytes

    @classmethod
    def of(cls, n_inputs: int, fingerprint: str) -> _Layout:
        if n_inputs > _N_INPUTS_MAX:
            raise Defect(f"An open decision has {n_inputs} inputs to store, the limit is {_N_INPUTS_MAX}.")
        digest = blake2b(fingerprint.encode(), digest_size=_DIGEST_BYTES).digest()
        return cls(_FORM + n_inputs // 256, (n_inputs % 256).to_bytes(1) + digest)

    @classmethod
    def read(cls, value: bytes) -> _Layout:
        form = value[0] >> 4
        if form not in (_FORM, _FORM + 1) or len(value) < _HEADER_BYTES:
            raise Defect(
                f"Stored open decisions start with {value[:_HEADER_BYTES]!r} instead of a header of form {_FORM}."
            )
        return cls(form, value[1:_HEADER_BYTES])

    @property
    def n_inputs(self) -> int:
        return (self.form - _FORM) * 256 + self.bytes_after[0]

    def head(self, n_rows: int) -> bytes:
        return (self.form << 4 | n_rows - 1).to_bytes(1) + self.bytes_after

    def value(self, short: Sequence[bytes]) -> bytes:
        return b"".join((self.head(len(short)), *map(_length, short[:-1]), *short))


def _length(row: bytes) -> bytes:
    return len(row).to_bytes(1) if len(row) < _LONG else _LONG.to_bytes(1) + len(row).to_bytes(2, "little")


def unpack(value: bytes | None, n_inputs: int, fingerprint: str) -> Rows:
    """Return one customer's rows as a writable array; none for a missing value.

    Parameters
    ----------
    value : what `pack` wrote, or None
    n_inputs, fingerprint : of the current feature layout

    Raises
    ------
    Defect : the value is not of this form; the store holds something else under this key
    """
    return unpack_all([value], n_inputs, fingerprint)[0]


def unpack_all(values: Sequence[bytes | None], n_inputs: int, fingerprint: str) -> tuple[Rows, Int64s]:
    """Return the rows of many customers as one array, and the place in `values` that each row comes from.

    Values of one layout are read all at once.

    Raises
    ------
    Defect : a value is not what `pack` wrote
    """
    current = _Layout.of(n_inputs, fingerprint)
    places = np.array([place for place, value in enumerate(values) if value], dtype=np.int64)
    stored = [value for value in values if value]
    heads = _heads(stored)
    parts = []
    for head in heads[:1] if (heads == heads[:1]).all() else np.unique(heads, axis=0):
        layout = _Layout.read(head.tobytes())
        chosen = np.flatnonzero((heads == head).all(axis=1))
        rows, n_rows = _read([stored[i] for i in chosen.tolist()], layout.n_inputs)
        owner = np.repeat(places[chosen], n_rows)
        parts.append((rows if layout == current else _without_inputs(rows, n_inputs), owner))
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([rows for rows, _ in parts]) if parts else empty_rows(n_inputs)
    owner = np.concatenate([owner for _, owner in parts]) if parts else np.zeros(0, dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    return rows[order], owner[order]


def _heads(stored: Sequence[bytes]) -> NDArray[np.uint8]:
    """Return the headers of values without their numbers of rows, shape (n, bytes)."""
    told = bytearray(b"".join([value[:_HEADER_BYTES] for value in stored]))
    if len(told) != _HEADER_BYTES * len(stored):
        shortest = min(stored, key=len)
        raise Defect(f"Stored open decisions are {shortest!r} instead of a header of form {_FORM} and rows.")
    heads = np.frombuffer(told, np.uint8).reshape(-1, _HEADER_BYTES)
    heads[:, 0] &= 0xF0
    return heads


def _read(values: Sequence[bytes], n_inputs: int) -> tuple[Rows, Int64s]:
    """Return the rows of values of one layout, and how many each has."""
    n_rows = np.array([1 + (value[0] & 0x0F) for value in values], dtype=np.int64)
    parted = [
        [v[_HEADER_BYTES:]] if n == 1 else _parted(v, n) for v, n in zip(values, n_rows.tolist(), strict=True)
    ]
    short = list(chain.from_iterable(parted))
    rows = empty_rows(n_inputs, len(short))
    rows_from(short, _marks(len(short), np.cumsum(n_rows) - n_rows), rows)
    return rows, n_rows


def _parted(value: bytes, n_rows: int) -> list[bytes]:
    """Return the short rows of a value; what is cut off is missing at the end of the last one."""
    at = _HEADER_BYTES + n_rows - 1
    lengths = list(value[_HEADER_BYTES:at])
    if _LONG in lengths:
        lengths, at = _long_lengths(value, n_rows - 1)
    short = []
    for length in lengths:
        short.append(value[at : at + length])
        at += length
    short.append(value[at:])
    return short


def _long_lengths(value: bytes, n_lengths: int) -> tuple[list[int], int]:
    """Return the lengths where some are told in three bytes, and where they end."""
    at = _HEADER_BYTES
    lengths = []
    for _ in range(n_lengths):
        start, end = (at + 1, at + 3) if value[at : at + 1] == b"\xff" else (at, at + 1)
        lengths.append(int.from_bytes(value[start:end], "little"))
        at = end
    return lengths, at


def _without_inputs(stored: Rows, n_inputs: int) -> Rows:
    """Return rows of another feature layout in the current one, where their inputs mean nothing."""
    rows = empty_rows(n_inputs, len(stored))
    for name in stored.dtype.names or ():
        if name not in ("inputs_milli", "has_inputs"):
            rows[name] = stored[name]
    rows["has_inputs"] = 0
    return rows


def with_limit(rows: Rows) -> tuple[Rows, Rows]:
    """Return (rows kept, rows that had to leave) so that at most `ROWS_MAX` are kept.

    Closed rows leave first, oldest decision first; then the oldest open ones (count those: they give no
    example). The kept ones stay in their order.
    """
    if len(rows) <= ROWS_MAX:
        return rows, rows[:0]
    is_open = OPEN_STATES[rows["state"]]
    leaving = np.lexsort((rows["offset"], rows["decided_ms"], is_open))[: len(rows) - ROWS_MAX]
    keeps = np.ones(len(rows), dtype=bool)
    keeps[leaving] = False
    return rows[keeps], rows[~keeps]


def due_ms(rows: Rows) -> Int64s:
    """Return when something happens by itself to each row.

    An open row is due at its deadline, a closed one when it is forgotten.
    """
    return np.where(OPEN_STATES[rows["state"]], rows["deadline_ms"], rows["forget_ms"])


def next_due_ms(rows: Rows) -> int | None:
    """Return the earliest time at which something happens by itself to one of the rows; None: never."""
    return int(due_ms(rows).min()) if len(rows) else None


def is_remembered(rows: Rows, stream_time_ms: Int64s | int) -> NDArray[np.bool_]:
    """Return which rows are open, or closed but not to be forgotten yet, at their partitions' times."""
    return np.asarray(OPEN_STATES[rows["state"]] | (rows["forget_ms"] > stream_time_ms))


def without_forgotten(rows: Rows, stream_time_ms: int) -> Rows:
    """Return the rows that are open, or closed but not to be forgotten yet."""
    stays: Rows = rows[is_remembered(rows, stream_time_ms)]
    return stays
