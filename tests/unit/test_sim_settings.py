"""Settings refuse a run that cannot work, and say which one; pacing holds a free run back."""

from typing import Any

import pytest

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.time import HOUR_MS
from producer_sim.bank import Bank
from producer_sim.bus import MemoryBus, Placed, Replies
from producer_sim.pacing import Pacer
from producer_sim.run import run
from producer_sim.settings import BankSettings, Drift, FaultRates, Pace


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"customers": 0}, "customers must be between 1 and"),
        ({"days": -1}, "days must be between 0 and"),
        ({"step_ms": 7 * HOUR_MS}, "step_ms must divide a day"),
        ({"products": ()}, "products must name at least one product"),
        ({"products": ("a", "a")}, "each of them once"),
        ({"drifts": (Drift(1, {"yacht": 1.0}),)}, "drift names unknown products: yacht"),
    ],
)
def test_a_run_that_cannot_work_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        BankSettings(**changes)


def test_fault_rates_are_shares_that_leave_room_for_good_records() -> None:
    with pytest.raises(ConfigurationError, match="fault rate late must be between 0 and 1"):
        FaultRates(late=1.5)
    with pytest.raises(ConfigurationError, match="add up to"):
        FaultRates(late=0.6, duplicate=0.6)


def test_speeds_and_time_outs_are_positive() -> None:
    with pytest.raises(ConfigurationError, match="speed_up must be positive"):
        Pace(speed_up=0.0)


def test_a_bank_of_unknown_products_lives_too() -> None:
    bus = MemoryBus()
    settings = BankSettings(
        customers=20, days=2, products=("yacht_loan", "pet_insurance"), step_ms=12 * HOUR_MS
    )
    assert run(settings, bus).published_count == len(bus.log) > 20
    assert Bank(settings).population.holdings.shape == (20, 2)


def test_a_free_run_is_held_back_to_the_slower_of_its_two_speeds() -> None:
    slept: list[float] = []
    pacer = Pacer(
        Pace(lockstep=False, speed_up=3_600.0, events_per_s=10.0), clock=lambda: 100.0, sleep=slept.append
    )
    pacer.wait(HOUR_MS, records=5)
    pacer.wait(HOUR_MS, records=50)
    assert slept == [1.0, 6.0], "the second wait ends 1 + 5 s after the first began"


def test_lockstep_never_sleeps() -> None:
    Pacer(Pace(), clock=lambda: 0.0, sleep=lambda _: pytest.fail("slept")).wait(HOUR_MS, 10)


def test_progress_is_reported_from_nothing_to_all() -> None:
    seen: list[float] = []
    settings = BankSettings(customers=10, days=2, history_days=2, step_ms=12 * HOUR_MS)
    run(settings, MemoryBus(), lambda counts: seen.append(counts.share_done))
    assert seen[:2] == [0.5, 1.0], "two days of history"
    assert seen[2] == 0.0
    assert seen[-1] == 1.0


def test_a_scorer_of_another_bank_is_counted_and_not_answered() -> None:
    strange = b'{"decision_id":"x-1","customer_id":"nobody","event_time_ms":1,"offer_id":"o","products":["mortgage"],"channel":"app","expires_at_ms":2}'

    def scorer(records: list[Placed]) -> Replies:
        return Replies(offers=[strange] if records and records[0].record.role == "customers" else [])

    truth = run(BankSettings(customers=5, days=1, step_ms=24 * HOUR_MS), MemoryBus(scorer))  # type: ignore[arg-type]
    assert truth.offers_unknown == truth.offers_count == 1
    assert truth.outcomes == {}
