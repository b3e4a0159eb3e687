"""Facts of decisions: a customer who may be offered nearly everything, and how to write down others."""

from __future__ import annotations

from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

import numpy as np

from consumer.policy.compiled import CompiledPolicy, compile_policy
from consumer.policy.document import Policy, load_policy
from consumer.policy.facts import Choices, Facts
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import CHANNELS, INTERACTION_KINDS

RETAIL_BANK = "deploy/policy/retail_bank.yaml"
ALL_CONSENTS = (1 << 9) - 1
NOON_MS = 1_772_539_200_000
"""Tuesday 2026-03-03 12:00 UTC, which is noon in London."""

GOOD_FIELDS = {
    "age_years": 40.0,
    "age_is_known": 1.0,
    "income_minor": 7_000_000.0,
    "income_is_known": 1.0,
    "credit_score": 750.0,
    "credit_score_is_known": 1.0,
    "balance_last": 1_000_000.0,
    "balance_is_known": 1.0,
    "debit_sum_90d": 500_000.0,
    "credit_sum_90d": 1_500_000.0,
    "interest_mortgage": 2.0,
    "churn_probability": 0.1,
    "lifetime_value_minor": 300_000.0,
    "employment_status": 0,
    "region": 1,
    "occupation": 1,
}
SHARED = {"evidence", "budget_left"}
"""Columns that have no row per decision."""


def retail_policy() -> Policy:
    return load_policy(RETAIL_BANK)


def retail_bank() -> CompiledPolicy:
    return compile_policy(retail_policy())


def good_facts(policy: CompiledPolicy, n: int = 1, **changes: Any) -> Facts:
    """Return n decisions of customers to whom nothing speaks against an offer; holding nothing.

    A scalar in `changes` is repeated; `fields` is merged into `GOOD_FIELDS`.
    """
    catalogue = policy.catalogue
    more_fields = changes.pop("fields", {})
    facts = Facts(
        customer_ids=[f"c-{i}" for i in range(n)],
        at_ms=np.full(n, NOON_MS, np.int64),
        is_known=np.ones(n, np.bool_),
        consents=np.full(n, ALL_CONSENTS, np.int64),
        is_deceased=np.zeros(n, np.bool_),
        age_years=np.full(n, 40.0),
        kyc_status=np.zeros(n, np.int64),
        aml_status=np.zeros(n, np.int64),
        is_vulnerable=np.zeros(n, np.bool_),
        holdings=np.zeros(n, np.int64),
        fields={name: np.broadcast_to(np.asarray(v), n) for name, v in (GOOD_FIELDS | more_fields).items()},
        contact_s=np.zeros((n, 16), np.uint32),
        contact_offer=np.zeros((n, 16), np.uint16),
        contact_channel=np.zeros((n, 16), np.uint8),
        refused_s=np.zeros((n, len(catalogue.products)), np.uint32),
        trigger_source=np.full(n, INPUT_ROLES.index("interactions"), np.int64),
        trigger_kind=np.full(n, INTERACTION_KINDS.index("product_view"), np.int64),
        trigger_product=np.full(n, -1, np.int64),
        trigger_channel=np.full(n, CHANNELS.index("app"), np.int64),
        p_accept=np.full((n, len(catalogue.model_ids)), 0.1),
        evidence=np.full(len(catalogue.model_ids), 10_000.0),
        channel_preference=np.full((n, len(CHANNELS)), 0.5),
        draw=np.full(n, 0.5),
        budget_group=np.zeros(n, np.int64),
        budget_left=np.full((1, len(catalogue.offers)), 1_000_000, np.int64),
    )
    columns = {name: _repeated(value, getattr(facts, name)) for name, value in changes.items()}
    return replace(facts, **columns)


def _repeated(value: Any, like: Any) -> Any:
    return np.full_like(like, value) if np.isscalar(value) else value


def with_contacts(facts: Facts, contacts: list[tuple[int, int, int]]) -> Facts:
    """Return the facts with these contacts (time in s, offer key, channel) in every customer's ring."""
    ring = {
        name: np.zeros_like(getattr(facts, name))
        for name in ("contact_s", "contact_offer", "contact_channel")
    }
    for slot, contact in enumerate(contacts):
        for column, value in zip(ring.values(), contact, strict=True):
            column[:, slot] = value
    return replace(facts, **ring)


def rows_of(facts: Facts, rows: np.ndarray) -> Facts:
    """Return the facts of some of the decisions."""
    changes: dict[str, Any] = {"customer_ids": [facts.customer_ids[i] for i in rows]}
    changes["fields"] = {name: column[rows] for name, column in facts.fields.items()}
    for field in fields_of(facts):
        if field.name not in SHARED | changes.keys():
            changes[field.name] = getattr(facts, field.name)[rows]
    return replace(facts, **changes)


def reasons(policy: CompiledPolicy, choices: Choices, row: int = 0) -> dict[str, int]:
    """Return offer id → exclusion code of one decision."""
    codes = choices.excluded[row].tolist()
    return {offer.offer_id: code for offer, code in zip(policy.catalogue.offers, codes, strict=True)}
