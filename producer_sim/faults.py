"""Faults of the road between the bank and the bus: each record gets a fate.

One uniform draw a record decides whether and which fault strikes; a second one how badly. A record is
struck by at most one fault, so that the counts of fates add up to what was published.

Rules of this file: pure. Duplicates repeat the bytes; late and disordered records keep their event
time and only arrive later; a skewed clock changes the event time by less than the consumer refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from producer_sim.draws import Floats
from producer_sim.malformed import KINDS, spoil
from producer_sim.records import CLOCK_SKEW, DUPLICATE, LATE, OUT_OF_ORDER, BankRecord, Outgoing, outgoing
from producer_sim.settings import FaultRates

ROAD_MS: Final = 250
"""What the way to the bus takes when nothing goes wrong."""

DRAWS_A_RECORD: Final = 2
_LATE_LEAST_MS: Final = 2 * HOUR_MS
_LATE_MOST_MS: Final = 3 * DAY_MS
_DISORDER_MOST_MS: Final = 20 * MINUTE_MS
_REPEAT_MOST_MS: Final = 3 * MINUTE_MS
"""A producer that retries does so soon; the consumer's memory of ids is short by design."""

_SKEW_BACK_MS: Final = 10 * MINUTE_MS
_SKEW_AHEAD_MS: Final = 4 * MINUTE_MS


def send(records: Sequence[BankRecord], draws: Floats, rates: FaultRates) -> list[Outgoing]:
    """Return what reaches the bus of `records`, in no particular order.

    Parameters
    ----------
    draws : shape (records, `DRAWS_A_RECORD`), uniform
    """
    struck_share = rates.record_faults
    if struck_share == 0.0:
        return [outgoing(record, record.event_time_ms + ROAD_MS) for record in records]
    sent: list[Outgoing] = []
    for record, (which, how) in zip(records, draws.tolist(), strict=True):
        if which >= struck_share:
            sent.append(outgoing(record, record.event_time_ms + ROAD_MS))
        else:
            sent.extend(_struck(record, which, how, rates))
    return sent


def _struck(record: BankRecord, which: float, how: float, rates: FaultRates) -> list[Outgoing]:
    arrival_ms = record.event_time_ms + ROAD_MS
    good = outgoing(record, arrival_ms)
    limit = rates.duplicate
    if which < limit:
        later = arrival_ms + SECOND_MS + int(how * _REPEAT_MOST_MS)
        return [good, msgspec.structs.replace(good, arrival_ms=later, fate=DUPLICATE)]
    limit += rates.late
    if which < limit:
        delay_ms = _LATE_LEAST_MS + int(how**2 * (_LATE_MOST_MS - _LATE_LEAST_MS))
        return [msgspec.structs.replace(good, arrival_ms=arrival_ms + delay_ms, fate=LATE)]
    limit += rates.out_of_order
    if which < limit:
        delay_ms = MINUTE_MS + int(how * (_DISORDER_MOST_MS - MINUTE_MS))
        return [msgspec.structs.replace(good, arrival_ms=arrival_ms + delay_ms, fate=OUT_OF_ORDER)]
    limit += rates.malformed
    if which < limit:
        kinds = KINDS[good.role]
        return [good, spoil(record, kinds[int(how * len(kinds))], arrival_ms=arrival_ms + 1)]
    return [_skewed(record, arrival_ms, how)]


def _skewed(record: BankRecord, arrival_ms: int, how: float) -> Outgoing:
    shift_ms = int(how * (_SKEW_BACK_MS + _SKEW_AHEAD_MS)) - _SKEW_BACK_MS
    wrong = msgspec.structs.replace(record, event_time_ms=record.event_time_ms + shift_ms)
    return msgspec.structs.replace(outgoing(wrong, arrival_ms), fate=CLOCK_SKEW)
