"""The decision as a whole: what reaches whom, and what is said about the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from consumer.policy.arms import ARMS, assigned_arms
from consumer.policy.compiled import compile_policy
from consumer.policy.decide import decide
from consumer.policy.document import load_policy
from consumer.policy.facts import Facts
from consumer.policy.schema import ArmsText
from consumer.vocabulary.errors import Defect
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import CHANNELS, TRANSACTION_KINDS
from tests.oracles.decision_facts import (
    ALL_CONSENTS,
    NOON_MS,
    RETAIL_BANK,
    good_facts,
    reasons,
    retail_bank,
    with_contacts,
)

POLICY = retail_bank()
OFFERS = POLICY.catalogue.offers
KEY = {offer.offer_id: offer.offer_key for offer in OFFERS}
BIT = {name: 1 << i for i, name in enumerate(POLICY.catalogue.product_ids)}
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
APP, EMAIL, SMS, PUSH = (CHANNELS.index(name) for name in ("app", "email", "sms", "push"))


def why(offer_id: str, **changes: Any) -> Exclusion:
    """Return why an offer is no candidate for one otherwise unobjectionable customer."""
    return why_of(offer_id, good_facts(POLICY, 1, **changes))


def why_of(offer_id: str, facts: Facts) -> Exclusion:
    return Exclusion(reasons(POLICY, decide(POLICY, facts))[offer_id])


def consent_to(*channels: str) -> int:
    return 0b11 + sum(1 << (2 + CHANNELS.index(channel)) for channel in channels)


def test_nothing_to_decide_is_no_error() -> None:
    choices = decide(POLICY, good_facts(POLICY, 0))
    assert choices.logging_propensity.shape == (0, len(OFFERS) + 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_known": False, "consents": 0, "age_years": np.nan}, Exclusion.UNKNOWN_CUSTOMER),
        ({"consents": ALL_CONSENTS - 1}, Exclusion.NO_MARKETING_CONSENT),
        ({"consents": ALL_CONSENTS - 2}, Exclusion.NO_PROFILING_CONSENT),
        ({"is_deceased": True}, Exclusion.DECEASED),
        ({"age_years": 17.999}, Exclusion.MINOR),
        ({"age_years": np.nan}, Exclusion.MINOR),
        ({"kyc_status": 1}, Exclusion.KYC_INCOMPLETE),
        ({"aml_status": 1}, Exclusion.AML_HOLD),
        ({"is_vulnerable": True}, Exclusion.VULNERABLE),
    ],
)
def test_a_closed_gate_shuts_out_every_offer(changes: dict[str, Any], reason: Exclusion) -> None:
    choices = decide(POLICY, good_facts(POLICY, 1, **changes))
    assert set(reasons(POLICY, choices).values()) == {reason}
    assert choices.logging_propensity[0, -1] == 1.0


def test_a_product_that_is_held_is_not_offered_again_but_its_upgrade_is() -> None:
    assert why("card_basic_first", holdings=BIT["credit_card_basic"]) == Exclusion.ALREADY_HELD
    assert why("card_gold_upgrade", holdings=BIT["credit_card_basic"]) == Exclusion.NONE
    assert why("card_gold_upgrade", holdings=0) == Exclusion.NOT_ELIGIBLE
    assert why("card_basic_first", holdings=BIT["credit_card_gold"]) == Exclusion.NOT_ELIGIBLE
    assert why("everyday_bundle", holdings=BIT["current_account_upgrade"]) == Exclusion.ALREADY_HELD


def test_who_is_about_to_leave_is_only_asked_to_stay() -> None:
    leaving = good_facts(POLICY, 1, holdings=BIT["savings_account"], fields={"churn_probability": 0.7})
    found = reasons(POLICY, decide(POLICY, leaving))
    assert {name for name, code in found.items() if code == Exclusion.NONE} == {"savings_keep"}
    assert found["term_deposit_fixed"] == Exclusion.NOT_SUITABLE
    assert why("savings_keep", holdings=BIT["savings_account"]) == Exclusion.NOT_SUITABLE


def test_credit_is_not_offered_to_who_cannot_afford_it() -> None:
    assert why("personal_loan_offer") == Exclusion.NONE
    assert why("personal_loan_offer", fields={"debit_sum_90d": 1_450_000.0}) == Exclusion.NOT_SUITABLE
    assert why("personal_loan_offer", fields={"credit_score": 579.0}) == Exclusion.NOT_ELIGIBLE


def test_what_is_not_known_of_a_customer_never_speaks_for_an_offer() -> None:
    assert why("personal_loan_offer", fields={"credit_score_is_known": 0.0}) == Exclusion.NOT_ELIGIBLE
    assert why("personal_loan_offer", fields={"income_minor": np.nan}) == Exclusion.NOT_ELIGIBLE
    assert why("personal_loan_offer", fields={"employment_status": -1}) == Exclusion.NOT_ELIGIBLE
    assert why("savings_start", fields={"balance_is_known": 0.0}) == Exclusion.NOT_SUITABLE


def test_a_channel_without_consent_carries_nothing() -> None:
    assert why("card_gold_first", consents=consent_to("sms", "push")) == Exclusion.NO_CHANNEL
    choices = decide(POLICY, good_facts(POLICY, 1, consents=consent_to("email")))
    assert set(choices.channel[0][choices.excluded[0] == 0]) == {EMAIL}


def test_branch_and_call_centre_carry_an_offer_only_while_the_customer_is_there() -> None:
    branch = CHANNELS.index("branch")
    assert why("home_insurance_offer", consents=consent_to("branch")) == Exclusion.NO_CHANNEL
    there = good_facts(POLICY, 1, consents=consent_to("branch"), trigger_channel=branch)
    assert why_of("home_insurance_offer", there) == Exclusion.NONE
    assert decide(POLICY, there).channel[0, POLICY.catalogue.offer_index["home_insurance_offer"]] == branch


@pytest.mark.parametrize(
    ("hour", "reason"),
    [
        (7.99, Exclusion.QUIET_HOURS),
        (8, Exclusion.NONE),
        (20.99, Exclusion.NONE),
        (21, Exclusion.QUIET_HOURS),
    ],
)
def test_a_push_keeps_the_quiet_hours_of_the_bank_in_winter(hour: float, reason: Exclusion) -> None:
    at_ms = NOON_MS + round((hour - 12) * HOUR_MS)
    assert why("savings_start", at_ms=at_ms, consents=consent_to("push")) == reason


@pytest.mark.parametrize(("hour_utc", "reason"), [(6.99, Exclusion.QUIET_HOURS), (7, Exclusion.NONE)])
def test_quiet_hours_follow_summer_time(hour_utc: float, reason: Exclusion) -> None:
    at_ms = NOON_MS + 120 * DAY_MS + round((hour_utc - 12) * HOUR_MS)
    assert why("savings_start", at_ms=at_ms, consents=consent_to("push")) == reason


def test_no_text_message_is_sent_on_a_sunday() -> None:
    sunday = NOON_MS + 5 * DAY_MS
    assert why("savings_start", at_ms=sunday, consents=consent_to("sms")) == Exclusion.QUIET_HOURS
    assert why("savings_start", at_ms=sunday + DAY_MS, consents=consent_to("sms")) == Exclusion.NONE


def contacted(days_ago: list[float], *, offer: str = "term_deposit_fixed", channel: int = APP) -> Facts:
    contacts = [(NOON_MS // 1000 - round(days * 86_400), KEY[offer], channel) for days in days_ago]
    return with_contacts(good_facts(POLICY, 1), contacts)


def test_the_total_cap_counts_a_rolling_window_that_is_open_at_its_end() -> None:
    assert why_of("home_insurance_offer", contacted([0.5])) == Exclusion.CAP_TOTAL
    assert why_of("home_insurance_offer", contacted([1.0])) == Exclusion.NONE
    assert why_of("home_insurance_offer", contacted([2.0, 6.9])) == Exclusion.CAP_TOTAL
    assert why_of("home_insurance_offer", contacted([2.0, 7.0])) == Exclusion.NONE


def test_a_channel_at_its_cap_gives_way_to_another_one() -> None:
    facts = replace(
        contacted([2.0], offer="car_loan_offer", channel=SMS), consents=np.array([consent_to("sms")])
    )
    assert why_of("savings_start", facts) == Exclusion.CAP_CHANNEL
    facts = replace(facts, consents=np.array([consent_to("sms", "email")]))
    assert decide(POLICY, facts).channel[0, POLICY.catalogue.offer_index["savings_start"]] == EMAIL


def test_the_same_offer_waits_for_its_own_cap() -> None:
    assert (
        why_of("home_insurance_offer", contacted([29.9], offer="home_insurance_offer")) == Exclusion.CAP_OFFER
    )
    assert why_of("home_insurance_offer", contacted([30.0], offer="home_insurance_offer")) == Exclusion.NONE


def test_a_refused_product_is_not_offered_again_until_it_has_cooled_off_alone_or_in_a_bundle() -> None:
    refused = np.zeros((1, 12), np.uint32)
    refused[0, POLICY.catalogue.product_index["home_insurance"]] = NOON_MS // 1000 - 60 * 86_400 + 1
    assert why("home_insurance_offer", refused_s=refused) == Exclusion.COOLING_OFF
    assert why("family_protection_bundle", refused_s=refused) == Exclusion.COOLING_OFF
    assert why("life_insurance_offer", refused_s=refused) == Exclusion.NONE
    refused -= refused > 0
    assert why("home_insurance_offer", refused_s=refused) == Exclusion.NONE


def test_a_live_offer_shuts_out_those_that_it_excludes_until_it_expires() -> None:
    assert (
        why_of("car_loan_offer", contacted([13.9], offer="personal_loan_offer"))
        == Exclusion.MUTUALLY_EXCLUSIVE
    )
    assert why_of("car_loan_offer", contacted([14.0], offer="personal_loan_offer")) == Exclusion.NONE


def test_a_live_offer_does_not_shut_out_itself() -> None:
    small = compile_policy(load_policy("tests/golden/small_bank.yaml"))
    card, loan = (small.catalogue.offers[small.catalogue.offer_index[name]] for name in ("card", "loan"))
    days_35 = NOON_MS // 1000 - 35 * 86_400
    facts = with_contacts(good_facts(small, 1), [(days_35, card.offer_key, APP)])
    found = reasons(small, decide(small, facts))
    assert (found[card.offer_id], found[loan.offer_id]) == (Exclusion.NONE, Exclusion.MUTUALLY_EXCLUSIVE)


def test_contacts_about_offers_that_left_the_policy_still_count_in_total() -> None:
    gone = 1
    assert gone not in KEY.values()
    facts = with_contacts(good_facts(POLICY, 1), [(NOON_MS // 1000 - 3_600, gone, APP)])
    assert why_of("home_insurance_offer", facts) == Exclusion.CAP_TOTAL


def test_the_trigger_and_its_product_weigh_on_the_offers_about_it() -> None:
    column = POLICY.catalogue.offer_index["savings_start"]
    salary = {
        "trigger_source": INPUT_ROLES.index("transactions"),
        "trigger_kind": TRANSACTION_KINDS.index("salary"),
    }
    plain = good_facts(POLICY, 1, customer_ids=[standard_customer()])
    about = replace(plain, trigger_product=np.array([POLICY.catalogue.product_index["savings_account"]]))
    paid = good_facts(POLICY, 1, customer_ids=[standard_customer()], **salary)
    weights = [decide(POLICY, facts).context_weight[0, column] for facts in (plain, about, paid)]
    assert weights == [1.0, 1.6, 1.5]


def standard_customer() -> str:
    names = [f"c-{i}" for i in range(50)]
    arms = assigned_arms(POLICY.policy.text.arms, names)
    return names[int(np.flatnonzero(arms == ARMS.index("standard"))[0])]


def test_a_lever_works_through_its_last_day_in_bank_time_and_not_after() -> None:
    column = POLICY.catalogue.offer_index["card_gold_upgrade"]
    last_day_ends_ms = 1_814_396_400_000  # 2027-07-01 00:00 in London, which is 23:00 UTC
    for at_ms, lever in ((last_day_ends_ms - 1, 1.2), (last_day_ends_ms, 1.0)):
        facts = good_facts(POLICY, 1, at_ms=at_ms, customer_ids=[standard_customer()])
        assert decide(POLICY, facts).lever[0, column] == lever


def test_a_retention_offer_is_worth_what_would_leave_with_the_customer() -> None:
    column = POLICY.catalogue.offer_index["savings_keep"]
    small, large = (
        decide(POLICY, good_facts(POLICY, 1, customer_ids=[standard_customer()], fields=fields)).value[
            0, column
        ]
        for fields in ({"lifetime_value_minor": 0.0}, {"lifetime_value_minor": 5e6, "churn_probability": 0.5})
    )
    assert small < large <= 1.0


def test_a_spent_budget_closes_the_offer_and_its_probability_goes_to_the_others() -> None:
    column = POLICY.catalogue.offer_index["personal_loan_offer"]
    left = np.full((1, len(OFFERS)), 10)
    left[0, column] = 0
    choices = decide(POLICY, good_facts(POLICY, 1, budget_left=left))
    assert choices.excluded[0, column] == Exclusion.BUDGET_SPENT
    assert choices.logging_propensity[0, column] == 0.0
    assert abs(choices.logging_propensity[0].sum() - 1.0) < 1e-12


def test_holdout_customers_are_decided_like_all_and_sent_nothing() -> None:
    choices = decide(POLICY, good_facts(POLICY, 400, draw=np.linspace(0, 0.99, 400)))
    held = choices.arm == ARMS.index("holdout")
    assert held.any()
    assert (choices.chosen[held] >= 0).any()
    assert not choices.is_sent[held].any()


def test_arms_have_their_shares_and_a_customer_keeps_the_arm() -> None:
    text = ArmsText(
        holdout_salt="h", holdout_share=0.1, arms_salt="a", random_relevant_share=0.3, no_levers_share=0.2
    )
    names = [f"c-{i}" for i in range(20_000)]
    arms = assigned_arms(text, names)
    shares = dict(zip(ARMS, np.bincount(arms, minlength=len(ARMS)) / len(names), strict=True))
    expected = {
        "standard": 0.45,
        "holdout": 0.1,
        "random_relevant": 0.27,
        "p_accept_only": 0.0,
        "no_levers": 0.18,
    }
    assert shares == pytest.approx(expected, abs=0.012)  # four standard errors at 20,000
    np.testing.assert_array_equal(assigned_arms(text, names[::-1])[::-1], arms)


def test_the_arm_that_chooses_at_random_gives_every_candidate_the_same_chance() -> None:
    choices = decide(POLICY, good_facts(POLICY, 300))
    row = int(np.flatnonzero(choices.arm == ARMS.index("random_relevant"))[0])
    arms = np.append(choices.excluded[row] == 0, True)
    np.testing.assert_allclose(choices.logging_propensity[row][arms], 1.0 / arms.sum())


def test_a_field_that_a_rule_reads_and_nobody_gives_is_a_defect() -> None:
    facts = good_facts(POLICY, 1)
    fields = {name: column for name, column in facts.fields.items() if name != "credit_score"}
    with pytest.raises(Defect, match="reads the field 'credit_score'"):
        decide(POLICY, replace(facts, fields=fields))


def test_the_fields_needed_are_enough_to_decide() -> None:
    facts = good_facts(POLICY, 1)
    needed = {name: facts.fields[name] for name in POLICY.fields_needed}
    np.testing.assert_array_equal(
        decide(POLICY, replace(facts, fields=needed)).priority, decide(POLICY, facts).priority
    )


def test_the_policy_tells_its_numbers_in_milliseconds() -> None:
    policy = load_policy(RETAIL_BANK)
    assert (policy.decision_gap_ms, policy.decision_staleness_ms) == (20 * HOUR_MS, HOUR_MS)
