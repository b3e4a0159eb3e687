"""A decoded batch: what came out of the raw records, every one of them accounted for.

A raw record becomes exactly one of three: an event (a row of the columns), an erasure, or a dead letter.

Rules of this file: data only, so that the pipeline can name what the codec makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.features.event_columns import EventColumns, Int64s
from consumer.vocabulary.log import RawRecord, TopicPartition
from consumer.vocabulary.reasons import DeadLetterCode

Objects = NDArray[np.object_]

NO_DECISION = -1
"""In `decision_role`: the event is no outcome, or its decision id is none that a scorer ever made."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be used, with its cause; `reason` holds no personal data."""

    record: RawRecord
    code: DeadLetterCode
    reason: str


@dataclass(frozen=True, slots=True)
class Erasures:
    """Customers to erase (a null profile), in order of arrival.

    customer : row in `DecodedBatch.customer_ids`
    before_event : rows of the events below this number arrived before the erasure, the others after it
    """

    customer: Int64s
    before_event: Int64s

    def __len__(self) -> int:
        """Return the number of erasures."""
        return len(self.customer)


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """n events of m customers, with the facts about each that the fold does not need.

    customer_ids : the m customers, partition by partition (partitions ascending), each partition's in
        order of first appearance; a customer seen on two partitions is two customers
    customer_partition : (m,) partition of each customer; equal neighbours form one load and one write
    events : the accepted events in order of arrival; `events.source` is the number of the role
        (`INPUT_ROLES[source]`), `events.customer` a row of `customer_ids`
    partition, offset, timestamp_ms : (n,) where and when the broker has the record
    event_ids : (n,) str
    decision_role, decision_partition, decision_offset : (n,) the parts of an outcome's decision id
        (`INPUT_ROLES[decision_role]`), `NO_DECISION` in all three when it is no outcome or no id of ours
    positions : next offset of each (role, partition) that had a record in the batch, bad ones included
    """

    customer_ids: tuple[str, ...]
    customer_partition: Int64s
    events: EventColumns
    partition: Int64s
    offset: Int64s
    timestamp_ms: Int64s
    event_ids: Objects
    decision_role: Int64s
    decision_partition: Int64s
    decision_offset: Int64s
    erasures: Erasures
    dead_letters: tuple[DeadLetter, ...]
    positions: Mapping[TopicPartition, int]
