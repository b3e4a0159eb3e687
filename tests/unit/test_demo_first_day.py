"""What the demo says of its seeds: both sets of models on the same offers, both runs on the same day."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from consumer.features.catalogue import catalogue_for
from consumer.policy.document import Policy, load_policy
from consumer.scoring.prior import GLOBAL_RATE
from consumer.vocabulary.messages import ModelSnapshot
from producer_sim.bus import MemoryBus
from producer_sim.progress import ProgressCounts, silent
from producer_sim.truth import CandidateTruth, DecisionTruth, Truth
from upswell.demo_page import _seeds
from upswell.first_day import DayCounts, FirstDay, FirstDayBus, FirstDayCounts, LogLosses, log_losses

DAY_END_MS = 1_000


@pytest.fixture(scope="module")
def policy(repository: Path) -> Policy:
    return load_policy(repository / "deploy" / "policy" / "retail_bank.yaml")


def report(bank_time_ms: int, offers: int, phase: str = "live") -> ProgressCounts:
    return ProgressCounts(phase, bank_time_ms, 0.0, 0, 0, offers, offers // 10, 0, 0)


def test_the_counts_are_those_of_the_moment_when_the_day_ends() -> None:
    heard: list[ProgressCounts] = []
    counts = FirstDayCounts(heard.append, DAY_END_MS)
    for time_ms, offers in ((500, 20), (1_000, 50), (1_500, 90)):
        counts(report(time_ms, offers))
    assert counts.counts == DayCounts(offers=50, accepted=5)
    assert len(heard) == 3


def test_the_history_is_no_part_of_the_day() -> None:
    counts = FirstDayCounts(silent, DAY_END_MS)
    counts(report(900, 70, phase="history"))
    assert counts.counts == DayCounts()


class Deciding(MemoryBus):
    """A bus on which these decisions were made."""

    def __init__(self, decisions: Sequence[object]) -> None:
        super().__init__()
        self.values = [msgspec.json.encode(decision) for decision in decisions]

    def take_decisions(self) -> list[bytes]:
        values, self.values = self.values, []
        return values


def decision(decision_id: str, time_ms: int, offer_id: str | None) -> object:
    return {
        "decision_id": decision_id,
        "event_time_ms": time_ms,
        "offer_id": offer_id,
        "model_input": {"fingerprint": "f", "inputs_milli": [1, 2]},
    }


def test_only_offers_of_the_first_day_are_kept_and_every_decision_is_passed_on() -> None:
    decisions = [decision("a", 1, "loan"), decision("b", 2, None), decision("c", DAY_END_MS, "loan")]
    bus = FirstDayBus(Deciding(decisions), DAY_END_MS)
    assert len(bus.take_decisions()) == 3
    assert bus.offered == {"a": ("loan", [1, 2])}


def truth_of(p_by_decision: dict[str, float]) -> Truth:
    return Truth(
        seed=1,
        currency="EUR",
        products=[],
        start_ms=0,
        end_ms=1,
        customers_count=1,
        published={},
        dead_letters_expected={},
        is_settled=True,
        unpublished={},
        outcomes={},
        offers_count=1,
        offers_repeated=0,
        offers_unknown=0,
        decisions_unknown=0,
        decisions=[
            DecisionTruth(
                name, "c", 1, "main", "offered", [CandidateTruth("x", "app", p, 1.0)], chosen=0, best=0
            )
            for name, p in p_by_decision.items()
        ],
        purchases=[],
        customers=[],
    )


def model(policy: Policy, product_id: str, intercept: float) -> ModelSnapshot:
    features = catalogue_for(policy.catalogue.product_ids)
    n_inputs = len(features.input_names)
    return ModelSnapshot(
        event_id=f"{product_id}-seed-0",
        event_time_ms=0,
        product_id=product_id,
        version=0,
        parent_version=None,
        origin="seed",
        fingerprint=features.fingerprint,
        input_names=list(features.input_names),
        weights=[0.0] * n_inputs,
        intercept=intercept,
        optimizer={},
        scaler={"mean": [0.0] * n_inputs, "sd": [1.0] * n_inputs},
        calibration={},
        drift={},
        evidence={"examples": 1e9, "positives": 1e8},
        metrics={},
        seed_version="",
        examples_positions={},
    )


def test_both_sets_of_models_are_asked_about_the_same_offers(policy: Policy) -> None:
    offer = policy.catalogue.offers[0]
    inputs = [0] * len(catalogue_for(policy.catalogue.product_ids).input_names)
    seeded = {offer.products[0]: model(policy, offer.products[0], intercept=0.0)}
    found = log_losses(
        {"a": (offer.offer_id, inputs), "unheard": (offer.offer_id, inputs)},
        truth_of({"a": 0.5, "elsewhere": 0.1}),
        policy,
        seeded=seeded,
        unseeded={},
    )
    assert found is not None
    assert found.offers == 1
    assert found.truth == pytest.approx(np.log(2.0))
    assert found.seeded == pytest.approx(found.truth, abs=1e-6)
    assert found.unseeded == pytest.approx(-0.5 * np.log(GLOBAL_RATE * (1.0 - GLOBAL_RATE)))


def test_without_offers_there_is_no_log_loss(policy: Policy) -> None:
    assert log_losses({}, truth_of({}), policy, seeded={}, unseeded={}) is None


def test_the_page_says_what_seeds_are_worth_in_numbers() -> None:
    day = FirstDay(DayCounts(1_221, 96), DayCounts(87, 5), LogLosses(1_221, 0.297, 0.321, 0.224))
    told = _seeds(day)
    for words in (
        "1,221 offers, 96 accepted (7.9%)",
        "87 offers, 5 accepted (5.7%)",
        "0.297 with seeds, 0.321",
    ):
        assert words in told


def test_a_day_without_offers_is_told_without_log_loss() -> None:
    assert "Log loss" not in _seeds(FirstDay(DayCounts(), DayCounts(), None))
