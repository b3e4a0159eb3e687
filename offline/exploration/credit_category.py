"""Credit category: customers cut by the raw values of one column, every customer in one category.

Only inner edges are named, so the lowest and the highest category are open and nobody falls outside. A value
on an edge belongs below it. Customers without a value are `Unknown`, a category of its own.

Rules of this file: pure; raw values only: the same edges on scaled values would leave most customers out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from consumer.vocabulary.errors import ConfigurationError
from offline.exploration.engagement import ENGAGEMENT_SCORE
from offline.tables.inference import words_of
from offline.tables.mapping import CategoryCut
from offline.tables.table import Table

CREDIT_CATEGORY: Final = "Credit_Category"
UNKNOWN: Final = "Unknown"
THREE_LABELS: Final = ("Low", "Medium", "High")


@dataclass(frozen=True, slots=True)
class ChosenCut:
    """A cut and why it is this one."""

    cut: CategoryCut
    reason: str


def parsed_cut(text: str) -> CategoryCut:
    """Return the cut of `COLUMN:EDGE,EDGE,…` from a command line.

    Raises
    ------
    ConfigurationError : the text has another form, or the edges do not rise

    Examples
    --------
    >>> parsed_cut("limit:50000,100000").labels
    ('Low', 'Medium', 'High')
    """
    column, _, edges = text.rpartition(":")
    try:
        values = tuple(float(edge) for edge in edges.split(","))
        if not column:
            raise ValueError("no column")
        return CategoryCut(column=column, edges=values, labels=_labels(values))
    except ValueError as error:
        raise ConfigurationError(
            f"credit category {text!r} is not of the form COLUMN:EDGE,EDGE with rising edges"
        ) from error


def credit_cut(table: Table, chosen: CategoryCut | None = None) -> ChosenCut | None:
    """Return the cut to make: as chosen, else as mapped, else the column's thirds; None without such a column.

    Raises
    ------
    ConfigurationError : the named column is not there or holds no numbers
    """
    named = chosen or table.mapping.credit_category
    if named is None:
        return _thirds(table)
    name = table.name_of(named.column)
    if name not in table.names(numeric_only=True):
        raise ConfigurationError(f"credit category: column {name!r} holds no numbers")
    return ChosenCut(named.model_copy(update={"column": name}), "edges as named")


def credit_categories(values: pd.Series, cut: CategoryCut) -> pd.Series:
    """Return the category of each customer, ordered from low to high; `Unknown` where there is no value.

    Examples
    --------
    >>> cut = parsed_cut("limit:50000,100000")
    >>> credit_categories(pd.Series([0.0, 50000.0, 1e9, float("nan")]), cut).tolist()
    ['Low', 'Low', 'High', 'Unknown']
    """
    places = np.searchsorted(np.asarray(cut.edges), values.to_numpy(dtype="float64"), side="left")
    labels = [*cut.labels, UNKNOWN] if values.hasnans else list(cut.labels)
    codes = np.where(values.isna(), len(cut.labels), places)
    chosen = pd.Categorical.from_codes(codes.astype("int64").tolist(), pd.Index(labels), ordered=True)
    return pd.Series(chosen, index=values.index, name=CREDIT_CATEGORY)


def ranges(cut: CategoryCut) -> dict[str, str]:
    """Return label → its range in words.

    Examples
    --------
    >>> ranges(parsed_cut("limit:50000,100000"))
    {'Low': 'up to 50,000', 'Medium': 'above 50,000 to 100,000', 'High': 'above 100,000'}
    """
    edges = [f"{edge:,.12g}" for edge in cut.edges]
    middle = [f"above {low} to {high}" for low, high in pairwise(edges)]
    return dict(zip(cut.labels, [f"up to {edges[0]}", *middle, f"above {edges[-1]}"], strict=True))


def category_table(frame: pd.DataFrame, cut: CategoryCut) -> pd.DataFrame:
    """Return customers, share and means by category; the frame holds the category and maybe the score."""
    grouped = frame.groupby(CREDIT_CATEGORY, observed=False)
    table = pd.DataFrame({"customers": grouped.size()})
    table.insert(0, "range", [ranges(cut).get(str(label), "no value") for label in table.index])
    table["share"] = table["customers"] / len(frame)
    table[f"mean {cut.column}"] = grouped[cut.column].mean()
    if ENGAGEMENT_SCORE in frame:
        table[f"mean {ENGAGEMENT_SCORE}"] = grouped[ENGAGEMENT_SCORE].mean()
    return table


def _thirds(table: Table) -> ChosenCut | None:
    column = _credit_column(table)
    if column is None:
        return None
    edges = tuple(np.unique(table.frame[column].dropna().quantile([1 / 3, 2 / 3]).to_numpy()).tolist())
    if not edges:
        return None
    cut = CategoryCut(column=column, edges=edges, labels=_labels(edges))
    return ChosenCut(cut, "edges are the thirds of the values, since none were named")


def _credit_column(table: Table) -> str | None:
    candidates = table.names("value", numeric_only=True)
    of_credit = [name for name in candidates if words_of(name) & {"limit", "credit"}]
    return next(iter((*of_credit, *candidates)), None)


def _labels(edges: tuple[float, ...]) -> tuple[str, ...]:
    if len(edges) == 2:
        return THREE_LABELS
    return tuple(f"category {place}" for place in range(1, len(edges) + 2))
