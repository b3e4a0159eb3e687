"""What a peer is told on its command line, and how it reports: one line of JSON at the end.

Rules of this file: standard library only, since it runs in each peer's own environment.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Order:
    """Where the events are, where offers go, and how many events to measure."""

    servers: str
    redis_url: str
    topics: Sequence[str]
    offers_topic: str
    group_id: str
    events: int
    state_dir: str


def read_order(arguments: Sequence[str] | None = None) -> Order:
    """Return the order of the command line."""
    parser = argparse.ArgumentParser()
    for name in ("servers", "redis", "topics", "offers", "group", "state-dir"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--events", type=int, required=True)
    told = parser.parse_args(arguments)
    topics = tuple(told.topics.split(","))
    return Order(told.servers, told.redis, topics, told.offers, told.group, told.events, told.state_dir)


@dataclass(slots=True)
class Tally:
    """Counts events from the first on; joining a group and starting up are not the job.

    Examples
    --------
    >>> tally = Tally(2)
    >>> [tally.is_last(), tally.is_last(), tally.is_last()]
    [False, False, True]
    """

    events: int
    seen: int = 0
    started_s: float = field(default=0.0)

    def is_last(self) -> bool:
        """Count an event; the first one only starts the clock."""
        if not self.started_s:
            self.started_s = time.perf_counter()
            return False
        self.seen += 1
        return self.seen == self.events

    def report(self) -> None:
        """Print what was measured."""
        print(json.dumps({"events": self.seen, "seconds": time.perf_counter() - self.started_s}), flush=True)
