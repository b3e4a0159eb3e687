"""What a batch has to know before it can be worked on: its customers, and those whose time is over.

Offers end when the stream's clock passes their time, also for customers without an event. So the loop
asks who is due up to the end of the batch, and fetches them with the rest.

Rules of this file: two exchanges with the store a batch, each over all partitions at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.decoded import DecodedBatch
from consumer.pipeline.batch import LoadedBatch, PartitionProgress
from consumer.pipeline.stream_time import end_of_batch_ms
from consumer.ports import DueCustomers, LoadedCustomers, Mark, StateStore
from consumer.vocabulary.deadlines import Span
from consumer.vocabulary.past import PastDecisions


@dataclass(slots=True)
class _Rows:
    """Customers of a batch, row by row; `due` are the rows whose decisions come due."""

    ids: list[str]
    partitions: list[int]
    due: list[int]

    def by_partition(self) -> dict[int, list[int]]:
        rows_of: dict[int, list[int]] = {}
        for row, partition in enumerate(self.partitions):
            rows_of.setdefault(partition, []).append(row)
        return rows_of


def load_batch(
    store: StateStore,
    decoded: DecodedBatch,
    *,
    progress: Mapping[int, PartitionProgress],
    past: Mapping[int, PastDecisions],
) -> tuple[LoadedBatch, Mapping[int, frozenset[Mark]]]:
    """Fetch the customers of a batch, and those whose decisions expire as the stream's clock moves on.

    Returns
    -------
    the batch, and partition → where the store stood when it was read

    Parameters
    ----------
    progress : partition → where it stands before the batch
    past : partition → what was decided before, where the store is rebuilt

    Raises
    ------
    Retryable : the store does not answer; nothing was changed, ask again
    """
    due = store.due(_spans(decoded, progress))
    rows = _rows(decoded, due)
    rows_of = rows.by_partition()
    loaded = store.load({p: [rows.ids[row] for row in own] for p, own in rows_of.items()})
    records, open_decisions = _in_rows(rows_of, loaded, len(rows.ids))
    return LoadedBatch(
        decoded=decoded,
        customer_ids=tuple(rows.ids),
        customer_partition=tuple(rows.partitions),
        records=records,
        open_decisions=open_decisions,
        due=tuple(rows.due),
        progress=progress,
        past=past,
    ), _read_at(due, loaded)


def _read_at(
    due: Mapping[int, DueCustomers], loaded: Mapping[int, LoadedCustomers]
) -> dict[int, frozenset[Mark]]:
    """Return where each partition stood when it was read."""
    marks: dict[int, set[Mark]] = {}
    for reading in (due, loaded):
        for partition, found in reading.items():
            if found.mark is not None:
                marks.setdefault(partition, set()).add(found.mark)
    return {partition: frozenset(found) for partition, found in marks.items()}


def _spans(decoded: DecodedBatch, progress: Mapping[int, PartitionProgress]) -> dict[int, Span]:
    """Return by how much the batch moves each partition's clock; none where nothing was ever decided."""
    ends_ms = end_of_batch_ms(decoded, progress)
    return {
        partition: Span(before.stream_time_ms, ends_ms[partition])
        for partition, before in progress.items()
        if before.stream_time_ms
    }


def _rows(decoded: DecodedBatch, due: Mapping[int, DueCustomers]) -> _Rows:
    rows = _Rows(list(decoded.customer_ids), decoded.customer_partition.tolist(), [])
    if not any(found.customers for found in due.values()):
        return rows
    known = {place: row for row, place in enumerate(zip(rows.partitions, rows.ids, strict=True))}
    for partition in sorted(due):
        for customer_id, _ in due[partition].customers:
            row = known.get((partition, customer_id), len(rows.ids))
            if row == len(rows.ids):
                rows.ids.append(customer_id)
                rows.partitions.append(partition)
            rows.due.append(row)
    return rows


def _in_rows(
    rows_of: Mapping[int, list[int]], loaded: Mapping[int, LoadedCustomers], n_rows: int
) -> tuple[list[bytes | None], list[bytes | None]]:
    records: list[bytes | None] = [None] * n_rows
    open_decisions: list[bytes | None] = [None] * n_rows
    for partition, rows in rows_of.items():
        values = loaded[partition]
        for row, record, decisions in zip(rows, values.records, values.open_decisions, strict=True):
            records[row], open_decisions[row] = record, decisions
    return records, open_decisions
