"""The simulated bank: customers who live, spend, look around, answer offers and buy.

`Bank` owns all state and is told the time. It never talks to a bus: `producer_sim.run` does, so the
same bank makes a history on disk, a lockstep run and a load test.

Rules of this file: one thread; a day is begun once, steps follow in order; the same settings and the
same offers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.vocabulary.time import DAY_MS
from producer_sim.draws import Purpose, offer_luck, uniforms
from producer_sim.facts import fact_columns
from producer_sim.faults import DRAWS_A_RECORD, send
from producer_sim.interactions import day_of_interactions
from producer_sim.life import Needs
from producer_sim.outcomes import CHANNEL_CODES, Answer, Effect, Mood, OfferSeen, answer
from producer_sim.population import CONSENT_NAMES, draw_population
from producer_sim.profiles import profile_records
from producer_sim.records import BankRecord, Outgoing
from producer_sim.response import Judgement, ResponseModel
from producer_sim.schedule import Schedule
from producer_sim.settings import NO_FAULTS, BankSettings, FaultRates
from producer_sim.transactions import day_of_transactions

_ORGANIC_LEVEL: Final = 1.6e-4
"""Daily rate at which a customer with even odds of needing a product buys it without being asked."""

_MARKETING: Final = CONSENT_NAMES.index("marketing")


@dataclass(frozen=True, slots=True)
class Purchase:
    """A product that changed hands; `decision_id` is None when nobody had offered it."""

    customer_id: str
    product_ids: tuple[str, ...]
    time_ms: int
    revenue_minor: int
    decision_id: str | None


class Bank:
    """All state of the simulated bank.

    Attributes
    ----------
    population, needs, response : the hidden truth as of the day that was begun last
    purchases : everything bought since the start, offered or not
    """

    def __init__(self, settings: BankSettings) -> None:
        self.settings = settings
        self.facts = fact_columns(settings.products)
        self.population = draw_population(settings, self.facts)
        self.needs = Needs(settings, self.population, self.facts)
        self.response = ResponseModel(settings, self.population, self.facts)
        self.purchases: list[Purchase] = []
        self._schedule = Schedule(settings.step_ms)
        self._row_of = {customer_id: row for row, customer_id in enumerate(self.population.ids)}
        self._is_live = False

    def row_of(self, customer_id: str) -> int | None:
        """Return a customer's row, None for a stranger."""
        return self._row_of.get(customer_id)

    def opening_profiles(self, event_time_ms: int) -> list[Outgoing]:
        """Return every customer's profile as of now: the snapshot that a stream begins with."""
        rows = range(self.population.size)
        return send(self._profiles(rows, event_time_ms), np.empty((0, DRAWS_A_RECORD)), NO_FAULTS)

    def go_live(self) -> None:
        """End the history: faults begin, and what the past still had on its way is forgotten."""
        self._is_live = True
        self.drop_undelivered()

    def drop_undelivered(self) -> list[Outgoing]:
        """Return what is still on its way to the bus, and forget it."""
        return self._schedule.drop_records()

    def begin_day(self, day: int) -> None:
        """Let one day's life happen: needs, transactions, interactions, purchases nobody asked for."""
        settings, population = self.settings, self.population
        changed = self.needs.pass_day(population, day)
        self.response.need_logits = self.needs.logits(population, day)
        activity: list[BankRecord] = []
        activity += day_of_transactions(settings, population, self.needs, day)
        activity += day_of_interactions(settings, population, self.response.need_logits, day)
        activity += self._profiles(changed.tolist(), day * DAY_MS + 1)
        draws = uniforms(settings.seed, Purpose.FAULTS, day, (len(activity), DRAWS_A_RECORD))
        self._schedule.put_records(send(activity, draws, self._faults))
        self._schedule.put_effects(self._organic_purchases(day))

    def step(self, end_ms: int) -> list[Outgoing]:
        """Let effects before `end_ms` happen and return what reaches the bus before it, by arrival."""
        for effect in self._schedule.take_effects(end_ms):
            self._apply(effect)
        return self._schedule.take_records(end_ms)

    def judge(self, proposals: Sequence[tuple[int, int, int, int]]) -> Judgement:
        """Return the truth about proposals of (customer row, offer row, channel code, time in ms)."""
        columns = np.array(proposals, dtype=np.int64).reshape(-1, 4)
        return self.response.judge(columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])

    def answer(self, offers: Sequence[OfferSeen], heard_ms: int) -> list[Answer]:
        """Answer offers that became visible at `heard_ms`; the answers arrive with later steps.

        All offers of one call are judged before any of them counts as a contact.
        """
        for offer in offers:
            self.response.book.learn(offer.offer_id, offer.products)
        known = [
            offer for offer in offers if offer.customer_id in self._row_of and offer.channel in CHANNEL_CODES
        ]
        known = [offer for offer in known if offer.offer_id in self.response.book.index]
        proposals = [self._proposal(offer) for offer in known]
        truth = self.judge(proposals)
        answers = []
        for place, (offer, proposal) in enumerate(zip(known, proposals, strict=True)):
            mood = self._mood(offer, proposal, truth, place)
            answers.append(self._told(offer, proposal[0], mood, heard_ms))
        for proposal, told in zip(proposals, answers, strict=True):
            if told.delivered_ms is not None:
                self.response.note_contact(proposal[0], told.delivered_ms)
        return answers

    @property
    def _faults(self) -> FaultRates:
        return self.settings.faults if self._is_live else NO_FAULTS

    def _proposal(self, offer: OfferSeen) -> tuple[int, int, int, int]:
        offer_row = self.response.book.index[offer.offer_id]
        return (self._row_of[offer.customer_id], offer_row, CHANNEL_CODES[offer.channel], offer.event_time_ms)

    def _mood(
        self, offer: OfferSeen, proposal: tuple[int, int, int, int], truth: Judgement, place: int
    ) -> Mood:
        row, offer_row, channel, time_ms = proposal
        wanted = self.response.book.products[offer_row]
        return Mood(
            p_accept=float(truth.p_accept[place]),
            purchase_share=float(truth.purchase_share[place]),
            revenue_minor=float(truth.revenue_minor[place]),
            liking=float(self.population.channel_liking[row, channel]),
            fatigue=float(self.response.fatigue(np.array([row]), np.array([time_ms]))[0]),
            satisfaction=float(self.population.satisfaction[row]),
            decide_days=float((self.facts.decide_days * wanted).max()),
        )

    def _told(self, offer: OfferSeen, row: int, mood: Mood, heard_ms: int) -> Answer:
        seed = self.settings.seed
        told = answer(offer, mood, seed=seed, row=row, heard_ms=heard_ms, faults=self._faults)
        self._send(told.outcomes)
        self._schedule.put_effects(told.effects)
        return told

    def _send(self, records: Sequence[BankRecord]) -> None:
        """Put single records on the way; their luck follows from their ids."""
        if records:
            draws = np.stack([offer_luck(self.settings.seed, r.event_id, DRAWS_A_RECORD) for r in records])
            self._schedule.put_records(send(records, draws, self._faults))

    def _profiles(self, rows: Iterable[int], event_time_ms: int) -> list[BankRecord]:
        rows = list(rows)
        self.population.profile_version[rows] += 1
        return [*profile_records(self.settings, self.population, rows, event_time_ms=event_time_ms)]

    def _organic_purchases(self, day: int) -> list[Effect]:
        population, settings = self.population, self.settings
        rates = _ORGANIC_LEVEL * np.exp(1.1 * np.minimum(self.response.need_logits, 2.5))
        rates *= ((population.age_years >= 18.0) & ~population.deceased)[:, None] & ~population.holdings
        draws = uniforms(settings.seed, Purpose.ORGANIC, day, rates.shape)
        rows, products = np.nonzero(draws < rates)
        shares = draws[rows, products] / rates[rows, products]
        revenue = (
            self.facts.margin_minor[products] * self.response.means(rows)[np.arange(len(rows)), products]
        )
        return [
            Effect(
                day * DAY_MS + int(share * DAY_MS),
                row,
                "purchase",
                (settings.products[product],),
                round(minor),
            )
            for row, product, share, minor in zip(
                rows.tolist(), products.tolist(), shares.tolist(), revenue.tolist(), strict=True
            )
        ]

    def _apply(self, effect: Effect) -> None:
        if effect.kind == "purchase":
            self._buy(effect)
        elif effect.kind == "opt_out":
            self.population.consents[effect.row, _MARKETING] = False
            self._please(effect.row, -0.2)
            self._send(self._profiles([effect.row], effect.time_ms))
        else:
            self._please(effect.row, -0.5 if effect.kind == "complaint" else 0.1)

    def _buy(self, effect: Effect) -> None:
        """Note the purchase and publish the new holding.

        Nobody buys unasked what they already have; who accepted an offer meanwhile fulfilled otherwise
        takes it all the same (a second card), since the campaign has booked its revenue.
        """
        columns = [
            self.facts.index[product_id] for product_id in effect.products if product_id in self.facts.index
        ]
        new = [column for column in columns if not self.population.holdings[effect.row, column]]
        if not new and effect.decision_id is None:
            return
        customer_id = self.population.ids[effect.row]
        self.purchases.append(
            Purchase(customer_id, effect.products, effect.time_ms, effect.revenue_minor, effect.decision_id)
        )
        if new:
            self.population.holdings[effect.row, new] = True
            self._send(self._profiles([effect.row], effect.time_ms))

    def _please(self, row: int, step: float) -> None:
        self.population.satisfaction[row] = np.clip(self.population.satisfaction[row] + step, 1.0, 5.0)
