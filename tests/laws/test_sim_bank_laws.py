"""The simulated bank as laws: it repeats, its books balance, its answers follow the hidden model."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.vocabulary.messages import INPUT_RECORDS
from consumer.vocabulary.time import DAY_MS, HOUR_MS
from producer_sim.bank import Bank
from producer_sim.bus import MemoryBus, Placed, Replies
from producer_sim.faults import DRAWS_A_RECORD, send
from producer_sim.history import write
from producer_sim.outcomes import Answer, Mood, OfferSeen, answer
from producer_sim.records import GOOD, MALFORMED_PREFIX, TransactionRecord
from producer_sim.run import run
from producer_sim.settings import NO_FAULTS, RETAIL_PRODUCTS, TYPICAL_FAULTS, BankSettings, Drift, FaultRates
from producer_sim.stand_in import CoinScorer
from producer_sim.truth import Truth

OFFERS = {f"offer_{product}": (product,) for product in RETAIL_PRODUCTS} | {
    "home_bundle": ("mortgage", "home_insurance")
}
FAULTS = replace(TYPICAL_FAULTS, malformed=0.02, duplicate=0.02)
SMALL = BankSettings(
    customers=60,
    days=4,
    history_days=3,
    step_ms=6 * HOUR_MS,
    offers=OFFERS,
    faults=FAULTS,
    campaign_share=0.3,
)


def lived(bank_settings: BankSettings) -> tuple[Truth, list[Placed]]:
    bus = MemoryBus(CoinScorer(OFFERS))
    return run(bank_settings, bus), bus.log


@cache
def a_month() -> tuple[Truth, list[Placed]]:
    return lived(
        BankSettings(customers=800, days=30, offers=OFFERS, faults=TYPICAL_FAULTS, step_ms=6 * HOUR_MS)
    )


def documents(log: list[Placed], role: str) -> list[dict[str, object]]:
    return [
        json.loads(placed.record.value or b"{}")
        for placed in log
        if placed.record.role == role and placed.record.fate == GOOD
    ]


@settings(max_examples=6)
@given(seed=st.integers(0, 2**63 - 1), start=st.dates(date(2000, 1, 1), date(2060, 1, 1)))
def test_the_same_seed_gives_the_same_bytes_and_the_same_truth(seed: int, start: date) -> None:
    bank_settings = replace(SMALL, seed=seed, start=start)
    assert lived(bank_settings) == lived(bank_settings)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), fewer=st.integers(1, 59))
def test_what_a_customer_does_does_not_depend_on_how_many_others_there_are(seed: int, fewer: int) -> None:
    def activity(customers: int) -> list[bytes | None]:
        bus = MemoryBus()
        run(replace(SMALL, seed=seed, customers=customers, faults=NO_FAULTS), bus)
        last = f"c{fewer - 1:07d}".encode()
        return [placed.record.value for placed in bus.log if placed.record.key <= last]

    assert activity(fewer) == activity(60)


def test_every_published_record_has_a_fate_and_the_truth_counts_all_of_them() -> None:
    truth, log = a_month()
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for placed in log:
        counted[placed.record.role][placed.record.fate] += 1
    assert truth.published == counted
    assert truth.published_count == len(log)
    fates = Counter(fate.split(".")[0] for counts in truth.published.values() for fate in counts)
    assert set(fates) == {"good", "duplicate", "late", "out_of_order", "clock_skew", "malformed"}


def test_records_that_are_not_malformed_validate_against_their_models() -> None:
    _, log = a_month()
    for placed in log[::7]:
        if not placed.record.fate.startswith(MALFORMED_PREFIX):
            record = INPUT_RECORDS[placed.record.role].model_validate_json(placed.record.value or b"")
            assert record.event_id == placed.record.event_id
            assert record.customer_id.encode() == placed.record.key


def test_event_ids_repeat_only_in_duplicates_which_repeat_every_byte() -> None:
    _, log = a_month()
    first: dict[str, Placed] = {}
    for placed in log:
        original = first.setdefault(placed.record.event_id, placed)
        if original is not placed:
            assert placed.record.fate == "duplicate"
            assert (placed.record.value, placed.record.key) == (original.record.value, original.record.key)


def test_records_arrive_in_order_and_good_ones_at_once() -> None:
    _, log = a_month()
    arrivals = [placed.record.arrival_ms for placed in log]
    assert arrivals == sorted(arrivals)
    for placed in log:
        record = placed.record
        if record.fate == GOOD:
            assert 0 <= record.arrival_ms - record.event_time_ms < 1_000
        elif record.fate == "late":
            assert 2 * HOUR_MS <= record.arrival_ms - record.event_time_ms <= 4 * DAY_MS


@settings(max_examples=8)
@given(rates=st.lists(st.floats(0.0, 0.15), min_size=5, max_size=5), seed=st.integers(0, 2**32))
def test_each_fault_strikes_at_its_own_rate_whatever_the_others(rates: list[float], seed: int) -> None:
    names, count = ("duplicate", "late", "out_of_order", "malformed", "clock_skew"), 4_000
    record = TransactionRecord("1.0", "e", "c", DAY_MS * 20_000, "fee", "debit", 1, "EUR", "online")
    draws = np.random.Generator(np.random.PCG64(seed)).random((count, DRAWS_A_RECORD))
    wanted = dict(zip(names, rates, strict=True))
    sent = send([record] * count, draws, FaultRates(**wanted))
    struck = Counter(record.fate.split(".")[0] for record in sent)
    for name, rate in wanted.items():
        assert abs(struck[name] - rate * count) <= 5 * (rate * (1 - rate) * count) ** 0.5 + 1, name
    assert len(sent) == count + struck["duplicate"] + struck["malformed"]


def test_balances_follow_from_the_amounts() -> None:
    log = lived(replace(SMALL, faults=NO_FAULTS, days=40))[1]
    balance: dict[object, int] = {}
    booked = 0
    for record in documents(log, "transactions"):
        signed = int(str(record["amount_minor"])) * (1 if record["direction"] == "credit" else -1)
        after = int(str(record["balance_after_minor"]))
        customer = record["customer_id"]
        if customer in balance:
            assert balance[customer] + signed == after
            booked += 1
        balance[customer] = after
    assert booked > 1_000


def test_pay_comes_on_the_same_day_of_each_month() -> None:
    log = lived(replace(SMALL, faults=NO_FAULTS, days=70))[1]
    days: defaultdict[object, set[int]] = defaultdict(set)
    for record in documents(log, "transactions"):
        if record["kind"] == "salary":
            days[record["customer_id"]].add(np.datetime64(int(str(record["event_time_ms"])), "ms").item().day)
    assert len(days) > 20
    assert sum(len(found) > 1 for found in days.values()) == 0


@settings(max_examples=4)
@given(p_accept=st.floats(0.02, 0.8), seed=st.integers(0, 2**32))
def test_offers_are_accepted_as_often_as_the_hidden_model_says(p_accept: float, seed: int) -> None:
    count = 1_200
    accepted = sum(told(seed, number, p_accept).is_accepted for number in range(count))
    assert abs(accepted - p_accept * count) < 4.5 * (p_accept * (1 - p_accept) * count) ** 0.5


def test_in_a_whole_run_acceptances_add_up_to_the_hidden_probabilities() -> None:
    truth, _ = a_month()
    chosen = [d.candidates[d.chosen].p_accept for d in truth.decisions if d.chosen >= 0]
    expected = sum(chosen) * (1 - TYPICAL_FAULTS.lost_delivery)
    spread = sum(p * (1 - p) for p in chosen) ** 0.5
    assert truth.offers_count == len(chosen)
    assert abs(truth.outcomes["accepted"] - expected) < 4 * spread


@given(
    p_accept=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32),
    number=st.integers(0, 10_000),
    lost=st.booleans(),
    valid_hours=st.integers(1, 14 * 24),
)
def test_the_story_of_an_offer_is_consistent(
    p_accept: float, seed: int, number: int, lost: bool, valid_hours: int
) -> None:
    found = told(seed, number, p_accept, lost=lost, valid_hours=valid_hours)
    times = {record.kind: record.event_time_ms for record in found.outcomes}
    assert len(times) == len(found.outcomes), "each kind is told once"
    assert list(times.values()) == sorted(times.values())
    assert ("undelivered" in times) is lost
    if lost:
        assert list(times) == ["undelivered"]
    before = {
        "viewed": "delivered",
        "clicked": "viewed",
        "accepted": "viewed",
        "rejected": "viewed",
        "purchased": "accepted",
    }
    for later, earlier in before.items():
        if later in times:
            assert times[earlier] <= times[later]
    assert not {"accepted", "rejected"} <= set(times)
    if "accepted" in times:
        assert times["accepted"] < OFFER.event_time_ms + valid_hours * HOUR_MS
    for record in found.outcomes:
        assert (record.revenue_minor is not None) == (record.kind == "purchased")


def test_a_history_lived_in_memory_or_on_disk_leads_to_the_same_live_stream(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bank = Bank(SMALL)
    write(SMALL, tmp_path_factory.mktemp("history"), bank=bank)
    bus = MemoryBus(CoinScorer(OFFERS))
    truth = run(SMALL, bus, bank=bank)
    assert (truth, bus.log) == lived(SMALL)


def test_the_order_in_which_partitions_are_read_does_not_matter() -> None:
    def with_twins(step: int) -> tuple[Truth, list[Placed]]:
        """Let the scorer make each offer twice, as two decisions, read forwards (1) or backwards (-1)."""
        scorer = CoinScorer(OFFERS)

        def twins(records: Sequence[Placed]) -> Replies:
            replies = scorer(records)
            second = [value.replace(b'"decision_id":"', b'"decision_id":"twin-') for value in replies.offers]
            return Replies(offers=[*replies.offers, *second][::step], decisions=replies.decisions)

        bus = MemoryBus(twins)
        return run(SMALL, bus), bus.log

    assert with_twins(1) == with_twins(-1)


def test_no_two_days_of_a_customer_are_alike() -> None:
    bus = MemoryBus()
    run(replace(SMALL, faults=NO_FAULTS, days=10), bus)
    times: defaultdict[tuple[object, int], list[int]] = defaultdict(list)
    for record in documents(bus.log, "transactions"):
        moment = int(str(record["event_time_ms"]))
        if record["kind"] == "card_payment":
            times[record["customer_id"], moment // DAY_MS].append(moment % DAY_MS)
    assert len({tuple(found) for found in times.values()}) == len(times) > 100


def test_offers_and_decisions_that_come_twice_count_once() -> None:
    scorer = CoinScorer(OFFERS)
    earlier = Replies()

    def at_least_once(records: Sequence[Placed]) -> Replies:
        """Repeat what was said in this step, and what was said in the one before."""
        said, before = scorer(records), Replies(earlier.offers, earlier.decisions)
        earlier.offers, earlier.decisions = said.offers, said.decisions
        return Replies(said.offers * 2 + before.offers, said.decisions * 2 + before.decisions)

    bus = MemoryBus(at_least_once)
    truth = run(SMALL, bus)
    once, log = lived(SMALL)
    assert bus.log == log
    assert truth.offers_repeated > 1.5 * once.offers_count > 0
    truth.offers_repeated = 0
    assert truth == once


def test_customers_look_at_what_they_need() -> None:
    truth, log = a_month()
    need = {customer.customer_id: customer.need_logits for customer in truth.customers}
    column = truth.products.index("mortgage")
    views = [r for r in documents(log, "interactions") if r["kind"] == "product_view"]
    of_mortgage = [need[str(r["customer_id"])][column] for r in views if r["product_id"] == "mortgage"]
    of_others = [need[str(r["customer_id"])][column] for r in views if r["product_id"] != "mortgage"]
    assert np.mean(of_mortgage) > np.mean(of_others) + 0.5


def test_drift_changes_what_is_wanted_from_its_day_on_and_not_before() -> None:
    calm = replace(SMALL, history_days=0)
    drifting = replace(calm, drifts=(Drift(from_day=2, need_shift={"mortgage": 2.0}, response_shift=-1.0),))
    one, two = Bank(calm), Bank(drifting)
    for day in range(4):
        one.begin_day(calm.start_day + day)
        two.begin_day(calm.start_day + day)
        shift = two.response.need_logits - one.response.need_logits
        column = RETAIL_PRODUCTS.index("mortgage")
        assert (np.abs(np.delete(shift, column, axis=1)) < 1e-9).all()
        assert bool(shift[:, column].max() > 1.9) is (day >= 2)


OFFER = OfferSeen(
    decision_id="d",
    customer_id="c0000001",
    event_time_ms=DAY_MS * 20_000,
    offer_id="offer_mortgage",
    products=["mortgage"],
    channel="app",
    expires_at_ms=0,
)


def told(seed: int, number: int, p_accept: float, *, lost: bool = False, valid_hours: int = 336) -> Answer:
    expires_at_ms = OFFER.event_time_ms + valid_hours * HOUR_MS
    offer = msgspec.structs.replace(
        OFFER, decision_id=f"transactions-0-{number}", expires_at_ms=expires_at_ms
    )
    mood = Mood(p_accept, 0.8, 10_000.0, liking=0.2, fatigue=1.0, satisfaction=3.5, decide_days=2.0)
    faults = FaultRates(lost_delivery=1.0 if lost else 0.0)
    return answer(offer, mood, seed=seed, row=1, heard_ms=OFFER.event_time_ms, faults=faults)
