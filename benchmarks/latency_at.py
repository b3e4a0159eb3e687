"""The latency of the benchmark at a rate of your own: what is left where machine and broker have room.

    python -m benchmarks.latency_at [--events-per-s 5000] [--seconds 60]

The rate of `make bench` is half of what the scorer can do, with sender, reader, broker and Redis on the same
cores; a lower one tells the engine's own share from that of the machine. The first half warms up.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.bench import PARTITIONS, YOUNG_SHARE
from benchmarks.latency import measure_latency
from benchmarks.policies import INTEREST, write_policy
from benchmarks.services import Services
from benchmarks.synthetic_events import Load
from consumer.policy.document import load_policy
from consumer.settings import DEFAULT_POLICY
from upswell.embedded.kafka import real_kafka
from upswell.embedded.redis import real_redis

N_CUSTOMERS: Final = 50_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure once and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--events-per-s", type=float, default=5_000.0, help="arrivals, whatever becomes of them"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they arrive")
    told = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="upswell-bench-") as folder,
        real_kafka(Path(folder) / "kafka") as broker,
        real_redis(Path(folder) / "redis") as redis,
    ):
        services = Services(broker.bootstrap_servers, redis, Path(folder), PARTITIONS)
        found = measure_latency(
            services,
            Load(N_CUSTOMERS, int(told.events_per_s * told.seconds)),
            events_per_s=told.events_per_s,
            policy=write_policy(Path(folder) / "interest.yaml", [INTEREST], young_share=YOUNG_SHARE),
            products=load_policy(DEFAULT_POLICY).catalogue.product_ids,
        )
    print(
        f"{found.events_per_s:,.0f} events/s: p50 {found.p50:.0f} ms, p99 {found.p99:.0f} ms, p99.9 "
        f"{found.p999:.0f} ms over {found.offers:,} offers; the sender was late by {found.late_ms_p99:.1f} ms at its p99"
    )


if __name__ == "__main__":
    main()
