"""A broker in memory: topics with partitions, offsets, transactions and committed group offsets.

It models what the delivery promise rests on, and nothing else:

- a record gets the next offset of its partition; a transaction's commit or abort takes an offset too,
  so offsets have holes as on a real broker;
- records of an open transaction, and all that come after them, are invisible; aborted ones stay so;
- a transaction's group offsets become visible with its records; until then they are unstable;
- a newer producer with the same transactional id aborts what the older one left open, and fences it.

    offset      0   1   2       3        4        visible to readers
    entry       a   b   c(t1)   commit   d(t2)    a b c, and d when t2 commits
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from consumer.adapters.partitioner import partition_of
from consumer.ports import Bounds
from consumer.vocabulary.errors import Fenced, Retryable
from consumer.vocabulary.log import OutputRecord, RawRecord, TopicPartition
from consumer.vocabulary.topics import INPUT_ROLES, OUTPUT_ROLES

GroupOffsets = dict[TopicPartition, int]


class TransactionState(Enum):
    """How far a transaction is."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(slots=True)
class Transaction:
    """One transaction of one producer; `first_offsets` says where it began in each partition it touched."""

    transactional_id: str
    epoch: int
    state: TransactionState = TransactionState.OPEN
    first_offsets: dict[TopicPartition, int] = field(default_factory=dict)
    group_offsets: dict[str, GroupOffsets] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One offset of a partition; `record` None is the marker of a commit or abort."""

    record: RawRecord | None
    headers: tuple[tuple[str, bytes], ...] = ()
    transaction: Transaction | None = None

    @property
    def is_visible(self) -> bool:
        """Whether readers of committed records see it, once nothing open lies before it."""
        if self.record is None:
            return False
        return self.transaction is None or self.transaction.state is TransactionState.COMMITTED


class MemoryLog:
    """All topics of one bank.

    Parameters
    ----------
    n_partitions : of every topic
    roles : topics to have

    Examples
    --------
    >>> log = MemoryLog(n_partitions=2)
    >>> log.append("transactions", 1, b"c-1", b"{}", timestamp_ms=5)
    0
    >>> [(record.partition, record.offset) for record in log.records("transactions")]
    [(1, 0)]
    """

    def __init__(self, n_partitions: int, *, roles: Iterable[str] = (*INPUT_ROLES, *OUTPUT_ROLES)) -> None:
        self.n_partitions = n_partitions
        self._entries: dict[TopicPartition, list[Entry]] = {
            (role, partition): [] for role in roles for partition in range(n_partitions)
        }
        self._low: dict[TopicPartition, int] = dict.fromkeys(self._entries, 0)
        self._committed: dict[str, GroupOffsets] = {}
        self._epochs: dict[str, int] = {}
        self._open: list[Transaction] = []

    # ------------------------------------------------------------ writing

    def append(
        self, role: str, partition: int, key: bytes | None, value: bytes | None, *, timestamp_ms: int
    ) -> int:
        """Add one record outside any transaction; return its offset."""
        offset = len(self._entries[role, partition])
        record = RawRecord(role, partition, offset, key, value, timestamp_ms)
        self._entries[role, partition].append(Entry(record))
        return offset

    def publish(self, output: OutputRecord, transaction: Transaction | None = None) -> RawRecord:
        """Add an output record to the partition of its key; return it as readers will see it."""
        place = (output.role, partition_of(output.key, self.n_partitions))
        record = RawRecord(*place, len(self._entries[place]), output.key, output.value, output.event_time_ms)
        self._entries[place].append(Entry(record, output.headers, transaction))
        if transaction is not None:
            transaction.first_offsets.setdefault(place, record.offset)
        return record

    # ------------------------------------------------------------ reading

    def records(self, role: str, partition: int | None = None) -> list[RawRecord]:
        """Return the records of a topic that readers of committed records see, partition by partition."""
        return [entry.record for entry in self._visible(role, partition) if entry.record is not None]

    def has_open(self, role: str) -> bool:
        """Return whether a transaction that has written to a topic may still be committed or aborted."""
        return any(written == role for open_ in self._open for written, _ in open_.first_offsets)

    def outputs(self, role: str, partition: int | None = None) -> list[OutputRecord]:
        """Return the same records as they were published, with their headers."""
        return [
            OutputRecord(role, record.key or b"", record.value or b"", record.timestamp_ms, entry.headers)
            for entry in self._visible(role, partition)
            if (record := entry.record) is not None
        ]

    def read(self, place: TopicPartition, offset: int, limit: int) -> tuple[list[RawRecord], int]:
        """Return up to `limit` visible records from `offset`, and the offset to go on from."""
        records: list[RawRecord] = []
        end = self.bounds(place).high
        while offset < end and len(records) < limit:
            entry = self._entries[place][offset]
            if entry.is_visible and entry.record is not None:
                records.append(entry.record)
            offset += 1
        return records, offset

    def bounds(self, place: TopicPartition) -> Bounds:
        """Return the first offset that is kept and the one past the last stable entry."""
        end = len(self._entries[place])
        stable = min((open_.first_offsets.get(place, end) for open_ in self._open), default=end)
        return Bounds(self._low[place], stable)

    def _visible(self, role: str, partition: int | None) -> list[Entry]:
        partitions = range(self.n_partitions) if partition is None else (partition,)
        visible = []
        for number in partitions:
            bounds = self.bounds((role, number))
            visible += [e for e in self._entries[role, number][bounds.low : bounds.high] if e.is_visible]
        return visible

    # ------------------------------------------------------------ transactions and group offsets

    def init_transactions(self, transactional_id: str) -> int:
        """Fence older producers of this id, abort what they left open; return the new epoch."""
        for transaction in [open_ for open_ in self._open if open_.transactional_id == transactional_id]:
            self._finish(transaction, TransactionState.ABORTED)
        self._epochs[transactional_id] = self._epochs.get(transactional_id, -1) + 1
        return self._epochs[transactional_id]

    def begin(self, transactional_id: str, epoch: int) -> Transaction:
        """Open a transaction."""
        self._check_epoch(transactional_id, epoch)
        transaction = Transaction(transactional_id, epoch)
        self._open.append(transaction)
        return transaction

    def commit(self, transaction: Transaction) -> None:
        """Make records and group offsets of the transaction visible together."""
        self._check_epoch(transaction.transactional_id, transaction.epoch)
        if transaction.state is not TransactionState.OPEN:
            raise Fenced(f"the transaction of {transaction.transactional_id} took too long and was aborted")
        for group_id, offsets in transaction.group_offsets.items():
            self.commit_offsets(group_id, offsets)
        self._finish(transaction, TransactionState.COMMITTED)

    def abort(self, transaction: Transaction) -> None:
        """Take the transaction back; without effect when it is over."""
        if transaction.state is TransactionState.OPEN:
            self._finish(transaction, TransactionState.ABORTED)

    def abort_abandoned(self) -> None:
        """Abort every open transaction, as the broker does when their producers stay silent."""
        for transaction in list(self._open):
            self._finish(transaction, TransactionState.ABORTED)

    def commit_offsets(self, group_id: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Set next offsets of a group."""
        self._committed.setdefault(group_id, {}).update(offsets)

    def committed(self, group_id: str, partition: int) -> dict[str, int]:
        """Return the group's stable next offsets of a partition by role.

        Raises
        ------
        Retryable : an open transaction is about to change them
        """
        for transaction in self._open:
            if any(at == partition for _, at in transaction.group_offsets.get(group_id, {})):
                raise Retryable(f"offsets of partition {partition} are part of an open transaction")
        offsets = self._committed.get(group_id, {})
        return {role: offset for (role, number), offset in offsets.items() if number == partition}

    def _check_epoch(self, transactional_id: str, epoch: int) -> None:
        if self._epochs.get(transactional_id) != epoch:
            raise Fenced(f"a newer producer uses the transactional id {transactional_id}")

    def _finish(self, transaction: Transaction, state: TransactionState) -> None:
        transaction.state = state
        self._open.remove(transaction)
        for place in sorted(transaction.first_offsets):
            self._entries[place].append(Entry(None))

    # ------------------------------------------------------------ what befalls a log

    def remove_before(self, role: str, partition: int, offset: int) -> None:
        """Forget the records before an offset, as retention does."""
        self._low[role, partition] = offset

    def recreate(self, role: str) -> None:
        """Empty a topic, as deleting and creating it does."""
        for partition in range(self.n_partitions):
            self._entries[role, partition] = []
            self._low[role, partition] = 0
