"""How many examples a second the learner tests, learns and publishes.

The log of examples is written before the learner starts; inputs vary, because constant ones make River look
three times as fast as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.progress import Committed, Rate, steady_rate, watch
from benchmarks.services import Services, publish, role
from benchmarks.throughput import WARM_SHARE
from consumer.features.catalogue import FeatureCatalogue
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.messages import Example, ModelInput

POOL: Final = 2_000
"""Distinct inputs: more would only make the log slower to write."""

POSITIVE_SHARE: Final = 0.1
ZERO_SHARE: Final = 0.5
"""Much of a real input is zero: no event of that kind lately."""

T_MS: Final = 1_790_000_000_000
PATIENCE_S: Final = 60.0


def measure_learner(services: Services, features: FeatureCatalogue, n_examples: int, *, policy: Path) -> Rate:
    """Let a learner work through a log of examples.

    Raises
    ------
    MeasurementFailed : it ended or stood still
    """
    topics = services.new_topics("learner")
    publish(services, topics, examples(features, n_examples))
    settings = {"topic_prefix": topics.prefix, "group_id": "learner", "policy": str(policy)}
    with (
        Committed(services.servers, topics, group_id="learner-learner", roles=("examples",)) as committed,
        role(services, "learn", settings) as learner,
    ):
        samples = watch(committed.sample, learner, to_count=n_examples, patience_s=PATIENCE_S)
        learner.check()
    return steady_rate(samples, from_count=int(n_examples * WARM_SHARE), to_count=n_examples)


def examples(features: FeatureCatalogue, n_examples: int, *, seed: int = 0) -> Iterator[OutputRecord]:
    """Yield examples of all products in turn, `POSITIVE_SHARE` of them accepted."""
    rng = np.random.default_rng(seed)
    shape = (POOL, len(features.input_names))
    milli = (rng.normal(0.0, 2_000.0, shape) * (rng.random(shape) >= ZERO_SHARE)).clip(-6_000, 6_000)
    pool = [_body(features, inputs) for inputs in milli.astype(np.int64).tolist()]
    is_positive = (rng.random(n_examples) < POSITIVE_SHARE).tolist()
    for i in range(n_examples):
        product = features.product_ids[i % len(features.product_ids)]
        label, cause = (1, "accepted") if is_positive[i] else (0, "rejected")
        head = (
            f'{{"event_id":"transactions-0-{i}.response.{cause}","customer_id":"c-{i % 9_973}","event_time_ms":{T_MS + i},'
            f'"decision_id":"transactions-0-{i}","product_id":"{product}","label":{label},"cause":"{cause}",'
        )
        yield OutputRecord("examples", product.encode(), (head + pool[i % POOL]).encode(), T_MS + i)


def _body(features: FeatureCatalogue, inputs: list[int]) -> str:
    """Return the part of an example that the pool holds: everything but ids, product and label."""
    whole = Example(
        event_id="e",
        customer_id="c",
        event_time_ms=T_MS,
        decision_id="d",
        product_id="p",
        offer_id="offer",
        label_kind="response",
        label=0,
        weight=1.5,
        logging_propensity=0.6,
        cause="rejected",
        model_input=ModelInput(fingerprint=features.fingerprint, inputs_milli=inputs),
        segment=None,
        decided_at_ms=T_MS,
        matured_at_ms=T_MS,
    )
    own = {"event_id", "customer_id", "event_time_ms", "decision_id", "product_id", "label", "cause"}
    return whole.model_dump_json(exclude=own)[1:]
