"""The broker in memory: what it models beyond the contract suites."""

from __future__ import annotations

import pytest

from consumer.adapters.memory_group import MemoryGroup
from consumer.adapters.memory_io import PUBLISH_STEPS, MemorySink, MemorySource
from consumer.adapters.memory_log import MemoryLog
from consumer.ports import Bounds
from consumer.vocabulary.errors import ConfigurationError, Fenced, Retryable
from consumer.vocabulary.log import OutputRecord

OFFER = OutputRecord("offers", b"c-1", b"offer", 5)
POSITIONS = {("transactions", 0): 3}


class Silent:
    """A listener that only says yes."""

    def on_assigned(self, partitions: frozenset[int]) -> None:
        """Take over nothing."""

    def on_revoked(self, partitions: frozenset[int]) -> None:
        """Let nothing go."""


class Crash(BaseException):
    """The process ends here."""


def opened(log: MemoryLog, group: MemoryGroup, member: str) -> MemorySource:
    source = MemorySource(log, group, member=member)
    source.open(Silent())
    source.poll(1, 0.0)
    return source


@pytest.mark.parametrize("step", PUBLISH_STEPS)
def test_a_crash_within_a_publication_leaves_all_or_nothing(step: str) -> None:
    log, group = MemoryLog(1), MemoryGroup("g", 1)
    source = opened(log, group, "a")

    def crash_at(done: str) -> None:
        if done == step:
            raise Crash

    sink = MemorySink(log, source, transactional_id="a", on_step=crash_at)
    with pytest.raises(Crash):
        sink.publish([OFFER], POSITIONS)
    is_visible = step == "committed"
    assert len(log.records("offers")) == is_visible
    log.abort_abandoned()
    assert len(log.records("offers")) == is_visible
    assert source.committed(0) == ({"transactions": 3} if is_visible else {})


def test_offsets_of_an_open_transaction_are_not_stable() -> None:
    log, group = MemoryLog(1), MemoryGroup("g", 1)
    source = opened(log, group, "a")

    def crash_at(done: str) -> None:
        if done == "offsets_sent":
            raise Crash

    with pytest.raises(Crash):
        MemorySink(log, source, transactional_id="a", on_step=crash_at).publish([OFFER], POSITIONS)
    with pytest.raises(Retryable):
        source.committed(0)
    MemorySink(log, source, transactional_id="a")
    assert source.committed(0) == {}


def test_a_publication_that_may_be_tried_again_is_taken_back() -> None:
    log, group = MemoryLog(1), MemoryGroup("g", 1)
    source = opened(log, group, "a")
    refusals = iter([True, False])

    def refuse_once(done: str) -> None:
        if done == "produced" and next(refusals):
            raise Retryable("the broker is away")

    sink = MemorySink(log, source, transactional_id="a", on_step=refuse_once)
    with pytest.raises(Retryable):
        sink.publish([OFFER], POSITIONS)
    sink.publish([OFFER], POSITIONS)
    assert len(log.records("offers")) == 1
    # One aborted record and its marker, one committed record and its marker.
    assert log.bounds(("offers", 0)) == Bounds(0, 4)


def test_an_open_transaction_hides_what_comes_after_it() -> None:
    log = MemoryLog(1)
    transaction = log.begin("t", log.init_transactions("t"))
    log.publish(OFFER, transaction)
    log.publish(OFFER)
    assert log.records("offers") == []
    log.abort(transaction)
    assert [record.offset for record in log.records("offers")] == [1]


def test_a_killed_member_is_not_told_and_the_rest_take_its_partitions() -> None:
    log, group = MemoryLog(4), MemoryGroup("g", 4)
    a, b = MemorySource(log, group, member="a"), MemorySource(log, group, member="b")
    told: dict[str, list[frozenset[int]]] = {"a": [], "b": []}

    class Noting(Silent):
        def __init__(self, member: str) -> None:
            self.member = member

        def on_assigned(self, partitions: frozenset[int]) -> None:
            told[self.member].append(partitions)

    a.open(Noting("a"))
    b.open(Noting("b"))
    for member in (a, b, a, b):
        member.poll(1, 0.0)
    a.kill()
    b.poll(1, 0.0)
    assert told == {"a": [frozenset({0, 1})], "b": [frozenset({2, 3}), frozenset({0, 1, 2, 3})]}


def test_a_member_that_the_group_dropped_is_fenced_until_it_has_joined_again() -> None:
    log, group = MemoryLog(2), MemoryGroup("g", 2)
    zombie, other = opened(log, group, "a"), MemorySource(log, group, member="b")
    sink = MemorySink(log, zombie, transactional_id="a")
    group.leave("a")
    other.open(Silent())
    other.poll(1, 0.0)
    with pytest.raises(Fenced):
        sink.publish([OFFER], POSITIONS)
    for member in (zombie, other, zombie, other):
        member.poll(1, 0.0)
    sink.publish([OFFER], POSITIONS)
    assert len(log.records("offers")) == 1


def test_retention_and_recreation_are_noticed_by_whoever_reads_on() -> None:
    log, group = MemoryLog(1), MemoryGroup("g", 1)
    for time_ms in range(4):
        log.append("transactions", 0, b"c-1", b"v", timestamp_ms=time_ms)
    log.remove_before("transactions", 0, 2)
    source = opened(log, group, "a")
    assert source.bounds(0)["transactions"] == Bounds(2, 4)
    source.seek(0, {"transactions": 1})
    with pytest.raises(ConfigurationError, match=r"offset 1.*holds 2 up to 4"):
        source.poll(1, 0.0)
    log.recreate("transactions")
    source.seek(0, {"transactions": 4})
    with pytest.raises(ConfigurationError, match=r"offset 4.*holds 0 up to 0"):
        source.poll(1, 0.0)
