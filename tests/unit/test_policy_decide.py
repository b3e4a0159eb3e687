"""The decision as a whole: what reaches whom, and what is said about the rest."""

from __future__ import annotations

import numpy as np

from consumer.policy.decide import decide
from consumer.policy.facts import RESULTS
from tests.oracles.decision_facts import good_facts, retail_bank

POLICY = retail_bank()


def test_a_customer_without_obstacles_has_candidates_and_probabilities_that_sum_to_one() -> None:
    choices = decide(POLICY, good_facts(POLICY, 200, draw=np.linspace(0, 0.999, 200)))
    assert (choices.excluded == 0).any(axis=1).all()
    np.testing.assert_allclose(choices.logging_propensity.sum(axis=1), 1.0, atol=1e-12)
    assert "offered" in {RESULTS[code] for code in choices.result}


def test_nothing_to_decide_is_no_error() -> None:
    choices = decide(POLICY, good_facts(POLICY, 0))
    assert choices.logging_propensity.shape == (0, len(POLICY.catalogue.offers) + 1)
