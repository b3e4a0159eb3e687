"""Examples: a label together with what the model saw when the offer was made.

Rules of this file: pure; the id of an example is a function of its decision, label and cause, and each
(label, cause) happens at most once to a decision, so a repeated publication carries the same id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consumer.learning.labels import Label
from consumer.learning.open_decisions import Rows
from consumer.learning.weighting import importance_weights
from consumer.vocabulary.ids import decision_id
from consumer.vocabulary.messages import SCHEMA_VERSION
from consumer.vocabulary.topics import INPUT_ROLES

_UNKNOWN_SEGMENT = -1


@dataclass(frozen=True, slots=True)
class ExampleNames:
    """Names that the codes in an open decision stand for.

    model_ids : in column order
    offer_ids : offer key → offer id
    fingerprint : of the current feature layout
    """

    model_ids: Sequence[str]
    offer_ids: dict[int, str]
    fingerprint: str


def decision_id_of(row: Rows, partition: int) -> str:
    """Return the decision id of one open decision (a row of the array) on its partition."""
    return decision_id(INPUT_ROLES[int(row["topic_code"])], partition, int(row["offset"]))


def example_document(
    label: Label, row: Rows, names: ExampleNames, *, customer_id: str, partition: int
) -> dict[str, object]:
    """Return one `Example` as a document ready to encode.

    Parameters
    ----------
    label : what the outcome says; `label.row` is not looked at
    row : the open decision; it must have inputs (`has_inputs`)
    names : what the row's codes stand for
    customer_id : whose decision it is
    partition : of the input topics, where the decision was made
    """
    identity = decision_id_of(row, partition)
    weight = float(importance_weights(row["logging_propensity"]))
    segment = int(row["segment"])
    return {
        "schema_version": SCHEMA_VERSION,
        "event_id": f"{identity}:{label.label_kind}:{label.cause}",
        "customer_id": customer_id,
        "event_time_ms": label.at_ms,
        "decision_id": identity,
        "product_id": names.model_ids[int(row["model"])],
        "offer_id": names.offer_ids[int(row["offer_key"])],
        "label_kind": label.label_kind,
        "label": label.label,
        "weight": label.sign * weight,
        "logging_propensity": float(row["logging_propensity"]),
        "cause": label.cause,
        "model_input": {"fingerprint": names.fingerprint, "inputs_milli": row["inputs_milli"].tolist()},
        "segment": None if segment == _UNKNOWN_SEGMENT else segment,
        "decided_at_ms": int(row["decided_ms"]),
        "matured_at_ms": label.at_ms,
    }
