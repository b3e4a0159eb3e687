"""Last values: what is true of a customer since the most recent event that said so.

Kafka fixes no order between topics and events come late, so "last" means the largest event time, never
the last arrival. Of two values with the same time the larger one stays: any rule will do that does not
look at the order.

Rules of this file: a time of 0 means never.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from consumer.features.contributions import is_salary
from consumer.features.event_columns import INTERACTION, OUTCOME, TRANSACTION, EventColumns, Int64s
from consumer.features.layout import Records
from consumer.vocabulary.time import SECOND_MS
from consumer.vocabulary.words import OUTCOME_KINDS

_REJECTED: Final = OUTCOME_KINDS.index("rejected")
_OPTED_OUT: Final = OUTCOME_KINDS.index("opted_out")


def update_last_values(records: Records, events: EventColumns, rows: Int64s) -> None:
    """Take over what the events at `rows` say, each customer at most once."""
    source = events.source[rows]
    _of_transactions(records, events, rows[source == TRANSACTION])
    _raise_to_second(records, "last_interaction_s", events, rows[source == INTERACTION])
    _of_outcomes(records, events, rows[source == OUTCOME])
    _lower_first_event(records, events, rows[source >= TRANSACTION])


def _of_transactions(records: Records, events: EventColumns, rows: Int64s) -> None:
    if not len(rows):
        return
    _raise_to_second(records, "last_transaction_s", events, rows)
    _keep_latest(records, "balance", events, rows[events.has_balance[rows]], to=events.balance_minor)
    _keep_latest(records, "salary", events, rows[is_salary(events, rows)], to=events.amount_minor)


def _keep_latest(records: Records, name: str, events: EventColumns, rows: Int64s, *, to: Int64s) -> None:
    """Keep `<name>_minor` and `<name>_ms` of the largest event time."""
    if not len(rows):
        return
    customer, time_ms, value = events.customer[rows], events.event_time_ms[rows], to[rows]
    held_ms, held = records[f"{name}_ms"], records[f"{name}_minor"]
    wins = (time_ms > held_ms[customer]) | ((time_ms == held_ms[customer]) & (value > held[customer]))
    held_ms[customer[wins]] = time_ms[wins]
    held[customer[wins]] = value[wins]


def _raise_to_second(records: Records, name: str, events: EventColumns, rows: Int64s) -> None:
    if not len(rows):
        return
    customer = events.customer[rows]
    time_s = events.event_time_ms[rows] // SECOND_MS
    records[name][customer] = np.maximum(records[name][customer], time_s)


def _lower_first_event(records: Records, events: EventColumns, rows: Int64s) -> None:
    if not len(rows):
        return
    customer, time_s = events.customer[rows], events.event_time_ms[rows] // SECOND_MS
    held = records["first_event_s"][customer]
    records["first_event_s"][customer] = np.where(held == 0, time_s, np.minimum(held, time_s))


def _of_outcomes(records: Records, events: EventColumns, rows: Int64s) -> None:
    if not len(rows):
        return
    opted_out = rows[events.kind[rows] == _OPTED_OUT]
    customer, time_ms = events.customer[opted_out], events.event_time_ms[opted_out]
    records["opted_out_ms"][customer] = np.maximum(records["opted_out_ms"][customer], time_ms)
    refused = rows[(events.kind[rows] == _REJECTED) & (events.product[rows] >= 0)]
    customer, product = events.customer[refused], events.product[refused]
    held = records["refused_s"][customer, product]
    records["refused_s"][customer, product] = np.maximum(held, events.event_time_ms[refused] // SECOND_MS)
