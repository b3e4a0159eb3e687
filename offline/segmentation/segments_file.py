"""An analysis → the content of segments.json.

Rules of this file: it moves numbers into the shape of `offline.segmentation.result` and computes nothing
but means of what is there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from offline.segmentation.analysis import Analysis
from offline.segmentation.comparison import agreement, crosstab, pairs
from offline.segmentation.criteria import calinski_harabasz, davies_bouldin
from offline.segmentation.families import Family
from offline.segmentation.naming import NamedSegment, Recommendation
from offline.segmentation.plan import Floats, Method
from offline.segmentation.result import (
    SCHEMA_VERSION,
    ChoicePart,
    ElbowPart,
    FamilyPart,
    LinkagePart,
    Means,
    MethodPart,
    RecommendationPart,
    SamplePart,
    ScalingPart,
    SegmentPart,
    SegmentsFile,
    StabilityPart,
)
from offline.segmentation.scan import Tried
from offline.segmentation.segmented import MethodSegments, Segmentation


def segments_file(analysis: Analysis) -> SegmentsFile:
    """Return what segments.json says about an analysis."""
    done = analysis.segmentation
    compared = pairs({method: found.partition.labels for method, found in done.methods.items()})
    return SegmentsFile(
        schema_version=SCHEMA_VERSION,
        file=analysis.table.reading.file,
        n_customers=len(done.scaled),
        n_rows=analysis.table.reading.rows_count,
        id_column=analysis.id_column,
        features=list(analysis.features),
        scaling=ScalingPart(
            scale=done.scaling.scale.value,
            centres=done.scaling.centres.tolist(),
            spreads=done.scaling.spreads.tolist(),
        ),
        seed=done.plan.seed,
        sample=SamplePart(rows=len(done.sample), is_whole=len(done.sample) == len(done.scaled)),
        chosen_k=done.choice.k,
        choice=ChoicePart(
            asked_k=done.plan.k,
            reason=done.choice.reason,
            votes=done.choice.votes,
            warnings=list(done.choice.warnings),
        ),
        elbow=[_elbow(one) for one in done.tried],
        segments_by=done.first.method.value,
        methods={method.value: _method(analysis, found) for method, found in done.methods.items()},
        crosstab={name: crosstab(*labels) for name, labels in compared.items()},
        agreement={name: agreement(*labels) for name, labels in compared.items()},
        linkages=_linkages(done),
        segments=[_segment(done, one) for one in analysis.named],
        families={family.name: _family(family) for family in analysis.families.found},
        notes=list(analysis.notes),
    )


def silhouette_by_segment(found: MethodSegments, done: Segmentation) -> dict[int, float | None]:
    """Return the mean silhouette of each segment's customers in the sample; None where it has none there."""
    if found.silhouettes is None:
        return dict.fromkeys(range(found.partition.k))
    own = found.partition.labels[done.sample]
    return {
        segment: float(found.silhouettes[own == segment].mean()) if (own == segment).any() else None
        for segment in range(found.partition.k)
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _elbow(one: Tried) -> ElbowPart:
    return ElbowPart(
        k=one.k,
        inertia=one.partition.inertia,
        silhouette=one.silhouette,
        calinski_harabasz=one.calinski_harabasz,
        davies_bouldin=one.davies_bouldin,
        bic=None if one.mixture is None else one.mixture.bic,
        stability=None
        if one.stability is None
        else StabilityPart(
            mean=one.stability.mean,
            least=one.stability.least,
            bootstraps=one.stability.bootstraps,
            rows=one.stability.rows,
        ),
        sizes=one.partition.sizes.tolist(),
    )


def _method(analysis: Analysis, found: MethodSegments) -> MethodPart:
    done, partition = analysis.segmentation, found.partition
    profiles = analysis.profiles[found.method]
    return MethodPart(
        sizes={str(segment): int(size) for segment, size in enumerate(partition.sizes)},
        silhouette=found.silhouette,
        silhouette_by_segment={
            str(segment): value for segment, value in silhouette_by_segment(found, done).items()
        },
        inertia=partition.inertia,
        centroids_scaled=partition.centres.tolist(),
        profiles=_means(profiles.columns, profiles.means),
        medians=_means(profiles.columns, profiles.medians),
        profiles_scaled=_means(analysis.features, partition.centres),
        calinski_harabasz=calinski_harabasz(done.scaled, partition),
        davies_bouldin=davies_bouldin(done.scaled, partition),
        bic=None if found.mixture is None else found.mixture.bic,
        cophenetic=done.linkages["ward"].cophenetic if found.method is Method.WARD else None,
    )


def _means(columns: Sequence[str], values: Floats) -> Means:
    return {
        str(segment): {name: _known(value) for name, value in zip(columns, row, strict=True)}
        for segment, row in enumerate(values.tolist())
    }


def _linkages(done: Segmentation) -> dict[str, LinkagePart]:
    return {
        kind: LinkagePart(
            sizes=list(fit.sizes), silhouette=fit.silhouette, cophenetic=fit.cophenetic, ari_vs_kmeans=fit.ari
        )
        for kind, fit in done.linkages.items()
    }


def _segment(done: Segmentation, named: NamedSegment) -> SegmentPart:
    size = int(done.first.partition.sizes[named.segment])
    return SegmentPart(
        segment=named.segment,
        name=named.name,
        size=size,
        share=size / len(done.scaled),
        summary=named.summary,
        rule=named.rule,
        axes=dict(named.axes),
        outstanding=named.outstanding,
        marketing=_advice(named.marketing),
        operations=_advice(named.operations),
    )


def _advice(recommendations: Sequence[Recommendation]) -> list[RecommendationPart]:
    return [RecommendationPart(text=one.text, because=one.because) for one in recommendations]


def _family(family: Family) -> FamilyPart:
    return FamilyPart(
        columns=list(family.columns),
        k=family.partition.k,
        sizes={str(segment): int(size) for segment, size in enumerate(family.partition.sizes)},
        silhouette={str(k): value for k, value in family.silhouette.items()},
        profiles=_means(family.profiles.columns, family.profiles.means),
        descriptions={str(segment): text for segment, text in enumerate(family.descriptions)},
        ari_vs_segments=family.ari,
        crosstab=dict(family.crosstab),
    )
