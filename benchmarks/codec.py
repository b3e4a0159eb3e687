"""How long one inbound event takes from bytes to columns: `python -m benchmarks.codec`.

The mixed stream of a bank in batches of several sizes, each role alone, and pydantic alone for comparison.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.synthetic_events import Load, events, profiles
from consumer.adapters.codec import decode_batch
from consumer.adapters.partitioner import partition_of
from consumer.policy.document import load_policy
from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.log import OutputRecord, RawRecord
from consumer.vocabulary.messages import INPUT_RECORDS

N_PARTITIONS = 12
REPEATS = 7
BATCHES = (1, 10, 100, 1_000, 5_000)


def raw(record: OutputRecord, offset: int) -> RawRecord:
    """Return a record as a source gives it."""
    partition = partition_of(record.key, N_PARTITIONS)
    return RawRecord(record.role, partition, offset, record.key, record.value, record.event_time_ms)


def best_us(work: Callable[[], object], n: int) -> float:
    """Return the best time of some repeats, in microseconds for each of `n` events."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best / n * 1e6


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args(arguments)
    catalogue = load_policy(DEFAULT_POLICY).catalogue
    load = Load(n_customers=options.events // 10, n_events=options.events)
    stream = [raw(e, i) for i, e in enumerate(events(load, products=catalogue.product_ids))]
    customers = [raw(e, i) for i, e in enumerate(profiles(load))]

    def decode(records: Sequence[RawRecord], size: int) -> None:
        for start in range(0, len(records), size):
            decode_batch(records[start : start + size], catalogue)

    def report(name: str, records: Sequence[RawRecord], size: int) -> None:
        print(f"{name:>30}: {best_us(partial(decode, records, size), len(records)):7.2f} us an event")

    print(f"mean size {sum(len(record.value or b'') for record in stream) / len(stream):.0f} bytes")
    for size in BATCHES:
        report(f"mixed, batches of {size}", stream[: size * 2_000], size)
    for role in ("transactions", "interactions", "customers"):
        report(f"{role} alone", [record for record in (*stream, *customers) if record.role == role], 5_000)
    few = [(INPUT_RECORDS[record.role], record.value or b"") for record in stream[:5_000]]
    validate = best_us(lambda: [model.model_validate_json(value) for model, value in few], len(few))
    print(f"{'pydantic, no columns':>30}: {validate:7.2f} us an event")
    if options.profile:
        profiler = cProfile.Profile()
        profiler.runcall(decode, stream, 5_000)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(20)


if __name__ == "__main__":
    main()
