"""The load of the benchmarks: policies with other triggers, logs in chunks, examples that the learner takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import services
from benchmarks.learner import examples, measure_parts
from benchmarks.peer_runs import PEERS, version_of
from benchmarks.peers.order import read_order
from benchmarks.policies import EVERY_EVENT, INTEREST, write_policy
from benchmarks.services import many_events
from benchmarks.synthetic_events import Load, events
from consumer.features.catalogue import catalogue_for
from consumer.policy.document import load_policy
from consumer.runtime.example_reader import ExampleReader
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.words import INTERACTION_KINDS, TRANSACTION_KINDS

PRODUCTS = ("card", "loan")


@pytest.mark.parametrize("triggers", [[INTEREST], EVERY_EVENT])
def test_the_bench_policy_is_the_banks_own_with_other_triggers(
    triggers: list[dict[str, object]], tmp_path: Path
) -> None:
    bank = load_policy(DEFAULT_POLICY)
    changed = load_policy(write_policy(tmp_path / "p.yaml", triggers, young_share=0.05))
    assert changed.catalogue == bank.catalogue
    assert changed.decision_gap_ms == 0
    assert changed.text.exploration.young_share == 0.05
    assert [trigger.name for trigger in changed.text.triggers] == [trigger["name"] for trigger in triggers]
    assert changed.text.contact_policy == bank.text.contact_policy
    assert [offer.eligibility for offer in changed.text.offers] == [o.eligibility for o in bank.text.offers]


def test_every_event_of_the_load_is_a_trigger_when_all_are_to_be_scored() -> None:
    kinds = {kind for trigger in EVERY_EVENT for kind in trigger["kinds"]}
    assert kinds == {*INTERACTION_KINDS, *TRANSACTION_KINDS}


def test_a_load_in_chunks_repeats_no_event_and_keeps_the_order_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "CHUNK_EVENTS", 300)
    stream = list(many_events(Load(50, 1_000), products=PRODUCTS))
    ids = [json.loads(record.value or b"")["event_id"] for record in stream]
    times = [record.event_time_ms for record in stream]
    assert len(set(ids)) == len(ids) == 1_000
    assert times == sorted(times)
    assert times[-1] - times[0] == pytest.approx(30 * 86_400_000, rel=0.05)


def test_a_following_load_goes_on_where_the_first_one_ends() -> None:
    first = Load(50, 200)
    before, after = (list(events(load, products=PRODUCTS)) for load in (first, first.following(100)))
    assert len(after) == 100
    assert max(record.event_time_ms for record in before) <= min(record.event_time_ms for record in after)
    assert not {record.value for record in before} & {record.value for record in after}


def test_the_share_of_product_views_is_the_one_asked_for() -> None:
    stream = list(events(Load(50, 5_000, trigger_share=0.1), products=PRODUCTS))
    views = sum(b"product_view" in (record.value or b"") for record in stream)
    assert views / len(stream) == pytest.approx(0.1, abs=0.02)


def test_the_learner_takes_every_example_of_the_load() -> None:
    features = catalogue_for(PRODUCTS)
    reader = ExampleReader(frozenset(PRODUCTS), features.fingerprint, len(features.input_names))
    records = list(examples(features, 50))
    assert {record.key for record in records} == {b"card", b"loan"}
    for offset, record in enumerate(records):
        raw = RawRecord("examples", 0, offset, record.key, record.value, record.event_time_ms)
        assert reader.read(raw) is not None


def test_the_cost_of_an_example_is_told_part_by_part() -> None:
    parts = measure_parts(catalogue_for(PRODUCTS), 2_000)
    assert set(parts) == {"read", "test and learn", "snapshots"}
    assert all(us > 0.0 for us in parts.values())


def test_each_peers_own_library_is_pinned() -> None:
    assert [version_of(name).split(" ")[0] for name in PEERS] == ["river", "quixstreams", "bytewax"]
    root = Path(__file__).resolve().parents[2]
    for name in PEERS:
        lines = (root / "benchmarks" / "peers" / name / "requirements.txt").read_text().splitlines()
        assert all("==" in line and "://" not in line for line in lines)


def test_a_peer_is_told_everything_on_its_command_line() -> None:
    words = "--servers h:1 --redis redis://h --topics a,b --offers o --group g --events 5 --state-dir s"
    order = read_order(words.split())
    assert (order.topics, order.events, order.state_dir) == (("a", "b"), 5, "s")


def test_in_turn_every_customer_has_an_event_before_any_has_a_second_one() -> None:
    load = Load(7, 20, is_in_turn=True)
    names = [record.key for record in many_events(load, products=PRODUCTS)]
    assert [len(set(names[start : start + 7])) for start in (0, 7, 13)] == [7, 7, 7]
    assert names[:7] == names[7:14]
    following = [record.key for record in events(load.following(8), products=PRODUCTS)]
    assert following[0] == names[20 % 7]
