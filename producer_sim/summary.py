"""The run in numbers for people: conversion against the holdout, revenue, share of the oracle's value.

Theory: Wilson's score interval for one proportion; for the difference of two independent proportions
Newcombe's method 10, which combines the two score intervals and keeps its coverage for small counts.

A customer counts from the first decision that reached arbitration, in both arms by the same rule (the
whole path runs for the holdout too), and converts when they buy anything after it, asked or unasked.

References
----------
Wilson (1927), JASA 22, 209-212. Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

from producer_sim.truth import DecisionTruth, Truth

Z_95: Final = 1.959963984540054
HOLDOUT: Final = "holdout"
EXCLUDED: Final = "excluded"


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval around an estimate."""

    low: float
    estimate: float
    high: float


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """One arm: customers with a decision, how many of them bought, and for how much."""

    customers: int
    converted: int
    revenue_minor: int

    @property
    def conversion(self) -> float:
        """Share of customers who bought, 0 when there are none."""
        return self.converted / self.customers if self.customers else 0.0


@dataclass(frozen=True, slots=True)
class TruthSummary:
    """What a manager wants to know about a run.

    `share_of_oracle_value` is the expected value of what was done over that of the best candidate,
    over decisions with candidates outside the holdout; None when there are none.
    `share_of_random_value` is what choosing evenly among the same candidates would have reached.
    """

    published: int
    dead_letters_expected: int
    decisions: int
    offers: int
    accepted: int
    purchased: int
    currency: str
    revenue_minor: int
    offered_revenue_minor: int
    organic_revenue_minor: int
    treated: ArmSummary
    holdout: ArmSummary
    lift: Interval
    share_of_oracle_value: float | None
    share_of_random_value: float | None


def summarise(truth: Truth) -> TruthSummary:
    """Return the summary of a run."""
    offered = sum(p.revenue_minor for p in truth.purchases if p.decision_id is not None)
    total = sum(p.revenue_minor for p in truth.purchases)
    treated, holdout = _arms(truth)
    sent = [d for d in truth.decisions if d.candidates and d.arm != HOLDOUT]
    return TruthSummary(
        published=truth.published_count,
        dead_letters_expected=sum(sum(codes.values()) for codes in truth.dead_letters_expected.values()),
        decisions=len(truth.decisions) + truth.decisions_unknown,
        offers=truth.offers_count,
        accepted=truth.outcomes.get("accepted", 0),
        purchased=truth.outcomes.get("purchased", 0),
        currency=truth.currency,
        revenue_minor=total,
        offered_revenue_minor=offered,
        organic_revenue_minor=total - offered,
        treated=treated,
        holdout=holdout,
        lift=newcombe_difference(treated, holdout),
        share_of_oracle_value=_share([d.chosen_value_minor for d in sent], sent),
        share_of_random_value=_share([_mean_value(d) for d in sent], sent),
    )


def wilson(successes: int, trials: int) -> Interval:
    """Return Wilson's 95 % interval of a proportion; without trials it is all of [0, 1].

    Examples
    --------
    >>> interval = wilson(15, 148)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0624, 0.1605)
    """
    if trials == 0:
        return Interval(0.0, 0.0, 1.0)
    share, z2 = successes / trials, Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Interval(max(middle - half, 0.0), share, min(middle + half, 1.0))


def newcombe_difference(treated: ArmSummary, holdout: ArmSummary) -> Interval:
    """Return treated minus holdout conversion with its 95 % interval (Newcombe's method 10).

    Examples
    --------
    The paper's example (a): 56 of 70 against 48 of 80.

    >>> found = newcombe_difference(ArmSummary(70, 56, 0), ArmSummary(80, 48, 0))
    >>> round(found.low, 4), round(found.estimate, 4), round(found.high, 4)
    (0.0524, 0.2, 0.3339)
    """
    one = wilson(treated.converted, treated.customers)
    two = wilson(holdout.converted, holdout.customers)
    difference = one.estimate - two.estimate
    below = sqrt((one.estimate - one.low) ** 2 + (two.high - two.estimate) ** 2)
    above = sqrt((one.high - one.estimate) ** 2 + (two.estimate - two.low) ** 2)
    return Interval(difference - below, difference, difference + above)


def _arms(truth: Truth) -> tuple[ArmSummary, ArmSummary]:
    """Return the treated arms together, and the holdout."""
    entered: dict[str, tuple[int, bool]] = {}
    for decision in truth.decisions:
        if decision.result != EXCLUDED:
            entry = (decision.time_ms, decision.arm == HOLDOUT)
            entered[decision.customer_id] = min(entered.get(decision.customer_id, entry), entry)
    revenue: dict[str, int] = {}
    for purchase in truth.purchases:
        first = entered.get(purchase.customer_id)
        if first is not None and purchase.time_ms >= first[0]:
            revenue[purchase.customer_id] = revenue.get(purchase.customer_id, 0) + purchase.revenue_minor
    arms = []
    for is_holdout in (False, True):
        members = [customer for customer, (_, held_out) in entered.items() if held_out is is_holdout]
        buyers = [customer for customer in members if customer in revenue]
        arms.append(ArmSummary(len(members), len(buyers), sum(revenue[customer] for customer in buyers)))
    return arms[0], arms[1]


def _share(values: list[float], decisions: list[DecisionTruth]) -> float | None:
    best = sum(decision.best_value_minor for decision in decisions)
    return sum(values) / best if best > 0 else None


def _mean_value(decision: DecisionTruth) -> float:
    return sum(candidate.value_minor for candidate in decision.candidates) / len(decision.candidates)
