"""The result of a parity check as parity.json and report.html.

Rules of this file: no customer is named but by a hash; JSON has all digits, the page those that a person reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from consumer.features.catalogue import FeatureCatalogue
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.time import iso_utc
from offline.parity.difference import ColumnDifference
from offline.parity.parity import CustomerParity, DecisionParity, Parity
from offline.reporting.figures import PALETTE, drawn, labelled, save_figure
from offline.reporting.page import Report, Section

BARS_MAX: Final = 20
_HEADINGS: Final = (
    "feature",
    "unit",
    "compared",
    "different",
    "missing",
    "extra",
    "mismatch",
    "largest difference",
    "SMAPE",
    "for example (hash)",
)
_FORMATS: Final = {"missing": ".2%", "extra": ".2%", "mismatch": ".2%", "SMAPE": ".4f"}


def write_report(parity: Parity, features: FeatureCatalogue, out_dir: Path) -> Path:
    """Write parity.json and report.html, and return the page's place.

    Raises
    ------
    ConfigurationError : the folder cannot be written
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        (out_dir / "parity.json").write_text(
            json.dumps(to_document(parity), indent=2) + "\n", encoding="utf-8"
        )
        page = out_dir / "report.html"
        page.write_text(report_of(parity, features), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"Cannot write the report to {out_dir}: {error.strerror}.") from error
    return page


def to_document(parity: Parity) -> dict[str, Any]:
    """Return the whole result as JSON has it."""
    return {"has_differences": parity.has_differences, **asdict(parity)}


def findings(parity: Parity) -> list[str]:
    """Return the result in sentences."""
    return [
        *(() if parity.customers is None else _customer_sentences(parity.customers)),
        *(() if parity.decisions is None else _decision_sentences(parity.decisions)),
    ]


def report_of(parity: Parity, features: FeatureCatalogue) -> str:
    """Return the report as one HTML page."""
    units = {feature.name: feature.unit for feature in features.features}
    verdict = "differences were found" if parity.has_differences else "no difference was found"
    report = Report(
        "Parity of features",
        subtitle=f"History up to {iso_utc(parity.latest_ms)}, a sample of {parity.share:.2%} of the customers: "
        f"{verdict}",
    )
    told = report.section("Result")
    told.sentences(findings(parity))
    told.paragraph(
        f"Two numbers count as different when they are further apart than {parity.tolerance.relative:g} of the "
        f"larger one and than {parity.tolerance.absolute:g}. Missing: the service has the feature's default, the "
        "history something else. Extra: the other way round. Mismatch: both have something."
    )
    if parity.customers is not None:
        section = report.section("Customers in the store")
        _columns(section, parity.customers.features, what="customers", units=units)
    if parity.decisions is not None:
        section = report.section("Model inputs in logged decisions")
        _columns(section, parity.decisions.inputs, what="decisions", units={})
    return report.html()


def _customer_sentences(found: CustomerParity) -> list[str]:
    different = [line for line in found.features if line.different]
    sentences = [
        f"Of {found.sampled:,} customers in the sample {found.compared:,} were compared with the store.",
        f"{len(different)} of {len(found.features)} features differ: {_named(different)}."
        if different
        else "No feature differs.",
    ]
    if found.missing:
        sentences.append(
            f"{found.missing:,} customers of the history are not in the store, such as "
            f"{', '.join(found.missing_examples)}."
        )
    if found.extra:
        sentences.append(
            f"{found.extra:,} customers were erased and are in the store all the same, such as "
            f"{', '.join(found.extra_examples)}."
        )
    if found.moved_on:
        sentences.append(
            f"{found.moved_on:,} customers have had events since the history ended and were not compared."
        )
    return sentences


def _decision_sentences(found: DecisionParity) -> list[str]:
    different = [line for line in found.inputs if line.different]
    sentences = [
        f"{found.compared:,} of {found.logged:,} logged decisions were compared in {len(found.inputs)} model inputs.",
        f"{len(different)} inputs differ: {_named(different)}." if different else "No input differs.",
    ]
    if found.unplaced:
        sentences.append(
            f"{found.unplaced:,} logged decisions have a trigger that the history does not hold: it is not whole."
        )
    return sentences


def _named(lines: Sequence[ColumnDifference]) -> str:
    """Return the names of the worst, worst first."""
    names = [line.name for line in sorted(lines, key=lambda line: -line.different)]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _columns(
    section: Section, lines: Sequence[ColumnDifference], *, what: str, units: Mapping[str, str]
) -> None:
    """Add what differs, worst first, then what is equal; a column without a unit is a transformed model input."""
    worst = sorted(
        (line for line in lines if line.different), key=lambda line: (-line.different, -line.smape)
    )
    if worst:
        section.figure(
            _bars(worst[:BARS_MAX], what),
            title=f"{what.capitalize()} with a difference",
            alt=f"Bars of how many {what} differ by feature; most: {worst[0].name} with {worst[0].different:,}",
        )
        section.table(
            [_row(line, units) for line in worst], columns=_HEADINGS, caption="Different", formats=_FORMATS
        )
    equal = [line for line in lines if not line.different]
    section.table(
        [[line.name, line.compared, line.largest_difference, line.smape] for line in equal],
        columns=("feature", "compared", "largest difference", "SMAPE"),
        caption="Equal within the tolerance",
        formats={"SMAPE": ".2g", "largest difference": ".2g"},
    )


def _row(line: ColumnDifference, units: Mapping[str, str]) -> list[object]:
    return [
        line.name,
        units.get(line.name, "transformed"),
        line.compared,
        line.different,
        line.missing_rate,
        line.extra_rate,
        line.mismatch_rate,
        line.largest_difference,
        line.smape,
        line.examples[0],
    ]


def _bars(lines: Sequence[ColumnDifference], what: str) -> bytes:
    with drawn(width_in=7.0, height_in=1.0 + 0.25 * len(lines)) as figure:
        axes = figure.subplots()
        left = [0.0] * len(lines)
        parts = (("missing", "missing_rate"), ("extra", "extra_rate"), ("mismatch", "mismatch_rate"))
        for color, (label, name) in zip(PALETTE, parts, strict=False):
            widths = [100 * getattr(line, name) for line in lines]
            axes.barh([line.name for line in lines], widths, left=left, color=color, label=label)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.invert_yaxis()
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        labelled(axes, f"Where {what} differ", x=f"share of the compared {what} (%)")
        return save_figure(figure, None)
