"""Traits from a history directory: the past is folded, then told by `traits` and `churn`.

Rules of this file: order of work only.
"""

from __future__ import annotations

from pathlib import Path

from consumer.features.catalogue import catalogue_for
from consumer.scoring.seed_bundle import SeedBundle
from consumer.vocabulary.products import OfferCatalogue
from offline.history.past_files import days, read_offers
from offline.seeding.churn import churn_of
from offline.seeding.past_features import features_of_past
from offline.seeding.seed import Told, told_by_growth
from offline.seeding.traits import TraitsFound, check_bundle, traits_of


def traits_of_history(
    history_dir: Path,
    bundle: SeedBundle,
    catalogue: OfferCatalogue,
    *,
    bundle_file: Path,
    told: Told = lambda _: None,
) -> TraitsFound:
    """Return the traits of the customers of a history.

    Parameters
    ----------
    bundle, bundle_file : the seeds, and where they come from
    told : what is being done, in words

    Raises
    ------
    ConfigurationError : a file of the history is missing or wrong, or the bundle is of other features
    """
    features = catalogue_for(catalogue.product_ids)
    check_bundle(bundle, features, bundle_file)
    past = features_of_past(
        days(history_dir, read_offers(history_dir)), catalogue, progress=told_by_growth(told)
    )
    told("looking for customers who fell silent")
    churn = churn_of(history_dir, past, catalogue, features)
    found = traits_of(past, bundle, catalogue, churn=churn.probability)
    return TraitsFound(found.traits, [*found.sentences, churn.sentence])
