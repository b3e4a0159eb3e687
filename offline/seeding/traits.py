"""Traits of the history's customers: what the laboratory can honestly say of each, for `bank.traits`.

    segment         the nearest centroid of the seed bundle, as the scorer would place the customer
    affinity        P(accept if offered) of each product not held, by the models of the bundle at the end of the
                    history, as the scorer would say it
    churn           probability of silence for the next 30 days (churn.py), where enough customers fell silent
    lifetime value  yearly margin of the products held, over five years: a projection, not a model

Rules of this file: the same history and bundle give the same traits, byte for byte and with the same event ids, so
publishing them twice changes nothing. Nothing is said of who does not agree to profiling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.features.model_input import model_inputs_milli
from consumer.scoring.compiled import compile_models
from consumer.scoring.seed_bundle import SeedBundle
from consumer.scoring.seeds import seeds_of
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.messages import Traits
from consumer.vocabulary.products import OfferCatalogue
from offline.seeding.past_features import PastFeatures
from offline.seeding.seed import final_segments

Floats = NDArray[np.float64]

DIGITS: Final = 4
"""The customer record keeps four digits of a probability."""

YEARS: Final = 5
DISCOUNT: Final = 0.10
"""A margin a year away is worth 10 % less."""

MONTHS_A_YEAR: Final = 12


@dataclass(frozen=True)
class TraitsFound:
    """Traits of every customer who agrees to profiling, and what each trait is."""

    traits: Sequence[Traits]
    sentences: Sequence[str]


def check_bundle(bundle: SeedBundle, features: FeatureCatalogue, file: Path) -> None:
    """Refuse a bundle of other features.

    Raises
    ------
    ConfigurationError : it names both fingerprints
    """
    if bundle.fingerprint != features.fingerprint:
        raise ConfigurationError(
            f"The seeds {file} were made for features {bundle.fingerprint}, but this build computes "
            f"{features.fingerprint}: make them again from history."
        )


def traits_of(
    past: PastFeatures, bundle: SeedBundle, catalogue: OfferCatalogue, *, churn: Floats | None
) -> TraitsFound:
    """Return the traits of customers at the end of a history.

    Parameters
    ----------
    churn : shape (n,), probability of each customer; None where it cannot be said
    """
    features = catalogue_for(catalogue.product_ids)
    segment = final_segments(past, bundle.segments, features)
    p_accept = np.round(_p_accept(past, bundle, catalogue, features), DIGITS)
    is_held = _is_held(past, features)
    value = np.rint(lifetime_value_minor(is_held, catalogue, churn))
    traits = []
    for row in np.flatnonzero(past.may_be_profiled).tolist():
        customer_id = past.customer_ids[row]
        affinity = zip(catalogue.product_ids, p_accept[row].tolist(), is_held[row].tolist(), strict=True)
        traits.append(
            Traits(
                event_id=_event_id(bundle, past, customer_id),
                customer_id=customer_id,
                event_time_ms=past.as_of_ms,
                segment=int(segment[row]) if segment[row] >= 0 else None,
                lifetime_value_minor=int(value[row]),
                churn_probability=None if churn is None else round(float(churn[row]), DIGITS),
                affinity={name: p for name, p, held in affinity if not held},
                seed_version=bundle.seed_version,
            )
        )
    left_out = len(past.customer_ids) - len(traits)
    return TraitsFound(traits, [*_sentences(bundle, len(traits), left_out, has_churn=churn is not None)])


def lifetime_value_minor(
    is_held: NDArray[np.bool_], catalogue: OfferCatalogue, churn: Floats | None
) -> Floats:
    """Return what the products held earn over `YEARS` years, in minor units, shape (n,).

    Parameters
    ----------
    is_held : shape (n, P)
    churn : shape (n,), probability of leaving within a month; None: nobody leaves
    """
    margin = np.array([product.margin_minor for product in catalogue.products], dtype=np.float64)
    yearly: Floats = is_held @ margin
    stays = np.ones(len(yearly)) if churn is None else (1.0 - churn) ** MONTHS_A_YEAR
    years = sum((stays * (1.0 - DISCOUNT)) ** year for year in range(YEARS))
    return np.asarray(yearly * years, dtype=np.float64)


def _sentences(bundle: SeedBundle, n: int, left_out: int, *, has_churn: bool) -> list[str]:
    segments = "no segments" if bundle.segments is None else f"{len(bundle.segments.centroids)} segments"
    stays = "who stay with the probability that churn leaves" if has_churn else "as if nobody left"
    sentences = [
        f"Traits of {n:,} customers by the seeds {bundle.seed_version} ({segments}).",
        (
            "Affinity: chance that the customer accepts a product not held, if offered, by the first weights at the "
            "end of the history."
        ),
        (
            f"Lifetime value: yearly margins of the products held (policy file) over {YEARS} years, {DISCOUNT:.0%} less "
            f"each year, {stays}: a projection, not a model."
        ),
    ]
    if left_out:
        sentences.append(f"{left_out:,} customers do not agree to profiling: no traits of them.")
    return sentences


def _p_accept(
    past: PastFeatures, bundle: SeedBundle, catalogue: OfferCatalogue, features: FeatureCatalogue
) -> Floats:
    """Return what the scorer would say, shape (n, P)."""
    seeds = seeds_of(bundle, feature_names=features.names)
    models = compile_models(
        features.input_names,
        features.fingerprint,
        catalogue.product_ids,
        groups={product.product_id: product.group for product in catalogue.products},
        snapshots=seeds.snapshots,
    )
    segment = final_segments(past, bundle.segments, features)
    return models.score(model_inputs_milli(features, past.final_values, segment)).p_accept


def _is_held(past: PastFeatures, features: FeatureCatalogue) -> NDArray[np.bool_]:
    columns = [features.index[f"holds_{name}"] for name in features.product_ids]
    return np.asarray(past.final_values[:, columns] > 0.0)


def _event_id(bundle: SeedBundle, past: PastFeatures, customer_id: str) -> str:
    """Return an id that the same bundle, history and customer always have; customer ids may be too long for it."""
    return f"traits-{bundle.seed_version}-{stable_hash64(f'{past.as_of_ms}:{customer_id}'):016x}"
