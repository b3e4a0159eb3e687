"""report.html: a segmentation for people, from the answer to the evidence.

Rules of this file: what was decided comes first, how it was found after it; every table says its units;
no sentence without its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from offline.reporting.page import Report, Section
from offline.segmentation.analysis import Analysis
from offline.segmentation.comparison import agreement, pairs
from offline.segmentation.families import Family
from offline.segmentation.naming import NamedSegment
from offline.segmentation.plan import METHOD_NAMES, WHOLE_ROWS_MAX, Method, Scale
from offline.segmentation.profiles import Profiles
from offline.segmentation.report_figures import Picture
from offline.segmentation.segments_file import silhouette_by_segment
from offline.segmentation.ward import LINKAGE_ROWS_MAX

SCALE_WORDS = {
    Scale.STANDARD: "each feature in standard deviations from its mean",
    Scale.ROBUST: "each feature in interquartile ranges from its median",
    Scale.NONE: "features in their own units, so those with large numbers decide",
}


def report_page(analysis: Analysis, pictures: Mapping[str, Picture]) -> str:
    """Return the whole report as HTML.

    Parameters
    ----------
    analysis : what was found
    pictures : name → figure, as `offline.segmentation.report_figures` draws them
    """
    done, reading = analysis.segmentation, analysis.table.reading
    report = Report(
        f"Customer segments: {reading.file}",
        f"{len(done.scaled):,} customers in {done.first.partition.k} segments by {METHOD_NAMES[done.first.method]}, "
        f"from {len(analysis.features)} features, seed {done.plan.seed}",
    )
    _summary(report.section("Summary"), analysis, pictures)
    _recommendations(report.section("What to do"), analysis)
    _profiles(report.section("Profiles"), analysis, pictures)
    _number(report.section("How many segments"), analysis, pictures)
    _methods(report.section("Methods compared"), analysis, pictures)
    _families(report.section("Families side by side"), analysis, pictures)
    _data(report.section("Data and method"), analysis)
    return report.html()


def _shown(section: Section, pictures: Mapping[str, Picture], name: str) -> None:
    picture = pictures.get(name)
    if picture is not None:
        section.figure(picture.png, title=picture.title, alt=picture.alt, caption=picture.caption)


def _summary(section: Section, analysis: Analysis, pictures: Mapping[str, Picture]) -> None:
    done = analysis.segmentation
    section.paragraph(done.choice.reason)
    section.sentences(done.choice.warnings)
    by_segment = silhouette_by_segment(done.first, done)
    section.table(
        [
            [
                one.segment,
                one.name,
                int(done.first.partition.sizes[one.segment]),
                100 * done.first.partition.sizes[one.segment] / len(done.scaled),
                by_segment[one.segment],
                one.outstanding,
            ]
            for one in analysis.named
        ],
        columns=["segment", "name", "customers", "share in %", "silhouette", "stands out (mean against all)"],
        caption="Segments, from the largest on",
        formats={"share in %": ".1f", "silhouette": ".3f"},
        note="sd: standard deviations of all customers from their mean. Silhouette: 1 is clearly in the own "
        "segment, 0 between two, below 0 nearer to another.",
    )
    _shown(section, pictures, "map")


def _recommendations(section: Section, analysis: Analysis) -> None:
    section.paragraph(
        "Names and recommendations come from rules in a file; what each one rests on stands beside it. They say "
        "what fits a profile, not what works: that is for an experiment to tell."
    )
    axes = analysis.scores
    if axes:
        section.table(
            [[one.segment, one.name, *(one.axes[name] for name in axes)] for one in analysis.named],
            columns=["segment", "name", *(f"{found.axis.text} (sd)" for found in axes.values())],
            caption="What the rules look at",
            formats={f"{found.axis.text} (sd)": "+.2f" for found in axes.values()},
            note="; ".join(f"{found.axis.text}: {', '.join(found.columns)}" for found in axes.values()) + ".",
        )
    for one in analysis.named:
        _advice(section, one, int(analysis.segmentation.first.partition.sizes[one.segment]))


def _advice(section: Section, one: NamedSegment, size: int) -> None:
    section.subheading(f"Segment {one.segment}: {one.name} ({size:,} customers)")
    section.paragraph(one.summary)
    section.table(
        [
            [audience, advice.text, advice.because]
            for audience, advices in (("Marketing", one.marketing), ("Operations", one.operations))
            for advice in advices
        ],
        columns=["for", "recommendation", "because (segment against all customers)"],
        caption="Recommendations",
    )


def _profiles(section: Section, analysis: Analysis, pictures: Mapping[str, Picture]) -> None:
    profiles = analysis.first_profiles
    headings = [f"{one.segment}" for one in analysis.named]
    section.table(
        _raw_profiles(analysis, profiles),
        columns=["column", "unit", *(f"segment {name}" for name in headings), "all customers"],
        caption="Means in the units of the file",
        formats={f"segment {name}": ",.2f" for name in headings} | {"all customers": ",.2f"},
        note="The features come first; the others did not make the segments and are shown to describe them.",
    )
    centres = analysis.segmentation.first.partition.centres
    section.table(
        [
            [name, *(float(value) for value in centres[:, place])]
            for place, name in enumerate(analysis.features)
        ],
        columns=["feature", *(f"segment {name}" for name in headings)],
        caption="Means in scaled units (the centroids)",
        formats={f"segment {name}": "+.3f" for name in headings},
        note=f"Scaling {analysis.segmentation.plan.scale.value}: {SCALE_WORDS[analysis.segmentation.plan.scale]}.",
    )
    for name in ("profiles", "distributions"):
        _shown(section, pictures, name)


def _raw_profiles(analysis: Analysis, profiles: Profiles) -> list[list[object]]:
    return [
        [
            name,
            analysis.unit(name) or "–",
            *(float(value) for value in profiles.means[:, place]),
            float(profiles.overall_means[place]),
        ]
        for place, name in enumerate(profiles.columns)
    ]


def _number(section: Section, analysis: Analysis, pictures: Mapping[str, Picture]) -> None:
    done = analysis.segmentation
    _shown(section, pictures, "scan")
    section.table(
        [
            [
                one.k,
                one.partition.inertia,
                one.silhouette,
                one.calinski_harabasz,
                one.davies_bouldin,
                None if one.mixture is None else one.mixture.bic,
                None if one.stability is None else one.stability.mean,
                None if one.stability is None else one.stability.least,
                ", ".join(f"{size:,}" for size in one.partition.sizes),
            ]
            for one in done.tried
        ],
        columns=[
            "segments",
            "inertia",
            "silhouette",
            "Calinski-Harabasz",
            "Davies-Bouldin",
            "BIC of the mixture",
            "stability",
            "least",
            "sizes by k-means",
        ],
        caption="What each number of segments gives",
        formats={
            "inertia": ",.2f",
            "silhouette": ".4f",
            "Calinski-Harabasz": ",.1f",
            "Davies-Bouldin": ".3f",
            "BIC of the mixture": ",.1f",
            "stability": ".3f",
            "least": ".3f",
        },
        note="Inertia always falls, look for its elbow; silhouette, Calinski-Harabasz and stability: higher is "
        "better; Davies-Bouldin and BIC: lower is better. Stability: adjusted Rand index of bootstrap samples.",
    )
    _shown(section, pictures, "silhouettes")
    _shown(section, pictures, "dendrogram")


def _methods(section: Section, analysis: Analysis, pictures: Mapping[str, Picture]) -> None:
    done = analysis.segmentation
    section.table(
        [
            [
                METHOD_NAMES[method],
                ", ".join(f"{size:,}" for size in found.partition.sizes),
                found.silhouette,
                found.partition.inertia,
                agreement(done.first.partition.labels, found.partition.labels),
            ]
            for method, found in done.methods.items()
        ],
        columns=["method", "sizes", "silhouette", "inertia", f"ARI with {METHOD_NAMES[done.first.method]}"],
        caption=f"Methods at {done.choice.k} segments",
        formats={
            "silhouette": ".4f",
            "inertia": ",.2f",
            f"ARI with {METHOD_NAMES[done.first.method]}": ".4f",
        },
        note="ARI: adjusted Rand index, 1 for the same segments, 0 for no more agreement than chance.",
    )
    _shown(section, pictures, "methods")
    labels = {method: found.partition.labels for method, found in done.methods.items()}
    for (one, other), (first, second) in zip(_named_pairs(labels), pairs(labels).values(), strict=True):
        frame = pd.crosstab(pd.Series(first, name=f"{one} ↓  {other} →"), pd.Series(second, name=other))
        frame.columns = [f"segment {column}" for column in frame.columns]
        section.table(frame, caption=f"Customers by {one} (rows) and {other} (columns)")
    if done.linkages:
        section.table(
            [
                [kind, ", ".join(f"{size:,}" for size in fit.sizes), fit.silhouette, fit.cophenetic, fit.ari]
                for kind, fit in done.linkages.items()
            ],
            columns=["linkage", "sizes", "silhouette", "cophenetic correlation", "ARI with k-means"],
            caption=f"Ways to merge in a hierarchy, at {done.choice.k} segments",
            formats={"silhouette": ".4f", "cophenetic correlation": ".4f", "ARI with k-means": ".4f"},
            note=f"Of {min(len(done.scaled), LINKAGE_ROWS_MAX):,} customers. Cophenetic correlation: how far the heights "
            "of the tree keep the distances between customers.",
        )


def _named_pairs(labels: Mapping[Method, object]) -> list[tuple[str, str]]:
    names = [METHOD_NAMES[method] for method in labels]
    return [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]


def _families(section: Section, analysis: Analysis, pictures: Mapping[str, Picture]) -> None:
    section.paragraph(
        "The same customers by who they are (demographic), what they do (behavioural) and what they are worth "
        "(value), each by its own columns alone and with the number of segments of the best silhouette (2 to 6, none of them below 1 % of the customers)."
    )
    if analysis.families.found:
        section.table(
            [_family_row(family) for family in analysis.families.found],
            columns=["family", "columns", "segments", "sizes", "silhouette", "ARI with the segments"],
            caption="Families",
            formats={"silhouette": ".3f", "ARI with the segments": ".3f"},
            note="ARI near 1: the family alone explains the segments of all features; near 0: it says something else.",
        )
        _shown(section, pictures, "families")
        section.table(
            [
                [family.name, segment, int(family.partition.sizes[segment]), text]
                for family in analysis.families.found
                for segment, text in enumerate(family.descriptions)
            ],
            columns=["family", "segment", "customers", "stands out (mean against all)"],
            caption="Segments of the families",
        )
    section.sentences(analysis.families.notes)


def _family_row(family: Family) -> list[object]:
    return [
        family.name,
        ", ".join(family.columns),
        family.partition.k,
        ", ".join(f"{size:,}" for size in family.partition.sizes),
        family.silhouette.get(family.partition.k),
        family.ari,
    ]


def _data(section: Section, analysis: Analysis) -> None:
    done = analysis.segmentation
    section.subheading("Data")
    section.sentences(analysis.table.reading.sentences())
    section.sentences(analysis.notes)
    section.subheading("Method")
    sample = (
        "all customers"
        if len(done.sample) == len(done.scaled)
        else f"a random sample of {len(done.sample):,} customers (taken where there are more than {WHOLE_ROWS_MAX:,})"
    )
    section.sentences(
        [
            f"Features: {', '.join(analysis.features)}.",
            f"Scaling {done.plan.scale.value}: {SCALE_WORDS[done.plan.scale]}.",
            f"k-means over all {len(done.scaled):,} customers, the best of many starts.",
            f"Silhouettes, stability, mixture and Ward on {sample}.",
            "Segments are numbered by size, 0 is the largest; the same file, options and seed give the same files.",
            "Protected columns and identifiers never make segments.",
        ]
    )
