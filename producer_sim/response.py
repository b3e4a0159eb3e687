"""How customers really answer offers: the hidden response model that the consumer must discover.

Theory: log-odds of accepting = level + need + channel liking + satisfaction - fatigue + affordability
+ hour + drift. A bundle is wanted as much as the mean of its parts, less a step for its complexity.
Expected value = P(accept) × P(purchase given accept) × mean revenue for this customer.

Rules of this file: the same function says what an offer was worth (truth) and draws the answer
(outcome), so the two can never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.vocabulary.time import DAY_MS, HOUR_MS
from producer_sim.draws import Floats, Ints, sigmoid
from producer_sim.facts import FactColumns
from producer_sim.population import Population
from producer_sim.settings import BankSettings

_LEVEL: Final = -2.7
_NEED_WEIGHT: Final = 1.2
_LIKING_WEIGHT: Final = 0.7
_SATISFACTION_WEIGHT: Final = 0.5
_FATIGUE_WEIGHT: Final = 0.4
_BUNDLE_STEP: Final = 0.3
_EVENING: Final = 0.2
_P_LEAST: Final = 1e-4
_P_MOST: Final = 0.85
_FATIGUE_HALF_LIFE_MS: Final = 7 * DAY_MS
USUAL_SATISFACTION: Final = 3.9


class OfferBook:
    """Which products each offer proposes, as a matrix that grows when a new offer is seen."""

    def __init__(self, offers: Mapping[str, Sequence[str]], facts: FactColumns) -> None:
        self._facts = facts
        self.index: dict[str, int] = {}
        self.products = np.zeros((0, len(facts.product_ids)))
        for offer_id, products in offers.items():
            self.learn(offer_id, products)

    def learn(self, offer_id: str, products: Sequence[str]) -> None:
        """Add an offer; one that is known, or that has no product of this bank, changes nothing."""
        known = [self._facts.index[p] for p in products if p in self._facts.index]
        if offer_id in self.index or not known:
            return
        row = np.zeros(len(self._facts.product_ids))
        row[known] = 1.0
        self.index[offer_id] = len(self.products)
        self.products = np.vstack([self.products, row])


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What is true about proposals; shapes (proposals,)."""

    p_accept: Floats
    purchase_share: Floats
    revenue_minor: Floats  # mean revenue of a purchase by this customer

    @property
    def value_minor(self) -> Floats:
        """Expected revenue of making the proposal."""
        return self.p_accept * self.purchase_share * self.revenue_minor


class ResponseModel:
    """The hidden model with its state: today's needs and how often each customer was contacted lately."""

    def __init__(self, settings: BankSettings, population: Population, facts: FactColumns) -> None:
        self._settings = settings
        self._population = population
        self._facts = facts
        self.book = OfferBook(settings.offers, facts)
        self.need_logits = np.zeros((population.size, len(facts.product_ids)))
        self._contacts = np.zeros(population.size)
        self._contacted_ms = np.zeros(population.size, dtype=np.int64)

    def fatigue(self, rows: Ints, time_ms: Ints) -> Floats:
        """Return how many recent contacts weigh on each customer, fading by half in a week."""
        gap = np.maximum(time_ms - self._contacted_ms[rows], 0)
        faded: Floats = self._contacts[rows] * 0.5 ** (gap / _FATIGUE_HALF_LIFE_MS)
        return faded

    def note_contact(self, row: int, time_ms: int) -> None:
        """Remember that an offer reached a customer."""
        rows, times = np.array([row]), np.array([time_ms])
        self._contacts[row] = self.fatigue(rows, times)[0] + 1.0
        self._contacted_ms[row] = max(time_ms, int(self._contacted_ms[row]))

    def judge(self, rows: Ints, offers: Ints, channels: Ints, time_ms: Ints) -> Judgement:
        """Return the truth about proposing `offers[i]` to `rows[i]` on `channels[i]` at `time_ms[i]`.

        Parameters
        ----------
        rows : shape (proposals,), customer numbers
        offers : shape (proposals,), rows of `book.products`
        channels : shape (proposals,), codes of `CHANNELS`
        time_ms : shape (proposals,), when it is decided
        """
        wanted = self.book.products[offers]
        parts = wanted.sum(axis=1)
        need = (self.need_logits[rows] * wanted).sum(axis=1) / parts
        day = time_ms // DAY_MS - self._settings.start_day
        hour = time_ms % DAY_MS // HOUR_MS
        logits = _LEVEL + _NEED_WEIGHT * need - _BUNDLE_STEP * (parts - 1.0)
        logits += _LIKING_WEIGHT * self._population.channel_liking[rows, channels] * self._liking_sign(day)
        logits += _SATISFACTION_WEIGHT * (self._population.satisfaction[rows] - USUAL_SATISFACTION)
        logits -= _FATIGUE_WEIGHT * self.fatigue(rows, time_ms)
        logits += self._affordability(rows, wanted) + np.where((hour >= 17) & (hour < 22), _EVENING, 0.0)
        logits += self._response_drift(day)
        return Judgement(
            p_accept=np.clip(sigmoid(logits), _P_LEAST, _P_MOST),
            purchase_share=wanted @ self._facts.purchase_share / parts,
            revenue_minor=(wanted * self._facts.margin_minor * self.means(rows)).sum(axis=1),
        )

    def means(self, rows: Ints) -> Floats:
        """Return the factor on revenue, shape (rows, products): larger incomes buy larger loans."""
        needed = self._facts.income_needed_minor
        ratio = self._population.income_minor[rows][:, None] / np.maximum(needed, 1.0)
        return np.where(needed > 0, np.clip(np.sqrt(ratio), 0.5, 2.0), 1.0)

    def _affordability(self, rows: Ints, wanted: Floats) -> Floats:
        costly = (wanted * self._facts.income_needed_minor).max(axis=1)
        too_dear = self._population.income_minor[rows] < costly
        risky = (costly > 0) & (self._population.credit_score[rows] < 560)
        step: Floats = -1.0 * too_dear - 0.8 * risky
        return step

    def _liking_sign(self, day: Ints) -> Floats:
        sign = np.ones(day.shape)
        for drift in self._settings.drifts:
            if drift.reverse_channels:
                sign = np.where(day >= drift.from_day, -sign, sign)
        return sign

    def _response_drift(self, day: Ints) -> Floats:
        shift = np.zeros(day.shape)
        for drift in self._settings.drifts:
            shift += np.where(day >= drift.from_day, drift.response_shift, 0.0)
        return shift
