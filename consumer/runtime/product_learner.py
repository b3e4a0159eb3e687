"""What the learner holds of one product: the model, how it is tested, and which examples it contains.

Rules of this file: the same examples in the same order give the same state, bit for bit, whenever and
however often it is published and restored in between. Event time only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from consumer.learning.drift import DriftWatch, drift_from_json
from consumer.learning.prequential import (
    Prequential,
    answered,
    log_loss,
    metrics_of,
    prequential_from_json,
)
from consumer.learning.weighting import effective_sample_size
from consumer.scoring.online_model import ModelState, OnlineModel, initial_state
from consumer.scoring.snapshot import SnapshotFacts, snapshot_document, state_of
from consumer.vocabulary.messages import Example, ModelSnapshot


@dataclass(slots=True)
class ProductLearner:
    """One product's learning state; changes in `learn` only.

    facts : identity, version and examples contained, as of the last snapshot
    event_time_ms : latest maturity among the examples learned
    positions : partition of `nbo.examples` → next offset that is not contained
    """

    model: OnlineModel
    facts: SnapshotFacts
    test: Prequential = field(default_factory=Prequential)
    watch: DriftWatch = field(default_factory=DriftWatch)
    event_time_ms: int = 0
    positions: dict[str, int] = field(default_factory=dict)

    def contains(self, partition: int, offset: int) -> bool:
        """Return whether the example at this place of `nbo.examples` was learned already."""
        return offset < self.positions.get(str(partition), 0)

    def learn(self, example: Example, inputs: NDArray[np.float64], *, partition: int, offset: int) -> bool:
        """Test, then train on one example; return whether it completed a drift.

        Parameters
        ----------
        example : of this product and feature layout
        inputs : shape (F,), its model input in units (thousandths / 1000)
        partition, offset : its place in `nbo.examples`
        """
        self.positions[str(partition)] = offset + 1
        self.event_time_ms = max(self.event_time_ms, example.matured_at_ms)
        if example.label_kind == "purchase":
            self.model.note_purchase(example.label, weight=example.weight)
            return False
        before = self.model.learn_one(inputs, example.label, weight=example.weight)
        if example.weight < 0.0:
            return False
        self.test = answered(self.test, before.p_accept, example.label)
        has_drifted = self.watch.update(log_loss(before.p_accept, example.label))
        if has_drifted:
            self.model.quicken()
        return has_drifted

    def metrics(self) -> dict[str, float]:
        """Return the running test, and how many equal examples the weighted ones are worth."""
        evidence = self.model.evidence
        worth = effective_sample_size(evidence.weight_sum, evidence.weight_square_sum)
        return {**metrics_of(self.test), "effective_examples": worth}

    def snapshot(self) -> ModelSnapshot:
        """Return the state as the next version; from here on it is the parent."""
        self.facts = replace(
            self.facts,
            version=self.facts.version + 1,
            parent_version=self.facts.version,
            origin="stream",
            event_time_ms=self.event_time_ms,
            drift=self.watch.to_json(),
            metrics=self.metrics(),
            examples_positions=dict(self.positions),
        )
        return snapshot_document(self.model.snapshot(), self.facts, prequential=self.test.to_json())


def new_learner(product_id: str, fingerprint: str, input_names: tuple[str, ...]) -> ProductLearner:
    """Return the learner of a product that has neither snapshot nor seed; its version 0 is never published."""
    facts = SnapshotFacts(
        product_id=product_id,
        version=0,
        parent_version=None,
        origin="stream",
        fingerprint=fingerprint,
        input_names=input_names,
        event_time_ms=0,
    )
    return _learner(initial_state(len(input_names)), facts)


def restored_learner(snapshot: ModelSnapshot) -> ProductLearner:
    """Return the learner that continues from a snapshot or seed."""
    facts = SnapshotFacts(
        product_id=snapshot.product_id,
        version=snapshot.version,
        parent_version=snapshot.parent_version,
        origin="stream",
        fingerprint=snapshot.fingerprint,
        input_names=tuple(snapshot.input_names),
        event_time_ms=snapshot.event_time_ms,
        seed_version=snapshot.seed_version,
        examples_positions=snapshot.examples_positions,
    )
    learner = _learner(state_of(snapshot), facts)
    learner.test = prequential_from_json(snapshot.calibration)
    learner.watch = drift_from_json(snapshot.drift)
    return learner


def _learner(state: ModelState, facts: SnapshotFacts) -> ProductLearner:
    positions: Mapping[str, int] = facts.examples_positions
    return ProductLearner(
        OnlineModel(facts.input_names, state),
        facts,
        event_time_ms=facts.event_time_ms,
        positions=dict(positions),
    )
