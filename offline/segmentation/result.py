"""segments.json: everything a segmentation found, for programs.

Rules of this file: the shape only; numbers with all their digits; segments are keys "0", "1", ... from the
largest on; what does not exist is null, never NaN.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AllowInfNan, BaseModel, ConfigDict

SCHEMA_VERSION: Literal["1.0"] = "1.0"

Number = Annotated[float, AllowInfNan(False)]
Sizes = dict[str, int]
Means = dict[str, dict[str, Number | None]]
"""Segment → column → number."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StabilityPart(_Part):
    """Adjusted Rand index over bootstrap samples."""

    mean: Number
    least: Number
    bootstraps: int
    rows: int


class ElbowPart(_Part):
    """One number of segments of the scan, by k-means; the BIC is the mixture's."""

    k: int
    inertia: Number
    silhouette: Number | None
    calinski_harabasz: Number | None
    davies_bouldin: Number | None
    bic: Number | None
    stability: StabilityPart | None
    sizes: list[int]


class ChoicePart(_Part):
    """Why so many segments."""

    asked_k: int | None
    reason: str
    votes: dict[str, int]
    warnings: list[str]


class SamplePart(_Part):
    """What silhouettes, stability, mixture and Ward were computed on."""

    rows: int
    is_whole: bool


class ScalingPart(_Part):
    """How a new customer's features are scaled: (x - centre) / spread."""

    scale: str
    centres: list[Number]
    spreads: list[Number]


class MethodPart(_Part):
    """What one method gives at the chosen number of segments.

    Parameters
    ----------
    profiles : means in raw units
    medians : in raw units
    profiles_scaled : of the features, in scaled units: the centroids by name
    """

    sizes: Sizes
    silhouette: Number | None
    silhouette_by_segment: dict[str, Number | None]
    inertia: Number
    centroids_scaled: list[list[Number]]
    profiles: Means
    medians: Means
    profiles_scaled: Means
    calinski_harabasz: Number | None
    davies_bouldin: Number | None
    bic: Number | None
    cophenetic: Number | None


class LinkagePart(_Part):
    """One way of merging in a hierarchy, against k-means."""

    sizes: list[int]
    silhouette: Number | None
    cophenetic: Number | None
    ari_vs_kmeans: Number


class RecommendationPart(_Part):
    """Advice and the numbers that led to it."""

    text: str
    because: str


class SegmentPart(_Part):
    """One segment of the first method, by name."""

    segment: int
    name: str
    size: int
    share: Number
    summary: str
    rule: str | None
    axes: dict[str, Number]
    outstanding: str
    marketing: list[RecommendationPart]
    operations: list[RecommendationPart]


class FamilyPart(_Part):
    """Segments by one family of columns."""

    columns: list[str]
    k: int
    sizes: Sizes
    silhouette: dict[str, Number]
    profiles: Means
    descriptions: dict[str, str]
    ari_vs_segments: Number
    crosstab: Sizes


class SegmentsFile(_Part):
    """The whole file."""

    schema_version: Literal["1.0"]
    file: str
    n_customers: int
    n_rows: int
    id_column: str | None
    features: list[str]
    scaling: ScalingPart
    seed: int
    sample: SamplePart
    chosen_k: int
    choice: ChoicePart
    elbow: list[ElbowPart]
    segments_by: str
    methods: dict[str, MethodPart]
    crosstab: dict[str, Sizes]
    agreement: dict[str, Number]
    linkages: dict[str, LinkagePart]
    segments: list[SegmentPart]
    families: dict[str, FamilyPart]
    notes: list[str]
