"""Figures about how many segments there are: the scan, the silhouettes, the dendrogram.

Rules of this file: each function draws into an empty figure and computes nothing that a reader could not
find in segments.json; the chosen number of segments is marked the same way everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.cluster.hierarchy import dendrogram  # type: ignore[import-untyped]  # no types

from offline.reporting.figures import PALETTE, labelled, thousands
from offline.segmentation.plan import METHOD_NAMES
from offline.segmentation.scan import Tried
from offline.segmentation.segmented import MethodSegments, Segmentation

INK: Final = "#374151"
SOFT: Final = "#9ca3af"
COLOURS: Final = (*PALETTE, "#332288", "#882255", "#44aa99", "#999933")
"""The palette of the reports and four of Paul Tol's: as many segments as a scan usually goes to, and two more."""

LEAVES: Final = 30
"""Ends of the dendrogram that are drawn; below them it is black."""

Measure = Callable[[Tried], float | None]


def _stable(one: Tried) -> float | None:
    return None if one.stability is None else one.stability.mean


PANELS: Final[tuple[tuple[str, str, Measure], ...]] = (
    ("Elbow: inertia", "inertia (lower is better)", lambda one: one.partition.inertia),
    ("Silhouette", "mean (higher is better)", lambda one: one.silhouette),
    ("Stability", "adjusted Rand index, mean\nand least (higher is better)", _stable),
    ("Calinski-Harabasz", "index (higher is better)", lambda one: one.calinski_harabasz),
    ("Davies-Bouldin", "index (lower is better)", lambda one: one.davies_bouldin),
    ("BIC of the mixture", "BIC (lower is better)", lambda one: one.mixture.bic if one.mixture else None),
)


def segment_colour(segment: int) -> str:
    """Return the colour of a segment, the same in every figure."""
    return COLOURS[segment % len(COLOURS)]


def draw_scan(figure: Figure, done: Segmentation) -> None:
    """Draw every measure over the numbers of segments that were tried."""
    panels = [panel for panel in PANELS if any(panel[2](one) is not None for one in done.tried)]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel, done)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    grid[0, 0].legend(loc="upper right")


def _draw_panel(axes: Axes, panel: tuple[str, str, Measure], done: Segmentation) -> None:
    title, label, measure = panel
    known = [(one, value) for one in done.tried if (value := measure(one)) is not None]
    axes.plot([one.k for one, _ in known], [value for _, value in known], marker="o", color=PALETTE[0])
    if title == "Stability":
        least = [one.stability.least if one.stability else np.nan for one, _ in known]
        axes.plot([one.k for one, _ in known], least, marker=".", linestyle=":", color=PALETTE[5])
    axes.axvline(
        done.choice.k, color=PALETTE[1], linestyle="--", linewidth=1.2, label=f"chosen: {done.choice.k}"
    )
    labelled(axes, title, x="number of segments", y=label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    if max(abs(value) for _, value in known) >= 1_000:
        thousands(axes, y=True)


def draw_silhouettes(figure: Figure, found: MethodSegments, done: Segmentation) -> None:
    """Draw each sampled customer's silhouette, sorted within its segment."""
    axes = figure.subplots()
    assert found.silhouettes is not None
    own = found.partition.labels[done.sample]
    gap = max(1, len(own) // 60)
    start = gap
    for segment in range(found.partition.k):
        values = np.sort(found.silhouettes[own == segment])
        end = start + len(values)
        mean_text = f"mean {values.mean():.2f}" if len(values) else "none in the sample"
        axes.fill_betweenx(
            np.arange(start, end),
            0,
            values,
            color=segment_colour(segment),
            linewidth=0,
            label=f"segment {segment}: {int(found.partition.sizes[segment]):,} customers, {mean_text}",
        )
        start = end + gap
    mean = float(found.silhouettes.mean())
    axes.axvline(mean, color=INK, linestyle="--", linewidth=1, label=f"mean of all: {mean:.3f}")
    axes.set_yticks([])
    # From top to bottom as the bands stand; beside the axes, since bands of few customers lie close together.
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.0))
    title = f"Silhouettes of {METHOD_NAMES[found.method]}"
    labelled(
        axes, title, x="silhouette (1: clearly in its own segment, below 0: nearer to another)", y="customers"
    )


def draw_dendrogram(figure: Figure, done: Segmentation) -> None:
    """Draw the upper part of Ward's tree, with the line that cuts it into the chosen number of segments."""
    axes = figure.subplots()
    assert done.tree is not None
    heights = done.tree[:, 2]
    k = done.choice.k
    cut = float((heights[-k] + heights[-k + 1]) / 2) if 1 < k <= len(heights) else float(heights[-1] * 1.05)
    dendrogram(
        done.tree,
        truncate_mode="lastp",
        p=LEAVES,
        ax=axes,
        color_threshold=cut,
        above_threshold_color=SOFT,
        leaf_rotation=90,
        leaf_font_size=8,
    )
    axes.axhline(cut, color=PALETTE[1], linestyle="--", linewidth=1.2, label=f"cut into {k}")
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper right")
    labelled(
        axes,
        f"Dendrogram by Ward, the last {min(LEAVES, len(heights) + 1)} groups",
        x="group (number of its customers; a bare number is one customer's place in the sample)",
        y="height of the merge (scaled distance)",
    )
