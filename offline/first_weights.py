"""First weights: segments and one acceptance model a product, from a history directory.

A past campaign has few acceptances a product, so one logistic regression learns all products together:
every input has a weight that all products share and a deviation for each product that is penalised more
(the deviation's column is scaled by `DEVIATION`), and interest in "the offered product itself" has a
weight of its own. What a product ends with is the sum. Each offer sees the features before it.

Rules of this file: the same history and seed give the same bundle; the last offers test the penalty
before all of them are learned; the evidence that a seed counts for is bounded.

References: Daumé III (2007), "Frustratingly easy domain adaptation", eq. 1 (shared and own copies of the
inputs); Lloyd (1982) for k-means, by scikit-learn with k-means++ starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]  # scipy ships no types
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.features.model_input import model_inputs_milli
from consumer.scoring.prior import GLOBAL_RATE, P_MIN
from consumer.scoring.scaler import SD_MIN, scaled
from consumer.scoring.seed_bundle import SeedBundle, SeedModel, SeedScaler, SeedSegments, Transform
from consumer.scoring.seeds import placer_of, transformed
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import OfferCatalogue
from offline.backfill import PastFeatures, Progress, features_of_past
from offline.past_files import days, read_offers

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

DEVIATION = 0.3
"""A product's own weight is penalised 1 / 0.3² = 11 times as much as the shared one."""

PENALTIES = (0.003, 0.01, 0.03, 0.1)
"""Inverse penalties that are tried (`C` of scikit-learn, on scaled inputs)."""

TEST_SHARE = 0.25
"""Of the offers, the last ones in time."""

EVIDENCE_MAX = 300.0
"""Examples that a seed counts for at most: after as many of its own a product believes itself more."""

SHARED_EVIDENCE = 0.1
"""What another product's example tells about this one."""

OFFERS_MIN = 200
"""With fewer past offers, or fewer than 20 acceptances, weights would be noise."""

ACCEPTED_MIN = 20
N_SEGMENTS = 6

SEGMENT_FEATURES: dict[str, Transform] = {
    "age_years": "identity",
    "tenure_years": "identity",
    "income_minor": "signed_log1p",
    "balance_mean": "signed_log1p",
    "debit_sum_90d": "signed_log1p",
    "credit_sum_90d": "signed_log1p",
    "cash_share": "identity",
    "holdings_count": "identity",
    "engagement_score": "identity",
}
"""What tells customers apart: demographic, behavioural and by value."""

OWN = ("interest", "affinity")
"""Inputs that exist once a product; the offered product's own gets a shared weight."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """Past offers as the regression sees them: m rows.

    inputs : shape (m, F), scaled; product : shape (m,), column; accepted : shape (m,), 0 or 1
    """

    inputs: Floats
    product: Int64s
    accepted: Int64s

    def rows(self, chosen: slice) -> Lessons:
        """Return some of the rows."""
        return Lessons(self.inputs[chosen], self.product[chosen], self.accepted[chosen])


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of every product, shape (P, F), and intercepts, shape (P,)."""

    weights: Floats
    intercepts: Floats

    def p_accept(self, lessons: Lessons) -> Floats:
        """Return the probability of each past offer."""
        odds = (self.weights[lessons.product] * lessons.inputs).sum(axis=1) + self.intercepts[lessons.product]
        p: Floats = np.clip(1.0 / (1.0 + np.exp(-odds)), P_MIN, 1.0 - P_MIN)
        return p


def first_weights(
    history_dir: Path, catalogue: OfferCatalogue, *, seed: int = 1, progress: Progress = lambda _: None
) -> SeedBundle:
    """Return the seed bundle of a history directory.

    Parameters
    ----------
    history_dir : as `past_files` describes it
    catalogue : products and offers of the policy
    seed : of the k-means starts
    progress : told the number of events read so far

    Raises
    ------
    ConfigurationError : a file is missing or wrong, or the past campaign is too small to learn from
    """
    offers = read_offers(history_dir)
    _check_size(history_dir, [offer.accepted for offer in offers])
    past = features_of_past(days(history_dir, offers), catalogue, progress=progress)
    return bundle_of(past, catalogue, seed=seed)


def bundle_of(past: PastFeatures, catalogue: OfferCatalogue, *, seed: int) -> SeedBundle:
    """Return the seed bundle of past features."""
    features = catalogue_for(catalogue.product_ids)
    segments = segments_of(past.final_values, features, seed=seed)
    inputs = _inputs(features, past.values, segments)
    scaler = scaler_of(inputs)
    lessons = Lessons(
        inputs=scaled(inputs, np.array(scaler.mean), np.array(scaler.sd)),
        product=np.array([catalogue.product_index[offer.product_id] for offer in past.offers]),
        accepted=np.array([int(offer.accepted) for offer in past.offers]),
    )
    own = _own_columns(features)
    penalty, metrics = tested_penalty(lessons, own)
    learned = learned_weights(lessons, own, penalty=penalty)
    return SeedBundle(
        fingerprint=features.fingerprint,
        as_of_ms=past.as_of_ms,
        input_names=list(features.input_names),
        scaler=scaler,
        models=_models(learned, lessons, catalogue),
        segments=segments,
        metrics={**metrics, "events": float(past.n_events), "customers": float(len(past.customer_ids))},
    ).with_version()


# ---------------------------------------------------------------- segments and scaling


def segments_of(values: Floats, features: FeatureCatalogue, *, seed: int) -> SeedSegments | None:
    """Return k-means centroids over `SEGMENT_FEATURES`, richest income first; None for too few customers."""
    if len(values) < 10 * N_SEGMENTS:
        return None
    columns = np.stack(
        [transformed(values[:, features.index[name]], how) for name, how in SEGMENT_FEATURES.items()], axis=1
    )
    mean, sd = columns.mean(axis=0), np.maximum(columns.std(axis=0), SD_MIN)
    fitted = KMeans(N_SEGMENTS, n_init=4, random_state=seed).fit((columns - mean) / sd)
    by_income = list(SEGMENT_FEATURES).index("income_minor")
    order = np.argsort(-fitted.cluster_centers_[:, by_income], kind="stable")
    return SeedSegments(
        feature_names=list(SEGMENT_FEATURES),
        transforms=list(SEGMENT_FEATURES.values()),
        mean=mean.tolist(),
        sd=sd.tolist(),
        centroids=fitted.cluster_centers_[order].tolist(),
    )


def scaler_of(inputs: Floats) -> SeedScaler:
    """Return mean and spread of each input; an input that never varies gets spread 1, not almost none.

    Otherwise its first change on the stream would look like six standard deviations to every model.
    """
    sd = inputs.std(axis=0)
    return SeedScaler(
        mean=inputs.mean(axis=0).tolist(), sd=np.where(sd > 0.0, np.maximum(sd, SD_MIN), 1.0).tolist()
    )


def _inputs(features: FeatureCatalogue, values: Floats, segments: SeedSegments | None) -> Floats:
    segment = placer_of(segments, features.names)(values)
    return model_inputs_milli(features, values, segment) / 1_000.0


# ---------------------------------------------------------------- weights


def tested_penalty(lessons: Lessons, own: Int64s) -> tuple[float, dict[str, float]]:
    """Return the penalty that predicts the last offers best from those before, and how well it does."""
    cut = int(len(lessons.accepted) * (1.0 - TEST_SHARE))
    before, after = lessons.rows(slice(0, cut)), lessons.rows(slice(cut, None))
    losses = {
        penalty: _log_loss(learned_weights(before, own, penalty=penalty).p_accept(after), after.accepted)
        for penalty in PENALTIES
    }
    best = min(losses, key=lambda penalty: losses[penalty])
    rate = np.full(len(after.accepted), before.accepted.mean())
    return best, {
        "offers": float(len(lessons.accepted)),
        "accepted": float(lessons.accepted.sum()),
        "penalty": best,
        "test_log_loss": losses[best],
        "test_log_loss_of_the_rate": _log_loss(rate, after.accepted),
    }


def learned_weights(lessons: Lessons, own: Int64s, *, penalty: float) -> Weights:
    """Return the weights of every product.

    Parameters
    ----------
    own : shape (len(OWN), P), input column of each product's own interest and affinity
    penalty : inverse strength of the ridge
    """
    n_products = own.shape[1]
    n_inputs = lessons.inputs.shape[1]
    fitted = LogisticRegression(C=penalty, max_iter=500, tol=1e-6).fit(
        _design(lessons, own), lessons.accepted
    )
    parts = np.split(fitted.coef_[0], [n_inputs, n_inputs + len(own), n_inputs + len(own) + n_products])
    shared, of_own, level, deviation = parts
    weights = shared + DEVIATION * deviation.reshape(n_products, n_inputs)
    for row, columns in enumerate(own):
        weights[np.arange(n_products), columns] += of_own[row]
    return Weights(weights, float(fitted.intercept_[0]) + level)


def _design(lessons: Lessons, own: Int64s) -> sparse.csr_matrix:
    """Return columns: inputs, own inputs, one a product, inputs by product (scaled down)."""
    rows = np.arange(len(lessons.product))
    n_products, n_inputs = own.shape[1], lessons.inputs.shape[1]
    of_own = np.stack([lessons.inputs[rows, columns[lessons.product]] for columns in own], axis=1)
    is_product = sparse.csr_matrix(
        (np.ones(len(rows)), (rows, lessons.product)), shape=(len(rows), n_products)
    )
    places = lessons.product[:, None] * n_inputs + np.arange(n_inputs)
    by_product = sparse.csr_matrix(
        (DEVIATION * lessons.inputs.ravel(), (np.repeat(rows, n_inputs), places.ravel())),
        shape=(len(rows), n_products * n_inputs),
    )
    return sparse.hstack([lessons.inputs, of_own, is_product, by_product], format="csr")


def _own_columns(features: FeatureCatalogue) -> Int64s:
    column = {name: place for place, name in enumerate(features.input_names)}
    return np.array([[column[f"{family}_{name}"] for name in features.product_ids] for family in OWN])


def _log_loss(p_accept: Floats, accepted: Int64s) -> float:
    return float(-np.log(np.where(accepted == 1, p_accept, 1.0 - p_accept)).mean())


# ---------------------------------------------------------------- models


def _models(learned: Weights, lessons: Lessons, catalogue: OfferCatalogue) -> list[SeedModel]:
    """Return a seed for every model: each product, then each bundle as the mean of its products."""
    n_products = len(catalogue.products)
    offered = np.bincount(lessons.product, minlength=n_products).astype(np.float64)
    accepted = np.bincount(lessons.product, lessons.accepted, minlength=n_products)
    rate = (accepted + GLOBAL_RATE * 50.0) / (offered + 50.0)
    evidence = np.minimum(EVIDENCE_MAX, offered + SHARED_EVIDENCE * (offered.sum() - offered))
    models = [
        _model(name, learned, [column], evidence=evidence[column], rate=rate[column])
        for column, name in enumerate(catalogue.product_ids)
    ]
    for offer in catalogue.offers:
        if len(offer.products) > 1:
            columns = [catalogue.product_index[name] for name in offer.products]
            # Nobody was offered a bundle in the past: half of what its least known product counts for.
            worth = 0.5 * evidence[columns].min()
            models.append(_model(offer.offer_id, learned, columns, evidence=worth, rate=rate[columns].mean()))
    return models


def _model(
    model_id: str, learned: Weights, columns: Sequence[int], *, evidence: float, rate: float
) -> SeedModel:
    rows = list(columns)
    examples = float(math.floor(evidence))
    return SeedModel(
        product_id=model_id,
        weights=learned.weights[rows].mean(axis=0).tolist(),
        intercept=float(learned.intercepts[rows].mean()),
        examples=examples,
        positives=float(examples * rate),
    )


def _check_size(history_dir: Path, accepted: Sequence[int]) -> None:
    if len(accepted) < OFFERS_MIN or sum(accepted) < ACCEPTED_MIN:
        raise ConfigurationError(
            f"The past campaign in {history_dir} has {len(accepted)} offers and {sum(accepted)} acceptances: "
            f"first weights need at least {OFFERS_MIN} and {ACCEPTED_MIN}."
        )
