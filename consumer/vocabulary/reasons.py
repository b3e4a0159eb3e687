"""Reason codes: why a candidate fell out, and why a record became a dead letter.

A code's number is stored in columns and its name in records and metrics, so both are stable:
append, never renumber. The text is what an agent or an auditor reads.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class Exclusion(IntEnum):
    """Why an offer is not a candidate; 0 means that it is one. Lower codes are checked first."""

    NONE = 0
    UNKNOWN_CUSTOMER = 1
    NO_MARKETING_CONSENT = 2
    NO_PROFILING_CONSENT = 3
    DECEASED = 4
    MINOR = 5
    KYC_INCOMPLETE = 6
    AML_HOLD = 7
    VULNERABLE = 8
    ALREADY_HELD = 20
    NOT_ELIGIBLE = 21
    NOT_APPLICABLE = 22
    NOT_SUITABLE = 23
    NO_CHANNEL = 40
    QUIET_HOURS = 41
    CAP_TOTAL = 42
    CAP_CHANNEL = 43
    CAP_OFFER = 44
    COOLING_OFF = 45
    MUTUALLY_EXCLUSIVE = 46
    BUDGET_SPENT = 47
    OFFER_INACTIVE = 48

    @property
    def code(self) -> str:
        """The name in records, metrics and pages: `cap_total`."""
        return self.name.lower()


EXCLUSION_TEXTS: Final[dict[Exclusion, str]] = {
    Exclusion.NONE: "is a candidate",
    Exclusion.UNKNOWN_CUSTOMER: "no profile of this customer has arrived, so no consent is known",
    Exclusion.NO_MARKETING_CONSENT: "the customer has not consented to marketing",
    Exclusion.NO_PROFILING_CONSENT: "the customer objects to profiling",
    Exclusion.DECEASED: "the customer has died",
    Exclusion.MINOR: "the customer is under age",
    Exclusion.KYC_INCOMPLETE: "identification (KYC) is not complete",
    Exclusion.AML_HOLD: "an anti-money-laundering review or hold is open",
    Exclusion.VULNERABLE: "the customer is marked as vulnerable",
    Exclusion.ALREADY_HELD: "the customer already holds the product",
    Exclusion.NOT_ELIGIBLE: "an eligibility rule of the offer is not met",
    Exclusion.NOT_APPLICABLE: "the offer does not fit this trigger, season or channel",
    Exclusion.NOT_SUITABLE: "the offer is not in the customer's interest",
    Exclusion.NO_CHANNEL: "no channel is both consented to and offered",
    Exclusion.QUIET_HOURS: "every open channel is in its quiet hours",
    Exclusion.CAP_TOTAL: "the customer's cap of contacts is reached",
    Exclusion.CAP_CHANNEL: "the cap of contacts is reached on every open channel",
    Exclusion.CAP_OFFER: "the cap of contacts for this offer is reached",
    Exclusion.COOLING_OFF: "the customer refused this product lately",
    Exclusion.MUTUALLY_EXCLUSIVE: "an offer that excludes this one is live",
    Exclusion.BUDGET_SPENT: "the offer's budget of the day is spent",
    Exclusion.OFFER_INACTIVE: "the offer is switched off or outside its dates",
}


class DeadLetterCode(StrEnum):
    """Why a record is unusable; the value is the `error_code` header of the dead letter."""

    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    WRONG_SHAPE = "wrong_shape"
    UNSUPPORTED_VERSION = "unsupported_version"
    OVERSIZED = "oversized"
    EMPTY_VALUE = "empty_value"
    KEY_MISMATCH = "key_mismatch"
    UNKNOWN_PRODUCT = "unknown_product"
    FUTURE_TIME = "future_time"
    INVALID_NUMBER = "invalid_number"
    NEGATIVE_AMOUNT = "negative_amount"


def reason_codes_page() -> str:
    """Return `docs/reason-codes.md`: every reason code of a decision record, in words."""
    rows = [f"| `{code.code}` | {EXCLUSION_TEXTS[code]} |" for code in Exclusion if code]
    return "\n".join(
        [
            "# Reason codes",
            "",
            "Why an offer was no candidate of a decision. `exclusions` of a decision record maps each excluded offer to",
            "the first code that applies, in this order; the metric `upswell_exclusions_total` counts them.",
            "Generated from `consumer/vocabulary/reasons.py` by `python -m upswell.documents`.",
            "",
            "| code | meaning |",
            "|---|---|",
            *rows,
            "",
        ]
    )
