"""Traits: what the laboratory knows about a customer; the largest event time wins, ties the later arrival.

Rules of this file: zero means missing, hence the segment is stored plus one and the two numbers that
may truly be zero have a flag; a missing affinity is 0 ("no sign of one"). Probabilities are kept to four
digits: models see three of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from consumer.features.event_columns import EventColumns, Floats, Int64s
from consumer.features.layout import Records

HAS_LIFETIME_VALUE: Final = 1
HAS_CHURN_PROBABILITY: Final = 2

PROBABILITY_UNIT: Final = 1e-4


def update_traits(records: Records, events: EventColumns, rows: Int64s) -> None:
    """Take over the traits at `rows` that are not older than those held."""
    rows = rows[events.event_time_ms[rows] >= records["traits_ms"][events.customer[rows]]]
    if not len(rows):
        return
    customer, detail, arrived = events.customer[rows], events.detail[rows], events.traits
    value, churn = arrived.lifetime_value_minor[detail], arrived.churn_probability[detail]
    has_value, has_churn = ~np.isnan(value), ~np.isnan(churn)
    records["traits_ms"][customer] = events.event_time_ms[rows]
    records["segment"][customer] = arrived.segment[detail] + 1
    records["lifetime_value_minor"][customer] = np.where(has_value, value, 0.0)
    records["churn_probability"][customer] = _four_digits(churn)
    records["affinity"][customer] = _four_digits(arrived.affinity[detail])
    records["traits_flags"][customer] = np.where(has_value, HAS_LIFETIME_VALUE, 0) | np.where(
        has_churn, HAS_CHURN_PROBABILITY, 0
    )


def _four_digits(probability: Floats) -> Floats:
    """Return probabilities in ten-thousandths, 0 where missing."""
    return np.rint(np.nan_to_num(probability, nan=0.0) / PROBABILITY_UNIT)


def segment_of(records: Records) -> Int64s:
    """Return each customer's segment, -1 when the laboratory has given none."""
    return records["segment"].astype(np.int64) - 1
