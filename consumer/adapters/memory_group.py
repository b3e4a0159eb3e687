"""A consumer group in memory: who reads which partitions, in generations.

It models Kafka's eager rebalancing with the range assignor. When somebody joins or leaves, every
member lets all its partitions go at its next poll and joins again; when all have, a new generation
begins and each gets a run of partition numbers. A member that the group dropped without its knowing
(a zombie) keeps believing until its next poll, but the generation of its commits is refused.

    members a, b over 5 partitions          a: 0 1 2     b: 3 4
    c joins: a and b let go and rejoin      a: 0 1       b: 2 3     c: 4
"""

from __future__ import annotations

from dataclasses import dataclass, field

from consumer.vocabulary.errors import Fenced


@dataclass(slots=True)
class MemoryGroup:
    """The group's coordinator; share one object between the sources of a group.

    Parameters
    ----------
    group_id : under which offsets are committed
    n_partitions : to share out
    """

    group_id: str
    n_partitions: int
    generation: int = 0
    _joined: set[str] = field(default_factory=set)
    _members: set[str] = field(default_factory=set)
    _assignment: dict[str, frozenset[int]] = field(default_factory=dict)

    def join(self, member: str) -> None:
        """Join, or join again during a rebalance; the last one to do so begins the new generation."""
        if member not in self._members:
            self._members.add(member)
            self._joined.clear()
        if member in self._joined:
            return
        self._joined.add(member)
        if self._joined == self._members:
            self._begin_generation()

    def leave(self, member: str) -> None:
        """Let a member go: it closed, or the group gave it up (a crash, or a pause that was too long)."""
        if member not in self._members:
            return
        self._members.discard(member)
        self._joined.clear()

    def must_rejoin(self, member: str) -> bool:
        """Return whether the member has to let its partitions go and join (again)."""
        return member not in self._joined

    def assignment(self, member: str) -> frozenset[int] | None:
        """Return the member's partitions in the current generation, None while there is none."""
        return self._assignment.get(member) if self._joined == self._members else None

    def check(self, member: str, generation: int) -> None:
        """Let a commit through that comes from a member of the current generation.

        Raises
        ------
        Fenced : the group has gone on without it
        """
        if member not in self._members or generation != self.generation:
            raise Fenced(
                f"member {member} commits in generation {generation} of group {self.group_id}, which is at "
                f"{self.generation}"
            )

    def _begin_generation(self) -> None:
        self.generation += 1
        self._assignment = dict(
            zip(sorted(self._members), range_assignment(self.n_partitions, len(self._members)), strict=True)
        )


def range_assignment(n_partitions: int, n_members: int) -> list[frozenset[int]]:
    """Return each member's run of partition numbers; the first members get one more where it does not divide.

    Examples
    --------
    >>> [sorted(run) for run in range_assignment(5, 2)]
    [[0, 1, 2], [3, 4]]
    """
    runs = []
    start = 0
    for member in range(n_members):
        length = n_partitions // n_members + (member < n_partitions % n_members)
        runs.append(frozenset(range(start, start + length)))
        start += length
    return runs
