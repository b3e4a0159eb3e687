"""The sample's features from history: at the end, and at each decision that was logged.

Rules of this file: the history alone; the store is not asked. The customers are drawn by a hash of their ids, so
that the sample of tomorrow is the sample of today.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.features.event_columns import Floats, Int64s
from consumer.features.layout import Records
from consumer.features.model_input import model_inputs_milli
from consumer.features.values import feature_values
from consumer.vocabulary.ids import uniform_draw
from consumer.vocabulary.products import OfferCatalogue
from offline.history.clock import PartitionOfKey, StreamClock
from offline.history.customers import Customers
from offline.history.fold import HistoryFold, WantedKeys
from offline.history.offers import LoggedDecision, PastOffers, read_past_offers
from offline.history.reading import merged_batches

BATCH_RECORDS: Final = 300_000
_SALT: Final = "parity"
NO_SEGMENT: Final = -1

Progress = Callable[[int], None]
"""Told the time in ms up to which the history is folded."""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What history says of the sample.

    customer_ids : n customers; values : shape (n, n_features); is_known : whether anything is left to store (an
        erased customer is nobody)
    decisions : m logged decisions whose trigger the history holds and whose inputs were logged
    inputs_milli : shape (m, F), the inputs as they should have been
    unplaced : logged decisions whose trigger the history does not hold
    """

    customer_ids: Sequence[str]
    values: Floats
    is_known: Sequence[bool]
    latest_ms: int
    decisions: Sequence[LoggedDecision]
    inputs_milli: Int64s
    unplaced: Sequence[LoggedDecision]


def in_sample(customer_id: str, share: float) -> bool:
    """Return whether a customer belongs to a sample of this share.

    Examples
    --------
    >>> sum(in_sample(f"c-{i}", 0.1) for i in range(10_000))
    1016
    """
    return uniform_draw(_SALT, customer_id) < share


def recomputed(
    history_dir: Path,
    catalogue: OfferCatalogue,
    *,
    share: float,
    n_partitions: int,
    progress: Progress = lambda _: None,
) -> Recomputed:
    """Return the sample's features from history.

    Raises
    ------
    ConfigurationError : the history cannot be read
    """
    features = catalogue_for(catalogue.product_ids)
    wanted = WantedKeys(lambda customer_id: in_sample(customer_id, share))
    offers = read_past_offers(history_dir, catalogue, is_wanted=lambda name: in_sample(name, share))
    watch = _AtDecisions(features, offers)
    clock = StreamClock(PartitionOfKey(n_partitions))
    fold = HistoryFold(catalogue, Customers(features), offers, wanted=wanted, clock=clock, watch=watch)
    for records in merged_batches(history_dir, batch_records=BATCH_RECORDS):
        fold.fold(records)
        progress(fold.largest_ms)
    fold.finish()
    final = fold.customers.known_records()
    return Recomputed(
        customer_ids=list(fold.customers.row_of),
        values=feature_values(features, final),
        is_known=(final["as_of_ms"] > 0).tolist(),
        latest_ms=fold.largest_ms,
        decisions=watch.decisions,
        inputs_milli=np.concatenate([np.zeros((0, len(features.input_names)), np.int64), *watch.inputs]),
        unplaced=[offers.decisions[place] for place in offers.by_trigger.values()],
    )


@dataclass(slots=True)
class _AtDecisions:
    """Computes the model inputs at logged decisions, right after their triggers."""

    features: FeatureCatalogue
    offers: PastOffers
    decisions: list[LoggedDecision] = field(default_factory=list)
    inputs: list[Int64s] = field(default_factory=list)

    def __call__(self, offers: Int64s, records: Records) -> None:
        """Look at the customers of those decisions that logged their inputs under today's features."""
        start = len(self.offers.campaign)
        rows = [
            row
            for row, offer in enumerate(offers.tolist())
            if offer >= start and self._is_logged(offer - start)
        ]
        if not rows:
            return
        made = [self.offers.decisions[offer - start] for offer in offers[rows].tolist()]
        segment = np.array([NO_SEGMENT if d.segment is None else d.segment for d in made], dtype=np.int64)
        values = feature_values(self.features, records[rows])
        self.decisions += made
        self.inputs.append(model_inputs_milli(self.features, values, segment))

    def _is_logged(self, place: int) -> bool:
        logged = self.offers.decisions[place].model_input
        return logged is not None and logged.fingerprint == self.features.fingerprint
