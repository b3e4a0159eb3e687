"""The state store in memory: for tests, simulations and the laboratory.

It keeps the promises of the port that a test of the loop depends on: one write changes everything or
nothing, a former owner is fenced, and a copy taken earlier can be put back, as a Redis that lost its
newest writes would.

Rules of this file: values are kept as they came; nothing is shared with the caller that can change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TypeVar

from consumer.adapters.ownership import NO_MARK, Standing, standing_of, wrong_partition_count
from consumer.ports import (
    DueCustomers,
    LoadedCustomers,
    Mark,
    OutboxEntry,
    PartitionState,
    PartitionWrite,
)
from consumer.vocabulary.deadlines import Span
from consumer.vocabulary.errors import ConfigurationError, Defect

Value = TypeVar("Value")


@dataclass(slots=True)
class StoredPartition:
    """Everything that the store holds of one partition."""

    state: PartitionState
    n_partitions: int
    records: dict[str, bytes] = field(default_factory=dict)
    open_decisions: dict[str, bytes] = field(default_factory=dict)
    deadlines: dict[str, int] = field(default_factory=dict)
    outbox: dict[int, OutboxEntry] = field(default_factory=dict)


class MemoryStore:
    """A `StateStore` over dictionaries; several owners may share one object, as they share one Redis.

    Parameters
    ----------
    before_write : called before each write is applied; a test raises there what a broken store would
    """

    def __init__(self, before_write: Callable[[PartitionWrite], None] | None = None) -> None:
        self.partitions: dict[int, StoredPartition] = {}
        self._layouts: dict[str, str] = {}
        self._before_write = before_write
        self._largest_epoch = 0

    def take_over(self, partition: int, *, n_partitions: int) -> tuple[PartitionState, list[OutboxEntry]]:
        """Raise the epoch, then return state and outbox."""
        stored = self.partitions.setdefault(
            partition, StoredPartition(PartitionState(partition, 0, 0, {}), n_partitions)
        )
        if stored.n_partitions != n_partitions:
            raise ConfigurationError(wrong_partition_count(partition, stored.n_partitions, n_partitions))
        # Not one more than the stored epoch: after a rollback that could be one that somebody still holds.
        self._largest_epoch = max(self._largest_epoch, stored.state.epoch) + 1
        stored.state = replace(stored.state, epoch=self._largest_epoch)
        return stored.state, [stored.outbox[sequence] for sequence in sorted(stored.outbox)]

    def load(self, wanted: Mapping[int, Sequence[str]]) -> dict[int, LoadedCustomers]:
        """Return what is stored of the customers, None where there is nothing."""
        return {
            partition: self._loaded(partition, customer_ids) for partition, customer_ids in wanted.items()
        }

    def _loaded(self, partition: int, customer_ids: Sequence[str]) -> LoadedCustomers:
        stored = self.partitions.get(partition)
        if stored is None:
            return LoadedCustomers(
                [None] * len(customer_ids), [None] * len(customer_ids), NO_MARK if customer_ids else None
            )
        return LoadedCustomers(
            list(map(stored.records.get, customer_ids)),
            list(map(stored.open_decisions.get, customer_ids)),
            _mark(stored) if customer_ids else None,
        )

    def due(self, spans: Mapping[int, Span]) -> dict[int, DueCustomers]:
        """Return the customers whose earliest deadline lies in their partition's span."""
        return {partition: self._due(partition, span) for partition, span in spans.items()}

    def _due(self, partition: int, span: Span) -> DueCustomers:
        stored = self.partitions.get(partition)
        if stored is None:
            return DueCustomers([], NO_MARK)
        deadlines = stored.deadlines
        # In the order of Redis' sorted sets: by deadline, then by the bytes of the id.
        due = sorted((at, name) for name, at in deadlines.items() if span.after_ms < at <= span.until_ms)
        return DueCustomers([(customer_id, at) for at, customer_id in due], _mark(stored))

    def write(self, changes: Sequence[PartitionWrite]) -> frozenset[int]:
        """Apply each change whose epoch and sequence are the expected ones; a repeated one is applied once."""
        return frozenset(change.expected.partition for change in changes if self._is_fenced(change))

    def _is_fenced(self, change: PartitionWrite) -> bool:
        if self._before_write is not None:
            self._before_write(change)
        stored = self.partitions.get(change.expected.partition)
        if stored is None:
            return True
        standing = standing_of(change, epoch=stored.state.epoch, sequence=stored.state.sequence)
        if standing is Standing.DUE:
            _put(change, stored)
        return standing is Standing.FENCED

    def layouts(self) -> dict[str, str]:
        """Return fingerprint → layout JSON."""
        return dict(self._layouts)

    def remember_layout(self, fingerprint: str, layout_json: str) -> None:
        """Keep a layout."""
        self._layouts[fingerprint] = layout_json

    def partition_count(self) -> int | None:
        """Return the number of partitions that the state was written with, None before it was ever owned."""
        return next((stored.n_partitions for stored in self.partitions.values()), None)

    def read_customer(self, partition: int, customer_id: str) -> LoadedCustomers:
        """Read one customer."""
        return self._loaded(partition, [customer_id])

    def close(self) -> None:
        """Nothing to let go."""

    def copy(self) -> dict[int, StoredPartition]:
        """Return the state as of now, for `restore`."""
        return deepcopy(self.partitions)

    def restore(self, partitions: Mapping[int, StoredPartition]) -> None:
        """Put an earlier state back, as a failover to a lagging replica does; `{}` loses everything."""
        self.partitions = deepcopy(dict(partitions))


def _mark(stored: StoredPartition) -> Mark:
    return Mark(stored.state.epoch, stored.state.sequence)


def _put(change: PartitionWrite, stored: StoredPartition) -> None:
    """Apply a change to what is stored of its partition."""
    _check_whole(change, stored)
    _apply(stored.records, change.records)
    _apply(stored.open_decisions, {name: change.open_decisions.get(name) for name in change.records})
    _apply(stored.deadlines, {name: move.after_ms for name, move in change.deadlines.items()})
    for sequence in [sequence for sequence in stored.outbox if sequence <= change.published_sequence]:
        del stored.outbox[sequence]
    if change.outbox is not None:
        stored.outbox[change.after.sequence] = change.outbox
    stored.state = change.after


def _check_whole(change: PartitionWrite, stored: StoredPartition) -> None:
    """Make sure of what a store under one key, with deadlines in several sets, relies upon.

    Raises
    ------
    Defect : open decisions come without a record, a deadline moves from where it is not, or one is left behind
    """
    alone = [name for name in change.open_decisions if change.records.get(name) is None]
    elsewhere = [
        name for name, move in change.deadlines.items() if stored.deadlines.get(name) != move.before_ms
    ]
    after = {name: move.after_ms for name, move in change.deadlines.items()}
    end_ms = change.after.stream_time_ms
    behind = [name for name, at in (stored.deadlines | after).items() if at is not None and at <= end_ms]
    if alone or elsewhere or behind:
        raise Defect(
            f"open decisions without a record: {alone}; deadlines that were elsewhere: {elsewhere}; "
            f"that are over and stay: {behind}"
        )


def _apply(values: MutableMapping[str, Value], changes: Mapping[str, Value | None]) -> None:
    """Put changed values in; None deletes."""
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
