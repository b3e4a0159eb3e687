"""The profile: who the customer is and what the customer agreed to.

The profile with the largest event time is the true one as a whole (a tie goes to the later arrival, as
in the compacted topic it comes from). An objection to profiling wipes everything that was learned of
the customer, and later events are not even looked at (GDPR Art. 21).

Rules of this file: zero means missing, hence numbers are stored plus one and dates from `NO_DAY`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from consumer.features.event_columns import (
    CONSENT_BITS,
    NO_DAY,
    Bools,
    EventColumns,
    Int64s,
    ProfileColumns,
)
from consumer.features.fields import PROFILE_FIELD_NAMES, RECENT_EVENT_FIELD_NAMES
from consumer.features.layout import Records

_MARKETING: Final = 1 << CONSENT_BITS.index("marketing")
_PROFILING: Final = 1 << CONSENT_BITS.index("profiling")
_IS_KNOWN: Final = 1
_IS_VULNERABLE: Final = 2
_IS_DECEASED: Final = 4

_PLUS_ONE: Final = (
    "income_minor",
    "credit_limit_minor",
    "credit_score",
    "employment_status",
    "kyc_status",
    "aml_status",
)
_MISSING_IS_MINUS_ONE: Final = ("occupation", "region")
_DAYS: Final = ("birth_day", "joined_day")
_AS_THEY_ARE: Final = ("holdings", "consents")


def is_known(records: Records) -> Bools:
    """Return which customers have a profile."""
    return np.asarray((records["profile_flags"] & _IS_KNOWN) != 0)


def objects_to_profiling(records: Records, customers: Int64s) -> Bools:
    """Return which of `customers` have a profile that does not agree to profiling."""
    known = (records["profile_flags"][customers] & _IS_KNOWN) != 0
    return np.asarray(known & ((records["consents"][customers] & _PROFILING) == 0))


def consents(records: Records) -> Int64s:
    """Return each customer's consents (`CONSENT_BITS`) as they stand.

    A customer who opted out on a channel after the profile was written has withdrawn the consent to
    marketing, until a newer profile says otherwise.
    """
    bits = records["consents"].astype(np.int64)
    opted_out = (records["opted_out_ms"] > 0) & (records["opted_out_ms"] >= records["profile_ms"])
    return np.where(opted_out, bits & ~_MARKETING, bits)


def is_vulnerable(records: Records) -> Bools:
    """Return which customers must not be sold anything."""
    return np.asarray((records["profile_flags"] & _IS_VULNERABLE) != 0)


def is_deceased(records: Records) -> Bools:
    """Return which customers have died."""
    return np.asarray((records["profile_flags"] & _IS_DECEASED) != 0)


def as_arrived(records: Records, name: str) -> Int64s:
    """Return a column of the profiles as it arrived, missing values marked as in `ProfileColumns`.

    Parameters
    ----------
    name : a column of `ProfileColumns` that holds numbers; `consents` are those of the profile, the function
        of that name also knows of later withdrawals
    """
    values = records[name].astype(np.int64)
    if name in _PLUS_ONE:
        return values - 1
    if name in _DAYS:
        return values + NO_DAY
    return np.where(values > 0, values, -1) if name in _MISSING_IS_MINUS_ONE else values


def profile_of(records: Records) -> ProfileColumns:
    """Return the profiles as they arrived (`as_arrived`)."""
    names = (*_PLUS_ONE, *_AS_THEY_ARE, *_DAYS, *_MISSING_IS_MINUS_ONE)
    return ProfileColumns(
        **{name: as_arrived(records, name) for name in names},
        is_vulnerable=is_vulnerable(records),
        is_deceased=is_deceased(records),
    )


def update_profiles(records: Records, events: EventColumns, rows: Int64s) -> None:
    """Take over the profiles at `rows` that are not older than the one held; wipe on objection."""
    rows = rows[events.event_time_ms[rows] >= records["profile_ms"][events.customer[rows]]]
    if not len(rows):
        return
    customer, detail, arrived = events.customer[rows], events.detail[rows], events.profiles
    records["profile_ms"][customer] = events.event_time_ms[rows]
    for name in _PLUS_ONE:
        records[name][customer] = getattr(arrived, name)[detail] + 1
    for name in _AS_THEY_ARE:
        records[name][customer] = getattr(arrived, name)[detail]
    for name in _DAYS:
        records[name][customer] = getattr(arrived, name)[detail] - NO_DAY
    for name in _MISSING_IS_MINUS_ONE:
        records[name][customer] = np.maximum(getattr(arrived, name)[detail], 0)
    vulnerable, deceased = arrived.is_vulnerable[detail], arrived.is_deceased[detail]
    records["profile_flags"][customer] = (
        _IS_KNOWN | np.where(vulnerable, _IS_VULNERABLE, 0) | np.where(deceased, _IS_DECEASED, 0)
    )
    _wipe(records, customer[objects_to_profiling(records, customer)])


def _wipe(records: Records, customers: Int64s) -> None:
    """Keep nothing but the profile, and the hashes that stop a redelivery from bringing wiped events back.

    The time of the record becomes the profile's, so not even the time of the last activity is left.
    """
    if not len(customers):
        return
    kept = np.zeros(len(customers), dtype=records.dtype)
    for name in (*PROFILE_FIELD_NAMES, *RECENT_EVENT_FIELD_NAMES):
        kept[name] = records[name][customers]
    kept["as_of_ms"] = kept["profile_ms"]
    records[customers] = kept
