"""The summary of a run: arms, intervals, the oracle's share, and the truth file's round trip."""

from pathlib import Path

import pytest

from consumer.vocabulary.errors import ConfigurationError
from producer_sim.summary import ArmSummary, newcombe_difference, summarise, wilson
from producer_sim.truth import CandidateTruth, DecisionTruth, PurchaseTruth, Truth, read_truth, write_truth

CANDIDATES = [
    CandidateTruth("gold", "app", 0.5, 100.0),
    CandidateTruth("mortgage", "app", 0.1, 300.0),
]


def decision(
    customer: str, *, arm: str = "champion", result: str = "offered", chosen: int = 0, time_ms: int = 10
) -> DecisionTruth:
    candidates = [] if result == "excluded" else CANDIDATES
    return DecisionTruth(
        f"d-{customer}", customer, time_ms, arm, result, candidates, chosen, 1 if candidates else -1
    )


def bought(
    customer: str, *, time_ms: int, decision_id: str | None = None, revenue_minor: int = 7
) -> PurchaseTruth:
    return PurchaseTruth(customer, ["gold"], time_ms, revenue_minor, decision_id)


def truth_of(decisions: list[DecisionTruth], purchases: list[PurchaseTruth]) -> Truth:
    return Truth(
        seed=1,
        currency="EUR",
        products=["gold", "mortgage"],
        start_ms=0,
        end_ms=100,
        customers_count=9,
        published={"transactions": {"good": 5, "malformed.nan": 2}},
        dead_letters_expected={"transactions": {"invalid_number": 2}},
        is_settled=True,
        unpublished={},
        outcomes={"accepted": 3, "purchased": 2},
        offers_count=4,
        offers_repeated=0,
        offers_unknown=0,
        decisions_unknown=1,
        decisions=decisions,
        purchases=purchases,
        customers=[],
    )


def test_a_customer_converts_when_they_buy_after_their_first_decision_in_either_arm() -> None:
    held = {"arm": "holdout", "result": "holdout", "chosen": -1}
    decisions = [
        decision("buys"),
        decision("bought-before"),
        decision("never"),
        decision("gated", result="excluded", chosen=-1),
        decision("held-buys", **held),  # type: ignore[arg-type]
        decision("held-never", **held),  # type: ignore[arg-type]
    ]
    purchases = [
        bought("buys", time_ms=10, decision_id="d-buys"),
        bought("buys", time_ms=30),
        bought("bought-before", time_ms=9),
        bought("gated", time_ms=50),
        bought("held-buys", time_ms=50),
    ]
    found = summarise(truth_of(decisions, purchases))
    assert found.treated == ArmSummary(customers=3, converted=1, revenue_minor=14)
    assert found.holdout == ArmSummary(customers=2, converted=1, revenue_minor=7)
    assert found.lift.estimate == pytest.approx(1 / 3 - 1 / 2)
    assert (found.revenue_minor, found.offered_revenue_minor, found.organic_revenue_minor) == (35, 7, 28)
    assert (found.published, found.dead_letters_expected, found.decisions, found.offers) == (7, 2, 7, 4)


def test_the_oracles_share_leaves_the_holdout_out_and_counts_no_offer_as_nothing() -> None:
    decisions = [
        decision("a", chosen=0),
        decision("b", chosen=1),
        decision("c", result="no_offer", chosen=-1),
        decision("d", arm="holdout", result="holdout", chosen=-1),
        decision("e", result="excluded", chosen=-1),
    ]
    found = summarise(truth_of(decisions, []))
    assert found.share_of_oracle_value == pytest.approx((100 + 300 + 0) / 900)
    assert found.share_of_random_value == pytest.approx(200 / 300)


def test_a_run_without_decisions_has_a_summary_too() -> None:
    found = summarise(truth_of([], []))
    assert found.share_of_oracle_value is None
    assert (found.lift.low, found.lift.high) == (-1.0, 1.0)


def test_intervals_stay_within_their_limits_and_hold_the_estimate() -> None:
    for trials in (1, 2, 50):
        for successes in range(trials + 1):
            interval = wilson(successes, trials)
            assert 0.0 <= interval.low <= interval.estimate <= interval.high <= 1.0
    none, all_of_them = ArmSummary(10, 0, 0), ArmSummary(10, 10, 0)
    assert newcombe_difference(none, all_of_them).low >= -1.0
    same = newcombe_difference(none, none)
    assert same.low == -same.high


@pytest.mark.parametrize("name", ["truth.json", "deep/truth.json.gz"])
def test_a_truth_file_reads_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    truth = truth_of([decision("a")], [bought("a", time_ms=20, decision_id="d-a")])
    write_truth(truth, tmp_path / name)
    assert read_truth(tmp_path / name) == truth


def test_a_file_that_is_no_truth_is_named(tmp_path: Path) -> None:
    for content in (b"", b"{}", b"not json"):
        (tmp_path / "truth.json").write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"cannot read the truth file .*truth\.json"):
            read_truth(tmp_path / "truth.json")
