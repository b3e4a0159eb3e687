"""The decision: facts of n customers → which offer, on which channel, with what probability.

gates → eligibility, applicability, suitability → contact policy → channel → arbitration → exploration.

Rules of this file: pure and columnar. Inside, offers are rows and decisions columns, so that one rule of
one offer is one contiguous operation; results are turned round at the end. Every operation is elementwise
or runs over offers in catalogue order: **a batch decides bit for bit what one decision at a time does**,
however it is cut, as long as the order is kept (budgets are taken in order).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from consumer.policy.arbitration import Priorities, prioritise
from consumer.policy.arms import HOLDOUT, RANDOM_RELEVANT, assigned_arms
from consumer.policy.bank_time import LocalTime, local_time
from consumer.policy.budgets import last_final_row, taken
from consumer.policy.channel import OpenChannels, choose_channels, quiet_bits, reachable_bits
from consumer.policy.compiled import CompiledPolicy
from consumer.policy.contact_policy import apply_contact_policy
from consumer.policy.exclusions import note
from consumer.policy.exploration import drawn_arms, propensities
from consumer.policy.facts import NO_OFFER, RESULTS, Choices, Codes, Facts, Floats, Int8s, Int64s, UInt8s
from consumer.policy.gates import closed_gates, is_retention_only
from consumer.policy.triggers import trigger_of
from consumer.vocabulary.reasons import Exclusion

_OFFERED, _NO_OFFER, _HOLDOUT, _EXCLUDED = (
    RESULTS.index(word) for word in ("offered", "no_offer", "holdout", "excluded")
)


def decide(policy: CompiledPolicy, facts: Facts) -> Choices:
    """Return what is offered to each customer and why, and why not everything else.

    Parameters
    ----------
    policy : compiled once with `compile_policy`
    facts : n decisions, each customer at most once, in the order of their events within a partition
    """
    local = local_time(policy.policy.text.time_zone, facts.at_ms)
    trigger = trigger_of(policy.triggers, facts.trigger_source, facts.trigger_kind)
    arm = assigned_arms(policy.policy.text.arms, facts.customer_ids)
    excluded, channel = _candidates(policy, facts, local, trigger)
    priorities = prioritise(policy.priorities, facts, trigger=trigger, local_day=local.day, arm=arm)
    drawn = _draw(policy, facts, excluded, priority=priorities.priority, arm=arm)
    return _choices(drawn, excluded, channel, priorities=priorities, arm=arm)


def _candidates(
    policy: CompiledPolicy, facts: Facts, local: LocalTime, trigger: Int64s
) -> tuple[UInt8s, Int8s]:
    """Return exclusion codes and channels, each (O, n); budgets are not yet looked at."""
    fields = {**facts.fields, **_decision_fields(facts, local, trigger)}
    excluded = np.empty((len(policy.catalogue.offers), len(facts)), np.uint8)
    excluded[:] = closed_gates(policy.gates, facts)
    _note_rules(policy, facts, excluded, trigger=trigger, fields=fields)
    is_out_of_dates = (local.day < policy.active_from[:, None]) | (local.day > policy.active_to[:, None])
    note(excluded, is_out_of_dates, Exclusion.OFFER_INACTIVE)
    capped = apply_contact_policy(policy.contacts, facts, excluded)
    open_channels = OpenChannels(
        reachable_bits(policy.channels, facts), quiet_bits(policy.channels, local), capped
    )
    return excluded, choose_channels(policy.channels, facts, open_channels, excluded)


def _decision_fields(facts: Facts, local: LocalTime, trigger: Int64s) -> Mapping[str, Codes]:
    return {
        "trigger": trigger,
        "local_month": local.month,
        "local_weekday": local.weekday,
        "local_hour": local.minute // 60,
        "held_count": np.bitwise_count(facts.holdings),
    }


def _note_rules(
    policy: CompiledPolicy, facts: Facts, excluded: UInt8s, *, trigger: Int64s, fields: Mapping[str, Codes]
) -> None:
    n = len(facts)
    held = facts.holdings
    note(excluded, held & policy.offered[:, None] != 0, Exclusion.ALREADY_HELD)
    lacks = (held & policy.requires_any[:, None] == 0) & (policy.requires_any != 0)[:, None]
    has_better = held & policy.excludes_any[:, None] != 0
    note(excluded, lacks | has_better | policy.eligibility.unmet(fields, n), Exclusion.NOT_ELIGIBLE)
    wrong_trigger = ~policy.trigger_allowed[trigger].T
    note(excluded, wrong_trigger | policy.applicability.unmet(fields, n), Exclusion.NOT_APPLICABLE)
    retention_only = is_retention_only(policy.gates, fields, n) & ~policy.gates.is_retention[:, None]
    note(excluded, retention_only | policy.suitability.unmet(fields, n), Exclusion.NOT_SUITABLE)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """probability : (O + 1, n); gamma, chosen : (n,); reserved : (groups, O)."""

    probability: Floats
    gamma: Floats
    chosen: Int64s
    reserved: Int64s


def _draw(policy: CompiledPolicy, facts: Facts, excluded: UInt8s, *, priority: Floats, arm: UInt8s) -> _Drawn:
    """Choose within the budgets, in rounds (`budgets.py`); offers found spent are noted in `excluded`."""
    n_offers, n = excluded.shape
    evidence = facts.evidence[policy.priorities.model]
    drawn = _Drawn(
        np.empty((n_offers + 1, n)), np.empty(n), np.empty(n, np.int64), np.zeros_like(facts.budget_left)
    )
    rows: Any = slice(None)
    is_open = np.ones(n, np.bool_)
    while is_open.any():
        group = facts.budget_group[rows]
        left = facts.budget_left - drawn.reserved
        outcome = excluded[:, rows]
        if (left <= 0).any():
            note(outcome, (left <= 0)[group].T, Exclusion.BUDGET_SPENT)
            excluded[:, rows] = outcome
        chances = propensities(
            policy.policy.text.exploration,
            is_candidate=outcome == 0,
            priority=priority[:, rows],
            evidence=evidence,
            is_uniform=arm[rows] == RANDOM_RELEVANT,
        )
        chosen = drawn_arms(chances.probability, facts.draw[rows])
        drawn.probability[:, rows], drawn.gamma[rows], drawn.chosen[rows] = (
            chances.probability,
            chances.gamma,
            chosen,
        )
        is_sent = (chosen != NO_OFFER) & (arm[rows] != HOLDOUT)
        is_final = np.arange(len(chosen)) <= last_final_row(group, chosen, is_sent, left)[group]
        drawn.reserved[:] += taken(group, chosen, is_sent & is_final, left.shape)
        is_open[rows] = ~is_final
        rows = np.flatnonzero(is_open)
    return drawn


def _choices(
    drawn: _Drawn, excluded: UInt8s, channel: Int8s, *, priorities: Priorities, arm: UInt8s
) -> Choices:
    has_offer = drawn.chosen != NO_OFFER
    result = np.where(has_offer, np.where(arm == HOLDOUT, _HOLDOUT, _OFFERED), _NO_OFFER)
    result[(excluded != 0).all(axis=0)] = _EXCLUDED
    return Choices(
        excluded=np.ascontiguousarray(excluded.T),
        p_accept=np.ascontiguousarray(priorities.p_accept.T),
        context_weight=np.ascontiguousarray(priorities.context_weight.T),
        value=np.ascontiguousarray(priorities.value.T),
        lever=np.ascontiguousarray(priorities.lever.T),
        priority=np.ascontiguousarray(priorities.priority.T),
        channel=np.ascontiguousarray(channel.T),
        logging_propensity=np.ascontiguousarray(drawn.probability.T),
        gamma=drawn.gamma,
        chosen=drawn.chosen,
        arm=arm,
        result=result.astype(np.uint8),
        budget_reserved=drawn.reserved,
    )
