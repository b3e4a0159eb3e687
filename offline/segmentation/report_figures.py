"""Which figures a report has, under which names, with titles and words for those who cannot see them.

Rules of this file: a figure that says nothing (one method, one segment, no tree) is not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from offline.reporting.figures import drawn, save_figure
from offline.segmentation.analysis import Analysis
from offline.segmentation.choice_figures import draw_dendrogram, draw_scan, draw_silhouettes
from offline.segmentation.plan import METHOD_NAMES
from offline.segmentation.segment_figures import (
    DISTRIBUTIONS_MAX,
    draw_distributions,
    draw_families,
    draw_map,
    draw_methods,
    draw_profile_map,
    drawn_rows,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure with its words."""

    png: bytes
    title: str
    alt: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class _Drawing:
    name: str
    draw: Callable[[Figure], None]
    width_in: float
    height_in: float
    title: str
    alt: str
    caption: str = ""


def pictures_of(analysis: Analysis, folder: Path | None) -> dict[str, Picture]:
    """Return name → figure, each also written to `<folder>/<name>.png` when a folder is given."""
    found = {}
    for one in _drawings(analysis):
        with drawn(width_in=one.width_in, height_in=one.height_in) as figure:
            one.draw(figure)
            png = save_figure(figure, folder / f"{one.name}.png" if folder else None)
        found[one.name] = Picture(png, one.title, one.alt, one.caption)
    return found


def _drawings(analysis: Analysis) -> Iterator[_Drawing]:
    yield from _segment_drawings(analysis)
    yield from _choice_drawings(analysis)
    yield from _comparison_drawings(analysis)


def _segment_drawings(analysis: Analysis) -> Iterator[_Drawing]:
    done, k = analysis.segmentation, analysis.segmentation.first.partition.k
    n_drawn, n_features = len(drawn_rows(analysis)), len(analysis.features)
    points = f"{n_drawn:,} of {len(done.scaled):,} customers are drawn."
    yield _Drawing(
        "map",
        lambda figure: draw_map(figure, analysis),
        9.5,
        4.8,
        "Map of the customers",
        f"Points of {n_drawn:,} customers in {k} colours, one a segment, on two principal components.",
        f"{points} Two directions cannot show everything: what overlaps here may be apart in a third.",
    )
    yield _Drawing(
        "profiles",
        lambda figure: draw_profile_map(figure, analysis),
        max(7.0, 3.4 + 0.95 * n_features),
        1.9 + 0.45 * k,
        "Profiles of the segments",
        f"Table of colours: {k} segments by {n_features} features, red above the mean of all customers, blue below.",
        "Mean of each feature in standard deviations of all customers from their mean.",
    )
    rows = -(-min(n_features, DISTRIBUTIONS_MAX) // 3)
    more = n_features - DISTRIBUTIONS_MAX
    yield _Drawing(
        "distributions",
        lambda figure: draw_distributions(figure, analysis),
        3.2 * min(3, n_features),
        2.6 * rows,
        "Features by segment",
        f"Charts of {min(n_features, DISTRIBUTIONS_MAX)} features, one box a segment; for flags one bar.",
        f"Box: quartiles and median; whiskers: up to 1.5 interquartile ranges; dots: beyond; bars: share of customers with the flag. {points}"
        + (f" The other {more} features are in the tables." if more > 0 else ""),
    )


def _choice_drawings(analysis: Analysis) -> Iterator[_Drawing]:
    done = analysis.segmentation
    if len(done.tried) > 1:
        yield _Drawing(
            "scan",
            lambda figure: draw_scan(figure, done),
            10.0,
            5.6,
            "Measures over the number of segments",
            f"Line charts of each measure for {done.tried[0].k} to {done.tried[-1].k} segments; "
            f"{done.choice.k} is marked.",
            "The dashed line is the chosen number. Dotted in the stability: the least of the bootstrap samples.",
        )
    if done.first.silhouettes is not None:
        yield _Drawing(
            "silhouettes",
            lambda figure: draw_silhouettes(figure, done.first, done),
            9.0,
            4.4,
            "Silhouettes by segment",
            f"One band a segment, customers sorted by silhouette; the mean is {done.first.silhouette:.3f}.",
            f"Of {len(done.sample):,} customers.",
        )
    if done.tree is not None and len(done.tree) > 1:
        yield _Drawing(
            "dendrogram",
            lambda figure: draw_dendrogram(figure, done),
            9.5,
            4.6,
            "Dendrogram",
            f"Tree of merges by Ward, cut into {done.choice.k} segments by a dashed line.",
            f"Of {len(done.sample):,} customers. The higher the step between two merges, the clearer the cut there.",
        )


def _comparison_drawings(analysis: Analysis) -> Iterator[_Drawing]:
    done = analysis.segmentation
    others = [METHOD_NAMES[method] for method in done.methods if method is not done.first.method]
    if others:
        yield _Drawing(
            "methods",
            lambda figure: draw_methods(figure, analysis),
            4.4 * len(others),
            1.8 + 0.42 * done.first.partition.k,
            "Customers by two methods",
            f"Tables of customers: segments of {METHOD_NAMES[done.first.method]} against {' and '.join(others)}.",
            "Shade: share of the row's customers.",
        )
    families = analysis.families.found
    if families:
        most = max(family.partition.k for family in families)
        yield _Drawing(
            "families",
            lambda figure: draw_families(figure, analysis),
            max(5.0, 4.2 * len(families)),
            3.6 + 0.3 * most + 0.26 * done.first.partition.k,
            "Families of columns side by side",
            f"For {', '.join(family.name for family in families)}: profile of each segment, and its customers "
            f"by segment of all features.",
            "Above: means in standard deviations of all customers. Below: customers, shade is the share of the row.",
        )
