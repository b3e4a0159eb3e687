"""A past campaign in a backfill, against the features that first weights are learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from consumer.features.values import feature_values
from offline.backfilling.backfill import fold_history
from offline.history.past_files import days, read_offers
from offline.seeding.past_features import features_of_past
from producer_sim.history import write
from producer_sim.settings import BankSettings
from tests.simulation.world import retail_bank


def test_customers_after_a_backfill_have_the_features_that_first_weights_are_learned_from(
    tmp_path: Path,
) -> None:
    catalogue = retail_bank().catalogue
    offers = {offer.offer_id: offer.products for offer in catalogue.offers}
    bank = BankSettings(
        customers=80, days=0, history_days=60, seed=4, products=catalogue.product_ids, offers=offers
    )
    write(bank, tmp_path)
    campaign = read_offers(tmp_path)
    taught = features_of_past(days(tmp_path, campaign), catalogue)
    fold = fold_history(tmp_path, catalogue, n_partitions=3, partitions=range(3))
    rows = [fold.customers.row_of[name] for name in taught.customer_ids]
    values = feature_values(fold.customers.features, fold.customers.known_records())[rows]
    made = values[:, fold.customers.features.index["offers_made"]]
    assert len(campaign) > 50
    assert made.sum() > 10
    assert fold.n_events == taught.n_events
    np.testing.assert_allclose(values, taught.final_values, rtol=1e-6, atol=1e-9)
