"""Who may write a partition: the two checks that every state store makes in the same words.

Rules of this file: pure; a store reads what it holds, this decides.
"""

from __future__ import annotations

from consumer.ports import PartitionWrite
from consumer.vocabulary.errors import Fenced


def is_due(change: PartitionWrite, *, epoch: int, sequence: int) -> bool:
    """Return whether a change still has to be applied to a partition at this epoch and sequence.

    False means that the same change was applied before: its answer got lost and the owner, the only
    one who can write under its epoch, tries again.

    Raises
    ------
    Fenced : another owner has the partition, or has moved it on
    """
    if (epoch, sequence) == (change.expected.epoch, change.expected.sequence):
        return True
    if (epoch, sequence) == (change.after.epoch, change.after.sequence):
        return False
    raise Fenced(
        f"partition {change.expected.partition}: the store is at epoch {epoch}, sequence {sequence}, but "
        f"epoch {change.expected.epoch}, sequence {change.expected.sequence} was expected: it has another owner"
    )


def wrong_partition_count(partition: int, stored: int, given: int) -> str:
    """Return the sentence that refuses a start with another number of partitions."""
    return (
        f"The state of partition {partition} was written with {stored} partitions, the topics now have {given}: "
        f"customers would move between owners; go back to {stored} partitions, or start with an empty store "
        f"under another namespace and rebuild it from the topics"
    )
