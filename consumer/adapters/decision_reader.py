"""Records of `nbo.decisions` → what recovery needs of them, and the log of them in memory.

Only a few fields of the 2 kB document are read, by a struct that skips the others: 4 microseconds a decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from consumer.adapters.memory_log import MemoryLog
from consumer.vocabulary.errors import Defect, Retryable
from consumer.vocabulary.past import PastDecision, PastOffer, PublishedDecisions

NO_SEGMENT: Final = -1


class _Trigger(msgspec.Struct, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int


class _Candidate(msgspec.Struct, frozen=True, gc=False):
    offer_id: str
    channel: str
    p_accept: float
    logging_propensity: float


class _ModelInput(msgspec.Struct, frozen=True, gc=False):
    fingerprint: str = ""
    inputs_milli: list[int] = []


class _Decision(msgspec.Struct, frozen=True, gc=False):
    decision_id: str
    trigger: _Trigger
    result: str
    candidates: list[_Candidate]
    offer_id: str | None = None
    channel: str | None = None
    model_input: _ModelInput | None = None
    segment: int | None = None


_DECODER: Final = msgspec.json.Decoder(_Decision)


def past_decision(value: bytes) -> PastDecision:
    """Return what recovery needs of one published decision.

    Raises
    ------
    Defect : this is no decision of ours; somebody else writes to the topic
    """
    try:
        document = _DECODER.decode(value)
    except msgspec.DecodeError as error:
        raise Defect(f"A record among the published decisions is no decision: {error}") from error
    trigger = document.trigger
    return PastDecision(trigger.topic, trigger.partition, trigger.offset, _offer(document))


def decisions_of(partitions: frozenset[int], values: Iterable[bytes | None]) -> list[PastDecision]:
    """Return the decisions whose trigger lies on one of these input partitions."""
    decisions = (past_decision(value) for value in values if value)
    return [decision for decision in decisions if decision.partition in partitions]


def _offer(document: _Decision) -> PastOffer | None:
    if document.result != "offered" or document.offer_id is None or document.channel is None:
        return None
    chosen = [candidate for candidate in document.candidates if candidate.offer_id == document.offer_id]
    if len(chosen) != 1:
        raise Defect(f"Decision {document.decision_id} offers {document.offer_id}, which is not a candidate")
    inputs = document.model_input or _ModelInput()
    return PastOffer(
        offer_id=document.offer_id,
        channel=document.channel,
        segment=NO_SEGMENT if document.segment is None else document.segment,
        p_accept=chosen[0].p_accept,
        logging_propensity=chosen[0].logging_propensity,
        fingerprint=inputs.fingerprint,
        inputs_milli=np.array(inputs.inputs_milli, dtype=np.int32),
    )


class MemoryDecisionLog:
    """A `DecisionLog` over the log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def read(self, partitions: frozenset[int], stream_time_ms: int) -> PublishedDecisions:
        """Return all visible decisions on these partitions.

        Raises
        ------
        Retryable : an open transaction hides what lies behind it
        """
        if self._log.has_open("decisions"):
            raise Retryable("an open transaction has written decisions")
        values = [record.value for record in self._log.records("decisions")]
        lows = [self._log.bounds(("decisions", number)).low for number in range(self._log.n_partitions)]
        return PublishedDecisions(decisions_of(partitions, values), is_complete=not any(lows))

    def close(self) -> None:
        """Nothing to let go."""
