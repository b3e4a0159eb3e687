"""Figures about what the segments are: a map, profiles, distributions, methods and families compared.

Rules of this file: each function draws into an empty figure; colours of segments are the same everywhere;
large tables are drawn by the rows of a sample, and the caption says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from offline.reporting.figures import DIVERGING, SEQUENTIAL, labelled, shortened, thousands
from offline.segmentation.analysis import Analysis
from offline.segmentation.choice_figures import INK, segment_colour
from offline.segmentation.families import Family
from offline.segmentation.features import numeric_values
from offline.segmentation.plan import METHOD_NAMES, Floats, Int64s
from offline.segmentation.sampling import sample_rows

DRAWN_ROWS_MAX: Final = 4_000
"""More points than this are one blot of ink."""

DISTRIBUTIONS_MAX: Final = 12
FAMILY_COLUMNS_MAX: Final = 8
STEEP_FROM: Final = 6
"""With more columns their names would run into one another at a gentle slope."""

Z_LIMIT: Final = 2.5
"""Standard deviations at which the colours end; the numbers in the cells go on."""


def drawn_rows(analysis: Analysis) -> Int64s:
    """Return the rows that points and boxes are drawn from."""
    done = analysis.segmentation
    return sample_rows(len(done.scaled), DRAWN_ROWS_MAX, done.plan.seed)


def draw_map(figure: Figure, analysis: Analysis) -> None:
    """Draw customers on the two directions in which they differ most."""
    done, rows = analysis.segmentation, drawn_rows(analysis)
    axes = figure.subplots()
    centred = done.scaled - done.scaled.mean(axis=0)
    directions, shares = _directions(centred)
    points = centred[rows] @ directions.T
    labels = done.first.partition.labels[rows]
    for one in analysis.named:
        own = labels == one.segment
        size = int(done.first.partition.sizes[one.segment])
        axes.scatter(
            points[own, 0],
            points[own, 1],
            s=12,
            alpha=0.55,
            linewidth=0,
            color=segment_colour(one.segment),
            label=f"{one.segment}: {shortened(one.name, 38)} ({size:,})",
        )
    centres = (done.first.partition.centres - done.scaled.mean(axis=0)) @ directions.T
    axes.scatter(centres[:, 0], centres[:, 1], marker="X", s=70, color="white", edgecolor=INK, label="centre")
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), title="segment (customers)")
    legend.get_title().set_fontsize(8.5)
    labelled(
        axes,
        "Customers on their two principal components",
        x=f"first component ({100 * shares[0]:.0f} % of the variance)",
        y=f"second component ({100 * shares[1]:.0f} % of the variance)",
    )


def _directions(centred: Floats) -> tuple[Floats, Floats]:
    """Return two principal directions, shape (2, n_features), and their shares of the variance.

    The sign is fixed by the largest component, so that the picture does not turn over between runs.
    """
    values, vectors = np.linalg.eigh(np.atleast_2d(centred.T @ centred))
    order = np.argsort(values)[::-1][:2]
    found, shares = vectors[:, order].T, values[order] / values.sum()
    largest = np.abs(found).argmax(axis=1)
    found = found * np.sign(found[np.arange(len(found)), largest])[:, None]
    if len(found) == 1:  # one feature: there is no second direction
        return np.vstack([found, np.zeros_like(found)]), np.append(shares, 0.0)
    return found, shares


def draw_profile_map(figure: Figure, analysis: Analysis) -> None:
    """Draw the segments' means in standard deviations from the mean of all customers."""
    profiles = analysis.first_profiles
    z = profiles.z[:, : len(analysis.features)]
    axes = figure.subplots()
    _draw_grid(
        axes,
        z,
        rows=[f"{one.segment}: {shortened(one.name, 34)}" for one in analysis.named],
        columns=[shortened(name, 20) for name in analysis.features],
        texts=[[f"{round(value, 2) + 0.0:+.2f}" for value in row] for row in z],
        look={"cmap": DIVERGING, "vmin": -Z_LIMIT, "vmax": Z_LIMIT},
    )
    figure.colorbar(axes.images[0], ax=axes, label="standard deviations", shrink=0.8)
    labelled(axes, "Profiles: segment means against all customers", y="segment")


def draw_distributions(figure: Figure, analysis: Analysis) -> None:
    """Draw each feature's box plot by segment, in raw units."""
    names = analysis.features[:DISTRIBUTIONS_MAX]
    columns = min(3, len(names))
    grid = figure.subplots(-(-len(names) // columns), columns, squeeze=False)
    rows = drawn_rows(analysis)
    labels = analysis.segmentation.first.partition.labels[rows]
    for axes, name in zip(grid.flat, names, strict=False):
        values = numeric_values(analysis.frame, name)
        if np.isin(values, (0.0, 1.0)).all():
            _draw_shares(axes, analysis, name)
        else:
            _draw_boxes(axes, [values[rows][labels == one.segment] for one in analysis.named])
            labelled(axes, shortened(name, 26), x="segment", y=shortened(analysis.unit(name), 26) or "value")
            thousands(axes, y=True)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)


def _draw_boxes(axes: Axes, groups: Sequence[Floats]) -> None:
    boxes = axes.boxplot(
        groups,
        tick_labels=[str(segment) for segment in range(len(groups))],
        patch_artist=True,
        flierprops={"markersize": 2.5, "markeredgecolor": "#9ca3af"},
        medianprops={"color": INK},
        widths=0.6,
    )
    for segment, box in enumerate(boxes["boxes"]):
        box.set_facecolor(segment_colour(segment))
        box.set_alpha(0.65)


def _draw_shares(axes: Axes, analysis: Analysis, name: str) -> None:
    """Draw how many customers of each segment have a flag: a box of zeros and ones would say nothing."""
    profiles = analysis.first_profiles
    shares = 100 * profiles.means[:, profiles.place(name)]
    colours = [segment_colour(segment) for segment in range(len(shares))]
    bars = axes.bar(range(len(shares)), shares, color=colours, alpha=0.65, width=0.6)
    axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_ylim(0, 112)
    axes.set_xticks(range(len(shares)))
    axes.set_yticks([0, 25, 50, 75, 100])
    labelled(axes, shortened(name, 26), x="segment", y="% of customers")


def draw_methods(figure: Figure, analysis: Analysis) -> None:
    """Draw how the customers of the first method's segments lie in those of the others."""
    done = analysis.segmentation
    others = [found for method, found in done.methods.items() if method is not done.first.method]
    for axes, found in zip(figure.subplots(1, len(others), squeeze=False).flat, others, strict=True):
        counts = _counts(done.first.partition.labels, found.partition.labels)
        _draw_counts(axes, counts)
        labelled(
            axes,
            f"{METHOD_NAMES[done.first.method]} against {METHOD_NAMES[found.method]}",
            x=f"segment of {METHOD_NAMES[found.method]}",
            y=f"segment of {METHOD_NAMES[done.first.method]}",
        )


def draw_families(figure: Figure, analysis: Analysis) -> None:
    """Draw the families side by side: profile of each one's segments above, their customers below."""
    found = analysis.families.found
    top, bottom = figure.subplots(2, len(found), squeeze=False, height_ratios=[1.5, 1])
    for axes, family in zip(top, found, strict=True):
        _draw_family(axes, family)
    for axes, family in zip(bottom, found, strict=True):
        _draw_counts(axes, _counts(analysis.segmentation.first.partition.labels, family.partition.labels))
        labelled(
            axes, f"Customers, ARI {family.ari:.2f}", x=f"{family.name} segment", y="segment of all features"
        )


def _draw_family(axes: Axes, family: Family) -> None:
    z = family.profiles.z
    shown = np.sort(np.argsort(-np.abs(z).max(axis=0), kind="stable")[:FAMILY_COLUMNS_MAX])
    _draw_grid(
        axes,
        z[:, shown],
        rows=[f"{segment} ({int(size):,})" for segment, size in enumerate(family.partition.sizes)],
        columns=[shortened(family.columns[place], 20) for place in shown],
        texts=[[f"{round(value, 1) + 0.0:+.1f}" for value in row] for row in z[:, shown]],
        look={"cmap": DIVERGING, "vmin": -Z_LIMIT, "vmax": Z_LIMIT},
    )
    labelled(axes, f"{family.name.capitalize()} (means in sd)", y="segment (customers)")


def _counts(first: Int64s, second: Int64s) -> Int64s:
    shape = int(first.max()) + 1, int(second.max()) + 1
    return np.bincount(first * shape[1] + second, minlength=shape[0] * shape[1]).reshape(shape)


def _draw_counts(axes: Axes, counts: Int64s) -> None:
    shares = counts / counts.sum(axis=1, keepdims=True)
    _draw_grid(
        axes,
        shares,
        rows=[str(segment) for segment in range(counts.shape[0])],
        columns=[str(segment) for segment in range(counts.shape[1])],
        texts=[[f"{count:,}" if count else "" for count in row] for row in counts.tolist()],
        look={"cmap": SEQUENTIAL, "vmin": 0.0, "vmax": 1.0},
    )


def _draw_grid(
    axes: Axes,
    values: Floats,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    texts: Sequence[Sequence[str]],
    look: dict[str, Any],
) -> None:
    """Draw a table of coloured cells with a text in each; dark cells get white letters."""
    image = axes.imshow(values, aspect="auto", **look)
    axes.grid(visible=False)
    is_wordy = max(map(len, columns)) > 4
    steep = 60 if len(columns) > STEEP_FROM else 35
    axes.set_xticks(
        range(len(columns)), columns, rotation=steep if is_wordy else 0, ha="right" if is_wordy else "center"
    )
    axes.set_yticks(range(len(rows)), rows)
    small = len(columns) > 8
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            red, green, blue, _ = image.cmap(image.norm(values[row, column]))
            is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=7 if small else 8.5,
                color="white" if is_dark else INK,
            )
