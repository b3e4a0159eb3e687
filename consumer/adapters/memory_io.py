"""Source, sink and model feed over the log in memory.

A process of a test is one source and one sink that share a member name; `kill` and `expel` do to it
what a crash and a long pause do to a real one.

Rules of this file: nothing waits and nothing happens by itself; each call moves one member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from consumer.adapters.fair_share import take_in_turn
from consumer.adapters.memory_group import MemoryGroup
from consumer.adapters.memory_log import MemoryLog, Transaction
from consumer.adapters.merge import RoleMerge
from consumer.ports import Bounds, RebalanceListener
from consumer.vocabulary.errors import ConfigurationError, Defect, Fenced, Retryable, UpswellError
from consumer.vocabulary.log import OutputRecord, RawRecord, TopicPartition
from consumer.vocabulary.topics import INPUT_ROLES

StepHook = Callable[[str], None]
"""Called between the effects of `publish` with the name of the one just done; may raise."""

PUBLISH_STEPS = ("begun", "produced", "offsets_sent", "committed")


@dataclass(slots=True)
class _Reading:
    """Where a source is in one partition."""

    merge: RoleMerge
    positions: dict[str, int]
    ready: list[RawRecord] = field(default_factory=list)


class MemorySource:
    """A `Source` over a `MemoryLog`.

    Parameters
    ----------
    log : to read
    group : that the source joins; share it between the sources of the group
    member : name of this member, unique in the group
    roles : input topics, in merge order
    """

    def __init__(
        self, log: MemoryLog, group: MemoryGroup, *, member: str, roles: Sequence[str] = INPUT_ROLES
    ) -> None:
        self.group = group
        self.member = member
        self.generation = -1
        self._log = log
        self._roles = tuple(roles)
        self._listener: RebalanceListener | None = None
        self._reading: dict[int, _Reading] = {}
        self._is_assigned = False
        self._polls = 0

    def open(self, listener: RebalanceListener) -> None:
        """Join the group."""
        self._listener = listener
        self.group.join(self.member)

    def poll(self, max_records: int, timeout_s: float) -> Sequence[RawRecord]:
        """Follow the group, then return what can be merged; never waits."""
        if not self._follow_group():
            return []
        for partition, reading in self._reading.items():
            self._fetch(partition, reading, max_records)
        return self._take(max_records)

    def seek(self, partition: int, positions: Mapping[str, int]) -> None:
        """Read on from these offsets; roles left out start at the beginning of the log."""
        start = {role: positions.get(role, self._log.bounds((role, partition)).low) for role in self._roles}
        self._reading[partition] = _Reading(RoleMerge(self._roles), start)

    def committed(self, partition: int) -> dict[str, int]:
        """Return the group's stable committed offsets."""
        offsets = self._log.committed(self.group.group_id, partition)
        return {role: offset for role, offset in offsets.items() if role in self._roles}

    def commit(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit next offsets of the group by themselves."""
        self.check_generation()
        self._log.commit_offsets(self.group.group_id, positions)

    def bounds(self, partition: int) -> dict[str, Bounds]:
        """Return what the log holds for each role."""
        return {role: self._log.bounds((role, partition)) for role in self._roles}

    def close(self) -> None:
        """Let the partitions go and leave the group; what can no more be published is the next owner's."""
        with suppress(UpswellError):
            self._let_go()
        self.group.leave(self.member)

    def kill(self) -> None:
        """End this member as a crash does: nothing is let go, and the group notices at last."""
        self._reading.clear()
        self.group.leave(self.member)

    def check_generation(self) -> None:
        """Raise `Fenced` when the group has gone on without this member."""
        self.group.check(self.member, self.generation)

    # ------------------------------------------------------------ the group

    def _follow_group(self) -> bool:
        """Let go, join again, take over, as the group wants; return whether there is something to read."""
        if self._listener is None:
            raise Defect("a source is polled before it was opened")
        if self.group.must_rejoin(self.member):
            self._let_go()
            self.group.join(self.member)
        assignment = self.group.assignment(self.member)
        if assignment is None:
            return False
        if not self._is_assigned:
            self.generation = self.group.generation
            self._take_over(assignment)
        return True

    def _let_go(self) -> None:
        owned = frozenset(self._reading)
        self._reading.clear()
        # Also after a takeover that failed half way: the listener forgets what it had begun.
        self._is_assigned = False
        if owned and self._listener is not None:
            self._listener.on_revoked(owned)

    def _take_over(self, assignment: frozenset[int]) -> None:
        assert self._listener is not None
        for partition in sorted(assignment):
            self.seek(partition, self.committed(partition))
        self._listener.on_assigned(assignment)
        self._is_assigned = True

    # ------------------------------------------------------------ reading

    def _fetch(self, partition: int, reading: _Reading, max_records: int) -> None:
        for role in self._roles:
            room = max_records - reading.merge.waiting(role)
            bounds = self._log.bounds((role, partition))
            self._check_position(role, partition, reading.positions[role], bounds)
            records, reading.positions[role] = self._log.read(
                (role, partition), reading.positions[role], room
            )
            reading.merge.push(role, records)
            reading.merge.set_at_end(role, reading.positions[role] >= bounds.high)
        reading.ready += reading.merge.release()

    def _check_position(self, role: str, partition: int, position: int, bounds: Bounds) -> None:
        if not bounds.low <= position <= bounds.high:
            raise ConfigurationError(position_out_of_range(role, partition, position, bounds))

    def _take(self, max_records: int) -> list[RawRecord]:
        self._polls += 1
        ready = {partition: reading.ready for partition, reading in self._reading.items()}
        return take_in_turn(ready, max_records, self._polls)


class MemorySink:
    """A `Sink` over a `MemoryLog`.

    Parameters
    ----------
    log : to write
    source : whose group's offsets are committed
    transactional_id : of the producer; None publishes at least once, without a transaction
    on_step : called with each of `PUBLISH_STEPS`; raising `Retryable` there takes the transaction
        back, raising anything else leaves it as a crash at that point would
    """

    def __init__(
        self,
        log: MemoryLog,
        source: MemorySource,
        *,
        transactional_id: str | None,
        on_step: StepHook | None = None,
    ) -> None:
        self._log = log
        self._source = source
        self._transactional_id = transactional_id
        self._on_step = on_step or (lambda _: None)
        self._epoch = 0 if transactional_id is None else log.init_transactions(transactional_id)

    def publish(self, outputs: Sequence[OutputRecord], positions: Mapping[TopicPartition, int]) -> None:
        """Publish records and offsets, together where the sink is transactional."""
        if self._transactional_id is None:
            self._publish_at_least_once(outputs, positions)
            return
        transaction = self._log.begin(self._transactional_id, self._epoch)
        try:
            self._publish_in(transaction, outputs, positions)
        except (Retryable, Fenced):
            self._log.abort(transaction)
            raise

    def close(self) -> None:
        """Nothing is pending."""

    def _publish_in(
        self,
        transaction: Transaction,
        outputs: Sequence[OutputRecord],
        positions: Mapping[TopicPartition, int],
    ) -> None:
        self._on_step("begun")
        for output in outputs:
            self._log.publish(output, transaction)
        self._on_step("produced")
        self._source.check_generation()
        transaction.group_offsets[self._source.group.group_id] = dict(positions)
        self._on_step("offsets_sent")
        self._log.commit(transaction)
        self._on_step("committed")

    def _publish_at_least_once(
        self, outputs: Sequence[OutputRecord], positions: Mapping[TopicPartition, int]
    ) -> None:
        self._on_step("begun")
        for output in outputs:
            self._log.publish(output)
        self._on_step("produced")
        self._source.commit(positions)
        self._on_step("committed")


class MemoryModelFeed:
    """A `ModelFeed` over the compacted topic of a `MemoryLog`."""

    def __init__(self, log: MemoryLog, *, role: str = "models") -> None:
        self._log = log
        self._role = role
        self._positions = dict.fromkeys(range(log.n_partitions), 0)

    def read_all(self) -> list[bytes]:
        """Return the latest snapshot of every model, in the order of their keys."""
        self._positions = dict.fromkeys(self._positions, 0)
        latest: dict[bytes, bytes] = {}
        for record in self._new_records():
            key = record.key or b""
            if record.value is None:
                latest.pop(key, None)
            else:
                latest[key] = record.value
        return [latest[key] for key in sorted(latest)]

    def poll(self) -> list[bytes]:
        """Return snapshots published since the last call."""
        return [record.value for record in self._new_records() if record.value is not None]

    def close(self) -> None:
        """Nothing to let go."""

    def _new_records(self) -> list[RawRecord]:
        records = []
        for partition, position in self._positions.items():
            place = (self._role, partition)
            found, self._positions[partition] = self._log.read(
                place, position, self._log.bounds(place).high - position
            )
            records += found
        return records


def position_out_of_range(role: str, partition: int, position: int, bounds: Bounds) -> str:
    """Return the sentence that refuses to read on from an offset that the log does not have."""
    return (
        f"partition {partition} of {role}: reading was to go on at offset {position}, but the log holds "
        f"{bounds.low} up to {bounds.high}; restore the topic, or clear the state of this partition to start "
        f"from offset {bounds.low}"
    )
