"""Bank time: the local clock that quiet hours, seasons, active dates and budgets go by.

A policy names one zone, an IANA name or a fixed offset such as "+10:00". Offsets are looked up once a UTC
day in steps of a quarter of an hour (every change of the clock since 1970 falls on one), so a batch
costs one table lookup an event.

Rules of this file: pure; the same instant and zone give the same local time, whatever the machine's zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

Int64s = NDArray[np.int64]

_QUARTER_MS: Final = 15 * MINUTE_MS
_QUARTERS: Final = DAY_MS // _QUARTER_MS
_FIXED: Final = re.compile(r"^([+-])(\d{2}):([0-5]\d)$")
_DAYS_AT_ONCE: Final = 64
"""The events of a batch lie within few days; only beyond these many are the days told apart by sorting."""

_THURSDAY: Final = 3
"""1970-01-01 was a Thursday; weekdays count from Monday = 0."""


@dataclass(frozen=True, slots=True)
class LocalTime:
    """Local parts of n instants, each shape (n,).

    day : days since 1970-01-01, local; weekday : 0 = Monday; minute : of the day; month : 1-12
    """

    day: Int64s
    weekday: Int64s
    minute: Int64s
    month: Int64s


def zone_fault(name: str) -> str | None:
    """Return what is wrong with a zone's name, as the rest of a sentence, or None."""
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return (
            f"is {name!r}, neither an IANA time zone that this machine knows nor an offset such as '+10:00'"
        )
    return None


def local_time(zone_name: str, at_ms: Int64s) -> LocalTime:
    """Return the local parts of instants.

    Examples
    --------
    >>> noon = np.array([12 * 3_600_000])
    >>> local_time("+10:00", noon).minute // 60
    array([22])
    """
    local_ms = at_ms + offset_ms(zone_name, at_ms)
    day = local_ms // DAY_MS
    months = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return LocalTime(day, (day + _THURSDAY) % 7, local_ms % DAY_MS // MINUTE_MS, months % 12 + 1)


def local_day(zone_name: str, at_ms: Int64s) -> Int64s:
    """Return `local_time(...).day` alone: days since 1970-01-01, local, shape (n,)."""
    return np.asarray((at_ms + offset_ms(zone_name, at_ms)) // DAY_MS)


def offset_ms(zone_name: str, at_ms: Int64s) -> Int64s:
    """Return what to add to UTC to get local time, shape (n,), in ms."""
    if not len(at_ms):
        return np.zeros(0, np.int64)
    quarter = at_ms // _QUARTER_MS
    first_day, last_day = (int(end) // _QUARTERS for end in (quarter.min(), quarter.max()))
    if last_day - first_day < _DAYS_AT_ONCE:
        place = quarter - first_day * _QUARTERS
        return np.asarray(_offsets_of_days(zone_name, first_day, last_day)[place])
    days, row = np.unique(quarter // _QUARTERS, return_inverse=True)
    table = np.stack([_offsets_of_day(zone_name, int(day)) for day in days])
    return np.asarray(table[row, quarter % _QUARTERS])


@lru_cache(maxsize=256)
def _offsets_of_days(zone_name: str, first_day: int, last_day: int) -> Int64s:
    """Return the offset of each quarter of an hour of consecutive UTC days, one after another."""
    return np.concatenate([_offsets_of_day(zone_name, day) for day in range(first_day, last_day + 1)])


@lru_cache(maxsize=4_096)
def _offsets_of_day(zone_name: str, day: int) -> Int64s:
    """Return the offset of each quarter of an hour of a UTC day; shape (96,)."""
    zone = _zone(zone_name)
    first, last = (_offset_at(zone, day * DAY_MS + quarter * _QUARTER_MS) for quarter in (0, _QUARTERS))
    if first == last:
        return np.full(_QUARTERS, first, np.int64)
    return np.array([_offset_at(zone, day * DAY_MS + i * _QUARTER_MS) for i in range(_QUARTERS)], np.int64)


def _offset_at(zone: tzinfo, at_ms: int) -> int:
    offset = datetime.fromtimestamp(at_ms // SECOND_MS, UTC).astimezone(zone).utcoffset()
    return round((offset or timedelta()) / timedelta(milliseconds=1))


@lru_cache(maxsize=16)
def _zone(name: str) -> tzinfo:
    fixed = _FIXED.match(name)
    if fixed is None:
        return ZoneInfo(name)
    sign, hours, minutes = fixed.groups()
    size_ms = int(hours) * HOUR_MS + int(minutes) * MINUTE_MS
    return timezone(timedelta(milliseconds=-size_ms if sign == "-" else size_ms))
