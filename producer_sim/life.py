"""What happens in lives, and what customers therefore need: the hidden engine behind every trace.

A life event raises latent needs at once and lets them fade with a half-life; it changes where money is
spent, and sometimes the profile. Product views, calculators and card payments follow from there, so
a consumer that watches the stream can see a need coming, and only so.

Rules of this file: `Needs` owns two matrices that `pass_day` changes once a day; the rest is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from consumer.vocabulary.time import YEAR_DAYS, date_of_epoch_day
from producer_sim.draws import Floats, Ints, Purpose, uniforms
from producer_sim.facts import FactColumns
from producer_sim.merchants import GROUPS, INDEX
from producer_sim.population import EMPLOYED, REGIONS, RETIRED, UNEMPLOYED, Population
from producer_sim.settings import BankSettings

HALF_LIFE_DAYS: Final = 35.0
_FADE: Final = 0.5 ** (1.0 / HALF_LIFE_DAYS)
_PAST_DAYS: Final = 90
"""Life did not begin on the first simulated day: events of the quarter before it still have an effect."""

NO_NEED: Final = -6.0
"""Log-odds of wanting a product that one already has."""


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One kind of event: how often, to whom, and what it changes."""

    name: str
    yearly_rate: float
    from_age: float
    to_age: float
    needs: Mapping[str, float]
    spending: Mapping[str, float] = field(default_factory=dict)
    income_factor: float = 1.0
    employment: int | None = None

    @property
    def changes_profile(self) -> bool:
        """True when the bank's records show it."""
        return self.income_factor != 1.0 or self.employment is not None or self.name == "move"


LIFE_EVENTS: Final = (
    LifeEvent(
        "move",
        0.10,
        20,
        70,
        {"mortgage": 2.2, "home_insurance": 2.4, "personal_loan": 1.0},
        {"furniture": 6.0, "hardware": 4.0},
    ),
    LifeEvent(
        "child",
        0.09,
        23,
        43,
        {"life_insurance": 2.4, "savings_account": 1.4, "car_loan": 0.8, "current_account_upgrade": 0.5},
        {"children": 9.0, "pharmacy": 1.6},
    ),
    LifeEvent(
        "new_job",
        0.14,
        20,
        60,
        {
            "credit_card_gold": 1.4,
            "credit_card_platinum": 1.2,
            "current_account_upgrade": 1.3,
            "investment_fund": 0.8,
        },
        {"clothing": 2.0, "restaurants": 1.4},
        income_factor=1.2,
        employment=EMPLOYED,
    ),
    LifeEvent(
        "retirement",
        0.22,
        62,
        70,
        {"term_deposit": 2.0, "investment_fund": 1.2},
        {"travel": 2.5},
        income_factor=0.65,
        employment=RETIRED,
    ),
    LifeEvent("car_trouble", 0.16, 20, 75, {"car_loan": 2.3, "personal_loan": 0.7}, {"car_repair": 14.0}),
    LifeEvent("inheritance", 0.03, 30, 75, {"investment_fund": 2.2, "term_deposit": 1.9}),
    LifeEvent(
        "big_journey", 0.25, 22, 75, {"credit_card_platinum": 1.3, "credit_card_gold": 1.2}, {"travel": 7.0}
    ),
    LifeEvent(
        "job_loss",
        0.04,
        22,
        60,
        {"personal_loan": 1.6, "credit_card_basic": 1.2},
        {"restaurants": 0.5, "travel": 0.3},
        income_factor=0.45,
        employment=UNEMPLOYED,
    ),
    LifeEvent(
        "new_gadget", 0.30, 18, 60, {"credit_card_basic": 1.2, "personal_loan": 0.5}, {"electronics": 4.0}
    ),
)


class Needs:
    """Latent needs beyond taste and traits: the fading effect of life events, and their traces.

    Attributes
    ----------
    lift : shape (customers, products), log-odds
    spending : shape (customers, merchant groups), factor on the habit
    """

    def __init__(self, settings: BankSettings, population: Population, facts: FactColumns) -> None:
        self._settings = settings
        self._facts = facts
        self.lift = np.zeros((population.size, len(facts.product_ids)))
        self.spending = np.ones((population.size, len(GROUPS)))
        self._need_effects = _effects({e.name: e.needs for e in LIFE_EVENTS}, facts.index)
        self._spend_effects = 1.0 + _effects(
            {e.name: {k: v - 1.0 for k, v in e.spending.items()} for e in LIFE_EVENTS}, INDEX
        )
        self._live_through_the_past(population)

    def pass_day(self, population: Population, day: int) -> Ints:
        """Let needs fade, let life happen, and return the customers whose profile changed."""
        self.lift *= _FADE
        self.spending = 1.0 + (self.spending - 1.0) * _FADE
        draws = uniforms(self._settings.seed, Purpose.LIFE, day, (population.size, len(LIFE_EVENTS)))
        struck = draws < _daily_rates(population)
        changed: list[Ints] = []
        for number, event in enumerate(LIFE_EVENTS):
            rows = np.flatnonzero(struck[:, number])
            self.lift[rows] += self._need_effects[number]
            self.spending[rows] *= self._spend_effects[number]
            _change_lives(population, event, rows, day)
            if event.changes_profile:
                changed.append(rows)
        return np.unique(np.concatenate(changed))

    def logits(self, population: Population, day: int) -> Floats:
        """Return the latent need of every customer for every product on a day, log-odds."""
        facts = self._facts
        need = facts.base + population.taste + population.traits @ facts.coefficients.T
        need += self.lift + population.holdings @ facts.follows.T
        need += _season(facts, day) + self._drift(day)
        return np.where(population.holdings, NO_NEED, np.clip(need, -5.0, 4.0))

    def _drift(self, day: int) -> Floats:
        shift = np.zeros(len(self._facts.product_ids))
        for drift in self._settings.drifts:
            if day - self._settings.start_day >= drift.from_day:
                for product_id, size in drift.need_shift.items():
                    shift[self._facts.index[product_id]] += size
        return shift

    def _live_through_the_past(self, population: Population) -> None:
        draws = uniforms(self._settings.seed, Purpose.PAST_LIFE, 0, (population.size, len(LIFE_EVENTS)))
        ages_days = draws / np.maximum(_daily_rates(population), 1e-12)
        for number in range(len(LIFE_EVENTS)):
            rows = np.flatnonzero(ages_days[:, number] < _PAST_DAYS)
            faded = (0.5 ** (ages_days[rows, number] / HALF_LIFE_DAYS))[:, None]
            self.lift[rows] += faded * self._need_effects[number]
            self.spending[rows] *= 1.0 + faded * (self._spend_effects[number] - 1.0)


def _effects(by_event: Mapping[str, Mapping[str, float]], index: Mapping[str, int]) -> Floats:
    matrix = np.zeros((len(LIFE_EVENTS), len(index)))
    for row, event in enumerate(LIFE_EVENTS):
        for name, size in by_event[event.name].items():
            if name in index:
                matrix[row, index[name]] = size
    return matrix


def _daily_rates(population: Population) -> Floats:
    age = population.age_years[:, None]
    open_to = np.stack([(age >= e.from_age) & (age < e.to_age) for e in LIFE_EVENTS], axis=-1)[:, 0, :]
    rates = open_to * np.array([e.yearly_rate for e in LIFE_EVENTS]) / YEAR_DAYS
    for number, event in enumerate(LIFE_EVENTS):
        if event.employment is not None:
            rates[:, number] *= (population.employment != event.employment) | (event.name == "new_job")
            rates[:, number] *= population.employment != RETIRED
    living: Floats = rates * ~population.deceased[:, None]
    return living


def _change_lives(population: Population, event: LifeEvent, rows: Ints, day: int) -> None:
    if event.income_factor != 1.0:
        population.income_minor[rows] = (population.income_minor[rows] * event.income_factor).astype(np.int64)
    if event.employment is not None:
        population.employment[rows] = event.employment
    if event.name == "move":
        population.region[rows] = (population.region[rows] + 1 + day % 3) % len(REGIONS)
    if event.name == "child":
        population.family[rows] = 1.0


def _season(facts: FactColumns, day: int) -> Floats:
    moment = date_of_epoch_day(day)
    phase = 2.0 * np.pi * (moment.timetuple().tm_yday / YEAR_DAYS - (facts.season_month - 0.5) / 12.0)
    return np.where(facts.season_month > 0, 0.35 * np.cos(phase), 0.0)
