"""The pure core of a scorer, put together from a policy, seeds and the number of partitions.

Used by the composition root and by every test that runs the real pipeline, so that both run the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consumer.adapters.codec import BatchDecoder, encode
from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.features.layout import Layout
from consumer.pipeline.attribute import Attribution
from consumer.pipeline.decide import Deciding
from consumer.pipeline.decision_documents import DecisionDocuments
from consumer.pipeline.outputs import OutputEncoder
from consumer.pipeline.run import Pipeline
from consumer.pipeline.working_set import StoredForms
from consumer.policy.compiled import CompiledPolicy, compile_policy
from consumer.policy.document import Policy
from consumer.runtime.dead_letter_limit import DeadLetterLimit
from consumer.runtime.serving_models import ModelShape
from consumer.scoring.seeds import NobodyPlaced, SeedSet
from consumer.vocabulary.topics import Topics

NO_SEEDS = SeedSet(version="", snapshots={}, place_segment=NobodyPlaced())
"""Without a bundle: models start from rates, and nobody is placed in a segment."""


@dataclass(frozen=True, slots=True)
class Core:
    """Everything of a scorer that does not touch the world."""

    policy: CompiledPolicy
    features: FeatureCatalogue
    decoder: BatchDecoder
    pipeline: Pipeline
    model_shape: ModelShape
    dead_letter_limit: DeadLetterLimit


def assemble_core(
    policy: Policy,
    *,
    n_partitions: int,
    seeds: SeedSet = NO_SEEDS,
    topics: Topics | None = None,
    layouts: Mapping[str, Layout] | None = None,
) -> Core:
    """Return the core of a scorer.

    Parameters
    ----------
    policy : from `load_policy`
    n_partitions : of every input topic; budgets are divided over them
    layouts : record layouts that the store remembers, by fingerprint
    """
    compiled = compile_policy(policy)
    features = catalogue_for(policy.catalogue.product_ids)
    encoder = OutputEncoder(encode)
    documents = DecisionDocuments(compiled, features, seeds.version)
    limit = policy.dead_letter_limit
    return Core(
        policy=compiled,
        features=features,
        decoder=BatchDecoder(policy.catalogue),
        pipeline=Pipeline(
            features=features,
            forms=StoredForms(layouts or {}, features.layout, len(features.input_names)),
            attribution=Attribution(policy.catalogue, encoder),
            deciding=Deciding(features, compiled, documents, encoder, seeds.place_segment, n_partitions),
            topics=topics or Topics(),
        ),
        model_shape=model_shape(policy, features),
        dead_letter_limit=DeadLetterLimit(limit.max_run, limit.max_ratio, limit.window),
    )


def model_shape(policy: Policy, features: FeatureCatalogue) -> ModelShape:
    """Return what every model snapshot must fit under this policy."""
    return ModelShape(
        input_names=features.input_names,
        fingerprint=features.fingerprint,
        model_ids=policy.catalogue.model_ids,
        groups={product.product_id: product.group for product in policy.catalogue.products},
    )
