"""Publishing beside the loop: a batch becomes visible while the next one is fetched and computed.

    loop    poll 1 · decide 1 · write 1 │ poll 2 · decide 2 · write 2 │ poll 3 …
    lane                                │ publish 1                   │ publish 2

A write may go ahead of a publication, because the outbox keeps what is not visible yet; two publications
never overtake one another, and there is room for one: a loop that is faster than the broker waits here.

Rules of this file: nobody else publishes while something is under way, so whoever takes partitions over,
gives them away or stops calls `finish` first. Beside the loop there is one attempt; it is repeated by the
loop, which may ask the source whether the attempt succeeded after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from consumer.ports import Clock, Lane, OutputRecord, Sink, TopicPartition
from consumer.runtime.pacing import Pacing
from consumer.vocabulary.errors import Retryable

Retrying = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Publication:
    """The outputs of one batch, the offsets to commit with them, and partition → sequence of its writes."""

    outputs: Sequence[OutputRecord]
    positions: Mapping[TopicPartition, int]
    sequences: Mapping[int, int]


@dataclass(slots=True)
class Publisher:
    """Publishes one batch at a time.

    retrying : does an action again while it raises `Retryable`
    pacing : is told how long publications take
    """

    sink: Sink
    lane: Lane
    clock: Clock
    retrying: Retrying
    pacing: Pacing = field(default_factory=Pacing)
    under_way: Publication | None = field(default=None)
    started_s: float = 0.0

    def pause_s(self) -> float:
        """Return how long the loop may wait before it polls, see `pacing`."""
        is_under_way = self.under_way is not None
        return self.pacing.pause_s(self.clock.monotonic_s() - self.started_s if is_under_way else None)

    def start(self, publication: Publication) -> None:
        """Begin to publish; what was under way has been finished."""
        self.under_way, self.started_s = publication, self.clock.monotonic_s()
        self.lane.start(lambda: self._publish(publication))

    def finish(self) -> Mapping[int, int]:
        """Wait until nothing is under way; return partition → sequence that readers can see now.

        Raises
        ------
        Fenced, Retryable : not visible; the outbox has it for whoever takes the partitions over
        """
        publication, self.under_way = self.under_way, None
        if publication is None:
            return {}
        try:
            self.lane.finish()
        except Retryable:
            self.retrying(lambda: self._publish(publication))
        return publication.sequences

    def _publish(self, publication: Publication) -> None:
        started_s = self.clock.monotonic_s()
        self.sink.publish(publication.outputs, publication.positions)
        self.pacing.note_publication(self.clock.monotonic_s() - started_s)
