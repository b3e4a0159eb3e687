"""Hypothesis strategies: histories of a few customers, as nasty as the decoders let them be."""

from __future__ import annotations

from hypothesis import strategies as st

from consumer.features.event_columns import CONSENT_BITS, EventSource
from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS
from consumer.vocabulary.words import INTERACTION_KINDS, OUTCOME_KINDS, TRANSACTION_KINDS
from tests.oracles.event_lists import ALL_CONSENTS, Event

PRODUCTS = ("savings_account", "mortgage", "credit_card_gold")
N_CUSTOMERS = 3
START_MS = 1_700_000_000_000 // (720 * HOUR_MS) * 720 * HOUR_MS
"""On the boundary of a tile of every ring, where the mistakes are."""

WITHOUT_PROFILING = ALL_CONSENTS & ~(1 << CONSENT_BITS.index("profiling"))

_spans = st.sampled_from(
    [1_000, MINUTE_MS, 7 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS, DAY_MS, 4 * DAY_MS, 40 * DAY_MS]
)


def times(max_days: int) -> st.SearchStrategy[int]:
    """Times on every scale that a tile has: seconds to `max_days` after the start."""
    return st.builds(
        lambda span, factor: START_MS + min(span * factor, max_days * DAY_MS - 1), _spans, st.integers(0, 40)
    )


_money = st.one_of(st.integers(0, 100_000), st.integers(0, 10**15))
_products = st.integers(-1, len(PRODUCTS) - 1)

_transaction_fields = st.fixed_dictionaries(
    {
        "kind": st.integers(0, len(TRANSACTION_KINDS) - 1),
        "is_credit": st.integers(0, 1),
        "amount_minor": _money,
        "merchant_category": st.integers(-1, 9_999),
        "balance_minor": _money,
        "has_balance": st.integers(0, 1),
    }
)
_satisfaction = {"channel": st.integers(0, 6), "product": _products, "satisfaction": st.integers(0, 5)}
_interaction_fields = st.fixed_dictionaries(
    {"kind": st.integers(0, len(INTERACTION_KINDS) - 1), **_satisfaction}
)
_outcome_fields = st.fixed_dictionaries({"kind": st.integers(0, len(OUTCOME_KINDS) - 1), **_satisfaction})


def _profiles(consents: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries(
        {"consents": consents},
        optional={
            "birth_day": st.integers(-25_000, 20_000),
            "income_minor": _money,
            "credit_score": st.integers(300, 900),
            "employment_status": st.integers(0, 5),
            "holdings": st.integers(0, 7),
            "region": st.integers(1, 2**32 - 1),
            "credit_limit_minor": _money,
            "joined_day": st.integers(0, 20_000),
            "is_vulnerable": st.booleans(),
        },
    )


_probability = st.floats(0.0, 1.0)
_traits = st.fixed_dictionaries(
    {},
    optional={
        "segment": st.integers(0, 254),
        "lifetime_value_minor": st.floats(-1e15, 1e15),
        "churn_probability": _probability,
        "affinity": st.lists(st.one_of(_probability, st.just(float("nan"))), min_size=3, max_size=3),
    },
)


def events(max_days: int, *, can_object: bool) -> st.SearchStrategy[Event]:
    """One event of any source; its key is 0 until `histories` numbers it."""
    consents = st.sampled_from([ALL_CONSENTS, WITHOUT_PROFILING]) if can_object else st.just(ALL_CONSENTS)
    nothing: st.SearchStrategy[dict[str, object]] = st.just({})

    def of(source: EventSource, fields, document) -> st.SearchStrategy[Event]:  # type: ignore[no-untyped-def]
        customer = st.sampled_from([0, 0, 0, *range(N_CUSTOMERS)])
        return st.builds(Event, st.just(source), customer, times(max_days), st.just(0), fields, document)

    transactions = of(EventSource.TRANSACTION, _transaction_fields, nothing)
    return st.one_of(
        transactions,
        transactions,
        of(EventSource.INTERACTION, _interaction_fields, nothing),
        of(EventSource.OUTCOME, _outcome_fields, nothing),
        of(EventSource.PROFILE, nothing, _profiles(consents)),
        of(EventSource.TRAITS, nothing, _traits),
    )


def histories(
    *, max_days: int = 800, max_size: int = 40, can_object: bool = True, can_repeat: bool = False
) -> st.SearchStrategy[list[Event]]:
    """Events in order of arrival, each with its own key, unless they `can_repeat`.

    Half of the histories arrive in order of time: only then do many tiles move on together.
    """

    def numbered(drawn: list[tuple[Event, int]], is_sorted: bool) -> list[Event]:
        kept: list[Event] = []
        arriving = sorted(drawn, key=lambda one: one[0].time_ms) if is_sorted else drawn
        for place, (event, repeat) in enumerate(arriving):
            earlier = kept[-repeat] if can_repeat and 0 < repeat <= len(kept) else None
            kept.append(
                earlier
                or Event(event.source, event.customer, event.time_ms, place + 1, event.fields, event.document)
            )
        return kept

    one = st.tuples(events(max_days, can_object=can_object), st.integers(0, 6))
    return st.builds(numbered, st.lists(one, max_size=max_size), st.booleans())


_steps = st.sampled_from(
    [0, 1, MINUTE_MS, 5 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 12 * HOUR_MS, 60 * HOUR_MS, 9 * DAY_MS]
)


def spending() -> st.SearchStrategy[list[Event]]:
    """Many transactions of one customer whose gaps are hops or near them, some of them late."""
    one = st.tuples(_steps, st.integers(-3, 9), st.integers(0, 50), st.booleans())

    def told(drawn: list[tuple[int, int, int, bool]]) -> list[Event]:
        time_ms, history = START_MS, []
        for key, (step_ms, factor, amount, is_credit) in enumerate(drawn, start=1):
            time_ms = max(time_ms + step_ms * factor, START_MS)
            fields = {"amount_minor": amount, "is_credit": int(is_credit)}
            history.append(Event(EventSource.TRANSACTION, 0, time_ms, key, fields))
        return history

    sized = st.integers(1, 60).flatmap(lambda n: st.lists(one, min_size=n, max_size=n))
    return sized.map(told)
