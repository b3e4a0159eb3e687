"""How fast a history becomes the state of a store: events a second on one core, and where the time goes.

    python -m benchmarks.backfill [--events 1000000] [--customers 50000] [--partitions 12] [--profile]

A synthetic history is written to a temporary folder, then `upswell lab backfill`'s own function reads, decodes and
folds it and writes the records to a real Redis of its own. One process, one thread; Redis is another process.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.services import many_events
from benchmarks.synthetic_events import Load, profiles
from consumer.adapters.redis_store import RedisStore
from consumer.policy.document import load_policy
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.products import OfferCatalogue
from consumer.vocabulary.topics import INPUT_ROLES
from offline.backfilling.backfill import BackfillReport, backfill
from offline.backfilling.export import HistoryWriter
from offline.backfilling.writing import Ownership
from upswell.embedded.redis import real_redis
from upswell.state_clearing import StateClearing

DAYS: Final = 180.0
NAMESPACE: Final = "backfill."
LINES_SHOWN: Final = 20
CHUNK: Final = 100_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One backfill: clock time, and processor time of this process."""

    report: BackfillReport
    wall_s: float
    cpu_s: float


def write_history(load: Load, catalogue: OfferCatalogue, folder: Path) -> Path:
    """Write profiles and events of a load as a history."""
    with HistoryWriter(folder, catalogue) as writer:
        for records in _chunks([profiles(load), many_events(load, products=catalogue.product_ids)]):
            writer.write(records)
    return folder


def measure(history: Path, catalogue: OfferCatalogue, *, redis_url: str, partitions: int) -> Measured:
    """Fill an empty store from a history."""
    store = RedisStore(redis_url, namespace=NAMESPACE)
    clearing = StateClearing(redis_url, namespace=NAMESPACE)
    positions = {number: dict.fromkeys(INPUT_ROLES, 0) for number in range(partitions)}
    own = Ownership(store, clearing.clear, partitions, replaces=True)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    try:
        report = backfill(history, catalogue, own, positions)
    finally:
        store.close()
        clearing.close()
    return Measured(report, time.perf_counter() - wall_s, time.process_time() - cpu_s)


def summary(found: Measured) -> str:
    """Return the result in one line."""
    n_events = found.report.n_events
    return (
        f"{n_events:,} events, {found.report.n_records:,} customers: {n_events / found.wall_s:,.0f} events/s on the "
        f"clock, {n_events / found.cpu_s:,.0f} a second of processor time, {found.cpu_s / n_events * 1e6:.1f} µs an "
        f"event, from packed files to Redis"
    )


def profile(run: Callable[[], Measured]) -> Measured:
    """Run under cProfile and print the functions by own time."""
    profiler = cProfile.Profile()
    found = profiler.runcall(run)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(LINES_SHOWN)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    catalogue = load_policy(DEFAULT_POLICY).catalogue
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(real_redis(folder / "redis", unix_socket=True))
        load = Load(n_customers=given.customers, n_events=given.events, days=DAYS)
        history = write_history(load, catalogue, folder / "past")

        def run() -> Measured:
            return measure(history, catalogue, redis_url=server.url, partitions=given.partitions)

        for _ in range(given.repeats):
            print(summary(run()), flush=True)
        if given.profile:
            profile(run)


def _chunks(parts: Iterable[Iterable[OutputRecord]]) -> Iterable[list[RawRecord]]:
    chunk: list[RawRecord] = []
    for part in parts:
        for record in part:
            chunk.append(
                RawRecord(record.role, 0, len(chunk), record.key, record.value, record.event_time_ms)
            )
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    yield chunk


if __name__ == "__main__":
    main()
