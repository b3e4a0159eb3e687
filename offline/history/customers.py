"""The customers of a history and their records, in memory.

Rules of this file: a customer gets a row when first met and keeps it; rows are in no order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.event_columns import Int64s
from consumer.features.layout import Records
from consumer.features.record import empty_records

_ROWS_AT_FIRST = 1_024


@dataclass(slots=True)
class Customers:
    """Records of all customers met so far, 3.2 kB each; the arrays double when they are full.

    latest_ms : largest event time of each row's customer
    """

    features: FeatureCatalogue
    row_of: dict[str, int] = field(default_factory=dict)
    records: Records = field(init=False)
    latest_ms: Int64s = field(init=False)

    def __post_init__(self) -> None:
        """Start with room for some."""
        self.records = empty_records(self.features.layout, _ROWS_AT_FIRST)
        self.latest_ms = np.zeros(_ROWS_AT_FIRST, dtype=np.int64)

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.row_of)

    def rows(self, customer_ids: Iterable[str]) -> Int64s:
        """Return the rows of customers, new ones included."""
        rows = [self.row_of.setdefault(name, len(self.row_of)) for name in customer_ids]
        if len(self.row_of) > len(self.records):
            n_rows = max(2 * len(self.records), len(self.row_of))
            grown = empty_records(self.features.layout, n_rows)
            grown[: len(self.records)] = self.records
            self.records = grown
            self.latest_ms = np.concatenate(
                [self.latest_ms, np.zeros(n_rows - len(self.latest_ms), np.int64)]
            )
        return np.array(rows, dtype=np.int64)

    def note_times(self, rows: Int64s, event_time_ms: Int64s) -> None:
        """Keep each customer's largest event time, even of events that a record ignores; rows may repeat."""
        np.maximum.at(self.latest_ms, rows, event_time_ms)

    def known_records(self) -> Records:
        """Return the records of the customers met so far, in the order of their rows."""
        return self.records[: len(self.row_of)]
