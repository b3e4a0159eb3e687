"""The fold by example: what single events do to a record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from consumer.features import profile as profiles
from consumer.features.catalogue import catalogue_for
from consumer.features.event_columns import CONSENT_BITS, EventSource
from consumer.features.fields import RECENT_EVENTS
from consumer.features.fold import Disposition, fold, waves
from consumer.features.layout import Records
from consumer.features.record import empty_records
from consumer.features.values import feature_values
from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS
from tests.oracles.event_lists import (
    ALL_CONSENTS,
    Event,
    columns_of,
    interaction,
    outcome,
    profile,
    salary,
    traits,
    transaction,
)

PRODUCTS = ("savings_account", "mortgage")
CATALOGUE = catalogue_for(PRODUCTS)
NOON_MS = 1_700_000_000_000 // DAY_MS * DAY_MS + 12 * HOUR_MS


def folded(*events: Event) -> tuple[Records, list[Disposition]]:
    records = empty_records(CATALOGUE.layout, 1 + max(event.customer for event in events))
    dispositions = fold(CATALOGUE, records, columns_of(events, len(PRODUCTS)))
    return records, [Disposition(code) for code in dispositions.tolist()]


def features(*events: Event) -> dict[str, float]:
    """Return customer 0's features after the events."""
    values = feature_values(CATALOGUE, folded(*events)[0])
    return dict(zip(CATALOGUE.names, values[0].tolist(), strict=True))


def test_wave_k_holds_the_kth_event_of_each_customer_in_rising_order() -> None:
    customer = np.random.default_rng(3).integers(0, 40, 500)
    found = waves(customer)
    seen: dict[int, int] = {}
    expected: list[list[int]] = []
    for row, owner in enumerate(customer.tolist()):
        turn = seen.get(owner, 0)
        seen[owner] = turn + 1
        expected.extend([[]] * (turn + 1 - len(expected)))
        expected[turn] = [*expected[turn], row]
    assert [wave.tolist() for wave in found] == expected


def test_a_window_is_exact_at_its_head_and_moves_by_hops_at_its_tail() -> None:
    old = transaction(NOON_MS, 100, key=1)
    still_in = features(old, interaction(NOON_MS + HOUR_MS + 4 * MINUTE_MS, "login", key=2))
    fallen_out = features(old, interaction(NOON_MS + HOUR_MS + 5 * MINUTE_MS, "login", key=2))
    assert (still_in["debit_sum_1h"], fallen_out["debit_sum_1h"]) == (100.0, 0.0)
    assert (still_in["debit_sum_24h"], fallen_out["debit_sum_24h"]) == (100.0, 100.0)


def test_an_event_beyond_the_longest_window_only_counts_as_too_old() -> None:
    recent = transaction(NOON_MS, 100, key=1)
    ancient = transaction(NOON_MS - 400 * DAY_MS, 900, key=2, balance_minor=5, has_balance=1)
    records, dispositions = folded(recent, ancient)
    alone, _ = folded(recent)
    assert dispositions == [Disposition.APPLIED, Disposition.TOO_OLD]
    assert records["too_old_count"].tolist() == [1]
    for name in ("tile_sum", "tile_count", "decayed", "balance_ms", "as_of_ms", "first_event_s"):
        assert np.array_equal(records[name], alone[name]), name


def test_an_old_profile_is_never_too_old() -> None:
    records, dispositions = folded(
        transaction(NOON_MS, 100, key=1), profile(NOON_MS - 4_000 * DAY_MS, key=2, credit_score=700)
    )
    assert dispositions == [Disposition.APPLIED, Disposition.APPLIED]
    assert records["as_of_ms"].tolist() == [NOON_MS]
    assert profiles.profile_of(records).credit_score.tolist() == [700]


def test_a_duplicate_is_found_within_the_last_twelve_events_and_not_beyond() -> None:
    first = transaction(NOON_MS, 100, key=1)
    between = [interaction(NOON_MS, "login", key=10 + i) for i in range(RECENT_EVENTS)]
    assert folded(first, *between[:-1], first)[1][-1] == Disposition.DUPLICATE
    assert folded(first, *between, first)[1][-1] == Disposition.APPLIED


def test_a_too_old_event_that_comes_again_is_a_duplicate() -> None:
    ancient = transaction(NOON_MS - 400 * DAY_MS, 900, key=2)
    _, dispositions = folded(transaction(NOON_MS, 100, key=1), ancient, ancient)
    assert dispositions[1:] == [Disposition.TOO_OLD, Disposition.DUPLICATE]


def test_a_late_event_reaches_its_own_tile() -> None:
    late = features(transaction(NOON_MS, 100, key=1), transaction(NOON_MS - 3 * DAY_MS, 40, key=2))
    assert (late["debit_sum_24h"], late["debit_sum_7d"]) == (100.0, 140.0)


def test_counts_saturate_instead_of_wrapping() -> None:
    records, _ = folded(transaction(NOON_MS, 1, key=1))
    records["tile_count"][records["tile_count"] > 0] = 65_535
    fold(CATALOGUE, records, columns_of([transaction(NOON_MS, 1, key=2)], len(PRODUCTS)))
    values = feature_values(CATALOGUE, records)
    assert values[0, CATALOGUE.index["debit_count_1h"]] == 65_535


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_balances_at_the_same_time_the_larger_stays(order: tuple[int, int]) -> None:
    events = [
        transaction(NOON_MS, 1, key=key, balance_minor=balance, has_balance=1)
        for key, balance in ((1, 300), (2, 900))
    ]
    assert features(*(events[i] for i in order))["balance_last"] == 900


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_balance_of_the_latest_event_stays_whatever_comes_last(order: tuple[int, int]) -> None:
    events = [
        transaction(NOON_MS, 1, key=1, balance_minor=-700, has_balance=1),
        transaction(NOON_MS - 1, 1, key=2, balance_minor=900, has_balance=1),
    ]
    assert features(*(events[i] for i in order))["balance_last"] == -700


def test_a_weekly_and_a_monthly_salary_are_regular_and_a_single_one_is_not_known_to_be() -> None:
    weekly = [salary(NOON_MS + 7 * i * DAY_MS, 500, key=i + 1) for i in range(8)]
    monthly = [salary(NOON_MS + int(30.436875 * i * DAY_MS), 500, key=i + 1) for i in range(8)]
    erratic = [salary(NOON_MS + day * DAY_MS, 500, key=day + 1) for day in (0, 4, 17, 22, 40, 51, 73)]
    assert features(*weekly)["salary_regularity"] == pytest.approx(1.0, abs=1e-3)
    assert features(*monthly)["salary_regularity"] == pytest.approx(1.0, abs=1e-3)
    assert features(*erratic)["salary_regularity"] < 0.5
    assert features(weekly[0])["salary_regularity"] == 0.0


def test_spending_decays_by_half_in_a_half_life() -> None:
    groceries = transaction(NOON_MS, 1_000, key=1, merchant_category=5411)
    later = features(groceries, interaction(NOON_MS + 30 * DAY_MS, "login", key=2))
    assert later["spend_groceries"] == pytest.approx(500.0, rel=1e-6)
    assert later["interaction_login"] == pytest.approx(1.0, rel=1e-6)


def test_spending_without_a_merchant_category_belongs_to_no_group() -> None:
    columns = CATALOGUE.columns
    records, _ = folded(transaction(NOON_MS, 1_000, key=1, merchant_category=-1))
    touched = set(np.flatnonzero(records["decayed"][0]).tolist())
    assert touched == {columns.start["debit"]}


def test_interest_grows_with_the_effort_of_asking() -> None:
    asked = features(
        interaction(NOON_MS, "product_view", key=1, product=1),
        interaction(NOON_MS, "calculator_use", key=2, product=1),
        interaction(NOON_MS, "quote_request", key=3, product=1),
        interaction(NOON_MS, "login", key=4, product=0),
    )
    assert asked["interest_mortgage"] == pytest.approx(7.0, rel=1e-6)
    assert asked["interest_savings_account"] == 0.0


def test_outcomes_are_counted_by_channel_and_product_and_a_refusal_is_dated() -> None:
    events = (
        outcome(NOON_MS, "viewed", key=1, channel="email", product=1),
        outcome(NOON_MS, "rejected", key=2, channel="email", product=1),
        outcome(NOON_MS, "accepted", key=3, channel="app", product=0),
        outcome(NOON_MS, "satisfaction", key=4, satisfaction=5, product=-1),
        outcome(NOON_MS, "accepted", key=5, product=-1),
    )
    found = features(*events)
    names = ("offers_seen_email", "offers_refused_mortgage", "offers_accepted", "offers_accepted_app")
    assert [found[name] for name in names] == pytest.approx([1.0] * 4, rel=1e-6)
    assert found["satisfaction"] == pytest.approx(5.0, rel=1e-6)
    assert folded(*events)[0]["refused_s"].tolist() == [[0, NOON_MS // 1000]]


def test_opting_out_withdraws_consent_to_marketing_until_a_newer_profile() -> None:
    marketing = 1 << CONSENT_BITS.index("marketing")
    before = profile(NOON_MS - 1, key=1)
    out = outcome(NOON_MS, "opted_out", key=2)
    after = profile(NOON_MS + 1, key=3)

    def consents(*events: Event) -> int:
        return int(profiles.consents(folded(*events)[0])[0])

    assert consents(before) == consents(before, out, after) == ALL_CONSENTS
    assert consents(before, out) == consents(out, before) == ALL_CONSENTS & ~marketing


def test_a_profile_is_read_back_as_it_arrived() -> None:
    document = {
        "birth_day": -4_000,
        "income_minor": 0,
        "occupation": 2**32 - 1,
        "employment_status": 5,
        "credit_score": 300,
        "region": -1,
        "joined_day": 0,
        "holdings": 3,
        "credit_limit_minor": -1,
        "consents": 5,
        "kyc_status": 1,
        "aml_status": 2,
        "is_vulnerable": True,
        "is_deceased": False,
    }
    records, _ = folded(profile(NOON_MS, key=1, **{**document, "consents": 7}))
    read = profiles.profile_of(records)
    assert {name: getattr(read, name)[0].item() for name in document} == {**document, "consents": 7}
    assert profiles.is_known(records).all()


def test_events_after_an_objection_to_profiling_leave_no_trace() -> None:
    objects = ALL_CONSENTS & ~(1 << CONSENT_BITS.index("profiling"))
    before = transaction(NOON_MS + 2, 100, key=1)
    objection = profile(NOON_MS + 1, key=2, consents=objects)
    after = transaction(NOON_MS + 2, 100, key=3)
    records, dispositions = folded(before, objection, after, traits(NOON_MS + 3, key=4, segment=3))
    alone, _ = folded(before, objection)
    assert dispositions == [Disposition.APPLIED] * 2 + [Disposition.SUPPRESSED] * 2
    assert np.array_equal(records, alone)
    assert not records["tile_count"].any()
    assert records["as_of_ms"].tolist() == [NOON_MS + 1]


def test_a_customer_who_agrees_to_profiling_again_starts_from_nothing() -> None:
    objects = ALL_CONSENTS & ~(1 << CONSENT_BITS.index("profiling"))
    records, dispositions = folded(
        transaction(NOON_MS, 100, key=1),
        profile(NOON_MS + 1, key=2, consents=objects),
        profile(NOON_MS + 2, key=3),
        transaction(NOON_MS + 3, 40, key=4),
    )
    assert set(dispositions) == {Disposition.APPLIED}
    assert feature_values(CATALOGUE, records)[0, CATALOGUE.index["debit_sum_1h"]] == 40


def test_traits_are_read_with_what_is_missing() -> None:
    found = features(traits(NOON_MS, key=1, segment=0, churn_probability=0.0, affinity=[0.25, np.nan]))
    assert found["segment"] == 0.0
    assert found["traits_are_known"] == 1.0
    assert (found["affinity_savings_account"], found["affinity_mortgage"]) == (0.25, 0.0)


def test_an_empty_batch_changes_nothing() -> None:
    records = empty_records(CATALOGUE.layout, 2)
    assert len(fold(CATALOGUE, records, columns_of([], len(PRODUCTS)))) == 0
    assert feature_values(CATALOGUE, records[:0]).shape == (0, len(CATALOGUE.names))


def test_the_sources_stand_in_the_order_that_the_fold_compares_by() -> None:
    activity: Sequence[EventSource] = (EventSource.TRANSACTION, EventSource.INTERACTION, EventSource.OUTCOME)
    assert min(activity) > EventSource.TRAITS > EventSource.PROFILE
