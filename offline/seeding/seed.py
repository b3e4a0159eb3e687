"""Seeds from history: the past through the service's own fold, segments, models, calibration, one bundle.

    history → features at each past offer (offline/seeding/past_features.py)
            → segments of all customers           segments.py
            → penalty, measures, calibration      evaluation.py
            → one regression over all offers      regression.py
            → priors by product and segment       priors.py
            → seed bundle, and findings for the report

Rules of this file: the same history and seed give the same bundle, byte for byte; the evidence that a seed
counts for is bounded, so that the stream can correct it; a bundle of products is seeded as their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.scoring.seed_bundle import SeedBundle, SeedCalibration, SeedModel, SeedScaler, SeedSegments
from consumer.scoring.seeds import NO_SEGMENT, placer_of
from consumer.vocabulary.products import OfferCatalogue
from offline.history.past_files import days, read_offers
from offline.seeding.evaluation import Evaluation, evaluated
from offline.seeding.lessons import agreed_offers, check_offers, lessons_of
from offline.seeding.measures import log_loss
from offline.seeding.past_features import PastFeatures, Progress, features_of_past
from offline.seeding.priors import Priors, product_rates, segment_priors
from offline.seeding.regression import (
    AcceptanceRegression,
    Lessons,
    Weights,
    fitted_regression,
    own_columns,
)
from offline.seeding.segments import N_SEGMENTS, Segmentation, segmentation_of

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Told = Callable[[str], None]
"""Told in words what is being done."""

EVIDENCE_MAX: Final = 300.0
"""Examples that a seed counts for at most: after as many of its own a product believes itself more."""

SHARED_EVIDENCE: Final = 0.1
"""What another product's example tells about this one."""

CALIBRATION_EVIDENCE_MAX: Final = 200.0
"""Answers that a seed's calibration counts for at most: at that many its first steps are a third smaller."""


GROWTH_TOLD: Final = 1.2


@dataclass(frozen=True)
class Seeding:
    """The bundle, and what there is to say about how it came to be.

    lessons : every past offer; priors : None without segments
    """

    bundle: SeedBundle
    past: PastFeatures
    lessons: Lessons
    regression: AcceptanceRegression
    evaluation: Evaluation
    segmentation: Segmentation | None
    priors: Priors | None
    rates: Floats


def seeds_from_history(
    history_dir: Path,
    catalogue: OfferCatalogue,
    *,
    seed: int = 1,
    n_segments: int = N_SEGMENTS,
    told: Told = lambda _: None,
) -> Seeding:
    """Return the seeds of a history directory.

    Parameters
    ----------
    history_dir : as `offline/history/past_files.py` describes it
    catalogue : products and offers of the policy
    seed : of the starts of k-means; n_segments : wanted; with too few customers there are none
    told : what is being done, in words

    Raises
    ------
    ConfigurationError : a file is missing or wrong, or the past campaign is too small to learn from
    """
    told("reading the past campaign")
    offers = read_offers(history_dir)
    check_offers(history_dir, offers)
    past = features_of_past(
        days(history_dir, offers),
        catalogue,
        progress=told_by_growth(told),
    )
    check_offers(history_dir, agreed_offers(past).offers)
    return seeding_of(past, catalogue, seed=seed, n_segments=n_segments, told=told)


def told_by_growth(told: Told) -> Progress:
    """Tell how much was read each time that it has grown by a fifth: some dozen lines for any history."""
    last = 0

    def tell(count: int) -> None:
        nonlocal last
        if count >= last * GROWTH_TOLD:
            last = count
            told(f"reading the history with the scorer's own fold: {count:,} events")

    return tell


def seeding_of(
    past: PastFeatures,
    catalogue: OfferCatalogue,
    *,
    seed: int,
    n_segments: int = N_SEGMENTS,
    told: Told = lambda _: None,
) -> Seeding:
    """Return the seeds of past features."""
    features = catalogue_for(catalogue.product_ids)
    past = agreed_offers(past)
    told(f"segments of {len(past.customer_ids):,} customers")
    members = past.final_values[past.may_be_profiled]
    segmentation = segmentation_of(members, features, n_segments=n_segments, seed=seed)
    segments = None if segmentation is None else segmentation.segments
    segment = placer_of(segments, features.names)(past.values)
    lessons = lessons_of(past, catalogue, features, segment)
    own = own_columns(features)
    evaluation = evaluated(lessons, own, progress=told)
    told(f"learning from {len(lessons):,} past offers")
    regression = fitted_regression(lessons, own, penalty=evaluation.penalty)
    rates = product_rates(lessons, n_products=own.shape[1])
    priors = None if segments is None else _priors(lessons, segment, rates, segments)
    learned = _Learned(regression.carried(), lessons, evaluation, rates, priors)
    bundle = SeedBundle(
        fingerprint=features.fingerprint,
        as_of_ms=past.as_of_ms,
        input_names=list(features.input_names),
        scaler=seed_scaler(regression),
        models=_models(learned, catalogue),
        segments=segments,
        metrics=_metrics(past, lessons, evaluation),
    ).with_version()
    return Seeding(bundle, past, lessons, regression, evaluation, segmentation, priors, rates)


def seed_scaler(regression: AcceptanceRegression) -> SeedScaler:
    """Return scikit-learn's scaler as the bundle holds it."""
    return SeedScaler(mean=regression.scaler.mean_.tolist(), sd=regression.scaler.scale_.tolist())


def final_segments(past: PastFeatures, segments: SeedSegments | None, features: FeatureCatalogue) -> Int64s:
    """Return the segment of every customer at the end of the history, -1 for none.

    Who objects to profiling is in none, here as in the scorer.
    """
    placed = placer_of(segments, features.names)(past.final_values)
    return np.where(past.may_be_profiled, placed, NO_SEGMENT)


# ---------------------------------------------------------------- models


@dataclass(frozen=True)
class _Learned:
    """Everything that the seeds of single models are made of."""

    carried: Weights
    lessons: Lessons
    evaluation: Evaluation
    rates: Floats
    priors: Priors | None

    def evidence(self) -> Floats:
        """Return the examples that each product's seed counts for, shape (P,)."""
        offered = np.bincount(self.lessons.product, minlength=len(self.rates)).astype(np.float64)
        others = offered.sum() - offered
        evidence: Floats = np.floor(np.minimum(EVIDENCE_MAX, offered + SHARED_EVIDENCE * others))
        return evidence

    def calibration(self, columns: Sequence[int]) -> SeedCalibration:
        """Return the mean map of some products."""
        maps, answers = self.evaluation.maps, [int((self.lessons.product == c).sum()) for c in columns]
        offset = float(maps.offsets[list(columns)].mean())
        count = float(min(CALIBRATION_EVIDENCE_MAX, *answers, math.inf))
        return SeedCalibration(slope=maps.slope, offset=offset, count=count)

    def metrics(self, column: int) -> dict[str, float]:
        """Return the held-out measures of one product."""
        found = self.evaluation.of_product(column)
        return {} if found is None else found.to_numbers("held_out_")


def _models(learned: _Learned, catalogue: OfferCatalogue) -> list[SeedModel]:
    """Return a seed for every model: each product, then each bundle as the mean of its products."""
    evidence = learned.evidence()
    models = [
        _model(name, learned, [column], examples=evidence[column], metrics=learned.metrics(column))
        for column, name in enumerate(catalogue.product_ids)
    ]
    for offer in catalogue.offers:
        if len(offer.products) > 1:
            columns = [catalogue.product_index[name] for name in offer.products]
            # Nobody was offered a bundle in the past: half of what its least known product counts for.
            worth = math.floor(0.5 * evidence[columns].min())
            models.append(_model(offer.offer_id, learned, columns, examples=worth, metrics={}))
    return models


def _model(
    model_id: str, learned: _Learned, columns: list[int], *, examples: float, metrics: dict[str, float]
) -> SeedModel:
    shifts = [] if learned.priors is None else learned.priors.shifts[columns].mean(axis=0).tolist()
    return SeedModel(
        product_id=model_id,
        weights=learned.carried.weights[columns].mean(axis=0).tolist(),
        intercept=float(learned.carried.intercepts[columns].mean()),
        examples=float(examples),
        positives=float(examples * learned.rates[columns].mean()),
        calibration=learned.calibration(columns),
        segment_prior=shifts,
        metrics=metrics,
    )


def _priors(lessons: Lessons, segment: Int64s, rates: Floats, segments: SeedSegments) -> Priors:
    return segment_priors(lessons, segment, rates, n_segments=len(segments.centroids))


def _metrics(past: PastFeatures, lessons: Lessons, evaluation: Evaluation) -> dict[str, float]:
    return {
        "offers": float(len(lessons)),
        "accepted": float(lessons.accepted.sum()),
        "events": float(past.n_events),
        "customers": float(len(past.customer_ids)),
        "penalty": evaluation.penalty,
        "held_out_log_loss_of_the_rates": log_loss(evaluation.rate, evaluation.accepted),
        "held_out_log_loss_uncalibrated": log_loss(evaluation.uncalibrated, evaluation.accepted),
        **evaluation.overall().to_numbers("held_out_"),
    }
