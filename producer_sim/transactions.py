"""Money that moves: one day of card payments, pay, bills and cash for all customers at once.

Card payments are a Poisson process a customer, with a merchant habit bent by life events and an amount
that follows income and what is left on the account. Pay, rent, bills and loan instalments come on each
customer's own days of the month.

Rules of this file: the only state that changes is the balance, and `balance_after_minor` is exactly
the balance before plus the signed amounts so far, in order of event time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.time import DAY_MS, HOUR_MS, date_of_epoch_day
from consumer.vocabulary.words import TRANSACTION_CHANNELS, TRANSACTION_KINDS, code_of
from producer_sim.draws import (
    Bools,
    Floats,
    Ints,
    Purpose,
    choose,
    normals,
    poisson_counts,
    times_of_day_ms,
    uniforms,
)
from producer_sim.life import Needs
from producer_sim.merchants import CATEGORIES, MEAN_MINOR, ONLINE_SHARES
from producer_sim.population import EMPLOYED, RETIRED, SELF_EMPLOYED, Population
from producer_sim.records import TransactionRecord
from producer_sim.settings import BankSettings

_KIND: Final = code_of(TRANSACTION_KINDS)
_CHANNEL: Final = code_of(TRANSACTION_CHANNELS)
_CARDS_MOST: Final = 12
"""Card payments of one customer on one day: a Poisson mean of 4 exceeds it once in 3,600 days."""

_AMOUNT_SPREAD: Final = 0.55
_NO_MERCHANT: Final = -1
_SHOP_HOURS: Final = (1, 1, 0, 0, 0, 1, 3, 8, 12, 14, 16, 18, 22, 20, 16, 15, 18, 24, 24, 18, 14, 10, 6, 3)
_BATCH_MS: Final = 6 * HOUR_MS
"""Pay and bills are booked in the bank's early run."""


@dataclass(frozen=True, slots=True, eq=False)
class Movements:
    """Columns of transactions; amounts are positive, `is_credit` says which way."""

    customer: Ints
    time_ms: Ints
    kind: Ints
    is_credit: Bools
    amount_minor: Ints
    channel: Ints
    merchant: Ints

    @property
    def signed_minor(self) -> Ints:
        """Amounts as they change the balance."""
        return np.where(self.is_credit, self.amount_minor, -self.amount_minor)


def day_of_transactions(
    settings: BankSettings, population: Population, needs: Needs, day: int
) -> list[TransactionRecord]:
    """Return the day's transactions by customer and time, and move the balances."""
    movements = draw_movements(settings, population, needs, day)
    balance_after = _book(population, movements)
    return _records(settings, population, movements, balance_after, day=day)


def draw_movements(settings: BankSettings, population: Population, needs: Needs, day: int) -> Movements:
    """Return what moves on a day, sorted by customer and time; balances are only read."""
    parts = [
        _card_payments(settings, population, needs, day),
        *_monthly(settings, population, day),
        *_daily(settings, population, day),
    ]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in Movements.__slots__]
    order = np.lexsort((columns[2], columns[1], columns[0]))
    return Movements(*(column[order] for column in columns))


def _card_payments(settings: BankSettings, population: Population, needs: Needs, day: int) -> Movements:
    shape = (population.size, 1 + 3 * _CARDS_MOST)
    u = uniforms(settings.seed, Purpose.CARDS, day, shape)
    z = normals(settings.seed, Purpose.CARD_NORMALS, day, (population.size, _CARDS_MOST))
    liquidity = _liquidity(population)
    weekend = 1.25 if date_of_epoch_day(day).weekday() >= 5 else 0.9
    counts = poisson_counts(u[:, 0], population.card_rate * weekend * np.sqrt(liquidity), most=_CARDS_MOST)
    customer, slot = np.nonzero(np.arange(_CARDS_MOST) < counts[:, None])
    weights = (population.merchant_habit * needs.spending)[customer]
    merchant = choose(u[customer, 1 + slot], weights)
    means = population.monthly_net_minor[customer] / 180_000.0 * liquidity[customer]
    mean_minor = MEAN_MINOR[merchant] * np.clip(means, 0.08, 6.0) ** 0.7
    amount = mean_minor * np.exp(_AMOUNT_SPREAD * z[customer, slot] - 0.5 * _AMOUNT_SPREAD**2)
    online_odds = ONLINE_SHARES[merchant] * (0.4 + population.digital[customer])
    is_online = u[customer, 1 + 2 * _CARDS_MOST + slot] < online_odds
    return Movements(
        customer=customer,
        time_ms=times_of_day_ms(u[customer, 1 + _CARDS_MOST + slot], _SHOP_HOURS),
        kind=np.full(len(customer), _KIND["card_payment"]),
        is_credit=np.zeros(len(customer), dtype=np.bool_),
        amount_minor=np.maximum(amount, 50.0).astype(np.int64),
        channel=np.where(is_online, _CHANNEL["online"], _CHANNEL["pos"]),
        merchant=merchant,
    )


def _liquidity(population: Population) -> Floats:
    """Return the factor by which an emptier account spends less: 0.25 to 1.3."""
    months = population.balance_minor / np.maximum(population.monthly_net_minor, 10_000.0)
    return np.clip(0.45 + 0.5 * months, 0.25, 1.3)


def _monthly(settings: BankSettings, population: Population, day: int) -> list[Movements]:
    moment = date_of_epoch_day(day)
    z = normals(settings.seed, Purpose.ROUTINE_NORMALS, day, (population.size, 2))
    net = population.monthly_net_minor
    today = (population.month_days == moment.day) & ~population.deceased[:, None]
    works = (population.employment == EMPLOYED) | (population.employment == RETIRED)
    irregular = np.where(population.employment == SELF_EMPLOYED, np.exp(0.35 * z[:, 0]), 1.0)
    minor = population.minor
    has_mortgage = _holds(settings, population, "mortgage")
    has_loan = _holds(settings, population, "personal_loan") | _holds(settings, population, "car_loan")
    bill_noise = np.exp(0.12 * z[:, 1])
    parts = [
        _on(today[:, 0] & works, net, "salary", minute=0),
        _on(today[:, 0] & ~works, net * irregular, "transfer_in", minute=5),
        _on(today[:, 1] & ~has_mortgage & ~minor, 0.27 * net, "transfer_out", minute=30),
        _on(today[:, 1] & has_mortgage, 0.25 * net, "loan_repayment", minute=35),
        _on(today[:, 5] & has_loan, 0.10 * net, "loan_repayment", minute=40),
        _on(today[:, 2] & ~minor, 0.045 * net * bill_noise, "direct_debit", minute=10, merchant=_NO_MERCHANT),
        _on(today[:, 3] & ~minor, 0.03 * net, "direct_debit", minute=15),
        _on(today[:, 4] & ~minor, 0.02 * net * bill_noise, "direct_debit", minute=20),
    ]
    if moment.day == 28:
        everyone = ~population.deceased & ~minor
        saver = _holds(settings, population, "savings_account") & (population.balance_minor > 0)
        parts.append(_on(everyone, np.full(population.size, 490.0), "fee", minute=50))
        parts.append(
            _on(saver & everyone, population.balance_minor.astype(np.float64) * 0.0015, "interest", minute=55)
        )
    return parts


def _daily(settings: BankSettings, population: Population, day: int) -> list[Movements]:
    u = uniforms(settings.seed, Purpose.ROUTINE, day, (population.size, 12))
    net = population.monthly_net_minor
    liquidity = _liquidity(population)
    living = ~population.deceased
    notes = np.maximum(np.round(net * 0.03 * (0.5 + u[:, 1]) / 1_000.0), 1.0) * 1_000.0
    sends = u[:, 2] < 0.07 * liquidity
    saves = u[:, 8] < 0.02 * np.clip(liquidity - 0.6, 0.0, 1.0) * np.exp(0.4 * population.saver)
    size = 0.03 * net * -np.log(np.maximum(u[:, 4], 1e-6))
    atm = _on(
        (u[:, 0] < 0.12 * (1.15 - population.digital)) & living, notes, "cash_withdrawal", draws=u[:, 5]
    )
    out = _on(sends & living, size * liquidity, "transfer_out", draws=u[:, 6])
    into = _on((u[:, 3] < 0.035) & living, size, "transfer_in", draws=u[:, 7])
    away = _on(saves & living, 0.3 * np.maximum(population.balance_minor, 0), "transfer_out", draws=u[:, 10])
    cash = _on((u[:, 9] < 0.008) & living, notes * 2.0, "cash_deposit", draws=u[:, 11])
    return [atm, out, into, away, cash]


_CREDITS: Final = {"salary", "transfer_in", "interest", "cash_deposit"}
_USUAL_CHANNEL: Final = {
    "salary": "online",
    "transfer_in": "online",
    "transfer_out": "app",
    "loan_repayment": "online",
    "direct_debit": "online",
    "fee": "online",
    "interest": "online",
    "cash_withdrawal": "atm",
    "cash_deposit": "branch",
}


def _on(
    rows: Bools,
    amounts: Floats,
    kind: str,
    *,
    minute: int = 0,
    draws: Floats | None = None,
    merchant: int = _NO_MERCHANT,
) -> Movements:
    """Return one movement for each customer in `rows`: in the early run, or at a drawn time of day."""
    customer = np.flatnonzero(rows)
    if draws is None:
        time_ms = _BATCH_MS + minute * 60_000 + (customer * 37) % 60_000
    else:
        time_ms = times_of_day_ms(draws[customer], _SHOP_HOURS)
    return Movements(
        customer=customer,
        time_ms=time_ms,
        kind=np.full(len(customer), _KIND[kind]),
        is_credit=np.full(len(customer), kind in _CREDITS),
        amount_minor=np.maximum(amounts[customer], 1.0).astype(np.int64),
        channel=np.full(len(customer), _CHANNEL[_USUAL_CHANNEL[kind]]),
        merchant=np.full(len(customer), merchant),
    )


def _holds(settings: BankSettings, population: Population, product_id: str) -> Bools:
    if product_id not in settings.products:
        return np.zeros(population.size, dtype=np.bool_)
    held: Bools = population.holdings[:, settings.products.index(product_id)]
    return held


def _book(population: Population, movements: Movements) -> Ints:
    """Return the balance after each movement and leave the closing balances in the population."""
    running = np.cumsum(movements.signed_minor)
    customer = movements.customer
    first = np.searchsorted(customer, np.arange(population.size))
    before_first = np.concatenate([[0], running])[first]
    balance_after: Ints = population.balance_minor[customer] + running - before_first[customer]
    np.add.at(population.balance_minor, customer, movements.signed_minor)
    return balance_after


def _records(
    settings: BankSettings, population: Population, movements: Movements, balance_after: Ints, *, day: int
) -> list[TransactionRecord]:
    customer = movements.customer
    first = np.searchsorted(customer, np.arange(population.size))
    number = np.arange(len(customer)) - first[customer]
    prefix = f"{settings.seed:x}.t{day}."
    ids, currency, day_ms = population.ids, settings.currency, day * DAY_MS
    merchants = (*CATEGORIES, None)  # the last one answers to _NO_MERCHANT
    return [
        TransactionRecord(
            SCHEMA_VERSION,
            f"{prefix}{c}.{n}",
            ids[c],
            day_ms + t,
            TRANSACTION_KINDS[k],
            "credit" if credit else "debit",
            amount,
            currency,
            TRANSACTION_CHANNELS[channel],
            merchants[m],
            balance,
        )
        for c, n, t, k, credit, amount, channel, m, balance in zip(
            customer.tolist(),
            number.tolist(),
            movements.time_ms.tolist(),
            movements.kind.tolist(),
            movements.is_credit.tolist(),
            movements.amount_minor.tolist(),
            movements.channel.tolist(),
            movements.merchant.tolist(),
            balance_after.tolist(),
            strict=True,
        )
    ]
