"""The feature catalogue of a set of products: features, record layout, model inputs, words.

Rules of this file: everything is derived from the table (`feature_table`) and the fields of the record
(`fields`); the layout's meaning covers both, so a model is never fed inputs that it was not trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from itertools import accumulate, pairwise
from typing import Final

from consumer.features.decayed_columns import DecayedColumns, decayed_columns
from consumer.features.feature import Feature
from consumer.features.feature_table import BLOCKS
from consumer.features.fields import record_fields
from consumer.features.layout import Layout
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import MAX_PRODUCTS

N_SEGMENTS: Final = 10
"""Segments that have an input of their own; a customer of a later one has none of them set."""

SEGMENT_INPUTS: Final = tuple(f"segment_is_{segment}" for segment in range(N_SEGMENTS))


@dataclass(frozen=True)
class FeatureCatalogue:
    """All features for some products; make it with `catalogue_for`."""

    product_ids: tuple[str, ...]

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Every feature, in the order of `feature_values`."""
        return tuple(feature for block in BLOCKS for feature in block.features(self.product_ids))

    @cached_property
    def block_places(self) -> dict[str, slice]:
        """Block → its columns of `feature_values`."""
        ends = list(accumulate((len(block.features(self.product_ids)) for block in BLOCKS), initial=0))
        return {block.name: slice(*ends_of) for block, ends_of in zip(BLOCKS, pairwise(ends), strict=True)}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def index(self) -> dict[str, int]:
        """Feature name → column of `feature_values`."""
        return {name: column for column, name in enumerate(self.names)}

    @cached_property
    def model_features(self) -> tuple[Feature, ...]:
        """The features that the models see, in order."""
        return tuple(feature for feature in self.features if feature.in_model)

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        """Names of the model inputs: the features that the models see, then the segment one-hots."""
        return (*(feature.name for feature in self.model_features), *SEGMENT_INPUTS)

    @cached_property
    def layout(self) -> Layout:
        """Layout of the customer record, with the feature fingerprint."""
        rows = [[f.name, f.aggregation, f.window, f.default, f.transform, f.in_model] for f in self.features]
        digest = blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()
        return Layout(fields=record_fields(self.product_ids), meaning=digest)

    @property
    def fingerprint(self) -> str:
        """The feature fingerprint: names the record layout and the meaning of every model input."""
        return self.layout.fingerprint

    @cached_property
    def columns(self) -> DecayedColumns:
        """Places of the decayed sums."""
        return decayed_columns(len(self.product_ids))

    @cached_property
    def descriptions(self) -> dict[str, str]:
        """Feature or input name → words for people."""
        words = {feature.name: feature.text for feature in self.features}
        return words | {name: f"segment {segment}" for segment, name in enumerate(SEGMENT_INPUTS)}


@cache
def _catalogue(product_ids: tuple[str, ...]) -> FeatureCatalogue:
    return FeatureCatalogue(product_ids)


def catalogue_for(product_ids: Sequence[str]) -> FeatureCatalogue:
    """Return the catalogue for these products, in column order.

    Raises
    ------
    ConfigurationError : none, too many or repeated products

    Examples
    --------
    >>> catalogue_for(("mortgage",)).input_names[-1]
    'segment_is_9'
    """
    if not 1 <= len(product_ids) <= MAX_PRODUCTS or len(set(product_ids)) != len(product_ids):
        raise ConfigurationError(
            f"the policy must name 1 to {MAX_PRODUCTS} different products, it names {len(product_ids)}"
        )
    return _catalogue(tuple(product_ids))
