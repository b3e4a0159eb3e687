"""A table of customers → its segments with their profiles, names and recommendations.

Rules of this file: the whole story of `upswell lab segment` between reading and writing; every step that
changes or leaves out something says so in `notes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from consumer.vocabulary.errors import ConfigurationError
from offline.segmentation.axes import AxisScores, axis_scores
from offline.segmentation.families import Families, families_of
from offline.segmentation.features import (
    SEGMENTING_ROLES,
    chosen_features,
    feature_matrix,
    is_numeric,
    left_out,
    twins,
)
from offline.segmentation.naming import NamedSegment, named_segments
from offline.segmentation.plan import Method, SegmentationPlan
from offline.segmentation.profiles import Profiles, profiles_of
from offline.segmentation.rules import DEFAULT_RULES, read_rules
from offline.segmentation.segmented import Segmentation, segmented
from offline.tables.prepared import Prepared, prepared
from offline.tables.table import Announce, Table

ENGAGEMENT = "Engagement_Score"
"""Profile column: the contact channels added up, with the weights of the mapping."""

Treatment = Literal["refuse", "drop", "median", "mode"]


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """What a person asks of the laboratory.

    Parameters
    ----------
    plan : how to segment
    features : names of columns, or None for all that are fit
    id_column : name of the column that identifies customers; the mapping's, or an inferred one, when None
    when_missing : for features whose mapping keeps missing values: refuse the file, or treat them
    rules : file of names and recommendations
    """

    plan: SegmentationPlan = field(default_factory=SegmentationPlan)
    features: tuple[str, ...] | None = None
    id_column: str | None = None
    when_missing: Treatment = "refuse"
    rules: Path = DEFAULT_RULES


@dataclass(frozen=True, slots=True)
class Analysis:
    """A finished analysis.

    Parameters
    ----------
    table : as it was read
    frame : a row a customer, treated; its index names the rows of the table
    id_column : that identifies customers, or None for row numbers
    features : that made the segments
    segmentation : by each method
    profiles : method → means of features and further columns
    scores : axis → how high the first method's segments stand on it
    named : the first method's segments by name
    families : the three segmentations side by side
    notes : what was treated or left out, in sentences
    """

    table: Table
    frame: pd.DataFrame
    id_column: str | None
    features: tuple[str, ...]
    segmentation: Segmentation
    profiles: Mapping[Method, Profiles]
    scores: Mapping[str, AxisScores]
    named: Sequence[NamedSegment]
    families: Families
    notes: tuple[str, ...]

    @property
    def first_profiles(self) -> Profiles:
        """Profiles of the method whose segments are used."""
        return self.profiles[self.segmentation.first.method]

    def unit(self, column: str) -> str:
        """Return the unit of a column, empty when the mapping names none."""
        if column == ENGAGEMENT:
            return "contacts"
        return self.table.reading.column(column).unit


def analysed(table: Table, request: SegmentRequest, announce: Announce) -> Analysis:
    """Return the segments of a table's customers.

    Parameters
    ----------
    table : as it was read
    request : what is wanted
    announce : told before each step

    Raises
    ------
    ConfigurationError : one sentence about what cannot be done with this table
    """
    rules = read_rules(request.rules)
    id_column = _id_column(table, request.id_column)
    features = chosen_features(table, request.features)
    if id_column in features:
        raise ConfigurationError(
            f"column {id_column!r} identifies customers; it cannot be one of --features too"
        )
    ready = _prepared(table, features, request)
    raw = feature_matrix(ready.frame, features, table.reading.file)
    done = segmented(raw, request.plan, announce)
    labels = done.first.partition.labels
    frame, columns = _profiled(table, ready.frame, features, id_column)
    profiles = {
        method: profiles_of(frame, columns, found.partition.labels) for method, found in done.methods.items()
    }
    readings = [column for column in table.reading.columns if column.name != id_column]
    scores = axis_scores(frame, readings, labels, rules)
    families = families_of(frame, readings, labels=labels, plan=request.plan, rules=rules, announce=announce)
    return Analysis(
        table=table,
        frame=frame,
        id_column=id_column,
        features=tuple(features),
        segmentation=done,
        profiles=profiles,
        scores=scores,
        named=named_segments(profiles_of(frame, features, labels), scores, rules, _labels(table)),
        families=families,
        notes=(
            *(left_out(table, features) if request.features is None else ()),
            *ready.notes,
            *_notes(table, done, id_column),
            *twins(raw, features),
            *families.notes,
        ),
    )


def _id_column(table: Table, asked: str | None) -> str | None:
    if asked is None:
        return table.id_column
    name = table.name_of(asked)
    missing = int(table.frame[name].isna().sum())
    if missing:
        row = int(table.frame[name].isna().to_numpy().argmax()) + 1
        raise ConfigurationError(
            f"{table.reading.file}, column {asked!r}, row {row:,}: the id is missing ({missing:,} in all)"
        )
    return name


def _prepared(table: Table, features: Sequence[str], request: SegmentRequest) -> Prepared:
    """Apply the mapping's treatments to the features, and the request's where the mapping keeps what is missing."""
    treatment = request.when_missing
    if treatment == "refuse":
        return prepared(table, columns=features)
    kept = {
        name: treatment
        for name in features
        if table.reading.column(name).mapping.when_missing == "keep"
        and table.reading.column(name).missing_count
    }
    return prepared(table, columns=features, when_missing=kept)


def _profiled(
    table: Table, frame: pd.DataFrame, features: Sequence[str], id_column: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """Return the frame with the engagement score, and the columns to profile: the features first."""
    further = [
        column.name
        for column in table.reading.columns
        if column.role in SEGMENTING_ROLES
        and is_numeric(column)
        and column.name not in features
        and column.name != id_column
    ]
    columns = [*features, *further]
    weights = engagement_weights(table)
    if not weights or ENGAGEMENT in frame.columns:
        return frame, columns
    score = sum((frame[name] * weight for name, weight in weights.items()), start=pd.Series(0.0, frame.index))
    return frame.assign(**{ENGAGEMENT: score}), [*columns, ENGAGEMENT]


def engagement_weights(table: Table) -> dict[str, float]:
    """Return contact channel → weight: as mapped, else 1 each; empty when there is no channel."""
    mapped = table.mapping.engagement
    if mapped is not None:
        return {table.name_of(name): weight for name, weight in mapped.items()}
    return dict.fromkeys(table.names("contact_channel", numeric_only=True), 1.0)


def _labels(table: Table) -> dict[str, str]:
    return {
        column.name: f"{column.mapping.text} ({column.name})"
        for column in table.reading.columns
        if column.mapping.text
    }


def _notes(table: Table, done: Segmentation, id_column: str | None) -> list[str]:
    said = []
    n_customers, n_sample = len(done.scaled), len(done.sample)
    left = len(table.frame) - n_customers
    if left:
        said.append(f"{left:,} of {len(table.frame):,} rows were left out and are in no segment.")
    if n_sample < n_customers:
        said.append(
            f"k-means ran over all {n_customers:,} customers; silhouettes, stability, the mixture and Ward are "
            f"of a random sample of {n_sample:,} (seed {done.plan.seed}), and the mixture and Ward place the others "
            f"by likelihood and by the nearest centre."
        )
    if id_column is not None:
        repeated = int(table.frame[id_column].duplicated().sum())
        if repeated:
            said.append(
                f"{id_column}: {repeated:,} rows repeat an id that stood before; each row is a customer of its own here."
            )
    mixture = next((one.mixture for one in done.methods.values() if one.mixture is not None), None)
    if mixture is not None and not mixture.is_converged:
        said.append("The mixture did not come to rest within its iterations; its segments are provisional.")
    return said
