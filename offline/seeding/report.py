"""The seed report for people: what was read, how good the first weights are, segments, priors, weights in words.

Rules of this file: words and tables; one HTML file with its figures inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.scoring.prior import log_odds
from consumer.scoring.seed_bundle import SeedSegments
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import OfferCatalogue
from offline.reporting.page import Report, Section
from offline.seeding.figures import reliability_figure, segments_figure
from offline.seeding.findings import how_good, segments_in_words, strongest_weights, what_was_read
from offline.seeding.measures import log_loss, measured
from offline.seeding.seed import Seeding, final_segments

FEATURE_WORDS: Final = {
    "age_years": ("age", 1.0),
    "tenure_years": ("tenure", 1.0),
    "income_minor": ("income", 100.0),
    "balance_mean": ("balance", 100.0),
    "debit_sum_90d": ("out 90 d", 100.0),
    "credit_sum_90d": ("in 90 d", 100.0),
    "cash_share": ("cash share", 1.0),
    "holdings_count": ("products", 1.0),
    "engagement_score": ("engagement", 1.0),
}
"""Feature → name for people, and what a stored number is divided by (money is in minor units)."""


def write_report(seeding: Seeding, catalogue: OfferCatalogue, file: Path) -> Path:
    """Write the report and return its place.

    Raises
    ------
    ConfigurationError : the file cannot be written
    """
    try:
        file.write_text(report_of(seeding, catalogue), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"Cannot write the report {file}: {error.strerror}.") from error
    return file


def report_of(seeding: Seeding, catalogue: OfferCatalogue) -> str:
    """Return the report as one HTML page."""
    features, bundle = catalogue_for(catalogue.product_ids), seeding.bundle
    report = Report(
        "Seeds from history",
        subtitle=f"Bundle {bundle.seed_version or 'without version'}, features {bundle.fingerprint}",
    )
    report.section("What was read").sentences(what_was_read(seeding))
    _quality(report.section("How good the first weights are"), seeding, features)
    _segments(report.section("Segments"), seeding, features)
    _priors(report.section("What each segment accepts"), seeding, features)
    _weights(report.section("What counts, product by product"), seeding, features)
    report.section("How it is used").sentences(_use())
    return report.html()


# ---------------------------------------------------------------- quality


def _quality(section: Section, seeding: Seeding, features: FeatureCatalogue) -> None:
    found = seeding.evaluation
    section.sentences(how_good(seeding))
    rows = [
        [what, *_three(measured(p, found.accepted))]
        for what, p in (
            ("first weights, calibrated", found.p_accept),
            ("first weights, uncalibrated", found.uncalibrated),
            ("past rate of the product alone", found.rate),
        )
    ]
    section.table(
        rows,
        caption=f"On {len(found.accepted):,} held-out offers",
        columns=["what says P(accept)", "log loss", "AUC", "ECE"],
        formats={"log loss": ".4f", "AUC": ".3f", "ECE": ".2%"},
        note="Lower log loss and ECE (mean distance of said and seen, over bins) are better, higher AUC too. "
        "The map was learned on earlier offers, each asked of a model that had not seen it.",
    )
    section.figure(
        reliability_figure(found, features.product_ids, None),
        title="Said and seen",
        alt="Reliability of the held-out probabilities over all products and by product",
        caption="Points on the dashed line come true exactly; whiskers are 95 % intervals.",
    )
    section.table(
        _product_rows(seeding, features),
        caption="By product",
        columns=[
            "product",
            "offers",
            "accepted",
            "rate",
            "held out",
            "log loss",
            "of the rate",
            "AUC",
            "ECE",
        ],
        formats={"rate": ".1%", "log loss": ".4f", "of the rate": ".4f", "AUC": ".3f", "ECE": ".1%"},
        note="Log loss, AUC and ECE are of the held-out offers; with fewer than a hundred of them they are "
        "rough. “Of the rate” is the log loss of the product's past rate alone.",
    )


def _three(found: object) -> list[float | None]:
    return [getattr(found, name) for name in ("log_loss", "auc", "ece")]


def _product_rows(seeding: Seeding, features: FeatureCatalogue) -> list[list[object]]:
    lessons, found = seeding.lessons, seeding.evaluation
    rows: list[list[object]] = []
    for column, name in enumerate(features.product_ids):
        mine, held_out = lessons.product == column, found.product == column
        offers, accepted = int(mine.sum()), int(lessons.accepted[mine].sum())
        measures = found.of_product(column)
        of_rate = None if measures is None else log_loss(found.rate[held_out], found.accepted[held_out])
        quality = [None, None, None] if measures is None else _three(measures)
        rate = accepted / offers if offers else None
        rows.append([name, offers, accepted, rate, found.counted(column), quality[0], of_rate, *quality[1:]])
    return rows


# ---------------------------------------------------------------- segments


def _segments(section: Section, seeding: Seeding, features: FeatureCatalogue) -> None:
    section.sentences(segments_in_words(seeding))
    segments = seeding.bundle.segments
    if segments is None:
        return
    section.paragraph(
        "Names are made from the two features that set a segment apart most. The scorer places a customer whom the "
        "laboratory has not seen at the nearest of these centroids; a published trait wins over it."
    )
    section.figure(
        segments_figure(segments, [FEATURE_WORDS[name][0] for name in segments.feature_names], None),
        title="How segments differ",
        alt="Heat map of the segments' means in standard deviations from the mean of all customers",
        caption="Money is compared by its logarithm.",
    )
    columns = [FEATURE_WORDS[name][0] for name in segments.feature_names]
    section.table(
        _profile_rows(seeding, features, segments),
        caption="Medians of the segments' customers at the end of the history",
        columns=["segment", "customers", *columns],
        formats=dict(zip(columns, map(_format, segments.feature_names), strict=True)),
        note="Age and tenure in years; income a year, the mean balance and what went out and came in over 90 days in "
        "currency units; engagement between 0 and 1.",
    )


def _format(feature: str) -> str:
    return ",.0f" if FEATURE_WORDS[feature][1] > 1.0 else ",.3g"


def _profile_rows(seeding: Seeding, features: FeatureCatalogue, segments: SeedSegments) -> list[list[object]]:
    placed = final_segments(seeding.past, segments, features)
    columns = [features.index[name] for name in segments.feature_names]
    units = np.array([FEATURE_WORDS[name][1] for name in segments.feature_names])
    rows: list[list[object]] = []
    for number in range(len(segments.names)):
        members = seeding.past.final_values[placed == number][:, columns] / units
        medians = np.median(members, axis=0).tolist() if len(members) else [None] * len(columns)
        rows.append([number, len(members), *medians])
    return rows


def _priors(section: Section, seeding: Seeding, features: FeatureCatalogue) -> None:
    priors, segments = seeding.priors, seeding.bundle.segments
    if priors is None or segments is None:
        section.paragraph("Without segments every customer has the prior of the product.")
        return
    section.paragraph(
        "The share of offers that the prior expects to be accepted, by product and segment: past answers, drawn "
        "towards what product and segment together let expect. It counts while a model has few answers of its own."
    )
    rates = 1.0 / (1.0 + np.exp(-(log_odds(seeding.rates)[:, None] + priors.shifts)))
    headings = [f"segment {number}" for number in range(len(segments.names))]
    section.table(
        [[name, *row] for name, row in zip(features.product_ids, rates.tolist(), strict=True)],
        caption="Prior share accepted",
        columns=["product", *headings],
        formats=dict.fromkeys(headings, ".1%"),
    )


# ---------------------------------------------------------------- weights and use


def _weights(section: Section, seeding: Seeding, features: FeatureCatalogue) -> None:
    section.paragraph(
        "The strongest weights of each product's model: log-odds for one standard deviation of the input. They "
        "say what goes together with accepting in the past campaign, not what causes it."
    )
    rows = [
        [each.product_id, "; ".join(each.raises), "; ".join(each.lowers)]
        for each in strongest_weights(seeding, features)
    ]
    section.table(rows, caption="Strongest weights", columns=["product", "speaks for", "speaks against"])


def _use() -> list[str]:
    return [
        "Scorers: upswell score --seeds BUNDLE. Learner: upswell learn --seeds BUNDLE. Both need the same bundle.",
        "A model that the learner has published already goes on from there; seeds are for models without one.",
        "The bundle is of one feature layout (its fingerprint): after a change of features or products make it again.",
        "upswell lab publish-traits publishes segments and other traits of these customers to bank.traits.",
    ]
