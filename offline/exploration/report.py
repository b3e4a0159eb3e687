"""The exploration as a report: its pictures, its page, its files.

    explore.json   everything with full digits        report.html   one page with the pictures inside
    figures/*.png  the pictures as files

Rules of this file: what to show and in which order; how much at most is named here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from offline.exploration.column_figures import (
    category_picture,
    distribution_picture,
    flags_picture,
    missing_picture,
)
from offline.exploration.credit_category import CREDIT_CATEGORY
from offline.exploration.documents import exploration_document
from offline.exploration.engagement import ENGAGEMENT_SCORE, definition
from offline.exploration.exploration import Exploration
from offline.exploration.findings import Finding, findings
from offline.exploration.pair_figures import box_picture, crosstab_picture, heat_picture, scatter_picture
from offline.exploration.summary import category_summary
from offline.reporting.page import Report, Section
from offline.reporting.picture import Picture, write_pictures
from offline.tables.table import Announce, silent

SCATTERS_MAX: Final = 6
BOXES_MAX: Final = 6
CROSSTABS_MAX: Final = 4
CATEGORIES_DRAWN_MAX: Final = 16
CROSSTAB_CELLS_MAX: Final = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The pictures of an exploration by the section that shows them."""

    missing: tuple[Picture, ...]
    columns: tuple[Picture, ...]
    pairs: tuple[Picture, ...]
    correlations: tuple[Picture, ...]
    derived: tuple[Picture, ...]

    def all(self) -> tuple[Picture, ...]:
        """Return every picture in the order of the report."""
        return (*self.missing, *self.columns, *self.pairs, *self.correlations, *self.derived)


def write_exploration(found: Exploration, out: Path, announce: Announce = silent) -> list[Finding]:
    """Write `explore.json`, `report.html` and `figures/*.png` into a folder, and return the findings."""
    told = findings(found)
    announce("drawing")
    pictures = draw(found)
    announce("writing")
    out.mkdir(parents=True, exist_ok=True)
    figures = write_pictures(pictures.all(), out / "figures")
    document = exploration_document(found, told, [f"figures/{name}" for name in figures])
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "explore.json").write_text(text + "\n", encoding="utf-8")
    (out / "report.html").write_text(page(found, told, pictures), encoding="utf-8")
    return told


def draw(found: Exploration) -> Pictures:
    """Return all pictures of an exploration."""
    derived = {ENGAGEMENT_SCORE, CREDIT_CATEGORY} - set(found.table.frame.columns)
    singles = [item for item in found.distributions if item.name not in derived]
    scores = [item for item in found.distributions if item.name in derived]
    categories = [
        item for item in found.summary.categories if item.name not in found.flags and item.distinct_count > 1
    ]
    return Pictures(
        missing=(missing_picture(found.missing),) if found.missing.columns else (),
        columns=(
            *(distribution_picture(item, found.title_of(item.name)) for item in singles),
            *(
                category_picture(item, found.title_of(item.name))
                for item in categories[:CATEGORIES_DRAWN_MAX]
            ),
            *((flags_picture(found.frame, list(found.flags)),) if _flags_to_draw(found) else ()),
        ),
        pairs=(*_scatters(found), *_boxes(found), *_crosstabs(found)),
        correlations=_heat_maps(found),
        derived=(
            *(distribution_picture(item, found.title_of(item.name)) for item in scores),
            *((_credit_picture(found),) if found.credit else ()),
        ),
    )


def page(found: Exploration, told: Sequence[Finding], pictures: Pictures) -> str:
    """Return the report as one HTML page."""
    reading = found.table.reading
    by = f"read by the mapping {reading.mapping_name}" if reading.mapping_name else "read without a mapping"
    report = Report(
        f"Exploration of {reading.file}", f"{reading.rows_count:,} rows, {len(reading.columns)} columns, {by}"
    )
    _findings_section(report, told)
    _reading_section(report, found)
    _missing_section(report, found, pictures)
    _outlier_section(report, found)
    _summary_section(report, found)
    _pictures_section(report, "Single columns", pictures.columns)
    _pictures_section(report, "Two columns", pictures.pairs)
    _correlation_section(report, found, pictures)
    _engagement_section(report, found, pictures)
    return report.html()


def _flags_to_draw(found: Exploration) -> bool:
    return any(found.frame[name].notna().any() for name in found.flags)


def _scatters(found: Exploration) -> list[Picture]:
    numbers = set(found.numbers)
    chosen = [pair for pair in found.pairs if {pair.first, pair.second} <= numbers][:SCATTERS_MAX]
    return [
        scatter_picture(found.frame, pair, x=found.title_of(pair.first), y=found.title_of(pair.second))
        for pair in chosen
    ]


def _boxes(found: Exploration) -> list[Picture]:
    cut_column = found.credit.cut.column if found.credit else None
    chosen = [
        item for item in found.by_category if (item.number, item.category) != (cut_column, CREDIT_CATEGORY)
    ]
    return [box_picture(found.frame, item, title=found.title_of(item.number)) for item in chosen[:BOXES_MAX]]


def _crosstabs(found: Exploration) -> list[Picture]:
    chosen = [item for item in found.crosstabs if item.counts.size <= CROSSTAB_CELLS_MAX]
    return [crosstab_picture(item) for item in chosen[:CROSSTABS_MAX]]


def _heat_maps(found: Exploration) -> tuple[Picture, ...]:
    keys = found.table.names("id", "key")
    matrices = {"Pearson": found.correlations.pearson, "Spearman": found.correlations.spearman}
    shown = {
        method: matrix.drop(index=keys, columns=keys, errors="ignore") for method, matrix in matrices.items()
    }
    return tuple(heat_picture(matrix, method) for method, matrix in shown.items() if len(matrix) > 1)


def _credit_picture(found: Exploration) -> Picture:
    ordered = category_summary(found.frame[CREDIT_CATEGORY])
    return category_picture(ordered, CREDIT_CATEGORY)


def _findings_section(report: Report, told: Sequence[Finding]) -> None:
    section = report.section("Findings")
    for topic in dict.fromkeys(finding.topic for finding in told):
        section.subheading(topic.capitalize())
        section.sentences([finding.text for finding in told if finding.topic == topic])


def _reading_section(report: Report, found: Exploration) -> None:
    section = report.section("What was read")
    reading = found.table.reading
    section.sentences(
        [*reading.overview(), *(text for column in reading.columns for text in column.oddities())]
    )
    rows = [
        (
            column.name,
            column.mapping.text,
            column.role + (" (inferred)" if column.is_role_inferred else ""),
            column.type + (" (inferred)" if column.is_type_inferred else ""),
            column.unit,
            column.found(),
        )
        for column in reading.columns
    ]
    headings = ["column", "what it says", "role", "type", "unit", "converted cells"]
    section.table(rows, caption="Columns", columns=headings)


def _missing_section(report: Report, found: Exploration, pictures: Pictures) -> None:
    section = report.section("Missing values")
    section.sentences(found.missing.sentences())
    rows = [
        (
            column.name,
            column.missing_count,
            100 * column.missing_share,
            ", ".join(f"{marker or 'empty'}: {count:,}" for marker, count in column.markers.items()),
            column.treatment,
        )
        for column in found.missing.columns
    ]
    if rows:
        headings = ["column", "missing", "%", "marked as", "treatment"]
        section.table(rows, caption="Columns with missing values", columns=headings, formats={"%": ".2f"})
    _add_pictures(section, pictures.missing)


def _outlier_section(report: Report, found: Exploration) -> None:
    section = report.section("Outliers and treatment")
    rows = [
        (
            column.name,
            column.box_plot.low,
            column.box_plot.high,
            column.box_plot_count,
            column.z_score_count,
            column.smallest,
            column.largest,
            column.treatment,
        )
        for column in found.outliers
    ]
    headings = [
        "column",
        "low fence",
        "high fence",
        "beyond fences",
        "beyond 3 sd",
        "smallest",
        "largest",
        "treatment",
    ]
    section.table(
        rows,
        caption="Outliers of numeric columns",
        columns=headings,
        note="Fences are the quartiles ± 1.5 interquartile ranges (box-plot rule); sd is the standard deviation.",
    )
    section.sentences(
        found.notes or ["Nothing was treated: the mapping keeps missing values and outliers as they are."]
    )


def _summary_section(report: Report, found: Exploration) -> None:
    section = report.section("Summary")
    numbers = found.summary.numbers
    if len(numbers):
        section.table(
            numbers.astype({"count": "int64"}),
            caption="Numbers, as read",
            formats={"skew": ".3f"},
            note="std: standard deviation of a sample; quartiles interpolated linearly; skew adjusted for bias.",
        )
    rows = [
        (item.name, item.values_count, item.distinct_count, _most_frequent(item.counts))
        for item in found.summary.categories
    ]
    if rows:
        headings = ["column", "values", "different", "most frequent"]
        section.table(rows, caption="Categories and flags, as read", columns=headings)
    if found.summary.dates:
        dates = [(name, first, last) for name, (first, last) in found.summary.dates.items()]
        section.table(dates, caption="Dates", columns=["column", "first", "last"])


def _most_frequent(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in list(counts.items())[:4])


def _correlation_section(report: Report, found: Exploration, pictures: Pictures) -> None:
    section = report.section("Correlations")
    section.paragraph(
        "Correlation says that two columns go together, not that one makes the other. Ids are left out here; "
        "explore.json holds them too."
    )
    if found.correlations.constant:
        section.paragraph(
            f"Without correlation, having one value only: {', '.join(found.correlations.constant)}."
        )
    _add_pictures(section, pictures.correlations)


def _engagement_section(report: Report, found: Exploration, pictures: Pictures) -> None:
    section = report.section("Engagement score and credit category")
    if found.weights:
        section.paragraph(f"Engagement score = {definition(found.weights)}, on raw counts.")
    else:
        section.paragraph("No column is a contact channel, so there is no engagement score.")
    if found.credit is None:
        section.paragraph("No column of value was named, so there is no credit category.")
    elif found.credit_table is not None:
        section.table(
            found.credit_table,
            caption=f"Credit category by raw {found.credit.cut.column} ({found.credit.reason})",
            formats={"share": ".1%"},
        )
    _add_pictures(section, pictures.derived)


def _pictures_section(report: Report, heading: str, pictures: Sequence[Picture]) -> None:
    if pictures:
        _add_pictures(report.section(heading), pictures)


def _add_pictures(section: Section, pictures: Sequence[Picture]) -> None:
    for picture in pictures:
        section.picture(picture)
