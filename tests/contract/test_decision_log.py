"""One suite for every log of decisions: in memory and on Kafka."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumer.adapters.decision_reader import MemoryDecisionLog, past_decision
from consumer.adapters.kafka_decisions import KafkaDecisionLog
from consumer.adapters.memory_log import MemoryLog
from consumer.ports import DecisionLog
from consumer.vocabulary.errors import Defect, Retryable
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS
from tests.contract.worlds import N_PARTITIONS, KafkaWorld, MemoryWorld, Process, World, until

T_MS = 1_790_000_000_000
CUSTOMERS = [b"c-%d" % number for number in range(20)]


def decision_log(world: World) -> DecisionLog:
    if isinstance(world, KafkaWorld):
        return KafkaDecisionLog(world.client, world.topics, staleness_ms=DAY_MS)
    assert isinstance(world, MemoryWorld)
    return MemoryDecisionLog(world.log)


def document(partition: int, offset: int, **changes: Any) -> bytes:
    candidate = {"offer_id": "gold", "channel": "app", "p_accept": 0.1, "logging_propensity": 0.7}
    fields = {
        "decision_id": f"transactions-{partition}-{offset}",
        "trigger": {"topic": "transactions", "kind": "salary", "partition": partition, "offset": offset},
        "result": "offered",
        "candidates": [{**candidate, "offer_id": "other", "p_accept": 0.2}, candidate],
        "offer_id": "gold",
        "channel": "app",
        "model_input": {"fingerprint": "f", "inputs_milli": [1, -2, 3]},
        "segment": 4,
    }
    return json.dumps({**fields, **changes}).encode()


def decision(key: bytes, partition: int, offset: int, *, at_ms: int = T_MS) -> OutputRecord:
    return OutputRecord("decisions", key, document(partition, offset), at_ms)


def publisher(world: World) -> Process:
    process = world.start("a")
    until(lambda: len(process.listener.owned) == N_PARTITIONS, [process])
    return process


def test_decisions_are_found_by_the_partition_of_their_trigger_wherever_their_key_put_them(
    world: World,
) -> None:
    outputs = [decision(key, at % 2, at) for at, key in enumerate(CUSTOMERS)]
    publisher(world).sink.publish(outputs, {("transactions", 0): 20})
    found = decision_log(world).read(frozenset({1}), 0)
    assert found.is_complete
    assert sorted(d.offset for d in found.decisions) == list(range(1, len(CUSTOMERS), 2))


def test_what_was_not_published_in_the_end_is_not_read_back(world: World) -> None:
    process = publisher(world)
    process.sink.publish([decision(b"c-1", 0, 1)], {("transactions", 0): 2})
    world.append_aborted("decisions", 0, document(0, 7), timestamp_ms=T_MS)
    found = decision_log(world).read(frozenset({0}), 0)
    assert [d.offset for d in found.decisions] == [1]


def test_decisions_from_the_stream_time_on_are_all_there_whatever_order_they_lie_in(world: World) -> None:
    hour_ms = DAY_MS // 24
    outputs = [
        decision(b"c-1", 0, at, at_ms=T_MS + hours * hour_ms)
        for at, hours in enumerate((0, 80, 30, 79, 100, 60))
    ]
    publisher(world).sink.publish(outputs, {("transactions", 0): 6})
    found = decision_log(world).read(frozenset({0}), T_MS + 90 * hour_ms)
    assert {1, 3, 4} <= {d.offset for d in found.decisions}
    assert found.is_complete


def test_an_empty_log_is_complete(world: World) -> None:
    publisher(world)
    found = decision_log(world).read(frozenset({0, 1}), 0)
    assert (list(found.decisions), found.is_complete) == ([], True)


def test_a_log_that_retention_has_shortened_says_that_decisions_may_be_missing() -> None:
    world = MemoryWorld()
    publisher(world).sink.publish([decision(b"c-1", 0, 1)] * 3, {("transactions", 0): 2})
    for partition in range(N_PARTITIONS):
        world.log.remove_before(
            "decisions", partition, min(1, world.log.bounds(("decisions", partition)).high)
        )
    assert not decision_log(world).read(frozenset({0}), 0).is_complete


def test_an_offer_is_read_back_with_all_that_its_outcome_will_need() -> None:
    offer = past_decision(document(1, 8)).offer
    assert offer is not None
    assert (offer.offer_id, offer.channel, offer.segment) == ("gold", "app", 4)
    assert (offer.p_accept, offer.logging_propensity) == (0.1, 0.7)
    assert (offer.fingerprint, offer.inputs_milli.tolist()) == ("f", [1, -2, 3])


@pytest.mark.parametrize("result", ["holdout", "no_offer", "excluded"])
def test_a_decision_without_an_offer_that_went_out_has_none(result: str) -> None:
    assert past_decision(document(1, 8, result=result)).offer is None


@pytest.mark.parametrize("value", [b"{}", b"no json", document(1, 8, candidates=[])])
def test_what_is_no_decision_of_ours_stops_the_recovery(value: bytes) -> None:
    with pytest.raises(Defect):
        past_decision(value)


def test_decisions_behind_an_open_transaction_are_waited_for() -> None:
    """Readers of committed records do not see them yet, although their offsets are committed."""
    log = MemoryLog(1)
    open_one = log.begin("zombie", log.init_transactions("zombie"))
    log.publish(decision(b"c-1", 0, 1), open_one)
    committed = log.begin("owner", log.init_transactions("owner"))
    log.publish(decision(b"c-1", 0, 2), committed)
    log.commit(committed)
    with pytest.raises(Retryable, match="open transaction"):
        MemoryDecisionLog(log).read(frozenset({0}), 0)
    log.abort(open_one)
    assert [d.offset for d in MemoryDecisionLog(log).read(frozenset({0}), 0).decisions] == [2]
