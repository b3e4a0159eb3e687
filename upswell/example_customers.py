"""Example customers with a past, made quickly: what records and open decisions look like after months of life.

The simulated bank makes believable customers one event at a time; this makes whole customers through the
real fold, a wave of one event of each at a time, so that sizes can be told and stores filled in seconds.

    a month        a transaction on most days, a login on every other, an offer perhaps
    a year         the same for a year: 11 events a week, 6 offers, every tile ring is in use
    the busiest    28 events a week for a year on four channels, among them each kind of interaction, interest in
                   every product, and 24 offers, which is what the contact caps of the retail bank leave over

Rules of this file: everything follows from the seed; nothing is written to a record but by the fold and the
contact policy's own functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.contacts import note_contact, note_decision
from consumer.features.event_columns import (
    INTERACTION,
    OUTCOME,
    PROFILE,
    TRAITS,
    TRANSACTION,
    EventColumns,
    Int64s,
    ProfileColumns,
    TraitsColumns,
)
from consumer.features.fold import fold_wave
from consumer.features.layout import Records
from consumer.features.model_input import model_inputs_milli
from consumer.features.record import empty_records
from consumer.features.traits import segment_of
from consumer.features.values import feature_values
from consumer.learning.attribution import State
from consumer.learning.labels import KEEP_CLOSED_MS
from consumer.learning.open_decisions import Rows, empty_rows
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.words import OUTCOME_KINDS, TRANSACTION_KINDS

END_MS: Final = 1_790_000_000_000
"""Where every past ends: where the events of the benchmarks begin."""

WINDOW_MS: Final = 30 * DAY_MS
DELIVERY_MS: Final = 90_000
_KEPT_MS: Final = WINDOW_MS + KEEP_CLOSED_MS
_CATEGORIES: Final = np.array([5411, 5812, 5541, 4511, 5651, 5732, 4900, 5912, 7832, 5712, 8220, 9399])
_ALL_CONSENTS: Final = 0x1FF
_SALARY: Final = TRANSACTION_KINDS.index("salary")
_CARD: Final = TRANSACTION_KINDS.index("card_payment")
_CASH: Final = TRANSACTION_KINDS.index("cash_withdrawal")
_ANSWERS: Final = np.array(
    [OUTCOME_KINDS.index(kind) for kind in ("viewed", "clicked", "rejected", "accepted")]
)
_TRANSFER_IN: Final = TRANSACTION_KINDS.index("transfer_in")


@dataclass(frozen=True, slots=True)
class Life:
    """How a group of customers lives.

    events_per_day : of which `transaction_share` are transactions and `outcome_share` outcomes of offers
    offers_per_day : contacts
    n_kinds, n_channels, n_products : how many of each a customer uses, the first ones
    """

    name: str
    days: int
    events_per_day: float
    transaction_share: float
    outcome_share: float
    offers_per_day: float
    n_kinds: int
    n_channels: int
    n_products: int


A_MONTH: Final = Life("a month", 30, 1.5, 0.7, 0.01, 6 / 365, 4, 2, 3)
A_YEAR: Final = Life("a year", 365, 1.5, 0.7, 0.01, 6 / 365, 5, 2, 3)
BUSIEST: Final = Life("the busiest", 365, 4.0, 0.6, 0.02, 24 / 365, 12, 4, 99)
LIVES: Final = (A_MONTH, A_YEAR, BUSIEST)


@dataclass(frozen=True, slots=True)
class ExampleCustomers:
    """n customers at `END_MS`.

    records : shape (n,)
    open_decisions : rows of all customers, one customer's after another's
    n_open : how many rows are each customer's
    """

    records: Records
    open_decisions: Rows
    n_open: Int64s


def example_customers(features: FeatureCatalogue, life: Life, n: int, *, seed: int = 1) -> ExampleCustomers:
    """Return `n` customers who have lived a life.

    Examples
    --------
    >>> from consumer.features.catalogue import catalogue_for
    >>> made = example_customers(catalogue_for(("mortgage",)), A_MONTH, 2)
    >>> len(made.records), int(made.records["tile_count"].sum()) > 40
    (2, True)
    """
    draws = np.random.default_rng([seed, LIVES.index(life)])
    life_ms = life.days * DAY_MS
    made = _Making(features, life, draws, empty_records(features.layout, n))
    times_ms, is_salary = _times(life, n, draws)
    made.fold(_documents(made, END_MS - life_ms, PROFILE))
    made.fold(_documents(made, END_MS - life_ms // 2, TRAITS))
    for turn in range(times_ms.shape[1]):
        made.fold(_events(made, times_ms[:, turn], is_salary[:, turn]))
        made.offer(times_ms[:, turn], share=life.offers_per_day * life.days / times_ms.shape[1])
    return made.done()


@dataclass(slots=True)
class _Making:
    """The customers while they live, and the offers that are remembered of them."""

    features: FeatureCatalogue
    life: Life
    draws: np.random.Generator
    records: Records
    owners: list[Int64s] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)

    @property
    def n_products(self) -> int:
        """Products that the customers know."""
        return min(self.life.n_products, len(self.features.product_ids))

    def fold(self, events: EventColumns) -> None:
        """Let one event of each customer happen."""
        fold_wave(self.features, self.records, events, np.arange(len(self.records)))

    def offer(self, at_ms: Int64s, *, share: float) -> None:
        """Make an offer to a share of the customers, and remember it while its answer counts."""
        rows = np.flatnonzero(self.draws.random(len(at_ms)) < share)
        if not len(rows):
            return
        at_ms = at_ms[rows]
        product = self.draws.integers(0, self.n_products, len(rows))
        channel = self.draws.integers(0, self.life.n_channels, len(rows))
        key = (product * 5_003 + 257) % 65_535 + 1
        note_decision(self.records, rows, at_ms)
        note_contact(self.records, rows, offer_key=key, channel=channel, product=product, at_ms=at_ms)
        kept = np.flatnonzero(at_ms > END_MS - _KEPT_MS)
        if len(kept):
            self.owners.append(rows[kept])
            self.rows.append(self._open(rows[kept], at_ms[kept], channel=channel[kept], key=key[kept]))

    def _open(self, customers: Int64s, at_ms: Int64s, *, channel: Int64s, key: Int64s) -> Rows:
        records = self.records[customers]
        values = feature_values(self.features, records)
        made = empty_rows(len(self.features.input_names), len(customers))
        made["inputs_milli"] = model_inputs_milli(self.features, values, segment_of(records))
        made["topic_code"] = INTERACTION
        made["offset"] = self.draws.integers(10**5, 10**8, len(customers))
        made["channel"], made["segment"] = channel, segment_of(records)
        for name in ("model_key", "product_key", "offer_key"):
            made[name] = key
        is_over = at_ms <= END_MS - WINDOW_MS
        made["state"] = np.where(is_over, State.EXPIRED, State.DELIVERED)
        made["decided_ms"], made["delivered_ms"], made["window_ms"] = at_ms, at_ms + DELIVERY_MS, WINDOW_MS
        made["deadline_ms"] = made["delivered_ms"] + WINDOW_MS
        made["forget_ms"] = made["deadline_ms"] + KEEP_CLOSED_MS
        made["logging_propensity"] = self.draws.uniform(0.01, 0.99, len(customers))
        return made

    def done(self) -> ExampleCustomers:
        """Return the customers as they are at the end."""
        if not self.rows:
            nothing = empty_rows(len(self.features.input_names))
            return ExampleCustomers(self.records, nothing, np.zeros(len(self.records), np.int64))
        owners = np.concatenate(self.owners)
        order = np.argsort(owners, kind="stable")
        n_open = np.bincount(owners, minlength=len(self.records))
        return ExampleCustomers(self.records, np.concatenate(self.rows)[order], n_open)


def _times(life: Life, n: int, draws: np.random.Generator) -> tuple[Int64s, NDArray[np.bool_]]:
    """Return when each customer's events happen, in order, and which of them are salaries."""
    life_ms = life.days * DAY_MS
    ordinary = draws.integers(0, life_ms, (n, int(life.days * life.events_per_day)))
    monthly = np.arange(life.days // 30) * 30 * DAY_MS
    salaries = draws.integers(0, 28, (n, 1)) * DAY_MS + monthly + draws.integers(0, DAY_MS // 2, (n, 1))
    both = np.concatenate([ordinary, salaries], axis=1)
    order = np.argsort(both, axis=1)
    times_ms = END_MS - life_ms + np.take_along_axis(both, order, axis=1)
    return times_ms, order >= ordinary.shape[1]


def _neutral(n: int, n_products: int) -> EventColumns:
    """Return n events of nothing, one a customer."""
    none = np.zeros(0, dtype=np.int64)
    zeros, absent = np.zeros(n, dtype=np.int64), np.full(n, -1)
    codes, flags = np.zeros(n, dtype=np.uint8), np.zeros(n, dtype=bool)
    unknown: dict[str, Any] = {part.name: none for part in fields(ProfileColumns)}
    profiles = ProfileColumns(**unknown)
    affinity = np.zeros((0, n_products))
    return EventColumns(
        customer=np.arange(n),
        event_time_ms=zeros,
        event_key=zeros.astype(np.uint64),
        source=codes,
        kind=codes,
        channel=codes,
        is_credit=flags,
        amount_minor=zeros,
        merchant_category=absent,
        balance_minor=zeros,
        has_balance=flags,
        product=absent,
        satisfaction=codes,
        detail=absent,
        profiles=profiles,
        traits=TraitsColumns(none, none.astype(np.float64), none.astype(np.float64), affinity),
    )


def _documents(making: _Making, at_ms: int, source: int) -> EventColumns:
    """Return a profile or the traits of each customer."""
    n, draws = len(making.records), making.draws
    neutral = _neutral(n, len(making.features.product_ids))
    return replace(
        neutral,
        event_time_ms=np.full(n, at_ms) + draws.integers(0, DAY_MS, n),
        event_key=draws.integers(1, 2**62, n, dtype=np.uint64),
        source=np.full(n, source, dtype=np.uint8),
        detail=np.arange(n),
        profiles=_profiles(making, n) if source == PROFILE else neutral.profiles,
        traits=_traits(making, n) if source == TRAITS else neutral.traits,
    )


def _profiles(making: _Making, n: int) -> ProfileColumns:
    draws = making.draws
    return ProfileColumns(
        birth_day=draws.integers(-10_000, 13_000, n),
        income_minor=draws.lognormal(14.8, 0.5, n).astype(np.int64),
        occupation=draws.integers(1, 2**32, n),
        employment_status=draws.integers(0, 5, n),
        credit_score=draws.integers(300, 901, n),
        region=draws.integers(1, 2**32, n),
        joined_day=draws.integers(13_000, 20_000, n),
        holdings=draws.integers(0, 2**making.n_products, n),
        credit_limit_minor=draws.integers(0, 50, n) * 50_000,
        consents=np.full(n, _ALL_CONSENTS),
        kyc_status=np.zeros(n, dtype=np.int64),
        aml_status=np.zeros(n, dtype=np.int64),
        is_vulnerable=np.zeros(n, dtype=bool),
        is_deceased=np.zeros(n, dtype=bool),
    )


def _traits(making: _Making, n: int) -> TraitsColumns:
    draws = making.draws
    return TraitsColumns(
        segment=draws.integers(0, 6, n),
        lifetime_value_minor=draws.lognormal(12.0, 1.0, n).round(),
        churn_probability=draws.random(n),
        affinity=draws.random((n, len(making.features.product_ids))),
    )


def _events(making: _Making, times_ms: Int64s, is_salary: NDArray[np.bool_]) -> EventColumns:
    """Return one event of each customer: a transaction, an interaction or an answer to an offer."""
    life, draws, n = making.life, making.draws, len(times_ms)
    pick = draws.random(n)
    is_money = is_salary | (pick < life.transaction_share)
    is_answer = ~is_money & (pick > 1 - life.outcome_share)
    product = draws.integers(0, making.n_products, n)
    kinds = np.where(is_answer, draws.choice(_ANSWERS, n), draws.integers(0, life.n_kinds, n))
    is_answered = ~is_money & (draws.random(n) < 0.05)
    return replace(
        _money(making, _neutral(n, len(making.features.product_ids)), is_money, is_salary),
        event_time_ms=times_ms,
        event_key=draws.integers(1, 2**62, n, dtype=np.uint64),
        source=np.select([is_money, is_answer], [TRANSACTION, OUTCOME], INTERACTION).astype(np.uint8),
        kind=np.where(is_money, _money_kind(draws, is_salary), kinds).astype(np.uint8),
        channel=np.where(is_money, 0, draws.integers(0, life.n_channels, n)).astype(np.uint8),
        product=np.where(is_money, -1, product),
        satisfaction=np.where(is_answered, draws.integers(1, 6, n), 0).astype(np.uint8),
    )


def _money_kind(draws: np.random.Generator, is_salary: NDArray[np.bool_]) -> NDArray[np.integer]:
    usual = draws.choice([_CARD, _CASH, _TRANSFER_IN], len(is_salary), p=[0.85, 0.07, 0.08])
    return np.where(is_salary, _SALARY, usual)


def _money(
    making: _Making, events: EventColumns, is_money: NDArray[np.bool_], is_salary: NDArray[np.bool_]
) -> EventColumns:
    draws, n = making.draws, len(is_money)
    amount = np.where(is_salary, draws.normal(250_000, 2_000, n), draws.lognormal(8.0, 1.2, n))
    is_credit = is_money & (is_salary | (draws.random(n) < 0.08))
    return replace(
        events,
        is_credit=is_credit,
        amount_minor=np.where(is_money, amount.astype(np.int64), 0),
        merchant_category=np.where(is_money & ~is_credit, draws.choice(_CATEGORIES, n), -1),
        balance_minor=np.where(is_money, draws.integers(-50_000, 2_000_000, n), 0),
        has_balance=is_money,
    )
