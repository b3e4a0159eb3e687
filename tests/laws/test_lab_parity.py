"""Parity is zero where the real consumer played the history, and finds what was broken on purpose."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.partitioner import partition_of
from consumer.features import contributions
from consumer.features.catalogue import catalogue_for
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS
from offline.parity.difference import Tolerance, customer_hash
from offline.parity.parity import Parity, customer_parity, decision_parity
from offline.parity.recomputed import in_sample, recomputed
from offline.parity.report import findings, report_of
from tests.oracles.past_of_world import write_past
from tests.simulation.small_bank import merged_log, outcomes_of, with_latecomers
from tests.simulation.world import World, retail_bank, with_budgets

pytestmark = pytest.mark.slow

POLICY = with_budgets(retail_bank(), per_day=1_000)


def records_of(load: Load) -> list[OutputRecord]:
    """Profiles and events with repeats, malformed records, one customer erased who comes back, one for good."""
    made = list(events(load, products=POLICY.catalogue.product_ids))
    middle_ms = load.start_ms + int(load.days * DAY_MS) // 2
    return [
        *profiles(load),
        *made,
        *(OutputRecord(r.role, r.key, r.value, r.event_time_ms + DAY_MS) for r in made[::17]),
        OutputRecord("transactions", b"c-1", b"{no json", middle_ms),
        OutputRecord("customers", b"c-0", b"", middle_ms),
        OutputRecord("customers", b"c-1", b"", middle_ms + int(load.days * DAY_MS) + 40 * DAY_MS),
    ]


def world_with(records: list[OutputRecord]) -> World:
    world = World(n_partitions=2, policy=POLICY)
    world.publish(records)
    return world


def played(load: Load, *, batch_records: int = 5_000) -> World:
    """A bank whose customers answered their offers, played through the real consumer."""
    first = world_with(records_of(load))
    first.run(first.scorer("a"))
    world = world_with(with_latecomers(load.seed, [*records_of(load), *outcomes_of(first)]))
    world.run(world.scorer("a", batch_records=batch_records))
    return world


def history_of(world: World, folder: Path) -> Path:
    return write_past(world, merged_log(world), folder, decisions=True)


def parity_of(world: World, history: Path, *, share: float = 1.0) -> Parity:
    catalogue = world.policy.catalogue
    features = catalogue_for(catalogue.product_ids)
    found = recomputed(history, catalogue, share=share, n_partitions=world.n_partitions)
    customers = customer_parity(
        found, world.store, features, n_partitions=world.n_partitions, tolerance=Tolerance()
    )
    return Parity(share, Tolerance(), found.latest_ms, customers, decision_parity(found, features))


@settings(max_examples=10)
@given(
    seed=st.integers(0, 10_000),
    n_customers=st.integers(2, 12),
    n_events=st.integers(20, 120),
    days=st.sampled_from([2.0, 20.0, 150.0]),
    batch_records=st.sampled_from([7, 60, 5_000]),
)
def test_parity_is_zero_on_a_history_that_the_real_consumer_played(
    seed: int, n_customers: int, n_events: int, days: float, batch_records: int
) -> None:
    load = Load(n_customers=n_customers, n_events=n_events, days=days, seed=seed, trigger_share=0.5)
    world = played(load, batch_records=batch_records)
    with TemporaryDirectory() as folder:
        found = parity_of(world, history_of(world, Path(folder) / "past"))
    assert not found.has_differences, findings(found)
    assert found.customers is not None
    # Two are erased, and with few events neither may come back.
    assert found.customers.compared >= n_customers - 2


LOAD = Load(n_customers=30, n_events=400, days=40.0, seed=3, trigger_share=0.4)


@pytest.fixture(scope="module")
def world() -> World:
    return played(LOAD)


@pytest.fixture(scope="module")
def history(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return history_of(world, tmp_path_factory.mktemp("parity") / "past")


def test_the_history_has_offers_that_were_lost_and_decisions_of_most_customers(
    world: World, history: Path
) -> None:
    found = parity_of(world, history)
    assert found.decisions is not None
    assert found.decisions.compared > 100
    assert not found.has_differences, findings(found)
    assert any(b'"undelivered"' in (record.value or b"") for record in merged_log(world))


def test_a_feature_that_the_consumer_computes_wrongly_is_found_in_the_store_and_in_the_decisions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(contributions, "_INTEREST_WEIGHTS", contributions._INTEREST_WEIGHTS * 2)
        world = played(LOAD)
    found = parity_of(world, history_of(world, tmp_path / "past"))
    assert found.has_differences
    assert found.customers is not None
    assert found.decisions is not None
    wrong = {line.name for line in found.customers.features if line.different}
    assert {f"interest_{product}" for product in POLICY.catalogue.product_ids} <= wrong
    assert "balance_last" not in wrong
    assert wrong & {line.name for line in found.decisions.inputs if line.different}


def test_a_stale_record_a_lost_one_and_one_that_should_be_erased_are_found_by_their_hashes(
    world: World, history: Path
) -> None:
    kept = world.store.copy()
    try:
        (stale, partition), (lost, other) = [
            (name, stored)
            for stored in world.store.partitions.values()
            for name in sorted(stored.records)[:1]
        ]
        donor, kept_name = sorted(partition.records)[1], sorted(other.records)[1]
        partition.records[stale] = partition.records[donor]
        home = partition_of(b"c-1", world.n_partitions)
        del other.records[lost]
        world.store.partitions[home].records["c-1"] = other.records[kept_name]
        found = parity_of(world, history)
    finally:
        world.store.restore(kept)
    assert found.customers is not None
    assert found.customers.extra == 1
    assert found.customers.extra_examples == (customer_hash("c-1"),)
    assert found.customers.missing == 1
    assert found.customers.missing_examples == (customer_hash(lost),)
    blamed = {name for line in found.customers.features for name in line.examples}
    assert blamed == {customer_hash(stale)}
    page = report_of(found, catalogue_for(POLICY.catalogue.product_ids))
    assert customer_hash(lost) in page
    assert f">{lost}<" not in page


def test_a_sample_compares_the_same_customers_with_the_same_result(world: World, history: Path) -> None:
    found = parity_of(world, history, share=0.4)
    names = [f"c-{number}" for number in range(LOAD.n_customers)]
    assert found.customers is not None
    assert found.customers.sampled == sum(in_sample(name, 0.4) for name in names)
    assert 0 < found.customers.sampled < LOAD.n_customers
    assert not found.has_differences, findings(found)


def test_customers_that_have_gone_on_since_the_history_ended_are_counted_and_not_compared(
    tmp_path: Path,
) -> None:
    world = played(LOAD)
    history = history_of(world, tmp_path / "past")
    later = Load(
        n_customers=10, n_events=30, days=1.0, first_event=10_000, start_ms=LOAD.start_ms + 120 * DAY_MS
    )
    world.publish(events(later, products=POLICY.catalogue.product_ids))
    world.group.leave("a")
    world.run(world.scorer("b"))
    found = parity_of(world, history)
    assert found.customers is not None
    assert found.customers.moved_on >= 8
    is_back = any("c-1" in partition.records for partition in world.store.partitions.values())
    assert found.customers.compared == 29 - found.customers.moved_on + is_back
    assert not found.has_differences, findings(found)


def test_a_decision_whose_trigger_is_not_in_the_history_is_a_difference(world: World, tmp_path: Path) -> None:
    records = merged_log(world)
    history = write_past(world, records[: len(records) // 2], tmp_path / "past", decisions=True)
    found = parity_of(world, history)
    assert found.decisions is not None
    assert found.decisions.unplaced > 0
    assert found.has_differences


def test_an_answer_after_the_service_has_forgotten_the_offer_teaches_the_record_nothing(
    tmp_path: Path,
) -> None:
    world = played(LOAD)
    late = [
        OutputRecord(
            "outcomes",
            offer.key or b"",
            json.dumps(
                {
                    "event_id": f"late-{place}",
                    "customer_id": (offer.key or b"").decode(),
                    "event_time_ms": LOAD.start_ms + (150 + place) * DAY_MS,
                    "decision_id": json.loads(offer.value or b"")["decision_id"],
                    "kind": "accepted",
                }
            ).encode(),
            LOAD.start_ms + (150 + place) * DAY_MS,
        )
        for place, offer in enumerate(world.log.records("offers"))
    ]
    world.publish(late)
    orphans = world.telemetry.counts["outcomes_total", "orphan"]
    world.group.leave("a")
    world.run(world.scorer("b"))
    assert world.telemetry.counts["outcomes_total", "orphan"] > orphans
    found = parity_of(world, history_of(world, tmp_path / "past"))
    assert not found.has_differences, findings(found)
