"""The customers: what is true about each of them, as columns.

Rules of this file: one row a customer, in the order of their ids. The arrays are the bank's state and
change as bank time passes (`Bank` owns them, in one thread); how they start follows from the seed.
A customer's row does not depend on how many customers there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.vocabulary.words import AML_STATUSES, CHANNELS, EMPLOYMENT_STATUSES, KYC_STATUSES
from producer_sim.draws import Bools, Floats, Ints, Purpose, choose, normals, sigmoid, uniforms
from producer_sim.facts import TRAITS, FactColumns
from producer_sim.merchants import SHARES
from producer_sim.settings import BankSettings

REGIONS: Final = ("north", "south", "east", "west", "capital", "coast", "hills", "islands")
_REGION_WEIGHTS: Final = np.array([0.16, 0.15, 0.14, 0.13, 0.22, 0.10, 0.07, 0.03])
OCCUPATIONS: Final = (
    "clerical",
    "trades",
    "sales",
    "health",
    "education",
    "engineering",
    "management",
    "hospitality",
    "public_service",
    "none",
)
GENDERS: Final = ("female", "male", "other")
CONSENT_NAMES: Final = ("marketing", "profiling", *CHANNELS)
_CONSENT_SHARES: Final = np.array([0.86, 0.94, 0.85, 0.82, 0.78, 0.55, 0.60, 0.75, 0.45])
_CHANNEL_BASE: Final = np.array([0.5, 0.1, -0.3, -0.5, 0.0, 0.2, -0.2])
_CHANNEL_DIGITAL: Final = np.array([2.2, 1.4, 0.4, 0.2, 1.5, -2.4, -1.4])
EMPLOYED, SELF_EMPLOYED, UNEMPLOYED, STUDENT, RETIRED, OTHER = range(len(EMPLOYMENT_STATUSES))
_INCOME_MEDIAN: Final = np.array([38_000.0, 34_000.0, 10_500.0, 8_500.0, 22_000.0, 15_000.0])
_INCOME_SPREAD: Final = np.array([0.45, 0.70, 0.25, 0.35, 0.40, 0.45])
_AGE_SHARES: Final = np.array([0.0, 0.015, 0.12, 0.32, 0.54, 0.72, 0.87, 0.96, 1.0])
_AGE_LIMITS: Final = np.array([12.0, 18.0, 25.0, 35.0, 47.0, 58.0, 70.0, 81.0, 95.0])
_NORMALS: Final = 10
_UNIFORMS: Final = 22
ADULT_YEARS: Final = 18


@dataclass(slots=True, eq=False)
class Population:
    """All customers; shapes (customers,) unless said. Money in minor units."""

    ids: list[str]
    birth_day: Ints
    age_years: Floats
    employment: Ints
    occupation: Ints
    region: Ints
    gender: Ints
    income_minor: Ints
    credit_score: Ints
    digital: Floats  # 0 = never online, 1 = only online
    family: Floats  # 1 with children at home
    saver: Floats  # standard normal, hidden
    joined_day: Ints
    consents: Bools  # (customers, CONSENT_NAMES)
    kyc: Ints
    aml: Ints
    vulnerable: Bools
    deceased: Bools
    holdings: Bools  # (customers, products)
    taste: Floats  # (customers, products), hidden
    channel_liking: Floats  # (customers, channels), log-odds, hidden
    merchant_habit: Floats  # (customers, merchant groups), weights
    satisfaction: Floats  # 1 to 5, hidden
    balance_minor: Ints
    card_rate: Floats  # payments a day
    session_rate: Floats  # app and web sessions a day
    month_days: Ints  # (customers, 6): day of month of pay, rent, three direct debits, loan
    profile_version: Ints  # how often the profile was published

    @property
    def size(self) -> int:
        """Number of customers."""
        return len(self.ids)

    @property
    def minor(self) -> Bools:
        """True where the customer is under age."""
        return self.age_years < ADULT_YEARS

    @property
    def monthly_net_minor(self) -> Floats:
        """Monthly income after tax."""
        return self.income_minor.astype(np.float64) * (0.76 / 12.0)

    @property
    def traits(self) -> Floats:
        """Matrix (customers, `TRAITS`) that needs depend on, each about mean 0 and deviation 1."""
        age = (self.age_years - 45.0) / 17.0
        columns = {
            "age": age,
            "age_squared": age**2 - 1.0,
            "income": np.log(np.maximum(self.income_minor, 200_000) / 2_800_000.0) / 0.7,
            "credit_score": (self.credit_score - 640.0) / 90.0,
            "digital": (self.digital - 0.6) * 4.0,
            "family": self.family * 2.0 - 0.6,
            "saver": self.saver,
        }
        return np.stack([columns[name] for name in TRAITS], axis=1)


def customer_id(index: int) -> str:
    """Return the id of customer number `index`.

    Examples
    --------
    >>> customer_id(42)
    'c0000042'
    """
    return f"c{index:07d}"


def draw_population(settings: BankSettings, facts: FactColumns) -> Population:
    """Return the customers as they are on the first simulated day."""
    count, seed = settings.customers, settings.seed
    u = uniforms(seed, Purpose.TRAITS, 0, (count, _UNIFORMS))
    z = normals(seed, Purpose.TRAIT_NORMALS, 0, (count, _NORMALS))
    age = np.interp(u[:, 0], _AGE_SHARES, _AGE_LIMITS)
    employment = _employment(age, u[:, 1])
    income = _income_minor(age, employment, z[:, 0])
    saver = z[:, 1]
    digital = sigmoid(1.3 - 0.045 * (age - 45.0) + 0.9 * z[:, 2])
    family = (u[:, 2] < 0.65 * np.exp(-(((age - 39.0) / 11.0) ** 2))).astype(np.float64)
    score = 635.0 + 35.0 * np.log(np.maximum(income, 200_000) / 2_800_000.0) + 40.0 * saver + 55.0 * z[:, 3]
    card_rate = settings.activity * np.clip(1.5 * np.exp(0.45 * z[:, 4]), 0.15, 4.0)
    session_rate = settings.activity * np.clip(0.75 * digital * np.exp(0.5 * z[:, 5]), 0.02, 2.5)
    active = np.where(age < ADULT_YEARS, 0.4, 1.0)
    deceased = u[:, 11] < 0.003
    population = Population(
        ids=[customer_id(i) for i in range(count)],
        birth_day=np.int64(settings.first_day) - (age * 365.2425).astype(np.int64),
        age_years=age,
        employment=employment,
        occupation=_occupation(employment, u[:, 3]),
        region=choose(u[:, 4], np.broadcast_to(_REGION_WEIGHTS, (count, len(REGIONS)))),
        gender=choose(u[:, 5], np.broadcast_to(np.array([0.495, 0.49, 0.015]), (count, 3))),
        income_minor=income,
        credit_score=np.clip(score, 300, 900).astype(np.int64),
        digital=digital,
        family=family,
        saver=saver,
        joined_day=np.int64(settings.first_day)
        - (30 + u[:, 6] * 365.0 * np.clip(age - 10.0, 1.0, 25.0)).astype(np.int64),
        consents=u[:, 12 : 12 + len(CONSENT_NAMES)] < _CONSENT_SHARES,
        kyc=choose(u[:, 7], np.broadcast_to(np.array([0.97, 0.025, 0.005]), (count, len(KYC_STATUSES)))),
        aml=choose(u[:, 8], np.broadcast_to(np.array([0.985, 0.01, 0.005]), (count, len(AML_STATUSES)))),
        vulnerable=u[:, 9] < 0.012,
        deceased=deceased,
        holdings=np.zeros((count, len(facts.product_ids)), dtype=np.bool_),
        taste=0.75 * normals(seed, Purpose.TASTES, 0, (count, len(facts.product_ids))),
        channel_liking=_channel_liking(seed, digital),
        merchant_habit=_merchant_habit(seed, count, family),
        satisfaction=np.clip(3.9 + 0.5 * z[:, 6], 1.0, 5.0),
        balance_minor=(income / 12.0 * np.exp(0.2 + 0.8 * saver + 0.5 * z[:, 7])).astype(np.int64) + 5_000,
        card_rate=np.where(deceased, 0.0, card_rate * active),
        session_rate=np.where(deceased, 0.0, session_rate * active),
        month_days=_month_days(seed, count),
        profile_version=np.zeros(count, dtype=np.int64),
    )
    population.holdings = _first_holdings(settings, population, facts)
    return population


def _employment(age: Floats, draws: Floats) -> Ints:
    weights = np.tile(np.array([0.76, 0.11, 0.06, 0.0, 0.0, 0.07]), (len(age), 1))
    weights[age < 25.0] = [0.45, 0.03, 0.07, 0.42, 0.0, 0.03]
    weights[age < ADULT_YEARS] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    weights[age >= 65.0] = [0.05, 0.04, 0.0, 0.0, 0.90, 0.01]
    return choose(draws, weights)


def _income_minor(age: Floats, employment: Ints, normal: Floats) -> Ints:
    experience = np.where(
        employment <= SELF_EMPLOYED, np.interp(age, [18, 30, 50, 65], [0.62, 0.95, 1.2, 1.1]), 1.0
    )
    major = _INCOME_MEDIAN[employment] * experience * np.exp(_INCOME_SPREAD[employment] * normal)
    major = np.where(age < ADULT_YEARS, 600.0, major)
    return np.round(major).astype(np.int64) * 100


def _occupation(employment: Ints, draws: Floats) -> Ints:
    working = (draws * (len(OCCUPATIONS) - 1)).astype(np.int64)
    return np.where(employment <= SELF_EMPLOYED, working, len(OCCUPATIONS) - 1)


def _channel_liking(seed: int, digital: Floats) -> Floats:
    noise = normals(seed, Purpose.CHANNELS, 0, (len(digital), len(CHANNELS)))
    return _CHANNEL_BASE + _CHANNEL_DIGITAL * (digital[:, None] - 0.6) + 0.45 * noise


def _merchant_habit(seed: int, count: int, family: Floats) -> Floats:
    habit = SHARES * np.exp(0.6 * normals(seed, Purpose.HABITS, 0, (count, len(SHARES))))
    habit[:, 9] *= 0.4 + 3.0 * family
    return habit


def _month_days(seed: int, count: int) -> Ints:
    u = uniforms(seed, Purpose.HABITS, 1, (count, 7))
    pay = np.where(u[:, 0] < 0.65, 25 + (u[:, 1] * 4).astype(np.int64), 1 + (u[:, 1] * 24).astype(np.int64))
    rent = 1 + (u[:, 2] * 5).astype(np.int64)
    debits = 1 + (u[:, 3:6] * 28).astype(np.int64)
    loan = 1 + (u[:, 6] * 28).astype(np.int64)
    return np.column_stack([pay, rent, debits, loan]).astype(np.int64)


def _first_holdings(settings: BankSettings, population: Population, facts: FactColumns) -> Bools:
    pull = population.traits @ facts.coefficients.T
    share = np.clip(facts.held_share, 0.001, 0.999)
    odds = np.log(share / (1.0 - share)) + 0.8 * pull
    draws = uniforms(settings.seed, Purpose.HOLDINGS, 0, odds.shape)
    adult = (population.age_years >= ADULT_YEARS)[:, None]
    held: Bools = (draws < sigmoid(odds)) & adult
    return held
