"""Bad records on purpose: each kind spoils a copy of a good record in one way.

A malformed record is an extra record with an id of its own, so the good one still arrives and what
the consumer should know stays defined.

Rules of this file: pure. `EXPECTED_CODES` says which dead letter each kind must become.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from consumer.vocabulary.reasons import DeadLetterCode
from consumer.vocabulary.time import DAY_MS
from producer_sim.records import MALFORMED_PREFIX, BankRecord, Outgoing, outgoing

OVERSIZED_BYTES: Final = 70_000
"""Above 64 KiB, where the consumer stops reading; small enough for any broker."""

Fields = dict[str, Any]

EXPECTED_CODES: Final[dict[str, DeadLetterCode]] = {
    "not_json": DeadLetterCode.NOT_JSON,
    "not_utf8": DeadLetterCode.NOT_UTF8,
    "wrong_type": DeadLetterCode.WRONG_SHAPE,
    "missing_field": DeadLetterCode.WRONG_SHAPE,
    "unknown_version": DeadLetterCode.UNSUPPORTED_VERSION,
    "oversized": DeadLetterCode.OVERSIZED,
    "key_mismatch": DeadLetterCode.KEY_MISMATCH,
    "future_time": DeadLetterCode.FUTURE_TIME,
    "nan": DeadLetterCode.INVALID_NUMBER,
    "negative_amount": DeadLetterCode.NEGATIVE_AMOUNT,
    "empty_value": DeadLetterCode.EMPTY_VALUE,
    "unknown_product": DeadLetterCode.UNKNOWN_PRODUCT,
}
_EVERYWHERE: Final = (
    "not_json",
    "not_utf8",
    "wrong_type",
    "missing_field",
    "unknown_version",
    "oversized",
    "key_mismatch",
    "future_time",
)
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "transactions": (*_EVERYWHERE, "nan", "negative_amount", "empty_value"),
    "interactions": (*_EVERYWHERE, "empty_value", "unknown_product"),
    "customers": (*_EVERYWHERE, "unknown_product"),
    "outcomes": (*_EVERYWHERE, "empty_value"),
}
"""A null value on a compacted topic is no fault: it erases. Only transactions always have an amount."""


def spoil(record: BankRecord, kind: str, *, arrival_ms: int) -> Outgoing:
    """Return a spoilt copy of `record`."""
    fields: Fields = msgspec.json.decode(outgoing(record, arrival_ms).value or b"{}")
    fields["event_id"] = f"x.{record.event_id}"[:64]
    key, value = _SPOILERS[kind](fields, arrival_ms)
    role = outgoing(record, arrival_ms).role
    return Outgoing(
        role, key, value, fields["event_id"], record.event_time_ms, arrival_ms, f"{MALFORMED_PREFIX}{kind}"
    )


def _plain(fields: Fields, **changes: object) -> tuple[bytes, bytes]:
    return fields["customer_id"].encode(), msgspec.json.encode({**fields, **changes})


def _cut(fields: Fields, _arrival_ms: int) -> tuple[bytes, bytes]:
    key, value = _plain(fields)
    return key, value[: len(value) // 2]


def _not_utf8(fields: Fields, _arrival_ms: int) -> tuple[bytes, bytes]:
    key, value = _plain(fields)
    return key, value.replace(b'"event_id":"x.', b'"event_id":"x\xff\xfe', 1)


def _missing(fields: Fields, _arrival_ms: int) -> tuple[bytes, bytes]:
    rest = {name: value for name, value in fields.items() if name != "event_time_ms"}
    return _plain(rest)


def _nan(fields: Fields, _arrival_ms: int) -> tuple[bytes, bytes]:
    key, value = _plain(fields, amount_minor="?")
    return key, value.replace(b'"amount_minor":"?"', b'"amount_minor":NaN')


def _wrong_product(fields: Fields, _arrival_ms: int) -> tuple[bytes, bytes]:
    if "holdings" in fields:
        return _plain(fields, holdings=[*fields["holdings"], "no_such_product"])
    return _plain(fields, product_id="no_such_product")


_SPOILERS: Final[dict[str, Callable[[Fields, int], tuple[bytes, bytes | None]]]] = {
    "not_json": _cut,
    "not_utf8": _not_utf8,
    "wrong_type": lambda fields, _: _plain(fields, event_time_ms=str(fields["event_time_ms"])),
    "missing_field": _missing,
    "unknown_version": lambda fields, _: _plain(fields, schema_version="2.0"),
    "oversized": lambda fields, _: _plain(fields, padding="x" * OVERSIZED_BYTES),
    "key_mismatch": lambda fields, _: (b"somebody-else", _plain(fields)[1]),
    "future_time": lambda fields, arrival_ms: _plain(fields, event_time_ms=arrival_ms + DAY_MS),
    "nan": _nan,
    "negative_amount": lambda fields, _: _plain(fields, amount_minor=-1),
    "empty_value": lambda fields, _: (fields["customer_id"].encode(), None),
    "unknown_product": _wrong_product,
}
