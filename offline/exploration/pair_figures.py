"""Figures of two columns and more: scatter, box by category, crosstab, heat map of correlations.

Rules of this file: drawing only. A scatter of many customers is drawn from a stated sample (a fixed seed), and
points that coincide are one point whose area is their number, so that counts do not hide behind each other.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from offline.exploration.association import Crosstab, NumberByCategory
from offline.exploration.correlation import Pair
from offline.exploration.summary import value_name
from offline.reporting.figures import (
    DIVERGING,
    PALETTE,
    SEQUENTIAL,
    drawn,
    labelled,
    save_figure,
    shortened,
    thousands,
)
from offline.reporting.picture import Picture, file_name

SCATTER_POINTS_MAX: Final = 5_000
SAMPLE_SEED: Final = 0
POINT_AREA: Final = 14.0
POINT_AREA_MAX: Final = 260.0
POINT_AREA_MIN: Final = 5.0
HALF_COLUMNS_MAX: Final = 6
HEAT_COLUMNS_MAX: Final = 25
NUMBERED_CELLS_MAX: Final = 14
"""More columns than this leave no room for digits in the cells."""


def scatter_picture(frame: pd.DataFrame, pair: Pair, *, x: str, y: str) -> Picture:
    """Draw two numeric columns against each other; `x` and `y` are their names with units."""
    kept = frame[[pair.first, pair.second]].dropna()
    is_sample = len(kept) > SCATTER_POINTS_MAX
    if is_sample:
        kept = kept.sample(SCATTER_POINTS_MAX, random_state=SAMPLE_SEED)
    points = kept.groupby([pair.first, pair.second]).size().reset_index(name="customers")
    customers = points["customers"].to_numpy()
    areas = np.maximum(customers * min(POINT_AREA, POINT_AREA_MAX / customers.max()), POINT_AREA_MIN)
    with drawn(width_in=6.2, height_in=4.2) as figure:
        axes = figure.subplots()
        axes.scatter(
            points[pair.first], points[pair.second], s=areas, color=PALETTE[0], alpha=0.45, linewidths=0
        )
        labelled(axes, f"{pair.first} and {pair.second}", x=x, y=y)
        thousands(axes, x=True, y=True)
        png = save_figure(figure, None)
    sample = (
        f" A sample of {SCATTER_POINTS_MAX:,} of {pair.rows_count:,} customers is drawn." if is_sample else ""
    )
    return Picture(
        name=file_name("scatter", pair.first, pair.second),
        png=png,
        title=f"{pair.first} and {pair.second}",
        alt=f"Scatter of {y} over {x}: Pearson {pair.pearson:.3f}",
        caption=f"Pearson {pair.pearson:.3f}, Spearman {pair.spearman:.3f}; the area of a point grows with the "
        f"customers on it.{sample}",
        is_half=True,
    )


def box_picture(frame: pd.DataFrame, found: NumberByCategory, *, title: str) -> Picture:
    """Draw a number as a box by category; `title` is its name with its unit."""
    names = [str(name) for name in found.groups.index]
    labels = frame[found.category].map(value_name, na_action="ignore")
    groups = [frame.loc[labels == name, found.number].dropna() for name in names]
    with drawn(width_in=6.2, height_in=max(2.2, 1.2 + 0.42 * len(names))) as figure:
        axes = figure.subplots()
        axes.boxplot(
            [group.to_numpy(dtype="float64") for group in groups],
            orientation="horizontal",
            widths=0.6,
            patch_artist=True,
            boxprops={"facecolor": "#cfe3f3", "edgecolor": PALETTE[0]},
            medianprops={"color": PALETTE[1], "linewidth": 1.6},
            flierprops={"marker": "o", "markersize": 3, "markerfacecolor": PALETTE[6], "markeredgewidth": 0},
        )
        ticks = [f"{shortened(name)} ({len(group):,})" for name, group in zip(names, groups, strict=True)]
        axes.set_yticks(np.arange(1, len(names) + 1), ticks)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        labelled(axes, f"{found.number} by {found.category}", x=title, y=found.category)
        thousands(axes, x=True)
        png = save_figure(figure, None)
    return Picture(
        name=file_name("box", found.number, "by", found.category),
        png=png,
        title=f"{found.number} by {found.category}",
        alt=f"Box plots of {title} for {len(names)} categories of {found.category}",
        caption=f"{100 * found.correlation_ratio:.0f} % of the variance lies between the categories; "
        "customers in brackets.",
        is_half=True,
    )


def crosstab_picture(found: Crosstab) -> Picture:
    """Draw the counts of two categories, coloured by their share of the row."""
    counts = found.counts.to_numpy(dtype="float64")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    rows, columns = counts.shape
    with drawn(width_in=6.2 if columns <= HALF_COLUMNS_MAX else 9.0, height_in=1.3 + 0.34 * rows) as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap=SEQUENTIAL, vmin=0.0, vmax=1.0, aspect="auto")
        for row in range(rows):
            for column in range(columns):
                _write(axes, f"{counts[row, column]:,.0f}", column, row, dark=shares[row, column] > 0.6)
        _name_cells(axes, found.counts.index, found.counts.columns)
        labelled(axes, f"{found.rows} by {found.columns}", x=found.columns, y=found.rows)
        png = save_figure(figure, None)
    return Picture(
        name=file_name("crosstab", found.rows, found.columns),
        png=png,
        title=f"{found.rows} by {found.columns}",
        alt=f"Table of customers by {found.rows} and {found.columns}, Cramér's V {found.cramers_v:.3f}",
        caption=f"Customers; the darker, the larger the share of the row. Cramér's V {found.cramers_v:.3f}.",
        is_half=columns <= HALF_COLUMNS_MAX,
    )


def heat_picture(matrix: pd.DataFrame, method: str) -> Picture:
    """Draw a correlation matrix; of more than 25 columns those with the strongest relations."""
    shown = _strongest(matrix)
    values = shown.to_numpy()
    size = len(shown)
    side_in = 2.6 + (0.62 if size <= NUMBERED_CELLS_MAX else 0.32) * size
    with drawn(width_in=side_in + 0.9, height_in=side_in - 0.6) as figure:
        axes = figure.subplots()
        image = axes.imshow(values, cmap=DIVERGING, vmin=-1.0, vmax=1.0)
        if size <= NUMBERED_CELLS_MAX:
            for row in range(size):
                for column in range(size):
                    value = values[row, column]
                    _write(axes, f"{value:.2f}", column, row, dark=abs(value) > 0.6)
        _name_cells(axes, shown.index, shown.columns)
        labelled(axes, f"{method} correlation")
        bar = figure.colorbar(image, ax=axes, shrink=0.8)
        bar.set_label(f"{method} correlation")
        png = save_figure(figure, None)
    left = len(matrix) - size
    more = (
        f" The {size} columns with the strongest relations; explore.json holds all {len(matrix)}."
        if left
        else ""
    )
    return Picture(
        name=f"correlation_{method.lower()}",
        png=png,
        title=f"{method} correlation",
        alt=f"Heat map of the {method} correlations of {size} columns",
        caption=f"Blue: against each other, red: together.{more}",
    )


def _strongest(matrix: pd.DataFrame) -> pd.DataFrame:
    if len(matrix) <= HEAT_COLUMNS_MAX:
        return matrix
    strengths = matrix.abs().to_numpy(copy=True)
    np.fill_diagonal(strengths, 0.0)
    chosen = np.sort(np.argsort(-strengths.max(axis=0), kind="stable")[:HEAT_COLUMNS_MAX])
    return matrix.iloc[chosen, chosen]


def _name_cells(axes: Axes, rows: pd.Index, columns: pd.Index) -> None:
    names = [shortened(str(name)) for name in columns]
    is_long = max(map(len, names)) > 6
    axes.set_xticks(
        np.arange(len(names)), names, rotation=40 if is_long else 0, ha="right" if is_long else "center"
    )
    axes.set_yticks(np.arange(len(rows)), [shortened(str(name)) for name in rows])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _write(axes: Axes, text: str, x: int, y: int, *, dark: bool) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color="white" if dark else "#1f2937")
