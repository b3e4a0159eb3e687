"""The state store in Redis: one hash tag a partition, one atomic call a batch.

All keys of a partition carry its tag, so they live in one slot of a Redis Cluster and on one node,
where Redis applies and replicates them in order. For namespace `nbo.` and partition 17:

    {nbo.17}:c:<customer id>   the customer's record and open decisions (`customer_value`)
    {nbo.17}:due:<hour>        sorted set: customer id by the earliest deadline of its open decisions, in ms since
                               the beginning of the hour, of those whose deadline lies in this hour since 1970
    {nbo.17}:pos               hash: epoch, sequence, n_partitions, form, and the rest of the state as JSON
    {nbo.17}:out               hash: sequence → outbox entry (MessagePack)
    {nbo.}:layouts             hash: fingerprint → layout JSON

A write is WATCH pos, read epoch and sequence, check them, MULTI, MSET …, EXEC: two round trips for all
partitions of a batch together, and EXEC does nothing when another owner has touched `pos` in between. A
script would do it in one, but runs slower than MSET by more than the round trip costs.

A set of one hour is small, and Redis keeps a small sorted set in a quarter of the room of a large one.

Rules of this file: a customer is bytes; only `pos` and the outbox are looked into.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import compress
from secrets import randbelow
from typing import Final

import msgspec

from consumer.adapters.customer_value import joined, parted
from consumer.adapters.ownership import Standing, standing_of, wrong_partition_count
from consumer.adapters.redis_expiry import ExpirySweep
from consumer.adapters.redis_nodes import RedisNodes, Reply
from consumer.adapters.resp import interleaved, packed
from consumer.ports import DueCustomers, LoadedCustomers, Mark, OutboxEntry, PartitionState, PartitionWrite
from consumer.vocabulary.deadlines import DeadlineMove, Span
from consumer.vocabulary.errors import ConfigurationError, Defect
from consumer.vocabulary.time import HOUR_MS

_MULTI: Final = packed([b"MULTI"])
_EXEC: Final = packed([b"EXEC"])
_UNWATCH: Final = packed([b"UNWATCH"])
_CHECKED: Final = (b"epoch", b"sequence")
_FORM: Final = b"2"
"""Of the keys and values above; the first form kept open decisions under a key of their own."""
_EPOCH_STEP_MAX: Final = 2**31
"""Epochs grow by a random step: after Redis has lost writes, the next epoch in turn could be one that a former
owner still holds, and it would pass the check. 2 ** 32 takeovers fit into Redis' 64 bits."""


class _Rest(msgspec.Struct):
    """The part of a partition's state that nothing is checked against."""

    positions: dict[str, int] = {}
    stream_time_ms: int = 0
    extra: dict[str, float] = {}


class RedisStore:
    """A `StateStore` over Redis or Redis Cluster.

    Parameters
    ----------
    url : see `RedisNodes`
    namespace : put before the partition in every tag, so that several services share one Redis; end it
        with a sign of your own, such as a point

    Raises
    ------
    ConfigurationError : URL or namespace is not of this form; nothing is connected yet, see `check`
    """

    def __init__(self, url: str, *, namespace: str = "") -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]*", namespace):
            raise ConfigurationError(
                f"The Redis namespace {namespace} has signs other than letters, digits and ._-"
            )
        self._nodes = RedisNodes(url)
        self._namespace = namespace.encode()
        self._layouts_key = b"{%b}:layouts" % self._namespace
        # Which outbox entries exist: known from the takeover on, since only the owner writes them.
        self._outbox_sequences: dict[int, list[int]] = {}
        self._expiry = ExpirySweep(self._nodes, b"{%b*}:c:*" % self._namespace)

    def check(self) -> None:
        """Make sure at start that Redis answers and keeps what it is given.

        Raises
        ------
        ConfigurationError : with one sentence for the person who starts the service
        """
        self._nodes.check()

    # ------------------------------------------------------------ ownership

    def take_over(self, partition: int, *, n_partitions: int) -> tuple[PartitionState, list[OutboxEntry]]:
        """Raise the epoch, then return state and outbox."""
        keys = _Keys(self._namespace, partition)
        stored_count = self._partition_count(keys, partition)
        if stored_count not in (None, n_partitions):
            raise ConfigurationError(wrong_partition_count(partition, stored_count or 0, n_partitions))
        replies = self._exchange(
            keys,
            [
                _MULTI,
                packed([b"HINCRBY", keys.pos, b"epoch", b"%d" % (1 + randbelow(_EPOCH_STEP_MAX))]),
                packed([b"HSET", keys.pos, b"n_partitions", b"%d" % n_partitions, b"form", _FORM]),
                packed([b"HGETALL", keys.pos]),
                packed([b"HGETALL", keys.out]),
                _EXEC,
            ],
        )
        _, _, pos, out = replies[-1]
        outbox = sorted(
            (msgspec.msgpack.decode(entry, type=OutboxEntry) for entry in out[1::2]),
            key=lambda entry: entry.sequence,
        )
        self._outbox_sequences[partition] = [entry.sequence for entry in outbox]
        return _state(partition, _pairs(pos)), outbox

    # ------------------------------------------------------------ reading

    def load(self, wanted: Mapping[int, Sequence[str]]) -> dict[int, LoadedCustomers]:
        """Fetch customers with one MGET a partition, all of them at once."""
        questions = {partition: ids for partition, ids in wanted.items() if ids}
        loaded = {partition: LoadedCustomers([], []) for partition in wanted.keys() - questions.keys()}
        commands = {p: _mget(_Keys(self._namespace, p), ids) for p, ids in questions.items()}
        for partition, (values, held) in self._at_once(commands).items():
            parts = list(map(parted, values))
            loaded[partition] = LoadedCustomers(
                [part[0] for part in parts], [part[1] for part in parts], _mark(held)
            )
        return loaded

    def due(self, spans: Mapping[int, Span]) -> dict[int, DueCustomers]:
        """Return the customers whose earliest deadline lies in their partition's span, hour by hour."""
        commands = {p: _due_commands(_Keys(self._namespace, p), span) for p, span in spans.items()}
        due = {}
        for partition, (*replies, held) in self._at_once(commands).items():
            customers = [
                (name.decode(), hour * HOUR_MS + int(score))
                for hour, reply in zip(_hours(spans[partition]), replies, strict=True)
                for name, score in zip(reply[::2], reply[1::2], strict=True)
            ]
            due[partition] = DueCustomers(customers, _mark(held))
        return due

    def partition_count(self) -> int | None:
        """Return the number of partitions that the state was written with, None before it was ever owned."""
        return self._partition_count(_Keys(self._namespace, 0), 0)

    def _partition_count(self, keys: _Keys, partition: int) -> int | None:
        """Return the number of partitions that a partition's state was written with, if it is of our form."""
        ((count, form),) = self._exchange(keys, [packed([b"HMGET", keys.pos, b"n_partitions", b"form"])])
        if count is None:
            return None
        if form != _FORM:
            raise ConfigurationError(_other_form(partition, form))
        return int(count)

    def read_customer(self, partition: int, customer_id: str) -> LoadedCustomers:
        """Read one customer without owning its partition."""
        return self.load({partition: [customer_id]})[partition]

    # ------------------------------------------------------------ writing

    def write(self, changes: Sequence[PartitionWrite]) -> frozenset[int]:
        """Apply each change whose epoch and sequence are the expected ones; a repeated one is applied once."""
        with ExitStack() as stack:
            writes = [_Write(change, _Keys(self._namespace, change.expected.partition)) for change in changes]
            # A connection a partition: EXEC ends every WATCH of its connection.
            talks = [
                (write, stack.enter_context(self._nodes.conversation(self._nodes.node_of(write.keys.pos))))
                for write in writes
            ]
            for write, talk in talks:
                talk.send([packed([b"WATCH", write.keys.pos]), _where(write.keys)])
            for write, talk in talks:
                standing = write.standing(talk.replies()[-1])
                talk.send(self._said(write.change, write.keys) if standing is Standing.DUE else [_UNWATCH])
            is_applied = [write.is_applied(talk.replies()[-1]) for write, talk in talks]
        self._expiry.step_now_and_then()
        for write in compress(writes, is_applied):
            self._note_outbox(write.change)
        return frozenset(
            write.change.expected.partition
            for write, applied in zip(writes, is_applied, strict=True)
            if not applied
        )

    def _said(self, change: PartitionWrite, keys: _Keys) -> list[bytes]:
        """Return the transaction that applies a change."""
        existing = self._outbox_sequences.get(change.expected.partition, [])
        dropped = [sequence for sequence in existing if sequence <= change.published_sequence]
        return [_MULTI, *_commands(keys, change, dropped), _EXEC]

    def _note_outbox(self, change: PartitionWrite) -> None:
        existing = self._outbox_sequences.get(change.expected.partition, [])
        kept = [
            sequence for sequence in existing if change.published_sequence < sequence < change.after.sequence
        ]
        new = [] if change.outbox is None else [change.after.sequence]
        self._outbox_sequences[change.expected.partition] = kept + new

    # ------------------------------------------------------------ layouts

    def layouts(self) -> dict[str, str]:
        """Return fingerprint → layout JSON."""
        (reply,) = self._exchange_at(self._layouts_key, [packed([b"HGETALL", self._layouts_key])])
        return {name.decode(): layout.decode() for name, layout in _pairs(reply).items()}

    def remember_layout(self, fingerprint: str, layout_json: str) -> None:
        """Keep a layout."""
        words = [b"HSET", self._layouts_key, fingerprint.encode(), layout_json.encode()]
        self._exchange_at(self._layouts_key, [packed(words)])

    def close(self) -> None:
        """Close all connections."""
        self._nodes.close()

    def _exchange(self, keys: _Keys, commands: Sequence[bytes]) -> list[Reply]:
        return self._exchange_at(keys.pos, commands)

    def _exchange_at(self, key: bytes, commands: Sequence[bytes]) -> list[Reply]:
        return self._nodes.at_once({key: commands})[key]

    def _at_once(self, commands: Mapping[int, Sequence[bytes]]) -> dict[int, list[Reply]]:
        """Exchange each partition's commands for its replies."""
        key_of = {partition: _Keys(self._namespace, partition).pos for partition in commands}
        replies = self._nodes.at_once({key_of[p]: of_partition for p, of_partition in commands.items()})
        return {partition: replies[key] for partition, key in key_of.items()}


class _Keys:
    """The keys of one partition.

    Examples
    --------
    >>> keys = _Keys(b"nbo.", 17)
    >>> keys.customers(["c-1"]), keys.due(480_000)
    ([b'{nbo.17}:c:c-1'], b'{nbo.17}:due:480000')
    """

    def __init__(self, namespace: bytes, partition: int) -> None:
        tag = b"{%b%d}" % (namespace, partition)
        self.pos = tag + b":pos"
        self.out = tag + b":out"
        self._due = tag + b":due:"
        self._customer = tag + b":c:"

    def due(self, hour: int) -> bytes:
        return self._due + b"%d" % hour

    def customers(self, customer_ids: Iterable[str]) -> list[bytes]:
        return [self._customer + customer_id.encode() for customer_id in customer_ids]


@dataclass(slots=True)
class _Write:
    """One partition's change on its way."""

    change: PartitionWrite
    keys: _Keys
    known: Standing | None = None

    def standing(self, held: Sequence[bytes | None]) -> Standing:
        """Compare with the epoch and sequence that Redis holds."""
        mark = _mark(held)
        self.known = standing_of(self.change, epoch=mark.epoch, sequence=mark.sequence)
        return self.known

    def is_applied(self, replies: Reply) -> bool:
        """Return whether Redis holds the change now, given what EXEC (or UNWATCH) answered.

        Raises
        ------
        Defect : EXEC did a part of it
        """
        if self.known is not Standing.DUE:
            return self.known is Standing.APPLIED
        # None: the partition was taken over after WATCH.
        faults = [str(reply) for reply in replies or () if isinstance(reply, Exception)]
        if faults:
            raise Defect(
                f"partition {self.change.expected.partition}: Redis applied a write in part: {faults[0]}"
            )
        return replies is not None


def _mget(keys: _Keys, customer_ids: Sequence[str]) -> list[bytes]:
    return [packed([b"MGET", *keys.customers(customer_ids)]), _where(keys)]


def _where(keys: _Keys) -> bytes:
    """Return what asks where a partition stands.

    After what is read, never before: a connection that answers both has not met a failover in between, so what
    was read is of this mark, or older than a mark that is not ours any more.
    """
    return packed([b"HMGET", keys.pos, *_CHECKED])


def _mark(held: Sequence[bytes | None]) -> Mark:
    epoch, sequence = (int(number or 0) for number in held)
    return Mark(epoch, sequence)


def _due_commands(keys: _Keys, span: Span) -> list[bytes]:
    hours = _hours(span)
    untils = [b"+inf"] * (len(hours) - 1) + [b"%d" % (span.until_ms % HOUR_MS)]
    asked = (
        packed([b"ZRANGEBYSCORE", keys.due(hour), b"-inf", until, b"WITHSCORES"])
        for hour, until in zip(hours, untils, strict=True)
    )
    return [*asked, _where(keys)]


def _hours(span: Span) -> range:
    return range(span.after_ms // HOUR_MS, span.until_ms // HOUR_MS + 1)


def _commands(keys: _Keys, change: PartitionWrite, dropped: Sequence[int]) -> list[bytes]:
    """Return what goes between MULTI and EXEC."""
    open_of = change.open_decisions.get
    kept = {
        name: joined(record, open_of(name)) for name, record in change.records.items() if record is not None
    }
    gone = keys.customers(name for name, record in change.records.items() if record is None)
    values = interleaved(keys.customers(kept), kept.values())
    commands = [packed([b"HSET", keys.pos, *_state_words(change.after)])]
    if values:
        commands.append(packed([b"MSET", *values]))
    if gone:
        commands.append(packed([b"UNLINK", *gone]))
    commands += _deadline_commands(keys, change.deadlines)
    if dropped:
        commands.append(packed([b"HDEL", keys.out, *(b"%d" % sequence for sequence in dropped)]))
    if change.outbox is not None:
        entry = msgspec.msgpack.encode(change.outbox)
        commands.append(packed([b"HSET", keys.out, b"%d" % change.after.sequence, entry]))
    return commands


def _deadline_commands(keys: _Keys, deadlines: Mapping[str, DeadlineMove]) -> list[bytes]:
    """Return what takes customers out of the hours where they were, and puts them where they are now."""
    gone: dict[int, list[bytes]] = {}
    come: dict[int, list[bytes]] = {}
    for name, (before_ms, after_ms) in deadlines.items():
        if before_ms is not None:
            gone.setdefault(before_ms // HOUR_MS, []).append(name.encode())
        if after_ms is not None:
            hour, in_hour_ms = divmod(after_ms, HOUR_MS)
            come.setdefault(hour, []).extend((b"%d" % in_hour_ms, name.encode()))
    return [
        *(packed([b"ZREM", keys.due(hour), *names]) for hour, names in gone.items()),
        *(packed([b"ZADD", keys.due(hour), *scored]) for hour, scored in come.items()),
    ]


def _other_form(partition: int, form: bytes | None) -> str:
    """Return the sentence that refuses state of another form."""
    found = form.decode(errors="replace") if form else "1"
    return (
        f"The state of partition {partition} was written in form {found}, this version reads and writes form "
        f"{_FORM.decode()}: start with another namespace (UPSWELL_REDIS_NAMESPACE), the state is rebuilt from the topics"
    )


def _state_words(state: PartitionState) -> list[bytes]:
    rest = _Rest(dict(state.positions), state.stream_time_ms, dict(state.extra))
    numbers = (b"epoch", b"%d" % state.epoch, b"sequence", b"%d" % state.sequence)
    return [*numbers, b"rest", msgspec.json.encode(rest)]


def _state(partition: int, pos: Mapping[bytes, bytes]) -> PartitionState:
    rest = msgspec.json.decode(pos.get(b"rest", b"{}"), type=_Rest)
    return PartitionState(
        partition=partition,
        epoch=int(pos[b"epoch"]),
        sequence=int(pos.get(b"sequence", 0)),
        positions=rest.positions,
        stream_time_ms=rest.stream_time_ms,
        extra=rest.extra,
    )


def _pairs(reply: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(reply[::2], reply[1::2], strict=True))
