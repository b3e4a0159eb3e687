"""Offers that were made and whose answer may still come: one row each, one value a customer.

A row keeps what its example will need (inputs, logging propensity) from the moment of the decision, so
that the model learns from exactly what it saw. All rows of a customer are one value of the store:

    byte 0       3                              form of the value
    bytes 1-4    9f 86 d0 81                    from the fingerprint of the features that the inputs come from
    bytes 5-6    108, little endian             number of inputs F
    byte 7       2                              number of rows
    2 bytes each 153, 88                        length of each row
    then the rows, short (`stored_rows`)        about 150 bytes for the first of 115 inputs, 90 for each more

In memory a row is `open_decision_dtype(F)`, 76 + 4 F bytes (508 for F = 108). Values of the former form, which
began with "OD2", held the rows like that; they are still read.

Rules of this file: pure; a value of another feature layout is still read: its rows go on through every
state, but they can no longer become examples (`has_inputs` is 0), since no model of today could use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from itertools import pairwise

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

_FORM = b"\x03"
_DIGEST_BYTES = 4
_HEADER_BYTES = len(_FORM) + _DIGEST_BYTES + 2
_LENGTHS_AT = _HEADER_BYTES + 1

_FORMER_MAGIC = b"OD2\0"
_FORMER_FINGERPRINT_BYTES = 16
_FORMER_HEADER_BYTES = len(_FORMER_MAGIC) + _FORMER_FINGERPRINT_BYTES + 2


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
    logging_propensity, p_accept, segment (-1 unknown), inputs_milli : as decided
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
            ("p_accept", "<f8"),
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
    header = _header(fingerprint, rows.dtype["inputs_milli"].shape[0])
    ends = np.cumsum(n_rows, dtype=np.int64)
    short = row_bytes(rows, _marks(len(rows), ends - n_rows)) if len(rows) else []
    told = pairwise([0, *ends.tolist()])
    return [_value(header, short[start:end]) if start < end else b"" for start, end in told]


def _value(header: bytes, short: Sequence[bytes]) -> bytes:
    lengths = [len(row).to_bytes(2, "little") for row in short]
    return b"".join((header, len(short).to_bytes(1), *lengths, *short))


def _marks(n_rows: int, starts: Int64s) -> NDArray[np.bool_]:
    """Return True at each customer's first row; a customer without rows starts where the next one does."""
    marks = np.zeros(n_rows, dtype=bool)
    marks[starts[starts < n_rows]] = True
    return marks


def _header(fingerprint: str, n_inputs: int) -> bytes:
    digest = blake2b(fingerprint.encode(), digest_size=_DIGEST_BYTES).digest()
    return _FORM + digest + n_inputs.to_bytes(2, "little")


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
    current = (_header(fingerprint, n_inputs), _former_header(fingerprint, n_inputs))
    places_of: dict[bytes, list[int]] = {}
    for place, value in enumerate(values):
        if value:
            size = _HEADER_BYTES if value.startswith(_FORM) else _FORMER_HEADER_BYTES
            places_of.setdefault(value[:size], []).append(place)
    parts = []
    for header, places in places_of.items():
        read = _read if header.startswith(_FORM) else _read_former
        rows, n_rows = read([values[place] or b"" for place in places], int.from_bytes(header[-2:], "little"))
        owner = np.repeat(np.array(places, dtype=np.int64), n_rows)
        parts.append((rows if header in current else _without_inputs(rows, n_inputs), owner))
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([rows for rows, _ in parts]) if parts else empty_rows(n_inputs)
    owner = np.concatenate([owner for _, owner in parts]) if parts else np.zeros(0, dtype=np.int64)
    order = np.argsort(owner, kind="stable")
    return rows[order], owner[order]


def _read(values: Sequence[bytes], n_inputs: int) -> tuple[Rows, Int64s]:
    """Return the rows of values of one layout, and how many each has."""
    short: list[bytes] = []
    n_rows = np.fromiter(
        (value[_HEADER_BYTES] if len(value) > _HEADER_BYTES else 0 for value in values), np.int64
    )
    for value, count in zip(values, n_rows.tolist(), strict=True):
        at = _LENGTHS_AT + 2 * count
        for i in range(_LENGTHS_AT, at, 2):
            end = at + int.from_bytes(value[i : i + 2], "little")
            short.append(value[at:end])
            at = end
        if at != len(value):
            raise Defect(f"Stored open decisions have {len(value)} bytes instead of {at}.")
    rows = empty_rows(n_inputs, len(short))
    rows_from(short, _marks(len(short), np.cumsum(n_rows) - n_rows), rows)
    return rows, n_rows


def _read_former(values: Sequence[bytes], n_inputs: int) -> tuple[Rows, Int64s]:
    """Return the rows of values of the former form, and how many each has."""
    if not values[0].startswith(_FORMER_MAGIC):
        raise Defect(f"Stored open decisions start with {values[0][:4]!r} instead of {_FORM!r}.")
    dtype = open_decision_dtype(n_inputs)
    bodies = [value[_FORMER_HEADER_BYTES:] for value in values]
    if any(not body or len(body) % dtype.itemsize for body in bodies):
        raise Defect("Stored open decisions are cut short.")
    n_rows = np.array([len(body) // dtype.itemsize for body in bodies], dtype=np.int64)
    return np.frombuffer(bytearray(b"".join(bodies)), dtype), n_rows


def _former_header(fingerprint: str, n_inputs: int) -> bytes:
    told = fingerprint.encode().ljust(_FORMER_FINGERPRINT_BYTES, b"\0")
    return _FORMER_MAGIC + told + n_inputs.to_bytes(2, "little")


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
