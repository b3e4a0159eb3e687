"""The seed bundle: what the laboratory hands over so that models do not start from nothing.

One JSON document: the scaler, the first weights of each model, how much they count, how they are calibrated,
what each segment accepts, and the centroids that place a customer in a segment. It holds no personal data.

Rules of this file: data only, and the checks that make a bundle usable; `seeds` turns it into models.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from consumer.scoring.calibration import OFFSET_MAX, SLOPE_MAX, SLOPE_MIN

BUNDLE_VERSION: Final = "1.1"
"""1.1 added calibration, priors by segment, names of segments and measures by model; 1.0 is still read."""

N_SEGMENTS_MAX: Final = 10
"""Segments that have a model input of their own."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Spread = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Transform = Literal["identity", "signed_log1p"]


class BundlePart(BaseModel):
    """A document inside the bundle."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SeedScaler(BundlePart):
    """Mean and spread of each model input, in order of the input names."""

    mean: list[Number]
    sd: list[Spread]


class SeedCalibration(BundlePart):
    """The map `slope * log_odds + offset` that made unseen answers come true; the default changes nothing."""

    slope: Annotated[Number, Field(ge=SLOPE_MIN, le=SLOPE_MAX)] = 1.0
    offset: Annotated[Number, Field(ge=-OFFSET_MAX, le=OFFSET_MAX)] = 0.0
    count: Annotated[Number, Field(ge=0.0, description="answers that it counts for, bounded")] = 0.0


class SeedModel(BundlePart):
    """First weights of one model, on scaled inputs, and the evidence that they count for.

    segment_prior : for each segment the log-odds that its rate of acceptance adds to the product's
    metrics : how good the model was on held-out offers
    """

    product_id: Name
    weights: list[Number]
    intercept: Number
    examples: Annotated[Number, Field(ge=0.0, description="bounded, so that the stream can correct them")]
    positives: Annotated[Number, Field(ge=0.0)]
    calibration: SeedCalibration = SeedCalibration()
    segment_prior: Annotated[list[Number], Field(max_length=N_SEGMENTS_MAX)] = []
    metrics: dict[str, Number] = {}

    @model_validator(mode="after")
    def _positives_are_examples(self) -> SeedModel:
        if self.positives > self.examples:
            raise ValueError(f"{self.positives} positives of {self.examples} examples")
        return self


class SeedSegments(BundlePart):
    """How a customer is placed: the nearest centroid over a few transformed, scaled features."""

    feature_names: Annotated[list[Name], Field(min_length=1)]
    transforms: list[Transform]
    mean: list[Number]
    sd: list[Spread]
    centroids: Annotated[list[list[Number]], Field(min_length=1, max_length=N_SEGMENTS_MAX)]
    names: Annotated[list[Annotated[str, Field(max_length=100)]], Field(description="for people")] = []
    sizes: Annotated[list[int], Field(description="customers of the history in each segment")] = []

    @model_validator(mode="after")
    def _lengths_agree(self) -> SeedSegments:
        lengths = {len(self.transforms), len(self.mean), len(self.sd), *map(len, self.centroids)}
        if lengths != {len(self.feature_names)}:
            raise ValueError(f"parts of lengths {sorted(lengths)} for {len(self.feature_names)} features")
        if not {len(self.names), len(self.sizes)} <= {0, len(self.centroids)}:
            raise ValueError(
                f"{len(self.names)} names and {len(self.sizes)} sizes for {len(self.centroids)} centroids"
            )
        return self


class SeedBundle(BundlePart):
    """The whole bundle; `seed_version` is a hash of the rest (`with_version`)."""

    bundle_version: Literal["1.0", "1.1"] = BUNDLE_VERSION
    seed_version: str = ""
    fingerprint: Name
    as_of_ms: Annotated[int, Field(ge=0)]
    input_names: list[Name]
    scaler: SeedScaler
    models: list[SeedModel]
    segments: SeedSegments | None
    metrics: Annotated[
        dict[str, float], Field(description="how good the first weights were on held-out offers")
    ]

    @model_validator(mode="after")
    def _lengths_agree(self) -> SeedBundle:
        lengths = {len(self.scaler.mean), len(self.scaler.sd), *(len(model.weights) for model in self.models)}
        if lengths != {len(self.input_names)}:
            raise ValueError(f"parts of lengths {sorted(lengths)} for {len(self.input_names)} inputs")
        n_segments = 0 if self.segments is None else len(self.segments.centroids)
        for model in self.models:
            if model.segment_prior and len(model.segment_prior) != n_segments:
                raise ValueError(
                    f"{model.product_id} has priors of {len(model.segment_prior)} segments, there are {n_segments}"
                )
        return self

    def with_version(self) -> SeedBundle:
        """Return the bundle with the version that its content has: 12 hex digits."""
        content = self.model_copy(update={"seed_version": ""}).model_dump_json()
        return self.model_copy(update={"seed_version": blake2b(content.encode(), digest_size=6).hexdigest()})
