"""Figures of single columns: histogram with box plot, categories, flags, missing values.

Rules of this file: drawing only; what is drawn was computed elsewhere.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from offline.exploration.distribution import Distribution
from offline.exploration.summary import CategorySummary
from offline.reporting.figures import PALETTE, drawn, labelled, save_figure, shortened, thousands
from offline.reporting.numbers import spoken_number
from offline.reporting.picture import Picture, file_name
from offline.tables.missing import MissingReport

BARS_MAX: Final = 12
MISSING_BARS_MAX: Final = 30
BAR_IN: Final = 0.24
OUTSIDE_DRAWN_MAX: Final = 1_000
"""Points beyond the whiskers; more of them are a line anyway."""


def distribution_picture(found: Distribution, title: str) -> Picture:
    """Draw histogram and box plot of a numeric column over one axis; `title` is its name with its unit."""
    with drawn(width_in=6.2, height_in=3.6) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        bars = found.histogram
        upper.bar(
            (bars.edges[:-1] + bars.edges[1:]) / 2,
            bars.counts,
            width=np.diff(bars.edges) * (0.9 if bars.is_whole else 1.0),
            color=PALETTE[0],
            edgecolor="white",
            linewidth=0.4,
        )
        labelled(upper, shortened(found.name, 50), y="customers")
        _mark_median(upper, found)
        thousands(upper, y=True)
        _draw_box(lower, found)
        room = 0.03 * (bars.edges[-1] - bars.edges[0])
        lower.set_xlim(bars.edges[0] - room, bars.edges[-1] + room)
        thousands(lower, x=True)
        lower.set_xlabel(title)
        png = save_figure(figure, None)
    box = found.box_plot
    return Picture(
        name=file_name("distribution", found.name),
        png=png,
        title=found.name,
        alt=f"Histogram and box plot of {title}: median {spoken_number(box.median)}, "
        f"quartiles {spoken_number(box.first_quartile)} and {spoken_number(box.third_quartile)}",
        caption=f"Median {spoken_number(box.median)}, middle half {spoken_number(box.first_quartile)} to "
        f"{spoken_number(box.third_quartile)}; {box.outside_count:,} values beyond the whiskers."
        f"{_not_drawn(found)}",
        is_half=True,
    )


def _not_drawn(found: Distribution) -> str:
    bars = found.histogram
    if not bars.beyond_count:
        return ""
    return (
        f" {bars.beyond_count:,} customers outside {spoken_number(bars.edges[0])} to "
        f"{spoken_number(bars.edges[-1])} are not drawn."
    )


def _mark_median(axes: Axes, found: Distribution) -> None:
    median = found.box_plot.median
    axes.axvline(median, color=PALETTE[1], linewidth=1.6)
    # Beside the title: inside the axes it would hide bars.
    axes.set_title(f"— median {spoken_number(median)}", loc="right", color=PALETTE[1], fontsize=8.5)


def _draw_box(axes: Axes, found: Distribution) -> None:
    box = found.box_plot
    step = max(1, len(box.outside) // OUTSIDE_DRAWN_MAX)
    axes.bxp(
        [
            {
                "med": box.median,
                "q1": box.first_quartile,
                "q3": box.third_quartile,
                "whislo": box.low_whisker,
                "whishi": box.high_whisker,
                "fliers": box.outside[::step],
            }
        ],
        orientation="horizontal",
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": "#cfe3f3", "edgecolor": PALETTE[0]},
        medianprops={"color": PALETTE[1], "linewidth": 1.6},
        flierprops={"marker": "o", "markersize": 3, "markerfacecolor": PALETTE[6], "markeredgewidth": 0},
    )
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")


def category_picture(found: CategorySummary, title: str) -> Picture:
    """Draw how often the categories of a column occur, at most twelve and the others together."""
    items = list(found.counts.items())
    shown, rest = items[:BARS_MAX], items[BARS_MAX:]
    others = sum(count for _, count in rest) + found.others_count
    names = [shortened(name) for name, _ in shown]
    counts = [count for _, count in shown]
    if others:
        names.append(f"{found.distinct_count - len(shown)} others")
        counts.append(others)
    png = _bars(names, counts, heading=found.name, x="customers", colour=PALETTE[0])
    first, count = shown[0]
    return Picture(
        name=file_name("category", found.name),
        png=png,
        title=found.name,
        alt=f"Bars of {title}: the most frequent of {found.distinct_count} values is {first}",
        caption=f"{found.distinct_count} values; {first} most often ({count / found.values_count:.2%}).",
        is_half=True,
    )


def flags_picture(frame: pd.DataFrame, names: list[str]) -> Picture:
    """Draw the share of customers for whom each flag is 1, the largest first."""
    shares = {name: float(frame[name].mean()) for name in names if frame[name].notna().any()}
    ordered = sorted(shares, key=lambda name: (-shares[name], name))
    png = _bars(
        [shortened(name, 30) for name in ordered],
        [100 * shares[name] for name in ordered],
        heading="Flags",
        x="customers with a 1 (% of those with a value)",
        colour=PALETTE[2],
    )
    return Picture(
        name="flags",
        png=png,
        title="Flags",
        alt=f"Bars of the share of ones of {len(ordered)} flags; {ordered[0]} is the most frequent",
        caption=f"{ordered[0]} is 1 most often ({shares[ordered[0]]:.2%}), "
        f"{ordered[-1]} least often ({shares[ordered[-1]]:.2%}).",
    )


def missing_picture(found: MissingReport) -> Picture:
    """Draw the share of missing values of the columns that have some."""
    shown = found.columns[:MISSING_BARS_MAX]
    png = _bars(
        [shortened(column.name, 30) for column in shown],
        [100 * column.missing_share for column in shown],
        heading="Missing values",
        x="rows without a value (%)",
        colour=PALETTE[1],
    )
    more = len(found.columns) - len(shown)
    return Picture(
        name="missing",
        png=png,
        title="Missing values",
        alt=f"Bars of the share of missing values of {len(shown)} columns, {shown[0].name} the most",
        caption=f"{more} more columns have missing values." if more else "",
    )


def _bars(names: list[str], values: list[float] | list[int], *, heading: str, x: str, colour: str) -> bytes:
    is_share = "%" in x
    with drawn(width_in=6.2, height_in=max(1.6, 0.9 + BAR_IN * len(names))) as figure:
        axes = figure.subplots()
        places = np.arange(len(names))
        bars = axes.barh(places, values, color=colour, height=0.72)
        axes.bar_label(
            bars,
            labels=[f"{value:.2f} %" if is_share else f"{value:,.0f}" for value in values],
            padding=3,
            fontsize=8,
            color="#374151",
        )
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        # Room for the numbers at the ends of the bars.
        axes.margins(x=0.14)
        labelled(axes, heading, x=x)
        thousands(axes, x=True)
        return save_figure(figure, None)
