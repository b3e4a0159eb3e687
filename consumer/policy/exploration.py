"""Exploration: with which probability each candidate is chosen, "no offer" being one of them.

SquareCB (inverse gap weighting). With K arms (the candidates and "no offer") and rewards s in [0, 1],

    p_a = 1 / (K + gamma * (s_best - s_a))   for every arm but the best,   p_best = 1 - sum of the others,

so an arm that is nearly as good is tried often, a bad one rarely, and no candidate never.

Where we deviate from the paper:

* s is the priority divided by the largest one of the decision, so that gamma means the same for a decision
  whose best offer has P = 0.02 as for one with 0.4 (the regret bound then holds for relative reward);
  "no offer" has the fixed priority `no_offer_priority`, what an empty message slot is worth.
* The paper sets gamma ~ sqrt(K T / Regret(T)) for a known horizon. Here T is the evidence that exists:
  gamma = min(gamma_max, gamma_scale * sqrt(K * (1 + N / gamma_evidence))), N = mean evidence of the
  candidates' models; more evidence, less exploration.
* Young offers: an offer whose model has evidence e gets at most young_share + (1 - young_share) *
  min(1, e / mature_evidence); what this takes away goes to the best arm that is mature ("no offer" is).
* In the uniform arm gamma is 0, which makes every p_a = 1 / K, and youth does not count.

Rules of this file: pure; arms are rows, decisions columns; sums run over arms in catalogue order, so a
decision's probabilities are the same bits whatever batch it is in.

References
----------
Foster, D. J. and Rakhlin, A. (2020). Beyond UCB: Optimal and Efficient Contextual Bandits with Regression
Oracles. ICML, PMLR 119, Algorithm 1 and Theorem 1. After Abe, N. and Long, P. M. (1999), ICML.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consumer.policy.facts import NO_OFFER, Bools, Floats, Int64s
from consumer.policy.schema import ExplorationText


@dataclass(frozen=True, slots=True, eq=False)
class Propensities:
    """probability : (O + 1, n), last row = no offer, 0 for excluded offers; gamma : (n,)."""

    probability: Floats
    gamma: Floats


def propensities(
    text: ExplorationText, *, is_candidate: Bools, priority: Floats, evidence: Floats, is_uniform: Bools
) -> Propensities:
    """Return the exact probability with which each arm is chosen; each column sums to 1.

    Parameters
    ----------
    text : the policy's settings
    is_candidate, priority : shape (O, n)
    evidence : shape (O,), examples behind the model of each offer
    is_uniform : shape (n,), decisions that choose with equal probabilities

    Examples
    --------
    >>> text = ExplorationText(salt="s", gamma_scale=10.0, gamma_max=10.0, no_offer_priority=0.05)
    >>> chances = propensities(text, is_candidate=np.array([[True], [True]]), priority=np.array([[0.1], [0.2]]),
    ...     evidence=np.array([1e9, 1e9]), is_uniform=np.array([False]))
    >>> chances.probability.round(4)[:, 0]
    array([0.125 , 0.7798, 0.0952])
    """
    n = is_candidate.shape[1]
    is_arm = np.vstack([is_candidate, np.ones((1, n), np.bool_)])
    reward = np.vstack([np.where(is_candidate, priority, -1.0), np.full((1, n), text.no_offer_priority)])
    best = np.argmax(reward, axis=0)
    columns = np.arange(n)
    reward /= reward[best, columns]
    n_arms = _sum_of_rows(is_arm)
    gamma = np.where(is_uniform, 0.0, _gamma(text, is_candidate, evidence, n_arms))
    chance = np.where(is_arm, 1.0 / (n_arms + gamma * np.maximum(1.0 - reward, 0.0)), 0.0)
    _give_rest_to(chance, best)
    share = np.append(mature_share(text, evidence), 1.0)
    if (share < 1.0).any():
        _limit_young(chance, reward, np.where(is_uniform, 1.0, share[:, None]))
    return Propensities(chance, gamma)


def mature_share(text: ExplorationText, evidence: Floats) -> Floats:
    """Return the largest share that an offer may have of the decisions it is a candidate in; shape (O,)."""
    share: Floats = text.young_share + (1.0 - text.young_share) * np.minimum(
        evidence / text.mature_evidence, 1.0
    )
    return share


def _gamma(text: ExplorationText, is_candidate: Bools, evidence: Floats, n_arms: Floats) -> Floats:
    total = _sum_of_rows(np.where(is_candidate, evidence[:, None], 0.0))
    mean = total / np.maximum(n_arms - 1.0, 1.0)
    gamma: Floats = np.minimum(
        text.gamma_scale * np.sqrt(n_arms * (1.0 + mean / text.gamma_evidence)), text.gamma_max
    )
    return gamma


def _sum_of_rows(table: Floats | Bools) -> Floats:
    """Return the sum over rows, added in order.

    `np.add.reduce` adds whole rows, one after another, but where a column's terms lie side by side (one
    decision, or columns first) it pairs them, which changes the last bit.
    """
    if table.shape[1] == 1:
        return np.asarray(np.add.accumulate(table, axis=0, dtype=np.float64)[-1])
    return np.asarray(np.add.reduce(np.ascontiguousarray(table), axis=0, dtype=np.float64))


def _give_rest_to(chance: Floats, best: Int64s) -> None:
    """Set the best arm's chance so that each column sums to 1; in place."""
    columns = np.arange(len(best))
    chance[best, columns] = 0.0
    chance[best, columns] = 1.0 - _sum_of_rows(chance)


def _limit_young(chance: Floats, reward: Floats, share: Floats) -> None:
    """Cut what young arms have beyond their share and give it to the best mature one; in place."""
    np.minimum(chance, share, out=chance)
    best_mature = np.argmax(np.where(share >= 1.0, reward, -np.inf), axis=0)
    _give_rest_to(chance, best_mature)


def drawn_arms(chance: Floats, draw: Floats) -> Int64s:
    """Return the offer column that each draw hits, `NO_OFFER` for no offer; shape (n,).

    The arms divide [0, 1) in catalogue order. "No offer" stands last and always has a chance, so rounding
    in the last bound cannot hit an excluded offer.
    """
    upper = np.add.accumulate(chance, axis=0)
    place = (draw >= upper[:-1]).sum(axis=0)
    chosen: Int64s = np.where(place == len(chance) - 1, NO_OFFER, place)
    return chosen
