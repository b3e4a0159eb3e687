"""A batch's mutable state: customer records, open decisions, outputs and counts, until it is written.

The only place of the pipeline where anything changes. It lives for one batch, in one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from consumer.decoded import DecodedBatch
from consumer.features.event_columns import Int64s
from consumer.features.layout import Layout, Records
from consumer.features.record import empty_records, pack, unpack
from consumer.learning.open_decisions import (
    ROWS_MAX,
    Rows,
    empty_rows,
    next_due_ms,
    with_limit,
    without_forgotten,
)
from consumer.learning.open_decisions import pack as pack_open
from consumer.learning.open_decisions import unpack as unpack_open
from consumer.pipeline.batch import BatchResult, LoadedBatch, PartitionProgress, SourcedOutput
from consumer.pipeline.open_book import OpenBook
from consumer.pipeline.stream_time import end_of_batch_ms, stream_times_ms
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.topics import INPUT_ROLES


@dataclass(frozen=True, slots=True)
class StoredForms:
    """How records and open decisions look in the store."""

    layouts: Mapping[str, Layout]
    current: Layout
    n_inputs: int


@dataclass(slots=True)
class WorkingSet:
    """One batch in hand.

    records : shape (n_customers,), structured, updated in place
    book : the open decisions of these customers
    stream_time_ms : shape (n_events,), of the partition just after each event
    stream_end_ms : partition → stream time after the batch
    extra : partition → small numbers kept with the position (budgets spent)
    has_spent_budget : a budget ran out in this batch
    """

    loaded: LoadedBatch
    forms: StoredForms
    records: Records
    book: OpenBook
    stream_time_ms: Int64s
    stream_end_ms: Mapping[int, int]
    extra: dict[int, dict[str, float]]
    has_spent_budget: bool = False
    outputs: list[SourcedOutput] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def decoded(self) -> DecodedBatch:
        """The batch's events."""
        return self.loaded.decoded

    def emit(self, output: OutputRecord, event: int) -> None:
        """Publish `output` because of event row `event`."""
        decoded = self.decoded
        self.outputs.append(
            SourcedOutput(
                output,
                int(decoded.partition[event]),
                int(decoded.events.source[event]),
                int(decoded.offset[event]),
            )
        )

    def emit_at(self, output: OutputRecord, source: RawRecord) -> None:
        """Publish `output` because of a raw record that became no event."""
        role = INPUT_ROLES.index(source.role)
        self.outputs.append(SourcedOutput(output, source.partition, role, source.offset))

    def count(self, name: str, label: str, amount: int = 1) -> None:
        """Count something that happened; the runtime tells telemetry once a batch."""
        if amount:
            self.counts[name, label] += amount

    def open(self, customers: Int64s, rows: Rows) -> None:
        """Add decisions whose outcomes count from now on, and keep each customer within the limit."""
        self.book.append(customers, rows)
        owners, open_count = np.unique(self.book.owner, return_counts=True)
        for owner in owners[open_count > ROWS_MAX].tolist():
            self._limit(owner)

    def _limit(self, owner: int) -> None:
        kept, dropped = with_limit(self.book.rows[self.book.owner == owner])
        self.book.remove_owner(owner)
        self.book.append(np.full(len(kept), owner, dtype=np.int64), kept)
        self.count("open_decisions_total", "dropped_over_limit", len(dropped))

    def erase(self, customer: int) -> None:
        """Forget a customer: record and open decisions become as if never seen."""
        self.records[customer] = empty_records(self.forms.current, 1)[0]
        self.book.remove_owner(customer)
        self.count("events_total", "erased")

    def close(self) -> BatchResult:
        """Return what the batch changed, in stored form."""
        open_values, deadlines = self._open_decisions()
        return BatchResult(
            customer_ids=self.loaded.customer_ids,
            customer_partition=self.loaded.customer_partition,
            records=self._records(),
            open_decisions=open_values,
            deadlines=deadlines,
            outputs=self.outputs,
            progress={
                partition: PartitionProgress(time_ms, self.extra[partition])
                for partition, time_ms in self.stream_end_ms.items()
            },
            counts=self.counts,
        )

    def _records(self) -> list[bytes | None]:
        """A record with nothing in it is not stored: an erased customer leaves no key behind."""
        values: list[bytes | None] = list(pack(self.forms.current, self.records))
        for row in np.flatnonzero(self.records["as_of_ms"] == 0).tolist():
            values[row] = None
        return values

    def _open_decisions(self) -> tuple[dict[int, bytes | None], dict[int, int | None]]:
        values: dict[int, bytes | None] = {}
        deadlines: dict[int, int | None] = {}
        for customer in np.flatnonzero(self.book.changed).tolist():
            end_ms = self.stream_end_ms[self.loaded.customer_partition[customer]]
            rows = without_forgotten(self.book.rows[self.book.owner == customer], end_ms)
            values[customer] = pack_open(rows, self.forms.current.fingerprint) or None
            deadlines[customer] = next_due_ms(rows)
        return values, deadlines


def open_working_set(loaded: LoadedBatch, forms: StoredForms) -> WorkingSet:
    """Return the batch's customers and open decisions as arrays."""
    rows, owner = _open_rows(loaded.open_decisions, forms)
    return WorkingSet(
        loaded=loaded,
        forms=forms,
        records=unpack(forms.layouts, forms.current, loaded.records),
        book=OpenBook(rows, owner, np.zeros(len(loaded.customer_ids), dtype=bool)),
        stream_time_ms=stream_times_ms(loaded.decoded, loaded.progress),
        stream_end_ms=end_of_batch_ms(loaded.decoded, loaded.progress),
        extra={partition: dict(before.extra) for partition, before in loaded.progress.items()},
    )


def _open_rows(values: Sequence[bytes | None], forms: StoredForms) -> tuple[Rows, Int64s]:
    parts = [empty_rows(forms.n_inputs)]
    owners: list[int] = []
    for customer, value in enumerate(values):
        if value:
            part = unpack_open(value, forms.n_inputs, forms.current.fingerprint)
            parts.append(part)
            owners += [customer] * len(part)
    return np.concatenate(parts), np.array(owners, dtype=np.int64)
