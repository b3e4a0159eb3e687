"""A table → everything that exploration finds in it, as values.

The story: what was read → holes and outliers, treated as the mapping chose → single columns → two columns →
correlations → engagement and credit category → findings (`findings.py`). Figures and pages are drawn from it.

Rules of this file: pure; the same table and options give the same exploration. Whatever is left out because
there is too much of it is named in a limit here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from offline.exploration.association import (
    Crosstab,
    NumberByCategory,
    comparable,
    crosstabs,
    numbers_by_category,
)
from offline.exploration.correlation import Correlations, Pair, correlations, pairs
from offline.exploration.credit_category import (
    CREDIT_CATEGORY,
    ChosenCut,
    category_table,
    credit_categories,
    credit_cut,
)
from offline.exploration.distribution import Distribution, distribution
from offline.exploration.engagement import ENGAGEMENT_SCORE, engagement_score, engagement_weights
from offline.exploration.summary import Summary, summarised
from offline.tables.mapping import CategoryCut
from offline.tables.missing import MissingReport, missing_report
from offline.tables.outliers import OutlierColumn, outlier_report
from offline.tables.prepared import prepared
from offline.tables.table import Announce, Table, silent

DISTRIBUTIONS_MAX: Final = 40
COMPARED_CATEGORIES_MAX: Final = 16
COMPARED_NUMBERS_MAX: Final = 30


@dataclass(frozen=True, slots=True)
class Options:
    """What the analyst chose on the command line, in place of what the mapping says."""

    weights: Mapping[str, float] | None = None
    credit_category: CategoryCut | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """All that was found.

    Parameters
    ----------
    table, missing, outliers, summary : of the file as it was read
    frame : after treatment, with engagement score and credit category where there are
    notes : what the treatment did
    numbers, categories : names of the columns that the parts below are about
    pairs : of numbers and flags without ids and without the engagement score, the strongest first
    """

    table: Table
    missing: MissingReport
    outliers: tuple[OutlierColumn, ...]
    summary: Summary
    frame: pd.DataFrame
    notes: tuple[str, ...]
    numbers: tuple[str, ...]
    flags: tuple[str, ...]
    categories: tuple[str, ...]
    distributions: tuple[Distribution, ...]
    correlations: Correlations
    pairs: tuple[Pair, ...]
    by_category: tuple[NumberByCategory, ...]
    crosstabs: tuple[Crosstab, ...]
    weights: Mapping[str, float] = field(default_factory=dict)
    credit: ChosenCut | None = None
    credit_table: pd.DataFrame | None = None

    def title_of(self, name: str) -> str:
        """Return the column's name with its unit; derived columns have none."""
        if name in self.table.frame:
            return self.table.reading.column(name).title
        return f"{name} (weighted contacts)" if name == ENGAGEMENT_SCORE else name


def explore(table: Table, options: Options | None = None, announce: Announce = silent) -> Exploration:
    """Return the exploration of a table.

    Raises
    ------
    ConfigurationError : a chosen column is not there or holds no numbers, or no row is left after treatment
    """
    chosen = options or Options()
    announce("missing values and outliers")
    missing, outliers, summary = missing_report(table), outlier_report(table), summarised(table)
    treated = prepared(table)
    there = [name for name in (ENGAGEMENT_SCORE, CREDIT_CATEGORY) if name in table.frame]
    weights = {} if ENGAGEMENT_SCORE in there else engagement_weights(table, chosen.weights)
    credit = None if CREDIT_CATEGORY in there else credit_cut(table, chosen.credit_category)
    frame = _with_derived(table, treated.frame, weights, credit)
    keys = table.names("id", "key")
    numbers = [name for name in table.names(numeric_only=True) if name not in keys]
    score = [ENGAGEMENT_SCORE] if weights else []
    flags = [column.name for column in table.reading.columns if column.type == "flag"]
    categories = _categories(table, frame, [CREDIT_CATEGORY] if credit else [])
    announce("distributions")
    drawn = [distribution(frame[name]) for name in (*numbers[:DISTRIBUTIONS_MAX], *score)]
    announce("correlations")
    found = correlations(frame, [*table.names(numeric_only=True), *flags, *score])
    announce("categories")
    return Exploration(
        table=table,
        missing=missing,
        outliers=outliers,
        summary=summary,
        frame=frame,
        notes=(*treated.notes, *(f"{name} stands in the file already and is not derived." for name in there)),
        numbers=tuple(numbers),
        flags=tuple(flags),
        categories=tuple(categories),
        distributions=tuple(item for item in drawn if item is not None),
        correlations=found,
        pairs=tuple(pairs(found, frame, without={*keys, *score})),
        by_category=tuple(numbers_by_category(frame, [*numbers[:COMPARED_NUMBERS_MAX], *score], categories)),
        crosstabs=tuple(crosstabs(frame, categories)),
        weights=weights,
        credit=credit,
        credit_table=category_table(frame, credit.cut) if credit else None,
    )


def _with_derived(
    table: Table, frame: pd.DataFrame, weights: Mapping[str, float], credit: ChosenCut | None
) -> pd.DataFrame:
    derived = frame.copy(deep=False)
    if weights:
        derived[ENGAGEMENT_SCORE] = engagement_score(frame, weights)
    if credit:
        # Of the raw values: one that only stands in for a missing one puts nobody into a category.
        raw = table.frame.loc[frame.index, credit.cut.column]
        derived[CREDIT_CATEGORY] = credit_categories(raw, credit.cut)
    return derived


def _categories(table: Table, frame: pd.DataFrame, derived: list[str]) -> list[str]:
    """Those that can be compared: labels and categories before flags, since all of them are too many."""
    of_type = {
        kind: [column.name for column in table.reading.columns if column.type == kind]
        for kind in ("category", "flag")
    }
    labels = [name for name in table.names("label") if name in of_type["flag"]]
    # What is protected is described, and compared with nothing here.
    protected = set(table.names("protected"))
    wanted = dict.fromkeys((*derived, *labels, *of_type["category"], *of_type["flag"]))
    return comparable(frame, [name for name in wanted if name not in protected])[:COMPARED_CATEGORIES_MAX]
