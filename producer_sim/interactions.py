"""What customers do on the bank's channels: one day of sessions, calls, visits and complaints.

Sessions are a Poisson process a customer. Whether a session turns to a product, and to which, follows
the latent needs: this is the trace that the consumer may learn from.

Rules of this file: reads the population, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.time import DAY_MS, SECOND_MS
from consumer.vocabulary.words import CHANNELS, INTERACTION_KINDS, code_of
from producer_sim.draws import Bools, Floats, Ints, Purpose, choose, poisson_counts, times_of_day_ms, uniforms
from producer_sim.population import Population
from producer_sim.records import InteractionRecord
from producer_sim.settings import BankSettings

_KIND: Final = code_of(INTERACTION_KINDS)
_CHANNEL: Final = code_of(CHANNELS)
_SESSIONS_MOST: Final = 8
_DRAWS_A_SESSION: Final = 9
_NONE: Final = -1
_ONLINE_HOURS: Final = (
    2,
    1,
    1,
    0,
    0,
    1,
    5,
    10,
    14,
    13,
    12,
    12,
    15,
    14,
    11,
    11,
    12,
    15,
    18,
    21,
    23,
    20,
    13,
    6,
)
_OFFICE_HOURS: Final = (0, 0, 0, 0, 0, 0, 0, 0, 5, 14, 18, 17, 9, 11, 15, 16, 13, 6, 0, 0, 0, 0, 0, 0)
_SHOPPING_HALF: Final = 22.0
"""Sum of attractions at which half of all sessions turn to a product."""


@dataclass(frozen=True, slots=True, eq=False)
class Contacts:
    """Columns of interactions; -1 stands for no product, no duration, no rating."""

    customer: Ints
    time_ms: Ints
    channel: Ints
    kind: Ints
    product: Ints
    duration_ms: Ints
    satisfaction: Ints


def day_of_interactions(
    settings: BankSettings, population: Population, need_logits: Floats, day: int
) -> list[InteractionRecord]:
    """Return the day's interactions by customer and time."""
    contacts = draw_contacts(settings, population, need_logits, day)
    return _records(settings, population, contacts, day)


def draw_contacts(settings: BankSettings, population: Population, need_logits: Floats, day: int) -> Contacts:
    """Return what customers do on a day, sorted by customer and time."""
    parts = [
        *_sessions(settings, population, need_logits, day),
        *_service(settings, population, need_logits, day),
    ]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Contacts.__slots__]
    order = np.lexsort((columns[3], columns[1], columns[0]))
    return Contacts(*(column[order] for column in columns))


def _sessions(
    settings: BankSettings, population: Population, need_logits: Floats, day: int
) -> list[Contacts]:
    """Return logins with what follows them: pages, and for some a search, a product, a calculator, a quote."""
    u = uniforms(
        settings.seed, Purpose.SESSIONS, day, (population.size, 1 + _DRAWS_A_SESSION * _SESSIONS_MOST)
    )
    counts = poisson_counts(u[:, 0], population.session_rate, most=_SESSIONS_MOST)
    customer, slot = np.nonzero(np.arange(_SESSIONS_MOST) < counts[:, None])
    draws = u[:, 1:].reshape(population.size, _SESSIONS_MOST, _DRAWS_A_SESSION)[customer, slot]
    app_share = 0.25 + 0.6 * population.digital[customer]
    channel = np.where(draws[:, 1] < app_share, _CHANNEL["app"], _CHANNEL["web"])
    start = times_of_day_ms(draws[:, 0], _ONLINE_HOURS)
    attraction = np.exp(1.15 * need_logits)[customer]
    total = attraction.sum(axis=1)
    shops = draws[:, 2] < total / (total + _SHOPPING_HALF)
    product = choose(draws[:, 3], attraction)
    keen = np.clip(0.15 + 0.12 * need_logits[customer, product], 0.02, 0.6)

    def follow(rows: Bools, kind: str, after_s: int, named: bool) -> Contacts:
        picked = np.flatnonzero(rows)
        return _contacts(
            customer[picked],
            np.minimum(
                start[picked] + after_s * SECOND_MS + (draws[picked, 8] * 9_000).astype(np.int64), DAY_MS - 1
            ),
            channel[picked],
            kind,
            product=product[picked] if named else None,
            duration_ms=(1_000 + 90_000 * draws[picked, 7] ** 2).astype(np.int64),
        )

    everyone = np.ones(len(customer), dtype=np.bool_)
    return [
        follow(everyone, "login", 0, False),
        follow(draws[:, 4] < 0.55, "page_view", 15, False),
        follow(shops & (draws[:, 5] < 0.25), "search", 30, True),
        follow(shops, "product_view", 60, True),
        follow(shops & (draws[:, 5] < keen), "calculator_use", 120, True),
        follow(shops & (draws[:, 6] < 0.6 * keen), "quote_request", 240, True),
    ]


def _service(settings: BankSettings, population: Population, need_logits: Floats, day: int) -> list[Contacts]:
    u = uniforms(settings.seed, Purpose.SERVICE, day, (population.size, 14))
    analog, digital = 1.15 - population.digital, population.digital
    living = ~population.deceased
    unhappy = np.exp(1.1 * (3.6 - population.satisfaction))
    mood = population.satisfaction + 1.2 * (u[:, 12] - 0.5)
    rating = np.where(u[:, 11] < 0.45, np.clip(np.round(mood), 1, 5), _NONE).astype(np.int64)
    attraction = np.exp(1.15 * need_logits)
    product = np.where(u[:, 10] < 0.3, choose(u[:, 13], attraction), _NONE)
    reads = population.consents[:, 0] & living

    def contact(
        rows: Bools, channel: str, kind: str, *, draws: Floats, minutes: int = 0, rated: bool = False
    ) -> Contacts:
        picked = np.flatnonzero(rows & living)
        hours = _ONLINE_HOURS if channel in ("app", "email") else _OFFICE_HOURS
        lasts = (minutes * 60_000 * (0.3 + u[picked, 9])).astype(np.int64)
        return _contacts(
            picked,
            times_of_day_ms(draws[picked], hours),
            np.full(len(picked), _CHANNEL[channel]),
            kind,
            product=None if kind == "complaint" else product[picked],
            duration_ms=lasts if minutes else None,
            satisfaction=rating[picked] if rated else None,
        )

    opens = (u[:, 4] < 0.035) & reads
    return [
        contact(
            u[:, 0] < 0.012 * (0.5 + analog), "call_centre", "call", draws=u[:, 5], minutes=8, rated=True
        ),
        contact(u[:, 1] < 0.016 * analog, "branch", "visit", draws=u[:, 6], minutes=25, rated=True),
        contact(u[:, 2] < 0.010 * digital, "app", "chat", draws=u[:, 7], minutes=6, rated=True),
        contact(u[:, 3] < 0.0012 * unhappy, "call_centre", "complaint", draws=u[:, 8]),
        contact(opens, "email", "email_open", draws=u[:, 8]),
        contact(
            opens & (u[:, 4] < 0.008), "email", "email_click", draws=np.minimum(u[:, 8] + 0.001, 0.999999)
        ),
    ]


def _contacts(
    customer: Ints,
    time_ms: Ints,
    channel: Ints,
    kind: str,
    *,
    product: Ints | None = None,
    duration_ms: Ints | None = None,
    satisfaction: Ints | None = None,
) -> Contacts:
    none = np.full(len(customer), _NONE)
    return Contacts(
        customer,
        time_ms,
        channel,
        np.full(len(customer), _KIND[kind]),
        none if product is None else product,
        none if duration_ms is None else duration_ms,
        none if satisfaction is None else satisfaction,
    )


def _records(
    settings: BankSettings, population: Population, contacts: Contacts, day: int
) -> list[InteractionRecord]:
    customer = contacts.customer
    first = np.searchsorted(customer, np.arange(population.size))
    number = np.arange(len(customer)) - first[customer]
    prefix = f"{settings.seed:x}.i{day}."
    ids, day_ms = population.ids, day * DAY_MS
    products = (*settings.products, None)  # the last one answers to _NONE
    return [
        InteractionRecord(
            SCHEMA_VERSION,
            f"{prefix}{c}.{n}",
            ids[c],
            day_ms + t,
            CHANNELS[channel],
            INTERACTION_KINDS[kind],
            products[product],
            None if lasts < 0 else lasts,
            None if rating < 0 else rating,
        )
        for c, n, t, channel, kind, product, lasts, rating in zip(
            customer.tolist(),
            number.tolist(),
            contacts.time_ms.tolist(),
            contacts.channel.tolist(),
            contacts.kind.tolist(),
            contacts.product.tolist(),
            contacts.duration_ms.tolist(),
            contacts.satisfaction.tolist(),
            strict=True,
        )
    ]
