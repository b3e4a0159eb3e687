"""Findings: what an analyst would say about the table, each sentence with the numbers that it stands on.

A finding is a rule with a threshold, named below; a sentence is said only when its rule holds. Correlation is
called going together, never effect. Ids are no property of customers: that one of them goes with a column is
said of the file ("ordered"), so that it cannot be read as a relation of two columns.

Rules of this file: pure; thresholds are named; the order is by topic, in a topic by strength.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from offline.exploration.correlation import Pair
from offline.exploration.credit_category import CREDIT_CATEGORY
from offline.exploration.engagement import ENGAGEMENT_SCORE, definition
from offline.exploration.exploration import Exploration
from offline.reporting.numbers import spoken_number

CORRELATION_MIN: Final = 0.3
"""Below this a relation explains less than a tenth of the variance."""
PAIRS_TOLD_MAX: Final = 8
CURVED_GAP_MIN: Final = 0.15
"""Spearman this much above Pearson: both rise together, but not on a straight line."""
DISAGREEING_GAP_MIN: Final = 0.3
"""Pearson and Spearman of different sign and so far apart say different things."""
ORDERED_MIN: Final = 0.5
SKEW_MIN: Final = 1.0
OUTLIER_SHARE_MIN: Final = 0.01
TOP_SHARE: Final = 0.1
MAJORITY_MIN: Final = 0.9
SENTINEL_DISTANCE: Final = 50.0
"""So many interquartile ranges away and repeated: more likely a code for a missing value than a value."""
BETWEEN_MIN: Final = 0.1
BETWEEN_TOLD_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, its topic, and its numbers in full digits."""

    topic: str
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)


def findings(found: Exploration) -> list[Finding]:
    """Return what there is to say about an exploration."""
    return [
        *_on_the_file(found),
        *_on_columns(found),
        *_on_labels(found),
        *_on_pairs(found),
        *_on_categories(found),
        *_on_engagement(found),
        *_on_credit(found),
    ]


def _on_the_file(found: Exploration) -> Iterator[Finding]:
    rows = len(found.table.frame)
    cells = found.missing.cells_count
    for text in found.missing.sentences():
        yield Finding("missing values", text, {"cells": cells, "rows": rows})
    for column in found.table.reading.columns:
        yield from (Finding("odd values", text) for text in column.oddities())
    for key in found.summary.repeated_keys:
        shown = ", ".join(map(str, key.repeated[:8])) + (", …" if key.values_count > 8 else "")
        yield Finding(
            "keys",
            f"{key.values_count:,} values of {key.name} stand on more than one row ({key.rows_count:,} rows: "
            f"{shown}); every row is taken as a customer of its own.",
            {"values": key.values_count, "rows": key.rows_count},
        )
    repeated = found.summary.repeated_rows_count
    if repeated:
        yield Finding(
            "keys",
            f"{repeated:,} of {rows:,} rows repeat an earlier row in everything but their ids.",
            {"rows": repeated},
        )
    yield from _on_order(found)


def _on_order(found: Exploration) -> Iterator[Finding]:
    matrix = found.correlations.pearson
    for key in found.table.names("id", "key"):
        if key not in matrix:
            continue
        strong = {name: value for name, value in _row(found, key).items() if abs(value) >= ORDERED_MIN}
        if strong:
            shown = ", ".join(f"{name} {value:z.3f}" for name, value in strong.items())
            yield Finding(
                "keys",
                f"The file is ordered: {key} goes with {shown}. That is a property of the file, not of customers.",
                strong,
            )


def _on_columns(found: Exploration) -> Iterator[Finding]:
    frame = found.table.frame
    yield from _on_constants(found)
    for name in found.numbers:
        yield from _on_sentinel(name, frame[name].dropna())
        yield from _on_skew(name, frame[name].dropna(), float(found.summary.numbers["skew"][name]))
    for column in found.outliers:
        if column.box_plot_count >= OUTLIER_SHARE_MIN * column.values_count > 0:
            yield Finding("outliers", column.sentence(), {"outside": column.box_plot_count})
    for category in found.summary.categories:
        if category.distinct_count > 1 and category.counts:
            value, count = next(iter(category.counts.items()))
            share = count / category.values_count
            if share >= MAJORITY_MIN and category.name not in found.flags:
                yield Finding(
                    "categories",
                    f"{category.name}: {count:,} of {category.values_count:,} values are {value} ({share:.2%}).",
                    {"share": share},
                )


def _on_constants(found: Exploration) -> Iterator[Finding]:
    constant = found.summary.constant
    if constant:
        values = {name: found.table.frame[name].dropna().iloc[0] for name in constant}
        shown = ", ".join(
            f"{name} ({value.date() if isinstance(value, pd.Timestamp) else value})"
            for name, value in values.items()
        )
        have = "column has" if len(constant) == 1 else "columns have"
        yield Finding(
            "constant", f"{len(constant)} {have} one value only and cannot tell customers apart: {shown}."
        )


def _on_skew(name: str, values: pd.Series, skew: float) -> Iterator[Finding]:
    if not abs(skew) >= SKEW_MIN:
        return
    side = "right: a few large values" if skew > 0 else "left: a few small values"
    share = float(values.nlargest(max(1, round(TOP_SHARE * len(values)))).sum() / values.sum())
    top = f"; the highest tenth holds {share:.1%} of the sum" if values.min() >= 0 and skew > 0 else ""
    yield Finding(
        "distribution",
        f"{name} is skewed to the {side} (skewness {skew:.2f}, mean {spoken_number(float(values.mean()))}, "
        f"median {spoken_number(float(values.median()))}){top}.",
        {"skew": skew, "mean": float(values.mean()), "median": float(values.median())},
    )


def _on_sentinel(name: str, values: pd.Series) -> Iterator[Finding]:
    first, third = np.quantile(values, [0.25, 0.75]) if len(values) else (0.0, 0.0)
    reach = SENTINEL_DISTANCE * (third - first)
    for value in {values.min(), values.max()} if reach else ():
        count = int((values == value).sum())
        if count > 1 and not first - reach <= value <= third + reach:
            yield Finding(
                "missing values",
                f"{name} holds {value:,.12g} {count:,} times, far from its other values: "
                "if it stands for a missing value, name it in the mapping (missing).",
                {"value": float(value), "count": count},
            )


def _on_labels(found: Exploration) -> Iterator[Finding]:
    for name in found.table.names("label"):
        if name not in found.flags:
            continue
        label = found.frame[name].dropna()
        ones = int(label.sum())
        near = [pair for pair in found.pairs if name in {pair.first, pair.second}][:3]
        shown = ", ".join(f"{_other(pair, name)} {pair.pearson:z.3f}" for pair in near)
        yield Finding(
            "label",
            f"{name} is 1 for {ones:,} of {len(label):,} customers ({ones / len(label):.1%}); "
            f"what goes with it most: {shown}.",
            {"ones": ones, "rows": len(label)} | {_other(pair, name): pair.pearson for pair in near},
        )


def _other(pair: Pair, name: str) -> str:
    return pair.second if pair.first == name else pair.first


def _on_pairs(found: Exploration) -> Iterator[Finding]:
    strong = [pair for pair in found.pairs if max(abs(pair.pearson), abs(pair.spearman)) >= CORRELATION_MIN]
    for pair in strong[:PAIRS_TOLD_MAX]:
        yield Finding(
            "correlation",
            f"{pair.first} and {pair.second} {_how(pair)} (Pearson {pair.pearson:z.3f}, "
            f"Spearman {pair.spearman:z.3f}, {pair.rows_count:,} rows).",
            {"pearson": pair.pearson, "spearman": pair.spearman},
        )
    if len(strong) > PAIRS_TOLD_MAX:
        more = len(strong) - PAIRS_TOLD_MAX
        yield Finding(
            "correlation", f"{more:,} more pairs correlate with {CORRELATION_MIN:g} or more.", {"pairs": more}
        )
    if found.pairs and not strong:
        yield Finding("correlation", f"No two columns correlate with {CORRELATION_MIN:g} or more.")


def _how(pair: Pair) -> str:
    if abs(pair.pearson - pair.spearman) >= DISAGREEING_GAP_MIN and pair.pearson * pair.spearman < 0:
        return "give two answers: a group of extreme values makes the straight line, see their figure"
    straight = "" if abs(pair.spearman) - abs(pair.pearson) < CURVED_GAP_MIN else ", not on a straight line"
    return ("rise together" if pair.pearson > 0 else "go against each other") + straight


def _on_categories(found: Exploration) -> Iterator[Finding]:
    credit_column = found.credit.cut.column if found.credit else None
    told = [
        item
        for item in found.by_category
        if item.correlation_ratio >= BETWEEN_MIN
        and (item.number, item.category) != (credit_column, CREDIT_CATEGORY)
    ]
    for item in told[:BETWEEN_TOLD_MAX]:
        means = item.groups["mean"]
        yield Finding(
            "categories",
            f"{item.number} differs by {item.category}: {100 * item.correlation_ratio:.0f} % of its variance lies "
            f"between the categories, means from {spoken_number(float(means.min()))} ({means.idxmin()}) to "
            f"{spoken_number(float(means.max()))} ({means.idxmax()}).",
            {"correlation_ratio": item.correlation_ratio},
        )


def _on_engagement(found: Exploration) -> Iterator[Finding]:
    if not found.weights:
        return
    score = found.frame[ENGAGEMENT_SCORE].dropna()
    if not len(score) or ENGAGEMENT_SCORE not in found.correlations.pearson:
        return
    yield Finding(
        "engagement",
        f"The engagement score ({definition(found.weights)}) has the mean {spoken_number(float(score.mean()))} and goes from "
        f"{spoken_number(float(score.min()))} to {spoken_number(float(score.max()))}.",
        {"mean": float(score.mean()), "min": float(score.min()), "max": float(score.max())},
    )
    others = _row(found, ENGAGEMENT_SCORE)
    shown = ", ".join(
        f"{name} {value:z.3f}{' (part of it)' if name in found.weights else ''}"
        for name, value in others.items()
    )
    yield Finding("engagement", f"Its Pearson correlations: {shown}.", others)


def _row(found: Exploration, name: str) -> dict[str, float]:
    """Pearson correlations of a column with the numbers, the strongest first."""
    matrix = found.correlations.pearson
    values = dict(zip(matrix.columns, matrix.loc[name].to_numpy(dtype="float64").tolist(), strict=True))
    known = {other: values[other] for other in found.numbers if other in values and other != name}
    return dict(sorted(known.items(), key=lambda item: -abs(item[1])))


def _on_credit(found: Exploration) -> Iterator[Finding]:
    if found.credit is None or found.credit_table is None:
        return
    table = found.credit_table
    shown = "; ".join(
        f"{label}: {row['customers']:,} ({row['share']:.1%}, {row['range']})"
        for label, row in table.iterrows()
    )
    yield Finding(
        "credit category",
        f"By raw {found.credit.cut.column} ({found.credit.reason}) every one of {len(found.frame):,} customers has "
        f"one credit category: {shown}.",
        {str(label): float(count) for label, count in table["customers"].items()},
    )
