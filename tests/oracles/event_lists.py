"""Events as plain Python objects, and their columns: how tests write down a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from consumer.features.event_columns import (
    NO_DAY,
    EventColumns,
    EventSource,
    ProfileColumns,
    TraitsColumns,
)
from consumer.vocabulary.words import CHANNELS, INTERACTION_KINDS, OUTCOME_KINDS, TRANSACTION_KINDS

ALL_CONSENTS = (1 << 9) - 1


@dataclass(frozen=True)
class Event:
    """One event; `fields` are columns of `EventColumns`, `document` a profile's or traits' columns."""

    source: EventSource
    customer: int
    time_ms: int
    key: int
    fields: dict[str, int] = field(default_factory=dict)
    document: dict[str, object] = field(default_factory=dict)


def transaction(time_ms: int, amount: int, *, key: int, customer: int = 0, **fields: int) -> Event:
    """Return a card payment, unless `kind`, `is_credit`, ... say otherwise; `kind` is a code."""
    return Event(EventSource.TRANSACTION, customer, time_ms, key, {"amount_minor": amount, **fields})


def salary(time_ms: int, amount: int, *, key: int, customer: int = 0) -> Event:
    """Return a salary that came in."""
    kind = TRANSACTION_KINDS.index("salary")
    return transaction(time_ms, amount, key=key, customer=customer, kind=kind, is_credit=1)


def interaction(
    time_ms: int, kind: str, *, key: int, customer: int = 0, channel: str = "app", **fields: int
) -> Event:
    """Return an interaction."""
    codes = {"kind": INTERACTION_KINDS.index(kind), "channel": CHANNELS.index(channel)}
    return Event(EventSource.INTERACTION, customer, time_ms, key, codes | fields)


def outcome(
    time_ms: int, kind: str, *, key: int, customer: int = 0, channel: str = "app", **fields: int
) -> Event:
    """Return an outcome of an offer."""
    codes = {"kind": OUTCOME_KINDS.index(kind), "channel": CHANNELS.index(channel)}
    return Event(EventSource.OUTCOME, customer, time_ms, key, codes | fields)


def profile(time_ms: int, *, key: int, customer: int = 0, **document: object) -> Event:
    """Return a profile with all consents and nothing else known, unless `document` says otherwise."""
    return Event(EventSource.PROFILE, customer, time_ms, key, {}, {"consents": ALL_CONSENTS, **document})


def traits(time_ms: int, *, key: int, customer: int = 0, **document: object) -> Event:
    """Return traits."""
    return Event(EventSource.TRAITS, customer, time_ms, key, {}, document)


_NEUTRAL = {"merchant_category": -1, "product": -1, "detail": -1}
_TYPES = {
    "is_credit": bool,
    "has_balance": bool,
    "kind": np.uint8,
    "channel": np.uint8,
    "satisfaction": np.uint8,
}
_FIELDS = (
    "kind",
    "channel",
    "is_credit",
    "amount_minor",
    "merchant_category",
    "balance_minor",
    "has_balance",
    "product",
    "satisfaction",
)
_PROFILE_NEUTRAL: dict[str, object] = {
    "birth_day": NO_DAY,
    "income_minor": -1,
    "occupation": -1,
    "employment_status": -1,
    "credit_score": -1,
    "region": -1,
    "joined_day": NO_DAY,
    "holdings": 0,
    "credit_limit_minor": -1,
    "consents": 0,
    "kyc_status": 0,
    "aml_status": 0,
    "is_vulnerable": False,
    "is_deceased": False,
}


def columns_of(events: Sequence[Event], n_products: int) -> EventColumns:
    """Return the columns of events in order of arrival."""
    profiles = [event.document for event in events if event.source == EventSource.PROFILE]
    described = [event.document for event in events if event.source == EventSource.TRAITS]
    detail = np.full(len(events), -1, dtype=np.int64)
    for source in (EventSource.PROFILE, EventSource.TRAITS):
        rows = [row for row, event in enumerate(events) if event.source == source]
        detail[rows] = np.arange(len(rows))
    columns = {
        name: np.array(
            [event.fields.get(name, _NEUTRAL.get(name, 0)) for event in events],
            dtype=_TYPES.get(name, np.int64),
        )
        for name in _FIELDS
    }
    return EventColumns(
        customer=np.array([event.customer for event in events], dtype=np.int64),
        event_time_ms=np.array([event.time_ms for event in events], dtype=np.int64),
        event_key=np.array([event.key for event in events], dtype=np.uint64),
        source=np.array([event.source for event in events], dtype=np.uint8),
        detail=detail,
        profiles=_profile_columns(profiles),
        traits=_traits_columns(described, n_products),
        **columns,
    )


def _profile_columns(documents: Sequence[dict[str, object]]) -> ProfileColumns:
    return ProfileColumns(
        **{
            name: np.array(
                [document.get(name, neutral) for document in documents],
                dtype=bool if isinstance(neutral, bool) else np.int64,
            )
            for name, neutral in _PROFILE_NEUTRAL.items()
        }
    )


def _traits_columns(documents: Sequence[dict[str, object]], n_products: int) -> TraitsColumns:
    nothing = [np.nan] * n_products
    return TraitsColumns(
        segment=np.array([document.get("segment", -1) for document in documents], dtype=np.int64),
        lifetime_value_minor=np.array(
            [d.get("lifetime_value_minor", np.nan) for d in documents], dtype=np.float64
        ),
        churn_probability=np.array([d.get("churn_probability", np.nan) for d in documents], dtype=np.float64),
        affinity=np.array([d.get("affinity", nothing) for d in documents], dtype=np.float64).reshape(
            -1, n_products
        ),
    )
