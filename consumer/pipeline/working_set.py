"""A batch's mutable state: customer records, open decisions, outputs and counts, until it is written.

The only place of the pipeline where anything changes. It lives for one batch, in one thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from consumer.decoded import DecodedBatch
from consumer.features.event_columns import Bools, Int64s
from consumer.features.layout import Layout, Records
from consumer.features.record import empty_records, pack, unpack
from consumer.learning.open_decisions import (
    ROWS_MAX,
    Rows,
    due_ms,
    is_remembered,
    pack_all,
    unpack_all,
    with_limit,
)
from consumer.pipeline.batch import BatchResult, LoadedBatch, PartitionProgress, SourcedOutput
from consumer.pipeline.open_book import OpenBook
from consumer.pipeline.stream_time import end_of_batch_ms, stream_times_ms
from consumer.vocabulary.deadlines import DeadlineMove
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
    partition, end_ms : shape (n_customers,), each customer's partition and its stream time after the batch
    book : the open decisions of those customers where something may happen to them (`to_open`)
    first_due_ms : owner → earliest deadline of its open decisions in `book`, as it was before the batch
    stream_time_ms : shape (n_events,), of the partition just after each event
    stream_end_ms : partition → stream time after the batch
    extra : partition → small numbers kept with the position (budgets spent)
    has_spent_budget : a budget ran out in this batch
    """

    loaded: LoadedBatch
    forms: StoredForms
    records: Records
    partition: Int64s
    end_ms: Int64s
    book: OpenBook
    first_due_ms: Mapping[int, int]
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

    def emit_all(self, outputs: Sequence[OutputRecord], events: Int64s) -> None:
        """Publish each output because of the event row beside it."""
        decoded = self.decoded
        places = (decoded.partition, decoded.events.source, decoded.offset)
        self.outputs += map(SourcedOutput, outputs, *(column[events].tolist() for column in places))

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
        for owner in self.book.owning_more_than(ROWS_MAX, customers).tolist():
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

    def _open_decisions(self) -> tuple[list[bytes | None], dict[int, DeadlineMove]]:
        """Return the stored value of each row, and row → how its earliest deadline moved."""
        book, changed = self.book, np.flatnonzero(self.book.changed)
        stored = list(self.loaded.open_decisions)
        if not len(changed):
            return stored, {}
        is_kept = book.changed[book.owner] & is_remembered(book.rows, self.end_ms[book.owner])
        kept = np.flatnonzero(is_kept)
        kept = kept[np.argsort(book.owner[kept], kind="stable")]
        n_rows = np.bincount(book.owner[kept], minlength=len(book.changed))[changed]
        values = pack_all(book.rows[kept], n_rows.tolist(), self.forms.current.fingerprint)
        first_due_ms = _smallest_of_runs(book.owner[kept], due_ms(book.rows[kept]))
        moves = {}
        for row, value in zip(changed.tolist(), values, strict=True):
            stored[row] = value or None
            move = DeadlineMove(self.first_due_ms.get(row), first_due_ms.get(row))
            if move.before_ms != move.after_ms:
                moves[row] = move
        return stored, moves


def _smallest_of_runs(owner: Int64s, values: Int64s) -> dict[int, int]:
    """Return owner → smallest value; equal owners stand together."""
    if not len(owner):
        return {}
    starts = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    smallest = np.minimum.reduceat(values, starts)
    return dict(zip(owner[starts].tolist(), smallest.tolist(), strict=True))


def open_working_set(loaded: LoadedBatch, forms: StoredForms, to_open: Bools) -> WorkingSet:
    """Return the batch's customers as arrays, and the open decisions of some of them.

    Parameters
    ----------
    to_open : shape (n_customers,), whose open decisions something may happen to; all others stay as stored
    """
    values = [
        value if opens else None for value, opens in zip(loaded.open_decisions, to_open.tolist(), strict=True)
    ]
    rows, owner = unpack_all(values, forms.n_inputs, forms.current.fingerprint)
    stream_time_ms = stream_times_ms(loaded.decoded, loaded.progress)
    ends_ms = end_of_batch_ms(loaded.decoded, loaded.progress)
    n_customers = len(loaded.customer_ids)
    customer_ends_ms = map(ends_ms.__getitem__, loaded.customer_partition)
    return WorkingSet(
        loaded=loaded,
        forms=forms,
        records=unpack(forms.layouts, forms.current, loaded.records),
        partition=np.fromiter(loaded.customer_partition, np.int64, n_customers),
        end_ms=np.fromiter(customer_ends_ms, np.int64, n_customers),
        book=OpenBook(rows, owner, np.zeros(n_customers, dtype=bool)),
        first_due_ms=_smallest_of_runs(owner, due_ms(rows)),
        stream_time_ms=stream_time_ms,
        stream_end_ms=ends_ms,
        extra={partition: dict(before.extra) for partition, before in loaded.progress.items()},
    )
