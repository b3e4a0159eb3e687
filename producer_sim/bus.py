"""The bus as the bank sees it: publish, wait for the scorers, hear what they decided.

`MemoryBus` is a whole bus inside one process: an append-only log a partition and a scorer that is
called instead of waited for. It makes closed-loop tests fast and repeatable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from zlib import crc32

from producer_sim.records import Outgoing


class Bus(Protocol):
    """Where records go and where offers come from."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Hand over records in this order; returns when no more than a bounded number is unsent."""

    def settle(self, timeout_s: float) -> None:
        """Wait until all that was published has been processed and its offers are readable.

        Raises
        ------
        Retryable : the scorers did not get there in time; the text names where they are
        """

    def take_offers(self) -> list[bytes]:
        """Return the `nbo.offers` values that became readable since the last call."""

    def take_decisions(self) -> list[bytes]:
        """Return the `nbo.decisions` values that became readable since the last call."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A record with its place in the log."""

    partition: int
    offset: int
    record: Outgoing


@dataclass(slots=True)
class Replies:
    """What a scorer made of some records: values of `nbo.offers` and `nbo.decisions`."""

    offers: list[bytes] = field(default_factory=list)
    decisions: list[bytes] = field(default_factory=list)


Scorer = Callable[[Sequence[Placed]], Replies]


def no_scorer(_records: Sequence[Placed]) -> Replies:
    """Decide nothing."""
    return Replies()


def checksum_partition(key: bytes, partitions: int) -> int:
    """Return a partition by the key's checksum: fast, and not the one that Kafka would choose."""
    return crc32(key) % partitions


class MemoryBus:
    """A bus in memory; `log` keeps everything that was published.

    Parameters
    ----------
    partitioner : key and number of partitions → partition; give Kafka's own where it must be the same
    """

    def __init__(
        self,
        scorer: Scorer = no_scorer,
        *,
        partitions: int = 4,
        keeps_log: bool = True,
        partitioner: Callable[[bytes, int], int] = checksum_partition,
    ) -> None:
        self.log: list[Placed] = []
        self._scorer = scorer
        self._partitions = partitions
        self._keeps_log = keeps_log
        self._partitioner = partitioner
        self._ends: dict[tuple[str, int], int] = defaultdict(int)
        self._unscored: list[Placed] = []
        self._replies = Replies()

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Append records to the log."""
        for record in records:
            partition = self._partitioner(record.key, self._partitions)
            place = (record.role, partition)
            self._unscored.append(Placed(partition, self._ends[place], record))
            self._ends[place] += 1

    def settle(self, timeout_s: float) -> None:
        """Let the scorer process what was published since the last call."""
        replies = self._scorer(self._unscored)
        self._replies.offers.extend(replies.offers)
        self._replies.decisions.extend(replies.decisions)
        if self._keeps_log:
            self.log.extend(self._unscored)
        self._unscored = []

    def take_offers(self) -> list[bytes]:
        """Return the offers made since the last call."""
        offers, self._replies.offers = self._replies.offers, []
        return offers

    def take_decisions(self) -> list[bytes]:
        """Return the decisions made since the last call."""
        decisions, self._replies.decisions = self._replies.decisions, []
        return decisions
