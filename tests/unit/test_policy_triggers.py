"""Triggers and budgets: which events open a decision, and how a day's budget is divided."""

from __future__ import annotations

import numpy as np

from consumer.policy.budgets import NO_LIMIT, bank_day, budgets_of_partitions, budgets_per_day
from consumer.policy.compiled import is_trigger
from consumer.policy.triggers import is_decision_due
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import INTERACTION_KINDS, TRANSACTION_KINDS
from tests.oracles.decision_facts import NOON_MS, retail_bank

POLICY = retail_bank()
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def test_only_the_events_that_the_policy_names_open_a_decision() -> None:
    events = [
        ("transactions", TRANSACTION_KINDS.index("salary"), True),
        ("transactions", TRANSACTION_KINDS.index("card_payment"), False),
        ("interactions", INTERACTION_KINDS.index("product_view"), True),
        ("interactions", INTERACTION_KINDS.index("login"), False),
        ("customers", 0, True),
        ("traits", 0, False),
        ("outcomes", 0, False),
    ]
    source = np.array([INPUT_ROLES.index(role) for role, _, _ in events], np.uint8)
    kind = np.array([code for _, code, _ in events], np.uint8)
    assert is_trigger(POLICY, source, kind).tolist() == [expected for _, _, expected in events]


def test_a_decision_is_due_after_the_gap_and_while_the_event_is_fresh() -> None:
    now = NOON_MS
    at_ms = np.array([now, now, now, now - HOUR_MS, now - HOUR_MS - 1])
    last_s = np.array([0, (now - 20 * HOUR_MS) // 1000, (now - 20 * HOUR_MS) // 1000 + 1, 0, 0], np.uint32)
    due = is_decision_due(at_ms, last_s, stream_time_ms=now, gap_ms=20 * HOUR_MS, staleness_ms=HOUR_MS)
    assert due.tolist() == [True, True, False, True, False]


def test_an_event_older_than_the_last_decision_opens_none() -> None:
    due = is_decision_due(
        np.array([NOON_MS]),
        np.array([NOON_MS // 1000 + 60]),
        stream_time_ms=NOON_MS,
        gap_ms=0,
        staleness_ms=HOUR_MS,
    )
    assert not due.any()


def test_the_parts_of_a_budget_add_up_to_the_whole_for_any_number_of_partitions() -> None:
    text = POLICY.policy.text
    for n_partitions in (1, 3, 7, 600):
        parts = budgets_of_partitions(
            budgets_per_day(text), np.arange(n_partitions), n_partitions=n_partitions
        )
        for column, offer in enumerate(text.offers):
            if offer.budget_per_day is None:
                assert (parts[:, column] == NO_LIMIT).all()
            else:
                assert parts[:, column].sum() == offer.budget_per_day
                assert np.ptp(parts[:, column]) <= 1


def test_a_bank_day_begins_at_midnight_of_the_bank() -> None:
    summer_midnight_ms = 1_782_860_400_000  # 2026-07-01 00:00 in London, which is 23:00 UTC
    days = bank_day(POLICY.policy.text, np.array([summer_midnight_ms - 1, summer_midnight_ms]))
    assert np.diff(days).tolist() == [1]
