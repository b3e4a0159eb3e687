"""How many examples a second the learner tests, learns and publishes.

The log of examples is written before the learner starts; inputs vary, because constant ones make River look
three times as fast as it is.

    python -m benchmarks.learner    what an example costs in each part of the learner, without broker
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.progress import Committed, Rate, steady_rate, watch
from benchmarks.services import Services, publish, role
from benchmarks.throughput import WARM_SHARE
from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.policy.document import load_policy
from consumer.runtime.example_reader import ExampleReader
from consumer.runtime.learner import LearnerLimits, snapshot_record
from consumer.runtime.product_learner import new_learner
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.messages import Example, ModelInput

POOL: Final = 2_000
"""Distinct inputs: more would only make the log slower to write."""

POSITIVE_SHARE: Final = 0.1
ZERO_SHARE: Final = 0.5
"""Much of a real input is zero: no event of that kind lately."""

T_MS: Final = 1_790_000_000_000
PATIENCE_S: Final = 60.0
PARTS_EXAMPLES: Final = 40_000
"""For the cost of the parts: most of them of models whose scaler has come to rest, as a seed's is from the start."""

MEGA: Final = 1e6


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


def measure_parts(features: FeatureCatalogue, n_examples: int) -> dict[str, float]:
    """Return what each part of the learner takes, in microseconds of processor time an example."""
    records = [
        RawRecord("examples", 0, offset, output.key, output.value, output.event_time_ms)
        for offset, output in enumerate(examples(features, n_examples))
    ]
    reader = ExampleReader(frozenset(features.product_ids), features.fingerprint, len(features.input_names))
    learners = {
        name: new_learner(name, features.fingerprint, features.input_names) for name in features.product_ids
    }
    chunk = LearnerLimits().publish_examples
    parts = dict.fromkeys(("read", "test and learn", "snapshots"), 0.0)
    for start in range(0, n_examples, chunk):
        some = records[start : start + chunk]
        read = [found for record in some if (found := reader.read(record)) is not None]
        began_s = time.process_time()
        for record in some:
            # Not kept, as in the loop: a thousand examples in hand would not fit in the processor's cache.
            reader.read(record)
        read_s = time.process_time()
        for offset, found in enumerate(read, start):
            learners[found.example.product_id].learn(found.example, found.inputs, partition=0, offset=offset)
        learned_s = time.process_time()
        for learner in learners.values():
            snapshot_record(learner.snapshot())
        parts["read"] += read_s - began_s
        parts["test and learn"] += learned_s - read_s
        parts["snapshots"] += time.process_time() - learned_s
    return {name: MEGA * seconds / n_examples for name, seconds in parts.items()}


def main(say: Callable[[str], None] = print, n_examples: int = PARTS_EXAMPLES) -> None:
    """Print what an example costs in each part."""
    features = catalogue_for(load_policy(DEFAULT_POLICY).catalogue.product_ids)
    parts = measure_parts(features, n_examples)
    told = ", ".join(f"{name} {us:.1f}" for name, us in parts.items())
    say(f"{sum(parts.values()):.1f} µs of processor an example: {told}")


if __name__ == "__main__":
    main()
