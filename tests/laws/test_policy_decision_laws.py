"""Laws of the decision: cutting, contacts, budgets and the slow oracle."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.policy.arms import ARMS
from consumer.policy.compiled import CompiledPolicy, compile_policy
from consumer.policy.decide import decide
from consumer.policy.document import load_policy
from consumer.policy.facts import NO_CHANNEL, NO_OFFER, RESULTS, Choices, Facts
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.words import CHANNELS
from tests.oracles.decision_facts import retail_bank, rows_of
from tests.oracles.decision_strategies import any_facts, facts_from
from tests.oracles.naive_policy import NaiveDecision

POLICY = compile_policy(load_policy("tests/golden/small_bank.yaml"))
OFFERS = POLICY.policy.text.offers


def decided_in_cuts(policy: CompiledPolicy, facts: Facts, cuts: list[int]) -> list[Choices]:
    """Decide piece by piece, each piece with the budgets that the pieces before it left."""
    pieces, left = [], facts.budget_left
    for rows in np.split(np.arange(len(facts)), cuts):
        pieces.append(decide(policy, replace(rows_of(facts, rows), budget_left=left)))
        left = left - pieces[-1].budget_reserved
    return pieces


# The larger bank too: from eight terms on a careless sum adds in another order for one row than for many.
@pytest.mark.parametrize("policy", [POLICY, retail_bank()], ids=["small", "retail"])
@given(data=st.data())
def test_a_batch_decides_bit_for_bit_what_its_pieces_decide(
    policy: CompiledPolicy, data: st.DataObject
) -> None:
    facts = data.draw(any_facts(policy))
    n = len(facts)
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=n)))
    whole = decide(policy, facts)
    for some in (cuts, list(range(1, n))):
        pieces = decided_in_cuts(policy, facts, some)
        for field in fields(Choices):
            parts = [getattr(piece, field.name) for piece in pieces]
            together = np.sum(parts, axis=0) if field.name == "budget_reserved" else np.concatenate(parts)
            np.testing.assert_array_equal(
                together, getattr(whole, field.name), strict=True, err_msg=field.name
            )


@given(any_facts(POLICY, rows_max=4))
def test_the_reason_for_each_offer_is_the_one_of_the_naive_oracle(facts: Facts) -> None:
    # A budget changes with the decisions before; the oracle looks at one decision, so give each its own.
    facts = replace(
        facts, budget_group=np.arange(len(facts)), budget_left=np.ones((len(facts), len(OFFERS)), int)
    )
    choices = decide(POLICY, facts)
    for row in range(len(facts)):
        naive = NaiveDecision(POLICY.policy, facts, row)
        expected = {offer.id: naive.exclusion(offer) for offer in OFFERS}
        found = {offer.id: Exclusion(choices.excluded[row, i]) for i, offer in enumerate(OFFERS)}
        assert found == expected


@given(
    any_facts(POLICY),
    st.integers(0, 15),
    st.integers(0, 40 * 86_400),
    st.integers(0, len(CHANNELS) - 1),
    st.data(),
)
def test_one_more_contact_never_allows_more(
    facts: Facts, slot: int, age_s: int, channel: int, data: st.DataObject
) -> None:
    offer = data.draw(st.sampled_from(POLICY.catalogue.offers))
    without = {
        name: getattr(facts, name).copy() for name in ("contact_s", "contact_offer", "contact_channel")
    }
    without["contact_s"][:, slot] = 0
    more = {name: column.copy() for name, column in without.items()}
    more["contact_s"][:, slot] = facts.at_ms // 1_000 - age_s
    more["contact_offer"][:, slot] = offer.offer_key
    more["contact_channel"][:, slot] = channel
    # Unlimited budgets: else an offer that one customer may no longer get is left for the next one.
    facts = replace(facts, budget_left=np.full_like(facts.budget_left, 10**6))
    before, after = decide(POLICY, replace(facts, **without)), decide(POLICY, replace(facts, **more))
    assert not ((after.excluded == 0) & (before.excluded != 0)).any()


@given(any_facts(POLICY, rows_max=40))
def test_budgets_are_never_overshot_and_what_is_taken_is_what_is_sent(facts: Facts) -> None:
    choices = decide(POLICY, facts)
    assert (choices.budget_reserved <= facts.budget_left).all()
    sent = np.zeros_like(facts.budget_left)
    np.add.at(sent, (facts.budget_group[choices.is_sent], choices.chosen[choices.is_sent]), 1)
    np.testing.assert_array_equal(sent, choices.budget_reserved)


@given(any_facts(POLICY))
def test_what_is_chosen_is_a_candidate_with_a_channel_and_the_result_says_what_happened(facts: Facts) -> None:
    choices = decide(POLICY, facts)
    for row, column in enumerate(choices.chosen.tolist()):
        candidates = choices.excluded[row] == 0
        arm, result = ARMS[choices.arm[row]], RESULTS[choices.result[row]]
        assert not (choices.channel[row][candidates] == NO_CHANNEL).any()
        assert (result == "excluded") == (not candidates.any())
        if column == NO_OFFER:
            assert result in {"no_offer", "excluded"}
            continue
        assert candidates[column]
        assert result == ("holdout" if arm == "holdout" else "offered")
        assert facts.consents[row] >> (2 + choices.channel[row, column]) & 1


@given(any_facts(POLICY))
def test_every_decision_divides_one_among_its_candidates_and_no_offer(facts: Facts) -> None:
    choices = decide(POLICY, facts)
    chance = choices.logging_propensity
    assert (np.abs(chance.sum(axis=1) - 1.0) <= 1e-12).all()
    assert (chance[:, :-1][choices.excluded != 0] == 0.0).all()
    assert (chance[:, :-1][choices.excluded == 0] > 0.0).all()
    assert (chance[:, -1] > 0.0).all()


@given(any_facts(POLICY))
def test_priority_is_the_product_of_its_logged_factors(facts: Facts) -> None:
    choices = decide(POLICY, facts)
    product = choices.p_accept * choices.context_weight * choices.value * choices.lever
    np.testing.assert_array_equal(choices.priority, product)
    bare = choices.arm == ARMS.index("p_accept_only")
    np.testing.assert_array_equal(choices.priority[bare], choices.p_accept[bare])
    assert (choices.lever[choices.arm == ARMS.index("no_levers")] == 1.0).all()


def test_observed_choices_come_as_often_as_their_logged_propensity_says(seed: int) -> None:
    facts = facts_from(POLICY, 60, generator=np.random.default_rng(seed), odd=0.0)
    has_a_choice = (decide(POLICY, facts).excluded == 0).sum(axis=1) >= 2
    n = 20_000
    for row in np.flatnonzero(has_a_choice)[:3]:
        # A grid of draws instead of random ones: frequencies are then exact to one draw an arm.
        one = rows_of(facts, np.full(n, row))
        one = replace(one, draw=(np.arange(n) + 0.5) / n, budget_left=np.full_like(one.budget_left, 10**6))
        choices = decide(POLICY, one)
        arms = np.where(choices.chosen == NO_OFFER, len(OFFERS), choices.chosen)
        counts = np.bincount(arms, minlength=len(OFFERS) + 1)
        assert np.abs(counts - n * choices.logging_propensity[0]).max() <= 1.0
        assert (counts > 0).sum() >= 3
