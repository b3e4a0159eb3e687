"""Parity: the features that the service serves against those that its history gives.

    history ─► fold (nothing but the pure part) ─► features ┐
    store ─► record ─► features as `upswell inspect` shows ─┼─► per feature: missing, extra, mismatch, SMAPE
    decision log ─► model inputs as they were scored ───────┘

The two sides share the fold's code, but not the way: history goes through files in order of event time and
large batches, the service through Kafka in order of arrival, micro-batches, stored records, crashes and
takeovers, perhaps with another version of the code. A difference says that one of these changed a number.

Rules of this file: reads only; a customer who has gone on since the history ended is not compared, but counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from consumer.adapters.partitioner import partition_of
from consumer.features.catalogue import FeatureCatalogue
from consumer.features.event_columns import Floats
from consumer.features.layout import Layout
from consumer.features.model_input import MILLI
from consumer.features.record import unpack
from consumer.features.values import feature_values
from consumer.ports import LoadedCustomers
from offline.parity.difference import ColumnDifference, Tolerance, customer_hash, differences
from offline.parity.recomputed import Recomputed

CUSTOMERS_A_CALL = 5_000
"""About 2.5 MB of records."""

_INPUT_TOLERANCE = Tolerance(relative=0.0, absolute=1.5 / MILLI)
"""Inputs are whole thousandths; sums in another order may round to the neighbour."""


class ReadableStore(Protocol):
    """The part of a state store that an onlooker needs."""

    def load(self, wanted: Mapping[int, Sequence[str]]) -> dict[int, LoadedCustomers]:
        """Fetch records of customers (partition → ids) without owning them."""

    def layouts(self) -> dict[str, str]:
        """Return fingerprint → layout JSON."""


@dataclass(frozen=True, slots=True)
class CustomerParity:
    """The sample's customers in the store.

    missing : the history knows them, the store does not; extra : the other way round (erased, and yet stored)
    moved_on : the store has newer events than the history, so they were not compared
    missing_examples, extra_examples : hashes of a few
    """

    sampled: int
    compared: int
    missing: int
    extra: int
    moved_on: int
    missing_examples: tuple[str, ...]
    extra_examples: tuple[str, ...]
    features: Sequence[ColumnDifference]


@dataclass(frozen=True, slots=True)
class DecisionParity:
    """The sample's logged decisions; unplaced : the history does not hold their trigger."""

    logged: int
    compared: int
    unplaced: int
    inputs: Sequence[ColumnDifference]


@dataclass(frozen=True, slots=True)
class Parity:
    """The result; `decisions` is None where the history has no decision log."""

    share: float
    tolerance: Tolerance
    latest_ms: int
    customers: CustomerParity | None
    decisions: DecisionParity | None

    @property
    def has_differences(self) -> bool:
        """Return whether anything is not as it should be."""
        found = 0
        if self.customers is not None:
            found += self.customers.missing + self.customers.extra
            found += sum(line.different for line in self.customers.features)
        if self.decisions is not None:
            found += self.decisions.unplaced + sum(line.different for line in self.decisions.inputs)
        return found > 0


def customer_parity(
    history: Recomputed,
    store: ReadableStore,
    features: FeatureCatalogue,
    *,
    n_partitions: int,
    tolerance: Tolerance,
) -> CustomerParity:
    """Compare the sample's final features with what the store holds."""
    stored, as_of_ms = _stored(history.customer_ids, store, features, n_partitions=n_partitions)
    known = np.array(history.is_known, dtype=bool)
    moved_on = as_of_ms > history.latest_ms
    is_stored = as_of_ms > 0
    is_missing, is_extra = known & ~is_stored, ~known & is_stored & ~moved_on
    compared = np.flatnonzero(known & is_stored & ~moved_on)
    names = np.array(history.customer_ids, dtype=np.object_)
    return CustomerParity(
        sampled=len(names),
        compared=len(compared),
        missing=int(is_missing.sum()),
        extra=int(is_extra.sum()),
        moved_on=int(moved_on.sum()),
        missing_examples=_examples(names[is_missing].tolist()),
        extra_examples=_examples(names[is_extra].tolist()),
        features=differences(
            features.names,
            np.array([feature.default for feature in features.features]),
            from_history=history.values[compared],
            found=stored[compared],
            owners=names[compared].tolist(),
            tolerance=tolerance,
        ),
    )


def decision_parity(history: Recomputed, features: FeatureCatalogue) -> DecisionParity:
    """Compare the model inputs in logged decisions with those that the history gives."""
    inputs = [decision.model_input.inputs_milli for decision in history.decisions if decision.model_input]
    n_inputs = len(features.input_names)
    return DecisionParity(
        logged=len(history.decisions) + len(history.unplaced),
        compared=len(history.decisions),
        unplaced=len(history.unplaced),
        inputs=differences(
            features.input_names,
            np.zeros(n_inputs),
            from_history=history.inputs_milli / MILLI,
            found=np.array(inputs, dtype=np.float64).reshape(len(inputs), n_inputs) / MILLI,
            owners=[decision.customer_id for decision in history.decisions],
            tolerance=_INPUT_TOLERANCE,
        ),
    )


def _stored(
    customer_ids: Sequence[str], store: ReadableStore, features: FeatureCatalogue, *, n_partitions: int
) -> tuple[Floats, Floats]:
    """Return the features of stored records, and the time that each is as of, 0 where there is none."""
    layouts = {name: Layout.from_json(text) for name, text in store.layouts().items()}
    rows_of: dict[int, list[int]] = {}
    for row, name in enumerate(customer_ids):
        rows_of.setdefault(partition_of(name.encode(), n_partitions), []).append(row)
    values = np.zeros((len(customer_ids), len(features.names)))
    as_of_ms = np.zeros(len(customer_ids))
    for partition, rows in rows_of.items():
        for start in range(0, len(rows), CUSTOMERS_A_CALL):
            part = rows[start : start + CUSTOMERS_A_CALL]
            loaded = store.load({partition: [customer_ids[row] for row in part]})[partition]
            records = unpack(layouts, features.layout, loaded.records)
            values[part] = feature_values(features, records)
            as_of_ms[part] = records["as_of_ms"]
    return values, as_of_ms


def _examples(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(customer_hash(name) for name in names[:3])
