"""Every metric of the service, in one list: what it counts, and by which labels.

A name that is not here is a mistake, which a test over the source finds. In Prometheus each name has
`upswell_` before it. No label ever holds a customer, an event or anything else without a small bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `text` is what Prometheus shows beside it."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()


METRICS: Final = (
    # The stream.
    Metric("records_total", "counter", "input records read"),
    Metric("events_total", "counter", "events by what the fold did with them", ("kind",)),
    Metric("dead_letters_total", "counter", "unusable records by error code", ("kind",)),
    Metric("batch_seconds", "histogram", "time from the end of a poll to the end of its publication"),
    # Decisions.
    Metric("decisions_total", "counter", "decisions by result", ("kind",)),
    Metric("candidates_total", "counter", "offers that were candidates in a decision", ("kind",)),
    Metric("exclusions_total", "counter", "offers that were none, by reason code", ("kind",)),
    Metric("open_decisions_total", "counter", "open decisions that left before their outcome", ("kind",)),
    # Learning.
    Metric("outcomes_total", "counter", "outcomes by whether their decision was found", ("kind",)),
    Metric("outcome_steps_total", "counter", "what outcomes did to open decisions", ("kind",)),
    Metric("examples_total", "counter", "examples made, by cause", ("kind",)),
    Metric("examples_read_total", "counter", "examples read by the learner"),
    Metric("examples_skipped_total", "counter", "examples that the learner left out", ("reason",)),
    Metric("drifts_total", "counter", "drifts seen in the log loss", ("product",)),
    Metric("model_swaps_total", "counter", "snapshots that scorers took"),
    Metric("model_snapshots_refused_total", "counter", "snapshots that scorers could not use"),
    Metric("models_refused_total", "counter", "snapshots that the learner could not start from", ("reason",)),
    Metric("model_version", "gauge", "version of the latest snapshot", ("product",)),
    Metric("model_examples", "gauge", "examples that the latest snapshot contains", ("product",)),
    Metric("model_tests", "gauge", "examples that were tested before they were learned", ("product",)),
    Metric("model_log_loss", "gauge", "prequential log loss", ("product",)),
    Metric("model_calibration_error", "gauge", "prequential expected calibration error", ("product",)),
    Metric("model_rate", "gauge", "share of positive labels", ("product",)),
    Metric("model_auc", "gauge", "prequential area under the ROC curve", ("product",)),
    Metric(
        "model_effective_examples", "gauge", "effective sample size of the weighted examples", ("product",)
    ),
    # Delivery.
    Metric("outbox_republished_total", "counter", "outputs that a new owner published for the former one"),
    Metric("fenced_total", "counter", "partitions lost to another owner in the middle of a batch"),
    Metric("retries_total", "counter", "calls to broker or store that were tried again", ("what",)),
    Metric("rebuilds_total", "counter", "times that a fenced process built itself anew"),
)
