"""Model state ↔ `ModelSnapshot`, the JSON that `nbo.models` and seed bundles carry.

Rules of this file: every float goes through JSON unchanged (shortest form that reads back as itself), so a
restored model continues bit for bit; states of other parts (drift, prequential) pass through as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Literal

from consumer.scoring.calibration import calibration_from_json
from consumer.scoring.online_model import Evidence, ModelState
from consumer.scoring.prior import SEGMENT_PRIOR
from consumer.scoring.scaler import scaler_from_json
from consumer.vocabulary.messages import ModelSnapshot
from consumer.vocabulary.numbers import number, number_list

NAME_IN_ID_MAX = 40
"""Characters of the product id in a snapshot's event id, which may have 64 in all."""

JsonNumbers = dict[str, float | list[float]]
Origin = Literal["seed", "stream", "rollback"]


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """What a snapshot says besides the model's own state.

    version, parent_version : of this snapshot and of the one that it continues
    examples_positions : partition of `nbo.examples` → next offset that is not contained yet
    """

    product_id: str
    version: int
    parent_version: int | None
    origin: Origin
    fingerprint: str
    input_names: tuple[str, ...]
    event_time_ms: int
    seed_version: str = ""
    drift: JsonNumbers = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    examples_positions: Mapping[str, int] = field(default_factory=dict)


def snapshot_document(state: ModelState, facts: SnapshotFacts, *, prequential: JsonNumbers) -> ModelSnapshot:
    """Return the record of a model.

    Parameters
    ----------
    state : the model
    facts : everything around it
    prequential : state of the running test (learning/prequential.py), kept beside the calibration map
    """
    return ModelSnapshot(
        event_id=f"{facts.product_id[:NAME_IN_ID_MAX]}-{facts.origin}-{facts.version}",
        event_time_ms=facts.event_time_ms,
        product_id=facts.product_id,
        version=facts.version,
        parent_version=facts.parent_version,
        origin=facts.origin,
        fingerprint=facts.fingerprint,
        input_names=list(facts.input_names),
        weights=list(state.weights),
        intercept=state.intercept,
        optimizer={"steps": float(state.steps)},
        scaler=state.scaler.to_json(),
        calibration={**prequential, **state.calibration.to_json(), **_segment_prior(state)},
        drift=facts.drift,
        evidence=asdict(state.evidence),
        metrics=facts.metrics,
        seed_version=facts.seed_version,
        examples_positions=dict(facts.examples_positions),
    )


def state_of(snapshot: ModelSnapshot) -> ModelState:
    """Return the model state that a snapshot holds; unknown evidence is left out."""
    known = {each.name for each in fields(Evidence)}
    return ModelState(
        weights=list(snapshot.weights),
        intercept=snapshot.intercept,
        steps=int(number(snapshot.optimizer, "steps")),
        scaler=scaler_from_json(snapshot.scaler),
        calibration=calibration_from_json(snapshot.calibration),
        evidence=Evidence(**{name: value for name, value in snapshot.evidence.items() if name in known}),
        segment_prior=number_list(snapshot.calibration, SEGMENT_PRIOR),
    )


def _segment_prior(state: ModelState) -> JsonNumbers:
    """Return what a seed says of the segments; nothing for a model without a seed."""
    return {SEGMENT_PRIOR: list(state.segment_prior)} if len(state.segment_prior) else {}
