"""A policy compiled into tables, once at start, so that a decision is only operations on columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from consumer.policy.arbitration import CHURN_FIELD, LIFETIME_VALUE_FIELD, PriorityTable, priority_table
from consumer.policy.budgets import budgets_per_day
from consumer.policy.channel import ChannelTable, channel_table
from consumer.policy.checks import RULE_STAGES
from consumer.policy.contact_policy import ContactTable, contact_table
from consumer.policy.document import Policy
from consumer.policy.facts import Bools, Codes, Int64s
from consumer.policy.gates import GateTable, gate_table
from consumer.policy.rules import DECISION_FIELDS, RuleTable, rule_table
from consumer.policy.schema import OfferText, RuleText
from consumer.policy.triggers import NO_TRIGGER, trigger_of, trigger_table
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.time import epoch_day

_FIRST_DAY, _LAST_DAY = -(2**31), 2**31


@dataclass(frozen=True, eq=False)
class CompiledPolicy:
    """Everything that `decide` reads.

    requires_any, excludes_any, offered : (O,), holding bits
    active_from, active_to : (O,), bank days, both inclusive
    trigger_allowed : (triggers + 1, O), last row = no trigger
    budgets_per_day : (O,), of the whole bank
    """

    policy: Policy
    triggers: Int64s
    gates: GateTable
    eligibility: RuleTable
    applicability: RuleTable
    suitability: RuleTable
    channels: ChannelTable
    contacts: ContactTable
    priorities: PriorityTable
    requires_any: Int64s
    excludes_any: Int64s
    offered: Int64s
    active_from: Int64s
    active_to: Int64s
    trigger_allowed: Bools
    budgets_per_day: Int64s

    @property
    def catalogue(self) -> OfferCatalogue:
        """Products and offers in column order."""
        return self.policy.catalogue

    @cached_property
    def fields_needed(self) -> frozenset[str]:
        """Names that `Facts.fields` must have; the policy's own decision fields not among them."""
        names = self.eligibility.fields | self.applicability.fields | self.suitability.fields
        for rule in self.gates.retention_only_when:
            names |= rule.fields
        if self.priorities.at_risk_share.any():
            names |= {CHURN_FIELD, LIFETIME_VALUE_FIELD}
        return names - set(DECISION_FIELDS)


def compile_policy(policy: Policy) -> CompiledPolicy:
    """Return the tables of a checked policy."""
    text, catalogue = policy.text, policy.catalogue
    trigger_names = tuple(trigger.name for trigger in text.triggers)
    stages = [
        rule_table([_rules(policy, offer, stage) for offer in text.offers], trigger_names=trigger_names)
        for stage in RULE_STAGES
    ]
    requires = [_holding_bits(catalogue, offer.requires_held) for offer in text.offers]
    offered = [_holding_bits(catalogue, offer.products) for offer in text.offers]
    starts = [epoch_day(o.active_from) if o.active_from else _FIRST_DAY for o in text.offers]
    ends = [epoch_day(o.active_to) if o.active_to else _LAST_DAY for o in text.offers]
    return CompiledPolicy(
        policy=policy,
        triggers=trigger_table(text.triggers),
        gates=gate_table(text, trigger_names=trigger_names),
        eligibility=stages[0],
        applicability=stages[1],
        suitability=stages[2],
        channels=channel_table(text),
        contacts=contact_table(text, catalogue),
        priorities=priority_table(text, catalogue),
        requires_any=np.array(requires, np.int64),
        excludes_any=np.array([_holding_bits(catalogue, o.excludes_held) for o in text.offers], np.int64),
        # What an offer requires cannot shut it out: retention is for those who hold the product.
        offered=np.array([bits & ~held for bits, held in zip(offered, requires, strict=True)], np.int64),
        active_from=np.array(starts, np.int64),
        active_to=np.array(
            [_FIRST_DAY if not o.is_active else end for o, end in zip(text.offers, ends, strict=True)]
        ),
        trigger_allowed=_trigger_allowed(text.offers, trigger_names),
        budgets_per_day=budgets_per_day(text),
    )


def _rules(policy: Policy, offer: OfferText, stage: str) -> Sequence[RuleText]:
    shared = [getattr(policy.text.rule_sets[name], stage) for name in offer.rule_sets]
    return [rule for rules in (*shared, getattr(offer, stage)) for rule in rules]


def _holding_bits(catalogue: OfferCatalogue, product_ids: Sequence[str]) -> int:
    return sum(1 << catalogue.product_index[name] for name in dict.fromkeys(product_ids))


def _trigger_allowed(offers: Sequence[OfferText], trigger_names: tuple[str, ...]) -> Bools:
    allowed = np.ones((len(trigger_names) + 1, len(offers)), np.bool_)
    for column, offer in enumerate(offers):
        if offer.triggers is not None:
            allowed[:, column] = [name in offer.triggers for name in (*trigger_names, None)]
    return allowed


def is_trigger(policy: CompiledPolicy, source: Codes, kind: Codes) -> Bools:
    """Return which events open a decision, shape (n,); source = place in `INPUT_ROLES`."""
    pulls: Bools = trigger_of(policy.triggers, source, kind) != NO_TRIGGER
    return pulls
