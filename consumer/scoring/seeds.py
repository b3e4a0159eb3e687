"""Seeds in use: a bundle's models as snapshots at version 0, and its segments as a function.

Rules of this file: whatever is wrong with a bundle is one sentence with the file and the place; placing is
element by element, so a customer's segment does not depend on who else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from consumer.scoring.calibration import Calibration
from consumer.scoring.online_model import Evidence, ModelState
from consumer.scoring.scaler import Scaler
from consumer.scoring.seed_bundle import SeedBundle, SeedModel, SeedSegments, Transform
from consumer.scoring.snapshot import SnapshotFacts, snapshot_document
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.messages import ModelSnapshot

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]

NO_SEGMENT = -1


@dataclass(frozen=True, slots=True)
class SegmentPlacer:
    """Places customers at the nearest centroid; `columns` are the features' columns of the values."""

    columns: tuple[int, ...]
    segments: SeedSegments

    def __call__(self, values: Floats) -> Int64s:
        """Return the segment of each customer.

        Parameters
        ----------
        values : shape (n, n_features), raw feature values in catalogue order

        Returns
        -------
        shape (n,), the number of the nearest centroid; the lower one of two equally near
        """
        part = self.segments
        distances = np.zeros((len(part.centroids), len(values)))
        for place, column in enumerate(self.columns):
            raw = transformed(np.ascontiguousarray(values[:, column]), part.transforms[place])
            position = (raw - part.mean[place]) / part.sd[place]
            for number, centroid in enumerate(part.centroids):
                gap = position - centroid[place]
                distances[number] += gap * gap
        nearest: Int64s = distances.argmin(axis=0).astype(np.int64)
        return nearest


@dataclass(frozen=True, slots=True)
class NobodyPlaced:
    """Places nobody: the bundle has no segments."""

    def __call__(self, values: Floats) -> Int64s:
        """Return `NO_SEGMENT` for each customer."""
        return np.full(len(values), NO_SEGMENT, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class SeedSet:
    """What scorers and learner start from.

    version : of the bundle; snapshots : model id → snapshot at version 0
    """

    version: str
    snapshots: Mapping[str, ModelSnapshot]
    place_segment: SegmentPlacer | NobodyPlaced


def transformed(values: Floats, transform: Transform) -> Floats:
    """Return feature values on the scale on which customers are compared."""
    if transform == "identity":
        return values
    result: Floats = np.copysign(np.log1p(np.abs(values)), values)
    return result


def read_seeds(
    file: Path, *, input_names: Sequence[str], fingerprint: str, feature_names: Sequence[str]
) -> SeedSet:
    """Return the seeds of a bundle file.

    Parameters
    ----------
    file : JSON, written by the laboratory
    input_names, fingerprint : of this build's feature layout
    feature_names : of the values that customers are placed by, in column order

    Raises
    ------
    ConfigurationError : the file is not there, is no bundle, or is of other features
    """
    try:
        bundle = SeedBundle.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"Cannot read the seeds {file}: {error.strerror}.") from error
    except ValidationError as error:
        raise not_a_bundle(file, error) from error
    if bundle.fingerprint != fingerprint or tuple(bundle.input_names) != tuple(input_names):
        raise ConfigurationError(
            f"The seeds {file} were made for features {bundle.fingerprint}, but this build computes "
            f"{fingerprint}: make them again from history."
        )
    return seeds_of(bundle, feature_names=feature_names)


def not_a_bundle(file: Path, error: ValidationError) -> ConfigurationError:
    """Return the first fault of a document that is no bundle, as one sentence."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "the document"
    return ConfigurationError(f"The seeds {file} are no seed bundle: {place}: {first['msg']}.")


def seeds_of(bundle: SeedBundle, *, feature_names: Sequence[str]) -> SeedSet:
    """Return a bundle as snapshots at version 0 and a placing function.

    Raises
    ------
    ConfigurationError : customers are placed by a feature that this build does not have
    """
    return SeedSet(
        version=bundle.seed_version,
        snapshots={model.product_id: _snapshot(bundle, model) for model in bundle.models},
        place_segment=placer_of(bundle.segments, feature_names),
    )


def placer_of(segments: SeedSegments | None, feature_names: Sequence[str]) -> SegmentPlacer | NobodyPlaced:
    """Return the function that places customers whose features are in this order."""
    if segments is None:
        return NobodyPlaced()
    column_of = {name: column for column, name in enumerate(feature_names)}
    unknown = [name for name in segments.feature_names if name not in column_of]
    if unknown:
        raise ConfigurationError(
            f"The seeds place customers by {unknown[0]}, which is no feature of this build."
        )
    return SegmentPlacer(tuple(column_of[name] for name in segments.feature_names), segments)


def _snapshot(bundle: SeedBundle, model: SeedModel) -> ModelSnapshot:
    state = ModelState(
        weights=model.weights,
        intercept=model.intercept,
        # The learning rate goes on from where this much evidence would have brought it.
        steps=int(model.examples),
        scaler=Scaler(np.array(bundle.scaler.mean), np.array(bundle.scaler.sd)),
        calibration=Calibration(**model.calibration.model_dump()),
        evidence=Evidence(seed_examples=model.examples, seed_positives=model.positives),
        segment_prior=model.segment_prior,
    )
    facts = SnapshotFacts(
        product_id=model.product_id,
        version=0,
        parent_version=None,
        origin="seed",
        fingerprint=bundle.fingerprint,
        input_names=tuple(bundle.input_names),
        event_time_ms=bundle.as_of_ms,
        seed_version=bundle.seed_version,
        metrics=model.metrics,
    )
    return snapshot_document(state, facts, prequential={})
