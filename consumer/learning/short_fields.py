"""What an open decision holds beside its inputs, turned into small numbers, lowest bytes first.

Each field is told as what it adds to what is known already, so that its high bytes are zero:

    decided           ms since 2020, 5 bytes; a customer's later rows: since the row before
    delivered         3 s later, 2 bytes; not yet: nothing
    window            30 whole days, 1 byte
    deadline, forget  nothing where they are delivered + window and 30 days more; before delivery the deadline
                      is some whole days after the decision, 1 byte
    codes             low halves of topic, channel, state and segment, two a byte; the high ones are zero
    has inputs        nothing, unless it has none
    logging propensity, offset, keys    as they are

`ALWAYS` low bytes, which hardly a row does without, come before the others.

Rules of this file: pure; both directions are exact for any bytes, with arithmetic modulo 2 ** 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.learning.short_inputs import add_up, unzigzag, zigzag
from consumer.vocabulary.time import DAY_MS

Rows = NDArray[np.void]
Words = NDArray[np.uint32]
Int64s = NDArray[np.int64]
UInt64s = NDArray[np.uint64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_FIELDS: Final = (
    ("codes", "<u2", 2),
    ("high_codes", "<u2", 0),
    ("high_segment", "u1", 0),
    ("has_inputs", "u1", 0),
    ("model_key", "<u2", 2),
    ("product_key", "<u2", 0),
    ("offer_key", "<u2", 2),
    ("offset", "<i8", 4),
    ("logging_propensity", "<u8", 7),
    ("decided_ms", "<u8", 5),
    ("delivered_ms", "<u8", 3),
    ("window_ms", "<u8", 1),
    ("deadline_ms", "<u8", 0),
    ("forget_ms", "<u8", 0),
)
"""Name, type, and how many low bytes are stored even when they are zero."""

ALWAYS: Final = sum(n_always for _, _, n_always in _FIELDS)

_AS_THEY_ARE: Final = ("model_key", "offer_key", "offset")
_TIMES: Final = ("decided_ms", "delivered_ms", "window_ms", "deadline_ms", "forget_ms")

# These are part of the stored form: another number is another form.
_EPOCH_MS: Final = np.uint64(1_577_836_800_000)
_KEPT_MS: Final = np.uint64(30 * DAY_MS)
_BELOW_TWO: Final = np.uint64(0x3F << 56)
"""The first byte of a double from 2 ** -15 to below 2."""

_DAY_TWOS: Final = 10
_DAY_ODD: Final = DAY_MS >> _DAY_TWOS
_DAY_ODD_INVERSE: Final = np.uint64(pow(_DAY_ODD, -1, 2**64))
"""A day is 2 ** 10 times an odd number of ms, and modulo 2 ** 64 every odd number has an inverse."""


@cache
def fields_dtype() -> np.dtype[np.void]:
    """Return the type of the fields of a row as small numbers."""
    return np.dtype([(name, kind) for name, kind, _ in _FIELDS])


@cache
def _byte_order() -> Int64s:
    """Return where the bytes of `fields_dtype` are that are always stored, then the others."""
    always: list[int] = []
    others: list[int] = []
    start = 0
    for name, _, n_always in _FIELDS:
        end = start + fields_dtype()[name].itemsize
        always += range(start, start + n_always)
        others += range(start + n_always, end)
        start = end
    return np.array(always + others)


@cache
def _byte_places() -> Int64s:
    """Return where each byte of `fields_dtype` is in that order."""
    return np.argsort(_byte_order())


def short_fields(rows: Rows, is_first: Bools) -> Bytes:
    """Return the fields of each row, shape (k, bytes), of which all but `ALWAYS` are mostly zero.

    Parameters
    ----------
    rows : shape (k,), one customer's after another's
    is_first : shape (k,), True at each customer's first row
    """
    fields = np.empty(len(rows), fields_dtype())
    codes = _codes(rows)
    fields["codes"], fields["high_codes"] = _halves(codes, from_bit=0), _halves(codes, from_bit=4)
    fields["high_segment"] = (rows["segment"] + 1) >> 8
    fields["has_inputs"] = rows["has_inputs"] ^ 1
    for name in _AS_THEY_ARE:
        fields[name] = rows[name]
    fields["product_key"] = rows["product_key"] ^ rows["model_key"]
    fields["logging_propensity"] = _words(rows, "logging_propensity") ^ _BELOW_TWO
    decided, delivered, window, deadline, forget = (_words(rows, name) for name in _TIMES)
    slack = deadline - _expected_ms(decided, delivered, window)
    fields["decided_ms"] = _steps(decided, is_first)
    fields["delivered_ms"] = _delays(delivered, decided)
    fields["window_ms"] = _days(window)
    fields["deadline_ms"] = np.where(delivered == 0, _days(slack), _zigzag(slack))
    fields["forget_ms"] = _zigzag(forget - deadline - _KEPT_MS)
    return np.take(fields.view(np.uint8).reshape(len(rows), -1), _byte_order(), axis=1)


def fields_into(rows: Rows, short: Bytes, later: Sequence[Int64s]) -> None:
    """Write what `short_fields` was given over all fields of `rows` but the inputs.

    Parameters
    ----------
    later : `later_rows`
    """
    fields = np.take(short, _byte_places(), axis=1).view(fields_dtype())[:, 0]
    codes = _apart(fields["codes"].astype(np.uint32)) | _apart(fields["high_codes"].astype(np.uint32)) << 4
    rows["topic_code"], rows["channel"], rows["state"] = codes & 0xFF, codes >> 8 & 0xFF, codes >> 16 & 0xFF
    rows["segment"] = (fields["high_segment"].astype(np.int16) << 8 | (codes >> 24).astype(np.int16)) - 1
    rows["has_inputs"] = fields["has_inputs"] ^ 1
    for name in _AS_THEY_ARE:
        rows[name] = fields[name]
    rows["product_key"] = fields["product_key"] ^ fields["model_key"]
    rows["logging_propensity"] = (fields["logging_propensity"] ^ _BELOW_TWO).view(np.float64)
    decided = _from_steps(fields["decided_ms"], later)
    delivered = _from_delays(fields["delivered_ms"], decided)
    window = _from_days(fields["window_ms"])
    told = fields["deadline_ms"]
    slack = np.where(delivered == 0, _from_days(told), _unzigzag(told))
    deadline = slack + _expected_ms(decided, delivered, window)
    forget = _unzigzag(fields["forget_ms"]) + deadline + _KEPT_MS
    for name, number in zip(_TIMES, (decided, delivered, window, deadline, forget), strict=True):
        rows[name] = number.view(np.int64)


def _codes(rows: Rows) -> Words:
    """Return topic, channel, state and segment (none is 0) in the low halves of four bytes."""
    words = np.empty((len(rows), 4), np.uint8)
    words[:, 0], words[:, 1], words[:, 2] = rows["topic_code"], rows["channel"], rows["state"]
    words[:, 3] = rows["segment"] + 1
    return words.view(np.uint32)[:, 0]


def _halves(codes: Words, *, from_bit: int) -> Words:
    """Return the halves of four bytes, the low (from bit 0) or the high ones (from 4), as two bytes."""
    halves = codes >> from_bit & 0x0F0F0F0F
    halves |= halves >> 4
    return np.asarray(halves & 0xFF | halves >> 8 & 0xFF00)


def _apart(halves: Words) -> Words:
    """Return what `_halves` was given."""
    codes = halves & 0xFF | (halves & 0xFF00) << 8
    return np.asarray(codes & 0x000F000F | (codes & 0x00F000F0) << 4)


def _expected_ms(decided: UInt64s, delivered: UInt64s, window: UInt64s) -> UInt64s:
    """Return from when a deadline is told: the end of the window, before delivery the decision."""
    return np.where(delivered == 0, decided, delivered + window)


def _steps(decided: UInt64s, is_first: Bools) -> UInt64s:
    steps = decided - _EPOCH_MS
    later = np.flatnonzero(~is_first)
    steps[later] = _zigzag(decided[later] - decided[later - 1])
    return steps


def _from_steps(steps: UInt64s, later: Sequence[Int64s]) -> UInt64s:
    decided = steps + _EPOCH_MS
    if later:
        rows = np.concatenate(later)
        decided[rows] = _unzigzag(steps[rows])
        add_up(decided, later)
    return decided


def _delays(delivered: UInt64s, decided: UInt64s) -> UInt64s:
    """Return how long after the decision; 0 stands for a delivery at 0, and what 0 would be for no delay."""
    delays = np.where(delivered == 0, np.uint64(0), _zigzag(delivered - decided))
    return np.where((delays == 0) & (delivered != 0), _zigzag(np.uint64(0) - decided), delays)


def _from_delays(delays: UInt64s, decided: UInt64s) -> UInt64s:
    is_at_once = delays == _zigzag(np.uint64(0) - decided)
    delivered = np.where(is_at_once, decided, decided + _unzigzag(delays))
    return np.where(delays == 0, np.uint64(0), delivered)


def _days(times: UInt64s) -> UInt64s:
    """Return whole days as their number; what is no whole number of days becomes some large number."""
    odd = times * _DAY_ODD_INVERSE
    return np.asarray(odd >> _DAY_TWOS | odd << (64 - _DAY_TWOS))


def _from_days(days: UInt64s) -> UInt64s:
    return np.asarray((days << _DAY_TWOS | days >> (64 - _DAY_TWOS)) * np.uint64(_DAY_ODD))


def _zigzag(numbers: UInt64s) -> UInt64s:
    return np.asarray(zigzag(numbers.view(np.int64)))


def _unzigzag(numbers: UInt64s) -> UInt64s:
    return np.asarray(unzigzag(np.ascontiguousarray(numbers)).view(np.uint64))


def _words(rows: Rows, name: str) -> NDArray[Any]:
    return np.ascontiguousarray(rows[name]).view(np.uint64)
