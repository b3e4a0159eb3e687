"""What there is to say about seeds, in sentences with their numbers.

Rules of this file: words and arithmetic of shares only; every number comes from the seeding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from offline.seeding.seed import EVIDENCE_MAX, Seeding

WEIGHTS_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class StrongWeights:
    """The inputs that raise and lower one product's acceptance most, in words with their weights."""

    product_id: str
    raises: Sequence[str]
    lowers: Sequence[str]


def findings(seeding: Seeding) -> list[str]:
    """Return what was read, how good the weights are, and what the segments are."""
    return [*what_was_read(seeding), *how_good(seeding), *segments_in_words(seeding)]


def what_was_read(seeding: Seeding) -> list[str]:
    """Return how much history there was, and what of it could not be used."""
    past, metrics = seeding.past, seeding.bundle.metrics
    sentences = [
        f"{past.n_events:,} events of {len(past.customer_ids):,} customers were read through the scorer's own fold.",
        (
            f"{metrics['offers']:,.0f} past offers taught the models; {metrics['accepted']:,.0f} of them "
            f"({metrics['accepted'] / metrics['offers']:.1%}) were accepted."
        ),
    ]
    if past.refused:
        told = ", ".join(f"{count:,} as {code}" for code, count in sorted(past.refused.items()))
        sentences.append(f"{sum(past.refused.values()):,} records could not be used: {told}.")
    else:
        sentences.append("No record was refused.")
    return sentences


def how_good(seeding: Seeding) -> list[str]:
    """Return how well held-out offers were foreseen."""
    found, metrics = seeding.evaluation.overall(), seeding.bundle.metrics
    of_rates = metrics["held_out_log_loss_of_the_rates"]
    auc = "" if found.auc is None else f" and an AUC of {found.auc:.3f}"
    better = 1.0 - found.log_loss / of_rates
    worth = (
        f"{better:.1%} better than each product's past rate alone ({of_rates:.4f})"
        if better > 0.0
        else f"no better than each product's past rate alone ({of_rates:.4f}): the weights say little here"
    )
    return [
        (
            f"On the last {found.offers:,} offers, held out, the first weights have a log loss of "
            f"{found.log_loss:.4f}{auc}, {worth}."
        ),
        (
            f"Calibrated, they are off by {found.ece:.1%} on average; uncalibrated their log loss is "
            f"{metrics['held_out_log_loss_uncalibrated']:.4f}."
        ),
        f"Each product's seed counts for at most {EVIDENCE_MAX:,.0f} answers, so the stream can correct it.",
    ]


def segments_in_words(seeding: Seeding) -> list[str]:
    """Return the segments with their sizes."""
    segmentation = seeding.segmentation
    if segmentation is None:
        return [
            (
                f"{len(seeding.past.customer_ids):,} customers are too few, or too alike, to be put in segments: "
                "nobody is placed."
            )
        ]
    total = max(sum(segmentation.segments.sizes), 1)
    told = "; ".join(
        f"{number}: {name} ({size / total:.0%})"
        for number, (name, size) in enumerate(
            zip(segmentation.segments.names, segmentation.segments.sizes, strict=True)
        )
    )
    objecting = int((~seeding.past.may_be_profiled).sum())
    left_out = (
        [f"{objecting:,} customers do not agree to profiling: they are in no segment."] if objecting else []
    )
    return [
        f"{len(segmentation.segments.names)} segments by k-means, silhouette {segmentation.silhouette:.3f}: {told}.",
        *left_out,
    ]


def strongest_weights(seeding: Seeding, features: FeatureCatalogue) -> list[StrongWeights]:
    """Return for each product the inputs that count most, in the words of the feature catalogue."""
    names, words = seeding.bundle.input_names, features.descriptions
    segment_words = _segment_words(seeding)
    found = []
    for model in seeding.bundle.models[: len(features.product_ids)]:
        weights = np.array(model.weights)
        order = np.argsort(-np.abs(weights), kind="stable")
        told = [
            (
                weights[place],
                f"{segment_words.get(names[place], words[names[place]])} ({weights[place]:+.2f})",
            )
            for place in order
            if weights[place]
        ]
        found.append(
            StrongWeights(
                model.product_id,
                [text for weight, text in told if weight > 0.0][:WEIGHTS_SHOWN],
                [text for weight, text in told if weight < 0.0][:WEIGHTS_SHOWN],
            )
        )
    return found


def _segment_words(seeding: Seeding) -> dict[str, str]:
    if seeding.bundle.segments is None:
        return {}
    return {
        f"segment_is_{number}": f"segment {number}: {name}"
        for number, name in enumerate(seeding.bundle.segments.names)
    }
