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

from consumer.adapters.ownership import is_due, wrong_partition_count
from consumer.ports import LoadedCustomers, OutboxEntry, PartitionState, PartitionWrite
from consumer.vocabulary.errors import ConfigurationError, Fenced

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

    def load(
        self, partition: int, customer_ids: Sequence[str], *, with_open_decisions: Sequence[str]
    ) -> LoadedCustomers:
        """Return what is stored of the customers, None where there is nothing."""
        stored = self.partitions.get(partition)
        if stored is None:
            return LoadedCustomers([None] * len(customer_ids), [None] * len(with_open_decisions))
        return LoadedCustomers(
            [stored.records.get(customer_id) for customer_id in customer_ids],
            [stored.open_decisions.get(customer_id) for customer_id in with_open_decisions],
        )

    def due(self, partition: int, until_ms: int, limit: int) -> list[tuple[str, int]]:
        """Return the customers with the earliest deadlines up to `until_ms`."""
        stored = self.partitions.get(partition)
        if stored is None:
            return []
        # In the order of Redis' sorted sets: by deadline, then by the bytes of the id.
        due = sorted((at, customer_id) for customer_id, at in stored.deadlines.items() if at <= until_ms)
        return [(customer_id, at) for at, customer_id in due[:limit]]

    def write(self, change: PartitionWrite) -> None:
        """Apply a change if epoch and sequence are the expected ones; a repeated change is applied once."""
        if self._before_write is not None:
            self._before_write(change)
        stored = self.partitions.get(change.expected.partition)
        if stored is None:
            raise Fenced(f"partition {change.expected.partition} was never taken over in this store")
        if not is_due(change, epoch=stored.state.epoch, sequence=stored.state.sequence):
            return
        _apply(stored.records, change.records)
        _apply(stored.open_decisions, change.open_decisions)
        _apply(stored.deadlines, change.deadlines)
        for sequence in [sequence for sequence in stored.outbox if sequence <= change.published_sequence]:
            del stored.outbox[sequence]
        if change.outbox is not None:
            stored.outbox[change.after.sequence] = change.outbox
        stored.state = change.after

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
        return self.load(partition, [customer_id], with_open_decisions=[customer_id])

    def close(self) -> None:
        """Nothing to let go."""

    def copy(self) -> dict[int, StoredPartition]:
        """Return the state as of now, for `restore`."""
        return deepcopy(self.partitions)

    def restore(self, partitions: Mapping[int, StoredPartition]) -> None:
        """Put an earlier state back, as a failover to a lagging replica does; `{}` loses everything."""
        self.partitions = deepcopy(dict(partitions))


def _apply(values: MutableMapping[str, Value], changes: Mapping[str, Value | None]) -> None:
    """Put changed values in; None deletes."""
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
