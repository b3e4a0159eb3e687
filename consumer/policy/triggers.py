"""Which events open a decision, and which customers may have one now.

Rules of this file: pure; event time only. A customer has at most one decision in `decision_gap_ms`, and
an event that lags the stream by more than `decision_staleness_ms` updates features but decides nothing:
its moment has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.policy.schema import TriggerText
from consumer.vocabulary.time import SECOND_MS
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import INTERACTION_KINDS, OUTCOME_KINDS, TRANSACTION_KINDS

Bools = NDArray[np.bool_]
Int64s = NDArray[np.int64]
Codes = NDArray[Any]

NO_TRIGGER: Final = -1
KINDS_OF_SOURCE: Final = {
    "customers": (),
    "traits": (),
    "transactions": TRANSACTION_KINDS,
    "interactions": INTERACTION_KINDS,
    "outcomes": OUTCOME_KINDS,
}
"""Kinds of each source; profiles and traits have none (their kind code is 0)."""

_KIND_SPAN: Final = 256
"""Kind codes are one byte."""


def trigger_table(triggers: Sequence[TriggerText]) -> Int64s:
    """Return the trigger's place for each (source code, kind code), `NO_TRIGGER` where there is none.

    Source codes are places in `INPUT_ROLES`.
    """
    table = np.full((len(INPUT_ROLES), _KIND_SPAN), NO_TRIGGER, np.int64)
    for place, trigger in enumerate(triggers):
        source = INPUT_ROLES.index(trigger.source)
        kinds = KINDS_OF_SOURCE[trigger.source]
        codes = [kinds.index(kind) for kind in trigger.kinds] if kinds else [0]
        table[source, codes] = place
    return table


def trigger_of(table: Int64s, source: Codes, kind: Codes) -> Int64s:
    """Return the place of the trigger that each event pulls, shape (n,); `NO_TRIGGER` for none."""
    places: Int64s = table[source, kind]
    return places


def is_decision_due(
    at_ms: Int64s, last_decision_s: Codes, *, stream_time_ms: Int64s | int, gap_ms: int, staleness_ms: int
) -> Bools:
    """Return where a customer may have a decision at this event, shape (n,).

    Parameters
    ----------
    at_ms : shape (n,), time of the triggering event
    last_decision_s : shape (n,), seconds; 0 when there was none yet
    stream_time_ms : largest event time seen on the partition before or with the event
    gap_ms, staleness_ms : the policy's `decision_gap_ms` and `decision_staleness_ms`

    Examples
    --------
    >>> day = 86_400_000
    >>> at = np.array([10 * day, 10 * day, 2 * day])
    >>> last_s = np.array([0, 10 * 86_400 - 60, 0])
    >>> is_decision_due(at, last_s, stream_time_ms=10 * day, gap_ms=day, staleness_ms=day)
    array([ True, False, False])
    """
    last_ms = last_decision_s.astype(np.int64) * SECOND_MS
    is_rested = (last_decision_s == 0) | (at_ms - last_ms >= gap_ms)
    is_fresh = stream_time_ms - at_ms <= staleness_ms
    due: Bools = is_rested & is_fresh
    return due
