"""Outliers: values beyond a fence, by one of two rules, and what is done with them.

    box_plot  below Q1 − c·IQR or above Q3 + c·IQR, c = 1.5: quartiles hardly move by the outliers themselves
    z_score   further than c standard deviations from the mean, c = 3: for columns that are about normal

Quartiles are interpolated linearly, the standard deviation is that of a sample (n − 1).
An outlier is no error: the default is to keep it. `cap` sets it to the fence, `remove` leaves the row out.

Rules of this file: pure; both rules are reported for every column, the mapping chooses which one acts.

References
----------
J. W. Tukey, Exploratory Data Analysis, 1977, section 2C (the fences).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from consumer.vocabulary.errors import ConfigurationError
from offline.reporting.numbers import spoken_number
from offline.tables.mapping import BOX_PLOT_LIMIT, Z_SCORE_LIMIT, ColumnMapping, OutlierRule, OutlierTreatment
from offline.tables.missing import Treated
from offline.tables.table import Table


@dataclass(frozen=True, slots=True)
class Fence:
    """Values below `low` or above `high` are outliers by the rule; NaN when there are no values."""

    rule: OutlierRule
    limit: float
    low: float
    high: float

    def outside(self, values: pd.Series) -> np.ndarray:
        """Return which values lie outside; a missing one does not."""
        return ((values < self.low) | (values > self.high)).to_numpy()


@dataclass(frozen=True, slots=True)
class OutlierColumn:
    """Outliers of one numeric column by both rules; `chosen` is the fence that its mapping names."""

    name: str
    values_count: int
    box_plot: Fence
    box_plot_count: int
    z_score: Fence
    z_score_count: int
    chosen: Fence
    chosen_count: int
    treatment: OutlierTreatment
    smallest: float
    largest: float

    def sentence(self) -> str:
        """Return the counts by both rules in one sentence."""
        if self.box_plot.low == self.box_plot.high:
            return (
                f"{self.name}: at least half of its {self.values_count:,} values are "
                f"{spoken_number(self.box_plot.low)}, so the box-plot rule says nothing; {self.z_score_count:,} are "
                f"further than {self.z_score.limit:g} standard deviations from the mean; "
                f"values go from {spoken_number(self.smallest)} to {spoken_number(self.largest)}."
            )
        return (
            f"{self.name}: {self.box_plot_count:,} of {self.values_count:,} values lie outside "
            f"{spoken_number(self.box_plot.low)} to {spoken_number(self.box_plot.high)} (box-plot rule, "
            f"{self.box_plot.limit:g} interquartile ranges), {self.z_score_count:,} are further than "
            f"{self.z_score.limit:g} standard deviations from the mean; "
            f"values go from {spoken_number(self.smallest)} to {spoken_number(self.largest)}."
        )


def fence(values: pd.Series, rule: OutlierRule, limit: float) -> Fence:
    """Return the fence of the values by a rule.

    Examples
    --------
    >>> fence(pd.Series([1.0, 2.0, 3.0, 4.0, 100.0]), "box_plot", 1.5)
    Fence(rule='box_plot', limit=1.5, low=-1.0, high=7.0)
    """
    present = values.dropna().to_numpy(dtype="float64")
    if present.size == 0:
        return Fence(rule, limit, float("nan"), float("nan"))
    if rule == "box_plot":
        first, third = np.quantile(present, [0.25, 0.75])
        reach = limit * (third - first)
        return Fence(rule, limit, float(first - reach), float(third + reach))
    spread = limit * (float(present.std(ddof=1)) if present.size > 1 else 0.0)
    mean = float(present.mean())
    return Fence(rule, limit, mean - spread, mean + spread)


def outlier_report(table: Table) -> tuple[OutlierColumn, ...]:
    """Return the outliers of every numeric column that is not an id, by both rules."""
    return tuple(
        _column(column.name, table.frame[column.name], column.mapping)
        for column in table.reading.columns
        if column.is_numeric and column.role not in {"id", "key"}
    )


def without_outliers(frame: pd.DataFrame, chosen: Mapping[str, ColumnMapping]) -> Treated:
    """Return the frame with outliers capped or their rows removed, as chosen; fences are of the frame given.

    Raises
    ------
    ConfigurationError : no row would be left
    """
    treated = frame.copy(deep=False)
    removed = np.zeros(len(frame), dtype=bool)
    notes = []
    for name, how in chosen.items():
        if how.when_outlier == "keep":
            continue
        limits = fence(frame[name], how.outlier_rule, how.fence)
        outside = limits.outside(frame[name])
        notes.append(_note(name, limits, how.when_outlier, int(outside.sum())))
        if how.when_outlier == "cap":
            # Whole numbers may get a broken fence.
            treated[name] = frame[name].astype("float64").clip(limits.low, limits.high)
        else:
            removed |= outside
    if not removed.any():
        return Treated(treated, tuple(notes))
    if removed.all():
        raise ConfigurationError("every row holds an outlier that is to be removed: none is left")
    notes.append(f"{int(removed.sum()):,} of {len(frame):,} rows were left out, which hold these outliers.")
    return Treated(treated.loc[~removed], tuple(notes))


def _column(name: str, values: pd.Series, mapping: ColumnMapping) -> OutlierColumn:
    box_plot = fence(values, "box_plot", BOX_PLOT_LIMIT)
    z_score = fence(values, "z_score", Z_SCORE_LIMIT)
    chosen = fence(values, mapping.outlier_rule, mapping.fence)
    return OutlierColumn(
        name=name,
        values_count=int(values.count()),
        box_plot=box_plot,
        box_plot_count=int(box_plot.outside(values).sum()),
        z_score=z_score,
        z_score_count=int(z_score.outside(values).sum()),
        chosen=chosen,
        chosen_count=int(chosen.outside(values).sum()),
        treatment=mapping.when_outlier,
        smallest=float(values.min()),
        largest=float(values.max()),
    )


def _note(name: str, limits: Fence, how: OutlierTreatment, count: int) -> str:
    done = "set to the fence" if how == "cap" else "to be removed with their rows"
    return (
        f"{name}: {count:,} values outside {spoken_number(limits.low)} to {spoken_number(limits.high)} "
        f"({limits.rule.replace('_', '-')} rule, {limits.limit:g}) were {done}."
    )
