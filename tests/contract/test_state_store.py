"""One suite for every state store: in memory, on Redis, on a Redis Cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from consumer.adapters.memory_store import MemoryStore
from consumer.adapters.redis_store import RedisStore
from consumer.ports import Mark, OutboxEntry, PartitionState, PartitionWrite, StateStore
from consumer.vocabulary.deadlines import DeadlineMove, Span
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS, HOUR_MS

N_PARTITIONS = 12
OFFER = OutputRecord("offers", b"c-1", b'{"offer": 1}', 1_000, (("ce_id", b"transactions-3-7"),))

NOON_MS = 1_740_830_400_000
THE_DAY = Span(NOON_MS - HOUR_MS, NOON_MS + 12 * HOUR_MS)

OpenStore = Callable[[], StateStore]


def _memory(_: pytest.FixtureRequest) -> Iterator[OpenStore]:
    store = MemoryStore()
    yield lambda: store


def _redis(url: str) -> Iterator[OpenStore]:
    opened = []

    def open_store() -> StateStore:
        opened.append(RedisStore(url, namespace="test."))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


def _single_redis(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    yield from _redis(request.getfixturevalue("clean_redis").url)


def _redis_cluster(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    yield from _redis(request.getfixturevalue("clean_redis_cluster").url)


@pytest.fixture(
    params=[
        pytest.param(_memory, id="memory"),
        pytest.param(
            _single_redis, id="redis", marks=(pytest.mark.redis, pytest.mark.xdist_group("services"))
        ),
        pytest.param(
            _redis_cluster, id="redis_cluster", marks=(pytest.mark.redis, pytest.mark.xdist_group("services"))
        ),
    ]
)
def open_store(request: pytest.FixtureRequest) -> Iterator[OpenStore]:
    """Opens one more store on the same data, as another process would."""
    yield from request.param(request)


@pytest.fixture
def store(open_store: OpenStore) -> StateStore:
    return open_store()


def change_of(before: PartitionState, **changes: object) -> PartitionWrite:
    """The next write of the owner of `before`, empty except for what is given."""
    empty = PartitionWrite(
        expected=before,
        after=replace(before, sequence=before.sequence + 1),
        records={},
        open_decisions={},
        deadlines={},
        outbox=None,
        published_sequence=0,
    )
    return replace(empty, **changes)  # type: ignore[arg-type]


def first_at(at_ms: int) -> dict[str, DeadlineMove]:
    """The first deadline of a customer."""
    return {"c-1": DeadlineMove(None, at_ms)}


def due(store: StateStore, partition: int, span: Span) -> list[tuple[str, int]]:
    return [*store.due({partition: span})[partition].customers]


def taken(store: StateStore, partition: int = 3) -> PartitionState:
    return store.take_over(partition, n_partitions=N_PARTITIONS)[0]


def test_a_partition_that_nobody_had_starts_empty(store: StateStore) -> None:
    state, outbox = store.take_over(3, n_partitions=N_PARTITIONS)
    assert state == PartitionState(3, state.epoch, 0, {}, 0, {})
    assert outbox == []


def test_each_takeover_raises_the_epoch(store: StateStore) -> None:
    epochs = [taken(store).epoch for _ in range(5)]
    assert epochs[0] > 0
    assert epochs == sorted(set(epochs))


def test_what_was_written_is_read_back_in_the_order_asked_for(store: StateStore) -> None:
    records = {"c-1": b"\x00\xff one\x00\x00", "c-2": b"", "c-3": b"three"}
    store.write([change_of(taken(store), records=records, open_decisions={"c-2": b"pending"})])
    loaded = store.load({3: ["c-3", "nobody", "c-1", "c-2"]})[3]
    assert list(loaded.records) == [b"three", None, b"\x00\xff one\x00\x00", b""]
    assert list(loaded.open_decisions) == [None, None, None, b"pending"]


def test_loading_nothing_gives_nothing(store: StateStore) -> None:
    loaded = store.load({3: []})[3]
    assert (list(loaded.records), list(loaded.open_decisions)) == ([], [])


def test_partitions_do_not_see_one_another(store: StateStore) -> None:
    store.write([change_of(taken(store, 3), records={"c-1": b"three"})])
    store.write([change_of(taken(store, 4), records={"c-1": b"four"})])
    loaded = store.load({3: ["c-1"], 4: ["c-1"]})
    assert {partition: [*found.records] for partition, found in loaded.items()} == {
        3: [b"three"],
        4: [b"four"],
    }
    assert store.read_customer(4, "c-1").records == [b"four"]


def test_none_deletes_a_customer_with_decisions_and_deadline(store: StateStore) -> None:
    state = taken(store)
    first = change_of(state, records={"c-1": b"r"}, open_decisions={"c-1": b"o"}, deadlines=first_at(NOON_MS))
    store.write([first])
    gone = {"c-1": None, "never-there": None}
    store.write([change_of(first.after, records=gone, deadlines={"c-1": DeadlineMove(NOON_MS, None)})])
    loaded = store.read_customer(3, "c-1")
    assert (list(loaded.records), list(loaded.open_decisions)) == ([None], [None])
    assert due(store, 3, THE_DAY) == []


def test_a_customer_written_without_open_decisions_has_none_any_more(store: StateStore) -> None:
    first = change_of(taken(store), records={"c-1": b"r"}, open_decisions={"c-1": b"o"})
    store.write([first])
    store.write([change_of(first.after, records={"c-1": b"r"})])
    found = store.read_customer(3, "c-1")
    assert ([*found.records], [*found.open_decisions]) == ([b"r"], [None])


def test_deadlines_come_earliest_first_over_hours_up_to_the_end_of_the_span(store: StateStore) -> None:
    hours = {"c-1": 3.0, "c-2": 1.0, "c-3": 2.5, "c-4": 47.0, "c-0": 2.5}
    at_ms = {name: NOON_MS + round(hour * HOUR_MS) for name, hour in hours.items()}
    moves = {name: DeadlineMove(None, at) for name, at in at_ms.items()}
    store.write([change_of(taken(store), deadlines=moves)])
    assert due(store, 3, Span(NOON_MS, at_ms["c-2"] - 1)) == []
    ordered = [(name, at_ms[name]) for name in ("c-2", "c-0", "c-3", "c-1", "c-4")]
    assert due(store, 3, Span(NOON_MS, at_ms["c-2"])) == ordered[:1]
    assert due(store, 3, Span(NOON_MS, at_ms["c-1"])) == ordered[:4]
    assert due(store, 3, Span(NOON_MS, NOON_MS + 400 * DAY_MS)) == ordered
    assert due(store, 4, THE_DAY) == []


@pytest.mark.parametrize("later_ms", [1, HOUR_MS, 50 * DAY_MS])
def test_a_moved_deadline_replaces_the_old_one(store: StateStore, later_ms: int) -> None:
    first = change_of(taken(store), deadlines=first_at(NOON_MS))
    store.write([first])
    moved_ms = NOON_MS + later_ms
    store.write([change_of(first.after, deadlines={"c-1": DeadlineMove(NOON_MS, moved_ms)})])
    assert due(store, 3, Span(NOON_MS - 1, moved_ms)) == [("c-1", moved_ms)]


def test_the_next_owner_gets_position_clock_and_quotas(store: StateStore) -> None:
    state = taken(store)
    after = replace(
        state,
        sequence=1,
        positions={"transactions": 8, "customers": 2},
        stream_time_ms=77,
        extra={"o-1": 2.5},
    )
    store.write([change_of(state, after=after)])
    assert replace(taken(store), epoch=after.epoch) == after


def test_the_outbox_is_handed_to_the_next_owner_as_stored_and_in_order(store: StateStore) -> None:
    state = taken(store)
    entries = []
    for _ in range(11):
        sequence = state.sequence + 1
        entries.append(OutboxEntry(sequence, (OFFER,) * (sequence % 3), {"transactions": sequence * 10}))
        change = change_of(state, outbox=entries[-1])
        store.write([change])
        state = change.after
    _, outbox = store.take_over(3, n_partitions=N_PARTITIONS)
    assert outbox == entries


def test_published_outbox_entries_are_dropped_by_the_next_write(open_store: OpenStore) -> None:
    store = open_store()
    first = change_of(taken(store), outbox=OutboxEntry(1, (OFFER,), {}))
    second = change_of(first.after, outbox=OutboxEntry(2, (OFFER,), {}), published_sequence=0)
    store.write([first])
    store.write([second])
    other = open_store()
    state, outbox = other.take_over(3, n_partitions=N_PARTITIONS)
    assert [entry.sequence for entry in outbox] == [1, 2]
    other.write([change_of(state, outbox=OutboxEntry(3, (), {}), published_sequence=1)])
    assert [entry.sequence for entry in store.take_over(3, n_partitions=N_PARTITIONS)[1]] == [2, 3]


def test_a_former_owner_writes_nothing(open_store: OpenStore) -> None:
    former, present = open_store(), open_store()
    stale = change_of(taken(former), records={"c-1": b"zombie"}, deadlines=first_at(NOON_MS))
    state = taken(present)
    assert former.write([stale]) == {3}
    assert present.read_customer(3, "c-1").records == [None]
    assert due(present, 3, THE_DAY) == []
    present.write([change_of(state, records={"c-1": b"owner"})])
    assert former.write([stale]) == {3}
    assert present.read_customer(3, "c-1").records == [b"owner"]


def test_a_fenced_owner_may_take_the_partition_over_again(open_store: OpenStore) -> None:
    former, present = open_store(), open_store()
    stale = change_of(taken(former))
    state = taken(present)
    assert former.write([stale]) == {3}
    present.write([change_of(state, records={"c-1": b"owner"})])
    again = taken(former)
    assert again.sequence == 1
    former.write([change_of(again, records={"c-1": b"owner again"})])
    assert present.read_customer(3, "c-1").records == [b"owner again"]


def test_a_write_from_another_position_is_refused(store: StateStore) -> None:
    state = taken(store)
    store.write([change_of(state, records={"c-1": b"first"})])
    assert store.write([change_of(replace(state, sequence=7), records={"c-1": b"from elsewhere"})]) == {3}
    assert store.read_customer(3, "c-1").records == [b"first"]


def test_readings_tell_where_the_partition_stood(open_store: OpenStore) -> None:
    store, other = open_store(), open_store()
    state = taken(store)
    assert store.load({3: ["c-1"]})[3].mark == store.due({3: THE_DAY})[3].mark == (state.epoch, 0)
    change = change_of(state, records={"c-1": b"r"})
    store.write([change])
    assert store.load({3: ["c-1"]})[3].mark == (state.epoch, 1)
    after = taken(other)
    assert store.due({3: THE_DAY})[3].mark == store.load({3: ["nobody"]})[3].mark == (after.epoch, 1)
    assert store.load({3: []})[3].mark is None


def test_what_was_read_at_another_place_is_not_written_even_if_the_store_has_come_back(
    store: StateStore,
) -> None:
    state = taken(store)
    elsewhere = frozenset({Mark(state.epoch, state.sequence), Mark(state.epoch + 1, 3)})
    assert store.write([change_of(state, records={"c-1": b"r"}, read_at=elsewhere)]) == {3}
    assert store.read_customer(3, "c-1").records == [None]
    here = frozenset({Mark(state.epoch, state.sequence)})
    assert store.write([change_of(state, records={"c-1": b"r"}, read_at=here)]) == frozenset()


def test_a_write_whose_answer_was_lost_is_applied_once(store: StateStore) -> None:
    entry = OutboxEntry(1, (OFFER,), {"transactions": 1})
    change = change_of(taken(store), records={"c-1": b"once"}, outbox=entry)
    store.write([change])
    store.write([change])
    after = change_of(change.after, published_sequence=1)
    store.write([after])
    assert store.take_over(3, n_partitions=N_PARTITIONS)[1] == []


def test_another_number_of_partitions_is_refused_with_both_numbers(store: StateStore) -> None:
    taken(store)
    with pytest.raises(ConfigurationError, match=r"12 partitions.*24"):
        store.take_over(3, n_partitions=24)


def test_layouts_are_remembered(open_store: OpenStore) -> None:
    assert open_store().layouts() == {}
    open_store().remember_layout("00ff", '{"a": 1}')
    open_store().remember_layout("11ee", '{"b": "ä"}')
    assert open_store().layouts() == {"00ff": '{"a": 1}', "11ee": '{"b": "ä"}'}


def test_changes_of_many_partitions_are_applied_each_by_itself(open_store: OpenStore) -> None:
    store, other = open_store(), open_store()
    states = {partition: taken(store, partition) for partition in range(N_PARTITIONS)}
    lost = {2, 7}
    for partition in lost:
        taken(other, partition)
    changes = [change_of(state, records={"c-1": b"%d" % partition}) for partition, state in states.items()]
    assert store.write(changes) == lost
    loaded = store.load({partition: ["c-1"] for partition in states})
    expected = {p: [None] if p in lost else [b"%d" % p] for p in states}
    assert {partition: list(found.records) for partition, found in loaded.items()} == expected
    after = [change_of(change.after, deadlines=first_at(NOON_MS)) for change in changes]
    assert store.write([after[0], after[7]]) == {7}, "a connection that saw a fence serves the next write"
    found = store.due(dict.fromkeys(states, THE_DAY))
    assert {p: [*one.customers] for p, one in found.items()} == {
        partition: [("c-1", NOON_MS)] if partition == 0 else [] for partition in states
    }
