"""Event time: integer milliseconds since 1970-01-01 UTC, intervals half-open [start, end)."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
YEAR_DAYS: Final = 365.2425

LATEST_EVENT_TIME_MS: Final = 4_102_444_800_000
"""Year 2100: a larger number is a unit mistake (microseconds), not a time. Stored seconds fit 32 bits until 2106."""

_EPOCH = date(1970, 1, 1)

_DAYS_REMEMBERED: Final = 64
"""Days whose text is kept: one is written for every output, and a batch is of few days."""


def epoch_day(day: date) -> int:
    """Return the number of days from 1970-01-01 to `day` (negative before).

    Examples
    --------
    >>> epoch_day(date(1970, 1, 2))
    1
    """
    return (day - _EPOCH).days


def date_of_epoch_day(days: int) -> date:
    """Return the date that `epoch_day` maps to `days`."""
    return _EPOCH + timedelta(days=days)


def iso_utc(time_ms: int) -> str:
    """Return `time_ms` as RFC 3339 text with milliseconds, for people and CloudEvents headers.

    Examples
    --------
    >>> iso_utc(1_500)
    '1970-01-01T00:00:01.500Z'
    """
    day, ms = divmod(time_ms, DAY_MS)
    minutes, ms = divmod(ms, MINUTE_MS)
    hour, minute = divmod(minutes, 60)
    second, ms = divmod(ms, SECOND_MS)
    return f"{_date_text(day)}T{hour:02d}:{minute:02d}:{second:02d}.{ms:03d}Z"


def iso_utc_all(times_ms: NDArray[np.int64]) -> list[str]:
    """Return `iso_utc` of each time: 0.2 instead of 0.9 microseconds a time.

    Examples
    --------
    >>> iso_utc_all(np.array([1_500])) == [iso_utc(1_500)]
    True
    """
    texts: list[str] = np.datetime_as_string(times_ms.view("M8[ms]"), unit="ms", timezone="UTC").tolist()
    return texts


@lru_cache(_DAYS_REMEMBERED)
def _date_text(days: int) -> str:
    return date_of_epoch_day(days).isoformat()
