"""A batch of events as columns: what the fold reads.

One row is one accepted event in order of arrival. Columns that do not apply to an event's source hold
their neutral value (0, -1 or False), so that every column is full and the fold needs no branches.

Rules of this file: data only; no event is interpreted here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
UInt64s = NDArray[np.uint64]
UInt8s = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


NO_DAY = -(2**31)
"""Marks a missing date; epoch days of living people stay far above it."""

CONSENT_BITS = ("marketing", "profiling", "app", "web", "email", "sms", "push", "branch", "call_centre")
"""Bit i of `consents` is the consent of this name; bits 2.. are the channels in `CHANNELS` order."""


class EventSource(IntEnum):
    """Which stream an event came from; the numbers are the order of `INPUT_ROLES`."""

    PROFILE = 0
    TRAITS = 1
    TRANSACTION = 2
    INTERACTION = 3
    OUTCOME = 4


PROFILE: Final = EventSource.PROFILE.value
TRAITS: Final = EventSource.TRAITS.value
TRANSACTION: Final = EventSource.TRANSACTION.value
INTERACTION: Final = EventSource.INTERACTION.value
OUTCOME: Final = EventSource.OUTCOME.value
"""Plain numbers for the fold: to look a member of an enumeration up costs as much as a small array sum."""


@dataclass(frozen=True, slots=True)
class ProfileColumns:
    """Profiles of a batch, m rows; -1 (dates: `NO_DAY`) marks a missing value.

    `occupation` and `region` are the low 32 bits of `stable_hash64` of the text (never 0); statuses are
    the word's code; `holdings` has bit i set for product i; `consents` as in `CONSENT_BITS`.
    """

    birth_day: Int64s
    income_minor: Int64s
    occupation: Int64s
    employment_status: Int64s
    credit_score: Int64s
    region: Int64s
    joined_day: Int64s
    holdings: Int64s
    credit_limit_minor: Int64s
    consents: Int64s
    kyc_status: Int64s
    aml_status: Int64s
    is_vulnerable: Bools
    is_deceased: Bools


@dataclass(frozen=True, slots=True)
class TraitsColumns:
    """Traits of a batch, m rows; -1 marks a missing segment, NaN a missing number."""

    segment: Int64s
    lifetime_value_minor: Floats
    churn_probability: Floats
    affinity: Floats


@dataclass(frozen=True, slots=True)
class EventColumns:
    """n events in order of arrival; `customer` is the row of the customer in the batch's records.

    customer : row in the record array
    event_time_ms : when it happened
    event_key : `event_key` of the event id, for the duplicate ring
    source : `EventSource`
    kind : code in the source's vocabulary (TRANSACTION_KINDS, INTERACTION_KINDS, OUTCOME_KINDS; else 0)
    channel : code in CHANNELS (interactions, and outcomes: the offer's channel), else 0
    is_credit, amount_minor, balance_minor, has_balance : transactions
    merchant_category : ISO 18245 code, -1 when absent
    product : product column, -1 when none (interactions, outcomes: the offer's first product)
    satisfaction : 1-5, 0 when absent (interactions, outcomes)
    detail : row in `profiles` or `traits`, else -1
    """

    customer: Int64s
    event_time_ms: Int64s
    event_key: UInt64s
    source: UInt8s
    kind: UInt8s
    channel: UInt8s
    is_credit: Bools
    amount_minor: Int64s
    merchant_category: Int64s
    balance_minor: Int64s
    has_balance: Bools
    product: Int64s
    satisfaction: UInt8s
    detail: Int64s
    profiles: ProfileColumns
    traits: TraitsColumns

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.customer)
