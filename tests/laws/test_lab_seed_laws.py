"""Laws of seeds: River begins as scikit-learn ended, and the scorer places customers where the laboratory did."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.scoring.compiled import compile_models
from consumer.scoring.online_model import OnlineModel
from consumer.scoring.prior import P_MIN, log_odds, pooled_rates, trust
from consumer.scoring.seed_bundle import SeedBundle, SeedCalibration, SeedModel, SeedSegments
from consumer.scoring.seeds import placer_of, seeds_of
from consumer.scoring.snapshot import state_of
from consumer.vocabulary.messages import ModelSnapshot
from offline.seeding.calibration import fitted_calibrations
from offline.seeding.regression import AcceptanceRegression, Lessons, fitted_regression
from offline.seeding.seed import seed_scaler
from offline.seeding.segments import SEGMENT_FEATURES, Segmentation, segmentation_of

N_PRODUCTS = 3
PRODUCTS = ("card", "loan", "fund")
NAMES = (
    "balance",
    "salary",
    *(f"interest_{name}" for name in PRODUCTS),
    *(f"affinity_{p}" for p in PRODUCTS),
)
NAMES += ("segment_is_0", "segment_is_1")
N_INPUTS = len(NAMES)
OWN = np.array([[2, 3, 4], [5, 6, 7]])
FINGERPRINT = "0123456789abcdef"

Inputs = NDArray[np.int64]
milli = st.integers(-(2**62), 2**62) | st.integers(-9_000, 9_000)
any_inputs = arrays(np.int64, N_INPUTS, elements=milli)
fits = st.tuples(st.integers(0, 7), st.sampled_from([0.003, 0.1, 10.0]))


@cache
def taught(seed: int, penalty: float) -> AcceptanceRegression:
    """A regression over a past of its own: some inputs hardly vary, one never does."""
    rng = np.random.default_rng(seed)
    inputs = np.round(rng.normal(3.0, 2.0, (240, N_INPUTS)), 3)
    inputs[:, 1] = 2.5
    inputs[:, 5] = (rng.random(240) < 0.005).astype(float)
    inputs[:, 8] = rng.random(240) < 0.5
    inputs[:, 9] = 1.0 - inputs[:, 8]
    product = rng.integers(0, N_PRODUCTS, 240)
    odds = inputs[:, 0] - 4.0 + 0.5 * inputs[np.arange(240), OWN[0][product]] * (product - 1)
    accepted = (rng.random(240) < 1.0 / (1.0 + np.exp(-odds))).astype(np.int64)
    return fitted_regression(Lessons(inputs, product, accepted), OWN, penalty=penalty)


def bundle_of(
    regression: AcceptanceRegression, calibration: SeedCalibration, prior: list[float] | None = None
) -> SeedBundle:
    carried = regression.carried()
    return SeedBundle(
        fingerprint=FINGERPRINT,
        as_of_ms=1,
        input_names=list(NAMES),
        scaler=seed_scaler(regression),
        models=[
            SeedModel(
                product_id=name,
                weights=carried.weights[column].tolist(),
                intercept=float(carried.intercepts[column]),
                examples=250.0,
                positives=20.0,
                calibration=calibration,
                segment_prior=prior or [],
            )
            for column, name in enumerate(PRODUCTS)
        ],
        segments=SeedSegments(
            feature_names=["age_years"],
            transforms=["identity"],
            mean=[40.0],
            sd=[10.0],
            centroids=[[1.0], [-1.0]],
        )
        if prior
        else None,
        metrics={},
    ).with_version()


def snapshots_through_json(bundle: SeedBundle) -> dict[str, ModelSnapshot]:
    read = SeedBundle.model_validate_json(bundle.model_dump_json(indent=1))
    seeds = seeds_of(read, feature_names=("age_years",)).snapshots
    return {name: ModelSnapshot.model_validate_json(seed.model_dump_json()) for name, seed in seeds.items()}


def river_of(regression: AcceptanceRegression, product: int) -> OnlineModel:
    snapshots = snapshots_through_json(bundle_of(regression, SeedCalibration()))
    return OnlineModel(NAMES, state_of(snapshots[PRODUCTS[product]]))


@given(fits, any_inputs, st.integers(0, N_PRODUCTS - 1))
def test_on_any_input_river_from_the_seed_says_what_scikit_learn_says(
    fit: tuple[int, float], inputs_milli: Inputs, product: int
) -> None:
    regression, inputs = taught(*fit), inputs_milli / 1_000.0
    theirs = regression.p_accept(inputs[None, :], np.array([product]))[0]
    assert river_of(regression, product).predict_one(inputs) == pytest.approx(theirs, abs=1e-6)


@given(fits, any_inputs, st.integers(0, N_PRODUCTS - 1), st.integers(0, 1))
def test_then_learning_goes_on_from_there(
    fit: tuple[int, float], inputs_milli: Inputs, product: int, label: int
) -> None:
    inputs = inputs_milli / 1_000.0
    model = river_of(taught(*fit), product)
    before, odds = model.predict_one(inputs), model.log_odds_one(inputs)
    said = model.learn_one(inputs, label, weight=1.0)
    after = model.log_odds_one(inputs)
    assert said.p_accept == pytest.approx(before, abs=1e-9)
    assert after > odds if label and before < 0.999 else after >= odds if label else after <= odds
    assert model.snapshot().evidence.seed_examples == 250.0
    assert model.snapshot().evidence.examples == 1.0


@given(
    fits,
    any_inputs,
    st.floats(0.2, 2.0),
    st.floats(-1.0, 1.0),
    st.tuples(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0)),
)
def test_calibration_and_priors_of_a_seed_mean_the_same_in_rivers_path_and_in_the_compiled_one(
    fit: tuple[int, float], inputs_milli: Inputs, slope: float, offset: float, prior: tuple[float, float]
) -> None:
    calibration = SeedCalibration(slope=slope, offset=offset, count=100.0)
    snapshots = snapshots_through_json(bundle_of(taught(*fit), calibration, list(prior)))
    groups = dict.fromkeys(PRODUCTS, "all")
    models = compile_models(NAMES, FINGERPRINT, PRODUCTS, groups=groups, snapshots=snapshots)
    compiled = models.score(inputs_milli[None, :]).p_accept[0]

    examples, positives = np.full(3, 250.0), np.full(3, 20.0)
    share, rates = trust(examples), pooled_rates(positives, examples, ["all"] * 3)
    marked = inputs_milli[8:10] > 0
    shift = prior[int(marked.argmax())] if marked.any() else 0.0
    for column, name in enumerate(PRODUCTS):
        river = OnlineModel(NAMES, state_of(snapshots[name]))
        mapped = slope * river.log_odds_one(inputs_milli / 1_000.0) + offset
        said = river.learn_one(inputs_milli / 1_000.0, 1, weight=1.0).p_accept
        assert said == pytest.approx(1.0 / (1.0 + math.exp(-mapped)), abs=1e-9)
        own = log_odds(np.clip(np.array([said]), 1e-13, 1.0 - 1e-13))[0]
        ours = share[column] * own + (1.0 - share[column]) * (log_odds(rates)[column] + shift)
        expected = min(max(1.0 / (1.0 + math.exp(-ours)), P_MIN), 1.0 - P_MIN)
        assert compiled[column] == pytest.approx(expected, abs=1e-6)


@given(fits, any_inputs, st.tuples(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0)))
def test_a_seed_that_learned_keeps_its_priors_by_segment(
    fit: tuple[int, float], inputs_milli: Inputs, prior: tuple[float, float]
) -> None:
    seeds = bundle_of(taught(*fit), SeedCalibration(), list(prior))
    model = OnlineModel(NAMES, state_of(snapshots_through_json(seeds)["card"]))
    model.learn_one(inputs_milli / 1_000.0, 1, weight=2.0)
    assert tuple(model.snapshot().segment_prior) == prior


@given(
    arrays(np.float64, 60, elements=st.floats(-6.0, 3.0)),
    arrays(np.int64, 60, elements=st.integers(0, 1)),
    arrays(np.int64, 60, elements=st.integers(0, N_PRODUCTS - 1)),
)
def test_calibration_never_makes_the_answers_that_it_learned_from_less_likely(
    odds: NDArray[np.float64], accepted: NDArray[np.int64], product: NDArray[np.int64]
) -> None:
    maps = fitted_calibrations(odds, accepted, product, n_products=N_PRODUCTS)
    before = np.logaddexp(0.0, odds).sum() - odds[accepted == 1].sum()
    mapped = maps.slope * odds + maps.offsets[product]
    after = np.logaddexp(0.0, mapped).sum() - mapped[accepted == 1].sum()
    assert after <= before + 1e-6
    SeedCalibration(slope=maps.slope, offset=float(maps.offsets.max()))


# ---------------------------------------------------------------- segments


@cache
def catalogue() -> FeatureCatalogue:
    return catalogue_for(PRODUCTS)


@cache
def segmented(seed: int) -> Segmentation:
    rng = np.random.default_rng(seed)
    values = np.zeros((200, len(catalogue().names)))
    for name in SEGMENT_FEATURES:
        scale = 10.0 ** rng.integers(0, 7)
        values[:, catalogue().index[name]] = rng.normal(0.0, scale, 200) + scale * rng.integers(0, 3, 200)
    found = segmentation_of(values, catalogue(), n_segments=4, seed=seed)
    assert found is not None
    return found


@given(
    st.integers(0, 5),
    arrays(np.float64, (5, len(SEGMENT_FEATURES)), elements=st.floats(-1e9, 1e9) | st.floats(-100.0, 100.0)),
)
def test_the_scorer_places_a_customer_where_the_laboratory_does(
    seed: int, columns: NDArray[np.float64]
) -> None:
    values = np.zeros((5, len(catalogue().names)))
    values[:, [catalogue().index[name] for name in SEGMENT_FEATURES]] = columns
    found = segmented(seed)
    segments = SeedSegments.model_validate_json(found.segments.model_dump_json())
    online = placer_of(segments, catalogue().names)(values)
    distances = found.fitted.transform(_positions(found.segments, columns))
    for row, (theirs, ours) in enumerate(zip(found.predict(values, catalogue()), online, strict=True)):
        # Two centroids may be equally near to the last bits; then either is right.
        nearest = distances[row, theirs]
        assert theirs == ours or math.isclose(nearest, distances[row, ours], rel_tol=1e-9)


def test_the_customers_of_the_history_are_placed_as_they_were_segmented() -> None:
    found = segmented(0)
    assert np.bincount(found.labels, minlength=4).tolist() == found.segments.sizes
    assert found.fitted.cluster_centers_.tolist() == found.segments.centroids


def _positions(segments: SeedSegments, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    raw = [
        column if how == "identity" else np.copysign(np.log1p(np.abs(column)), column)
        for column, how in zip(columns.T, segments.transforms, strict=True)
    ]
    columns_of_all: NDArray[np.float64] = np.stack(raw, axis=1)
    positions: NDArray[np.float64] = (columns_of_all - np.array(segments.mean)) / np.array(segments.sd)
    return positions
