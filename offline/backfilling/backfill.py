"""Backfill: a history becomes the state from which a scorer reads on.

    history files ──► merged batches ──► fold ──► records ──► store, with the position to continue from

What a scorer would have made of the same events is what the store then holds, but for what only a live service
has: no decision is made, so there are no open decisions and no contacts but those that the history tells of.

Rules of this file: everything is folded before anything is written; each partition gets its position, with
customers or without, or a scorer would read its topics from their beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from consumer.adapters.partitioner import partition_of
from consumer.features.catalogue import catalogue_for
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.topics import INPUT_ROLES
from offline.backfilling.positions import Positions
from offline.backfilling.writing import Ownership, PartitionContent, check_free, write_partitions
from offline.history.clock import PartitionOfKey, StreamClock
from offline.history.customers import Customers
from offline.history.fold import HistoryFold, WantedKeys
from offline.history.offers import read_past_offers
from offline.history.reading import merged_batches, roles_in

BATCH_RECORDS: Final = 300_000
"""Events of a customer come together only in large batches; 300,000 take about 300 MB while they are decoded."""

Progress = Callable[[int, int], None]
"""Told the number of events folded, and the latest event time in ms."""


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """What a backfill did.

    n_events : folded; n_records : written; refused : dead-letter code → records that no scorer could use
    absent_roles : input roles that the history has no file of
    n_offers : offers of the past that were noted as contacts; n_decisions : logged decisions that were noted
    """

    n_events: int
    n_records: int
    n_offers: int
    n_decisions: int
    latest_ms: int
    refused: Mapping[str, int]
    absent_roles: Sequence[str]


def backfill(
    history_dir: Path,
    catalogue: OfferCatalogue,
    own: Ownership,
    positions: Positions,
    *,
    progress: Progress = lambda *_: None,
) -> BackfillReport:
    """Fold a history and write it to the store.

    Parameters
    ----------
    history_dir : history files (`offline.history.reading`)
    catalogue : of the policy that the scorers will run
    own : the store and what may be done to it
    positions : partition → role → next offset; only these partitions are written, and only their customers
        are held in memory

    Raises
    ------
    ConfigurationError : the history is no history, or the store is not free; nothing was written
    """
    roles = roles_in(history_dir)
    partitions = sorted(positions)
    check_free(own, partitions)
    folded = fold_history(
        history_dir, catalogue, n_partitions=own.n_partitions, partitions=partitions, progress=progress
    )
    contents = _contents(folded.customers, own.n_partitions, positions)
    layout = folded.customers.features.layout
    n_records = write_partitions(own, layout, folded.customers.known_records(), contents)
    return BackfillReport(
        n_events=folded.n_events,
        n_records=n_records,
        n_offers=len(folded.offers.by_decision),
        n_decisions=len(folded.offers.decisions),
        latest_ms=folded.largest_ms,
        refused=dict(folded.refused),
        absent_roles=[role for role in INPUT_ROLES if role not in roles],
    )


def fold_history(
    history_dir: Path,
    catalogue: OfferCatalogue,
    *,
    n_partitions: int,
    partitions: Sequence[int],
    progress: Progress = lambda *_: None,
) -> HistoryFold:
    """Return the folded history of the customers of some partitions."""
    owner = PartitionOfKey(n_partitions)
    mine = frozenset(partitions)

    def is_mine(customer_id: str) -> bool:
        return partition_of(customer_id.encode(), n_partitions) in mine

    is_part = len(mine) < n_partitions
    offers = read_past_offers(history_dir, catalogue, is_wanted=is_mine if is_part else lambda _: True)
    fold = HistoryFold(
        catalogue,
        Customers(catalogue_for(catalogue.product_ids)),
        offers,
        wanted=WantedKeys(is_mine) if is_part else None,
        clock=StreamClock(owner) if offers.decisions else None,
    )
    for records in merged_batches(history_dir, batch_records=BATCH_RECORDS):
        fold.fold(records)
        progress(fold.n_events, fold.largest_ms)
    fold.finish()
    return fold


def _contents(customers: Customers, n_partitions: int, positions: Positions) -> list[PartitionContent]:
    names = np.array(list(customers.row_of), dtype=np.object_)
    owner = np.array([partition_of(name.encode(), n_partitions) for name in names.tolist()], dtype=np.int64)
    contents = []
    for partition in sorted(positions):
        rows = np.flatnonzero(owner == partition)
        contents.append(
            PartitionContent(
                partition=partition,
                customer_ids=names[rows].tolist(),
                rows=rows,
                positions=positions[partition],
                stream_time_ms=int(customers.latest_ms[rows].max(initial=0)),
            )
        )
    return contents
