"""Attribution: single steps of the table, deadlines, labels and examples."""

from __future__ import annotations

import numpy as np
import pytest

from consumer.learning.attribution import EXPIRY, STEPS, Effect, State, attribute, expire
from consumer.learning.labels import KEEP_CLOSED_MS, Step, close_due, labels_of, settle
from consumer.learning.open_decisions import Rows, empty_rows
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.words import OUTCOME_KINDS, code_of

CODE = code_of(OUTCOME_KINDS)


def step(state: State, kind: str) -> tuple[State, Effect]:
    after, effects = attribute(np.array([state], "u1"), np.array([CODE[kind]], "u1"))
    return State(after.item()), Effect(int(effects[0]))


def an_offer(decided_ms: int = 0) -> Rows:
    rows = empty_rows(2, 1)
    rows["decided_ms"] = decided_ms
    rows["window_ms"] = 30 * DAY_MS
    rows["deadline_ms"] = decided_ms + 14 * DAY_MS
    rows["forget_ms"] = rows["deadline_ms"] + KEEP_CLOSED_MS
    rows["logging_propensity"] = 0.5
    return rows


def tell(rows: Rows, *told: tuple[str, int]) -> list[Step]:
    """Apply (kind, day) outcomes to the first row, each read at its own time."""
    times = np.array([day * DAY_MS for _, day in told])
    kinds = np.array([CODE[kind] for kind, _ in told], dtype=np.uint8)
    return settle(
        rows,
        np.zeros(len(told), dtype=np.int64),
        kinds,
        event_time_ms=times,
        stream_time_ms=np.maximum.accumulate(times),
    )


def labels(steps: list[Step]) -> list[tuple[str, int, int, str]]:
    return [(x.label_kind, x.label, x.sign, x.cause) for s in steps for x in labels_of(s)]


def test_every_state_has_a_table_or_ends_there() -> None:
    assert set(STEPS) == set(State)
    assert all(kind in OUTCOME_KINDS for steps in STEPS.values() for kind in steps)


@pytest.mark.parametrize(
    ("state", "kind", "after", "effect"),
    [
        (State.OFFERED, "delivered", State.DELIVERED, Effect.OPEN_WINDOW),
        (State.OFFERED, "undelivered", State.UNDELIVERED, Effect.RELEASE_CONTACT),
        (State.DELIVERED, "accepted", State.ACCEPTED, Effect.POSITIVE_RESPONSE),
        (State.DELIVERED, "rejected", State.REJECTED, Effect.NEGATIVE_RESPONSE),
        (State.DELIVERED, "delivered", State.DELIVERED, Effect.DUPLICATE),
        (State.ACCEPTED, "rejected", State.ACCEPTED, Effect.CONTRADICTION),
        (State.ACCEPTED, "purchased", State.PURCHASED, Effect.POSITIVE_PURCHASE),
        (State.DELIVERED, "viewed", State.DELIVERED, Effect.NONE),
        (State.OFFERED, "complained", State.OFFERED, Effect.NONE),
    ],
)
def test_a_step_of_the_table(state: State, kind: str, after: State, effect: Effect) -> None:
    assert step(state, kind) == (after, effect)


def test_a_deadline_closes_what_is_open_and_nothing_else() -> None:
    states = np.arange(len(State), dtype=np.uint8)
    after, effects = expire(states, np.full(len(State), 10), 10)
    changed = {State(int(i)) for i in np.flatnonzero(effects)}
    assert changed == set(EXPIRY) == {State.OFFERED, State.DELIVERED, State.ACCEPTED}
    assert (expire(states, np.full(len(State), 10), 9)[0] == states).all()
    assert after[State.DELIVERED] == State.EXPIRED


def test_delivery_opens_the_attribution_window() -> None:
    rows = an_offer()
    tell(rows, ("delivered", 2))
    assert rows["delivered_ms"][0] == 2 * DAY_MS
    assert rows["deadline_ms"][0] == 32 * DAY_MS
    assert rows["forget_ms"][0] == 32 * DAY_MS + KEEP_CLOSED_MS


def test_an_acceptance_in_its_window_is_one_positive_example() -> None:
    assert labels(tell(an_offer(), ("delivered", 1), ("accepted", 3))) == [("response", 1, 1, "accepted")]


def test_an_offer_that_nobody_confirms_gives_no_example() -> None:
    rows = an_offer()
    steps = close_due(rows, 14 * DAY_MS)
    assert labels(steps) == []
    assert steps[0].effects == Effect.UNCONFIRMED
    assert rows["state"][0] == State.UNCONFIRMED


def test_a_window_that_is_over_is_a_negative_example_as_of_its_deadline() -> None:
    rows = an_offer()
    tell(rows, ("delivered", 1))
    assert close_due(rows, 31 * DAY_MS - 1) == []
    steps = close_due(rows, 90 * DAY_MS)
    assert labels(steps) == [("response", 0, 1, "expired")]
    assert steps[0].at_ms == 31 * DAY_MS


def test_a_positive_after_expiry_takes_the_negative_back_and_is_learned() -> None:
    steps = tell(an_offer(), ("delivered", 1), ("accepted", 40))
    assert labels(steps) == [
        ("response", 0, 1, "expired"),
        ("response", 0, -1, "reversed"),
        ("response", 1, 1, "accepted"),
    ]


def test_an_acceptance_without_a_purchase_lapses_and_a_late_purchase_takes_that_back() -> None:
    rows = an_offer()
    steps = tell(rows, ("delivered", 1), ("accepted", 2))
    steps += close_due(rows, 40 * DAY_MS)
    steps += tell(rows, ("purchased", 41))
    assert labels(steps)[1:] == [
        ("purchase", 0, 1, "expired"),
        ("purchase", 0, -1, "reversed"),
        ("purchase", 1, 1, "accepted"),
    ]


def test_outcomes_of_many_decisions_are_settled_in_order_of_arrival() -> None:
    rows = np.concatenate([an_offer(), an_offer()])
    kinds = np.array([CODE[k] for k in ("delivered", "accepted", "rejected", "viewed", "purchased")], "u1")
    times = np.arange(1, 6) * DAY_MS
    where = np.array([0, 1, 0, -1, 1])
    steps = settle(rows, where, kinds, event_time_ms=times, stream_time_ms=times)
    assert [(s.row, s.outcome) for s in steps] == [(0, 0), (1, 1), (0, 2), (1, 4)]
    assert rows["state"].tolist() == [State.REJECTED, State.PURCHASED]
