"""Figures of the seed report: how true the probabilities are, and how the segments differ.

Rules of this file: drawing only; whiskers are Wilson's 95 % intervals, since few offers say little.

References: Wilson (1927), JASA 22, 209-212.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from consumer.scoring.seed_bundle import SeedSegments
from offline.reporting.figures import DIVERGING, PALETTE, drawn, labelled, save_figure, shortened
from offline.seeding.evaluation import Evaluation
from offline.seeding.measures import ReliabilityBin, reliability

Z_95: Final = 1.959963984540054
SD_SHOWN_MAX: Final = 2.0
NAME_CHARACTERS_MAX: Final = 42


def reliability_figure(evaluation: Evaluation, product_ids: Sequence[str], file: Path | None) -> bytes:
    """Draw said against seen: over all held-out offers by bins, and a point a product."""
    bins = reliability(evaluation.p_accept, evaluation.accepted)
    products = [
        ReliabilityBin(found.offers, float(evaluation.p_accept[evaluation.product == column].mean()), share)
        for column in range(len(product_ids))
        if (found := evaluation.of_product(column)) is not None
        for share in [found.accepted / found.offers]
    ]
    names = [name for column, name in enumerate(product_ids) if evaluation.of_product(column) is not None]
    with drawn(width_in=10.0, height_in=4.6) as figure:
        left, right = figure.subplots(1, 2)
        _said_and_seen(left, bins)
        labelled(
            left, "All products, offers by probability", x="said: mean P(accept)", y="seen: share accepted"
        )
        left.legend(loc="upper left")
        _by_product(right, products, names)
        return save_figure(figure, file)


def segments_figure(segments: SeedSegments, words: Sequence[str], file: Path | None) -> bytes:
    """Draw how far each segment's mean is from that of all customers, in standard deviations."""
    centroids = np.array(segments.centroids)
    with drawn(width_in=10.0, height_in=1.6 + 0.45 * len(centroids)) as figure:
        axes = figure.subplots()
        image = axes.imshow(centroids, cmap=DIVERGING, vmin=-SD_SHOWN_MAX, vmax=SD_SHOWN_MAX, aspect="auto")
        for row, column in np.ndindex(*centroids.shape):
            value = centroids[row, column]
            colour = "white" if abs(value) > 0.65 * SD_SHOWN_MAX else "#1f2937"
            axes.text(column, row, f"{value:+.1f}", ha="center", va="center", color=colour, fontsize=8.5)
        axes.set_xticks(range(len(words)), [shortened(word) for word in words], rotation=20, ha="right")
        rows = [
            shortened(f"{number} {name} ({size:,})", NAME_CHARACTERS_MAX)
            for number, (name, size) in enumerate(zip(segments.names, segments.sizes, strict=True))
        ]
        axes.set_yticks(range(len(rows)), rows)
        axes.grid(visible=False)
        labelled(axes, "Segments against all customers")
        _bar(figure, axes, image)
        return save_figure(figure, file)


def _bar(figure: Figure, axes: Axes, image: object) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.9)  # type: ignore[arg-type]  # an image is a mappable
    bar.set_label("standard deviations")


def _said_and_seen(axes: Axes, bins: Sequence[ReliabilityBin]) -> None:
    said = [each.p_accept for each in bins]
    low, high = _whiskers(bins)
    seen = np.array([each.accepted_share for each in bins])
    end = 1.08 * max(*said, *(seen + high))
    axes.plot([0.0, end], [0.0, end], color="#9ca3af", linestyle="--", label="what comes true exactly")
    axes.errorbar(
        said, seen, yerr=[low, high], fmt="o-", color=PALETTE[0], capsize=3, label="held-out offers"
    )
    axes.set_xlim(0.0, end)
    axes.set_ylim(0.0, end)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _by_product(axes: Axes, products: Sequence[ReliabilityBin], names: Sequence[str]) -> None:
    places = np.arange(len(products))
    low, high = _whiskers(products)
    seen = np.array([each.accepted_share for each in products])
    axes.errorbar(
        seen, places, xerr=[low, high], fmt="o", color=PALETTE[0], capsize=3, label="seen, 95 % interval"
    )
    axes.plot(
        [each.p_accept for each in products],
        places,
        linestyle="none",
        marker="D",
        color=PALETTE[1],
        label="said on average",
    )
    axes.set_yticks(
        places,
        [f"{shortened(name, 24)} ({each.offers:,})" for name, each in zip(names, products, strict=True)],
    )
    axes.set_ylim(len(products) - 0.5, -2.2)
    axes.set_xlim(left=0.0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    labelled(axes, "By product (held-out offers)", x="share accepted")
    axes.legend(loc="upper right", ncols=2)


def _whiskers(bins: Sequence[ReliabilityBin]) -> tuple[np.ndarray, np.ndarray]:
    """Return how far Wilson's 95 % intervals reach below and above the shares."""
    below, above = [], []
    for each in bins:
        n, share, z2 = each.offers, each.accepted_share, Z_95**2
        middle = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        below.append(max(share - max(middle - half, 0.0), 0.0))
        above.append(max(min(middle + half, 1.0) - share, 0.0))
    return np.array(below), np.array(above)
