"""Who comes first in a batch: the partitions of a source take turns.

A busy partition could fill every batch and let the others wait until it is read to its end. So each poll
begins with another partition, and first gives each an equal share; what is left of the batch goes to whoever
has more. The order within a partition is never touched, and a batch may be cut anywhere, so this
changes no decision.

Rules of this file: pure; the turn is a number that the source keeps.
"""

from __future__ import annotations

from collections.abc import Mapping

from consumer.vocabulary.log import RawRecord


def take_in_turn(ready: Mapping[int, list[RawRecord]], max_records: int, turn: int) -> list[RawRecord]:
    """Take up to `max_records` from the lists, and return them partition by partition.

    Parameters
    ----------
    ready : partition → records in order; what is taken is removed
    turn : number of this poll; the next one begins with the next partition

    Examples
    --------
    >>> records = [RawRecord("transactions", 0, offset, None, None, 0) for offset in range(4)]
    >>> ready = {0: records, 1: [RawRecord("transactions", 1, 0, None, None, 0)]}
    >>> [(record.partition, record.offset) for record in take_in_turn(ready, 3, turn=0)]
    [(0, 0), (0, 1), (1, 0)]
    """
    numbers = [number for number, records in ready.items() if records]
    if not numbers:
        return []
    first = turn % len(numbers)
    order = numbers[first:] + numbers[:first]
    counts = _shares([len(ready[number]) for number in order], max_records)
    taken: list[RawRecord] = []
    for number, count in zip(order, counts, strict=True):
        taken += ready[number][:count]
        del ready[number][:count]
    return taken


def _shares(waiting: list[int], room: int) -> list[int]:
    """Return how many each may give: an equal share, then what others have left over, first come first."""
    share = max(room // len(waiting), 1)
    counts = []
    for count in waiting:
        counts.append(min(count, share, room))
        room -= counts[-1]
    for place, count in enumerate(waiting):
        more = min(count - counts[place], room)
        counts[place] += more
        room -= more
    return counts
