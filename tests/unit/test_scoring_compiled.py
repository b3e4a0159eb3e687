"""Compiled models: prior-only sets, refusals, versions, explanations."""

from __future__ import annotations

import numpy as np
import pytest

from consumer.scoring.compiled import PRIOR_VERSION, compile_models
from consumer.scoring.prior import GLOBAL_RATE
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.messages import ModelSnapshot

NAMES = ("balance", "salary", "segment_is_0")
FINGERPRINT = "0123456789abcdef"
GROUPS = {"card": "cards", "gold": "cards", "mortgage": "loans"}


def snapshot_of(product_id: str = "card", **changes: object) -> ModelSnapshot:
    values: dict[str, object] = {
        "event_id": f"{product_id}-1",
        "event_time_ms": 0,
        "product_id": product_id,
        "version": 1,
        "parent_version": None,
        "origin": "stream",
        "fingerprint": FINGERPRINT,
        "input_names": list(NAMES),
        "weights": [1.0, -0.5, 0.25],
        "intercept": -2.0,
        "optimizer": {},
        "scaler": {"mean": [1.0, 2.0, 0.5], "sd": [1.0, 2.0, 0.5]},
        "calibration": {},
        "drift": {},
        "evidence": {"examples": 300.0, "positives": 30.0},
        "metrics": {},
        "seed_version": "",
        "examples_positions": {},
    }
    return ModelSnapshot.model_validate(values | changes)


def compiled(*snapshots: ModelSnapshot):  # type: ignore[no-untyped-def]
    by_product = {snapshot.product_id: snapshot for snapshot in snapshots}
    return compile_models(NAMES, FINGERPRINT, tuple(GROUPS), groups=GROUPS, snapshots=by_product)


def test_without_snapshots_every_customer_gets_the_prior_rate() -> None:
    models = compiled()
    scores = models.score(np.array([[1_000, -2_000, 0], [0, 0, 1_000]]))
    assert scores.p_accept == pytest.approx(np.full((2, 3), GLOBAL_RATE))
    assert models.version == PRIOR_VERSION
    assert models.evidence.tolist() == [0.0, 0.0, 0.0]


def test_no_rows_give_no_scores() -> None:
    assert compiled().score(np.empty((0, 3), dtype=np.int64)).p_accept.shape == (0, 3)


def test_log_odds_are_those_of_the_weights_on_scaled_inputs() -> None:
    scores = compiled(snapshot_of()).score(np.array([[2_000, 4_000, 1_000]]))
    assert scores.log_odds[0].tolist() == [-2.0 + 1.0 - 0.5 + 0.25, 0.0, 0.0]


def test_inputs_are_clipped_at_six_standard_deviations() -> None:
    scores = compiled(snapshot_of()).score(np.array([[10**12, 2_000, 500]]))
    assert scores.log_odds[0, 0] == -2.0 + 6.0


def test_a_products_examples_move_the_prior_of_its_group_more_than_that_of_others() -> None:
    p = compiled(snapshot_of()).score(np.array([[1_000, 2_000, 500]])).p_accept[0]
    assert p[1] > p[2] > GLOBAL_RATE


def test_a_snapshot_of_other_features_is_refused_with_both_fingerprints() -> None:
    with pytest.raises(ConfigurationError, match=f"card version 1 .* ffff, .* {FINGERPRINT}"):
        compiled(snapshot_of(fingerprint="ffff"))


def test_a_snapshot_of_another_length_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="3 inputs"):
        compiled(snapshot_of(weights=[1.0]))


def test_the_version_changes_with_any_model() -> None:
    first = compiled(snapshot_of())
    second = compiled(snapshot_of(version=2))
    assert first.version == compiled(snapshot_of()).version != second.version
    assert len(first.version) == 12
    assert first.versions == {"card": 1}


def test_contributions_sum_to_what_the_score_differs_by_from_the_average_customer() -> None:
    models = compiled(snapshot_of())
    row, average = np.array([3_000, 1_000, 0]), np.array([1_000, 2_000, 500])
    p = models.score(np.stack([row, average])).p_accept[:, 0]
    difference = np.diff(np.log(p / (1 - p)))[0] * -1
    assert sum(added for _, added in models.explain(row, 0, 3)) == pytest.approx(difference)


def test_the_strongest_reasons_come_first_and_silent_inputs_are_left_out() -> None:
    models = compiled(snapshot_of())
    row = np.array([3_000, 2_000, 0])
    assert [name for name, _ in models.explain(row, 0, 3)] == ["balance", "segment_is_0"]


# ---------------------------------------------------------------- priors by segment


def seeded(product_id: str = "card", **changes: object) -> ModelSnapshot:
    """A model of 100 answers, trusted by half, whose customers of segment 0 have a prior of their own."""
    evidence = {"seed_examples": 100.0, "seed_positives": 10.0}
    values: dict[str, object] = {"calibration": {"segment_prior": [1.5]}, "evidence": evidence}
    return snapshot_of(product_id, **(values | changes))


def test_the_prior_is_that_of_the_customers_segment() -> None:
    models = compiled(seeded(weights=[0.0, 0.0, 0.0]), snapshot_of("mortgage"))
    p = models.score(np.array([[1_000, 2_000, 1_000], [1_000, 2_000, 0]])).p_accept
    odds = np.log(p / (1.0 - p))
    assert odds[0, 0] - odds[1, 0] == pytest.approx(0.5 * 1.5)
    assert odds[0, 1] == odds[1, 1]


def test_a_segment_without_a_prior_has_the_products() -> None:
    nothing = compiled(seeded(calibration={"segment_prior": [0.0]}))
    without = compiled(seeded(calibration={}))
    rows = np.array([[1_000, 2_000, 1_000], [5_000, 0, 0]])
    assert nothing.score(rows).p_accept.tobytes() == without.score(rows).p_accept.tobytes()


def test_a_rows_score_with_a_prior_of_its_segment_has_the_same_bits_in_every_batch() -> None:
    models = compiled(seeded(), seeded(product_id="gold", calibration={}))
    rows = np.random.default_rng(3).integers(-3_000, 3_000, (150, 3))
    rows[:, 2] = np.where(rows[:, 2] > 0, 1_000, 0)
    single = np.concatenate([models.score(row[None, :]).p_accept for row in rows])
    assert models.score(rows).p_accept.tobytes() == single.tobytes()


def test_contributions_sum_to_the_difference_from_the_average_customer_of_no_segment() -> None:
    models = compiled(seeded(scaler={"mean": [1.0, 2.0, 0.0], "sd": [1.0, 2.0, 0.5]}))
    row, average = np.array([3_000, 1_000, 1_000]), np.array([1_000, 2_000, 0])
    p = models.score(np.stack([row, average])).p_accept[:, 0]
    difference = np.diff(np.log(p / (1 - p)))[0] * -1
    found = dict(models.explain(row, 0, 3))
    assert sum(found.values()) == pytest.approx(difference)
    assert found["segment_is_0"] == pytest.approx(0.5 * (0.25 * 2.0) + 0.5 * 1.5)
