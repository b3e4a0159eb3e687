"""Records on their way to the bus: their bytes, and what each of them is meant to be.

The structs mirror the pydantic models of `consumer.vocabulary.messages` for speed (a test holds them
to the models); optional fields that are empty are left out.

Rules of this file: bytes in `Outgoing.value` are final. Whatever is changed about a record is a new
record with its own fate.
"""

from __future__ import annotations

from typing import Final

import msgspec

from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.time import iso_utc
from consumer.vocabulary.topics import INPUT_ROLES

GOOD: Final = "good"
DUPLICATE: Final = "duplicate"
LATE: Final = "late"
OUT_OF_ORDER: Final = "out_of_order"
CLOCK_SKEW: Final = "clock_skew"
MALFORMED_PREFIX: Final = "malformed."
"""Fates: what was done to a record. A malformed one names its kind after the prefix."""

SOURCE: Final = "/upswell/simulated-bank"
ROLE_ORDER: Final = {role: place for place, role in enumerate(INPUT_ROLES)}

encode = msgspec.json.Encoder().encode


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One record to publish, with the bank time at which it reaches the bus and its fate."""

    role: str
    key: bytes
    value: bytes | None
    event_id: str
    event_time_ms: int
    arrival_ms: int
    fate: str = GOOD

    @property
    def order(self) -> tuple[int, int, str]:
        """Where the record stands in the stream: by arrival, a profile before what needs it."""
        return (self.arrival_ms, ROLE_ORDER[self.role], self.event_id)


class TransactionRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`bank.transactions`."""

    schema_version: str
    event_id: str
    customer_id: str
    event_time_ms: int
    kind: str
    direction: str
    amount_minor: int
    currency: str
    channel: str
    merchant_category: str | None = None
    balance_after_minor: int | None = None


class InteractionRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`bank.interactions`."""

    schema_version: str
    event_id: str
    customer_id: str
    event_time_ms: int
    channel: str
    kind: str
    product_id: str | None = None
    duration_ms: int | None = None
    satisfaction: int | None = None


class CustomerRecord(msgspec.Struct, frozen=True, gc=False):
    """`bank.customers`: the whole profile; the dates are ISO 8601."""

    schema_version: str
    event_id: str
    customer_id: str
    event_time_ms: int
    birth_date: str
    income_minor: int
    occupation: str
    employment_status: str
    credit_score: int
    region: str
    joined_on: str
    holdings: list[str]
    credit_limit_minor: int
    consents: dict[str, bool]
    kyc_status: str
    aml_status: str
    vulnerable: bool
    deceased: bool
    protected: dict[str, str]


class OutcomeRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """`campaign.outcomes`."""

    schema_version: str
    event_id: str
    customer_id: str
    event_time_ms: int
    decision_id: str
    kind: str
    revenue_minor: int | None = None
    satisfaction: int | None = None


BankRecord = TransactionRecord | InteractionRecord | CustomerRecord | OutcomeRecord
_ROLES: Final[dict[type, str]] = {
    TransactionRecord: "transactions",
    InteractionRecord: "interactions",
    CustomerRecord: "customers",
    OutcomeRecord: "outcomes",
}


def outgoing(record: BankRecord, arrival_ms: int) -> Outgoing:
    """Return a bank record as it goes out, keyed by its customer."""
    return Outgoing(
        _ROLES[type(record)],
        record.customer_id.encode(),
        encode(record),
        record.event_id,
        record.event_time_ms,
        arrival_ms,
    )


def cloud_event_headers(record: Outgoing) -> list[tuple[str, str | bytes | None]]:
    """Return the CloudEvents 1.0 attributes of a record as Kafka headers.

    Examples
    --------
    >>> dict(cloud_event_headers(Outgoing("outcomes", b"c1", b"{}", "e1", 0, 0)))["ce_type"]
    'upswell.outcomes.v1'
    """
    major = SCHEMA_VERSION.partition(".")[0]
    return [
        ("ce_id", record.event_id),
        ("ce_source", SOURCE),
        ("ce_type", f"upswell.{record.role}.v{major}"),
        ("ce_time", iso_utc(record.event_time_ms)),
        ("ce_specversion", "1.0"),
    ]
