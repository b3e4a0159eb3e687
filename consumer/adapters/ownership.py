"""Who may write a partition: the two checks that every state store makes in the same words.

Rules of this file: pure; a store reads what it holds, this decides.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from consumer.ports import Mark, PartitionWrite

NO_MARK: Final = Mark(0, 0)
"""Of a partition that the store knows nothing of: nobody owns it under this epoch."""


class Standing(Enum):
    """How a change relates to what the store holds of its partition."""

    DUE = "due"
    APPLIED = "applied"
    """The same change was applied before: its answer got lost and the owner, the only one who can write
    under its epoch, tries again."""
    FENCED = "fenced"
    """Another owner has the partition, or has moved it on."""


def standing_of(change: PartitionWrite, *, epoch: int, sequence: int) -> Standing:
    """Return what is to be done with a change to a partition at this epoch and sequence."""
    if change.read_at - {(change.expected.epoch, change.expected.sequence)}:
        return Standing.FENCED
    if (epoch, sequence) == (change.expected.epoch, change.expected.sequence):
        return Standing.DUE
    if (epoch, sequence) == (change.after.epoch, change.after.sequence):
        return Standing.APPLIED
    return Standing.FENCED


def wrong_partition_count(partition: int, stored: int, given: int) -> str:
    """Return the sentence that refuses a start with another number of partitions."""
    return (
        f"The state of partition {partition} was written with {stored} partitions, the topics now have {given}: "
        f"customers would move between owners; go back to {stored} partitions, or start with an empty store "
        f"under another namespace and rebuild it from the topics"
    )
