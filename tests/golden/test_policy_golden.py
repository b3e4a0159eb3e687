"""Forty decisions of the small bank, to the last logged number.

A change of policy code that changes a decision shows here. When it is meant: read the difference, then
write the file anew with `python -m tests.golden.test_policy_golden`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from consumer.policy.arms import ARMS
from consumer.policy.compiled import compile_policy
from consumer.policy.decide import decide
from consumer.policy.document import load_policy
from consumer.policy.facts import NO_OFFER, RESULTS
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.words import CHANNELS
from tests.oracles.decision_strategies import facts_from

HERE = Path(__file__).parent
GOLDEN = HERE / "policy_decisions.json"
DIGITS = 12
"""Logarithm and root may differ in the last bit between machines."""


class StableDraws:
    """What the facts need of a Generator, from the raw bits: these NumPy keeps the same in every release."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def random(self, shape: Any) -> np.ndarray:
        raw: np.ndarray = self._bits.random_raw(int(np.prod(shape)))
        uniform: np.ndarray = (raw >> np.uint64(11)).reshape(shape) / 2.0**53
        return uniform

    def integers(self, low: int, high: int, shape: Any) -> np.ndarray:
        whole: np.ndarray = low + np.floor(self.random(shape) * (high - low)).astype(np.int64)
        return whole

    def normal(self, mean: float, spread: float, shape: Any) -> np.ndarray:
        spread_out: np.ndarray = mean + spread * np.sqrt(12.0) * (self.random(shape) - 0.5)
        return spread_out

    def choice(self, values: Any, shape: Any, p: Any = None) -> np.ndarray:
        bounds = np.cumsum(p if p is not None else np.full(len(values), 1.0 / len(values)))
        chosen: np.ndarray = np.asarray(values)[
            np.searchsorted(bounds[:-1], self.random(shape), side="right")
        ]
        return chosen


def decisions() -> dict[str, Any]:
    policy = compile_policy(load_policy(HERE / "small_bank.yaml"))
    facts = facts_from(policy, 40, generator=StableDraws(9), odd=0.01)
    facts = replace(facts, budget_left=facts.budget_left + 2)
    choices = decide(policy, facts)
    offers = [offer.offer_id for offer in policy.catalogue.offers]
    rows = []
    for i in range(len(facts)):
        candidates = [o for o in range(len(offers)) if choices.excluded[i, o] == 0]
        rows.append(
            {
                "customer_id": facts.customer_ids[i],
                "arm": ARMS[choices.arm[i]],
                "result": RESULTS[choices.result[i]],
                "offer_id": None if choices.chosen[i] == NO_OFFER else offers[choices.chosen[i]],
                "excluded": {
                    offers[o]: Exclusion(choices.excluded[i, o]).code
                    for o in range(len(offers))
                    if o not in candidates
                },
                "candidates": {
                    offers[o]: {
                        "channel": CHANNELS[choices.channel[i, o]],
                        **{
                            name: round(float(getattr(choices, name)[i, o]), DIGITS)
                            for name in ("p_accept", "context_weight", "value", "lever", "priority")
                        },
                        "logging_propensity": round(float(choices.logging_propensity[i, o]), DIGITS),
                    }
                    for o in candidates
                },
                "no_offer": round(float(choices.logging_propensity[i, -1]), DIGITS),
                "gamma": round(float(choices.gamma[i]), DIGITS),
            }
        )
    return {"policy_version": policy.policy.policy_version, "decisions": rows}


def test_the_decisions_of_the_small_bank_are_the_golden_ones() -> None:
    assert json.loads(GOLDEN.read_text()) == decisions()


def test_the_golden_decisions_show_every_arm_and_every_result() -> None:
    rows = json.loads(GOLDEN.read_text())["decisions"]
    assert {row["arm"] for row in rows} == set(ARMS)
    assert {row["result"] for row in rows} == set(RESULTS)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(decisions(), indent=1) + "\n")
