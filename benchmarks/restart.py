"""A scorer is killed in the middle of a log: how long until its successor's first offer is visible.

SIGKILL while a batch is in hand. The successor has the same instance id, as a restarted container has, so it
need not wait for the former one's session to end. Starting Python is part of the time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from benchmarks.latency import OfferReader
from benchmarks.progress import Committed, MeasurementFailed, watch
from benchmarks.services import Role, Services, role
from benchmarks.throughput import EVENT_ROLES, Log, scorer_settings

KILLED_AT_SHARE: Final = 0.3
QUIET_S: Final = 0.5
PATIENCE_S: Final = 30.0
LOOK_S: Final = 0.005


def measure_restart(services: Services, log: Log, *, policy: Path) -> float:
    """Return the seconds from starting the successor to its first offer.

    Parameters
    ----------
    log : that no other group has worked on, since decision ids name places in it and nothing else

    Raises
    ------
    MeasurementFailed : the first scorer ended by itself, or the successor made no offer
    """
    services.forget_all()
    settings = scorer_settings(log.topics, "restart", policy)
    with (
        Committed(services.servers, log.topics, group_id="restart", roles=EVENT_ROLES) as committed,
        OfferReader.over(services.servers, log.topics) as reader,
    ):
        killed_at = log.n_profiles + int(log.n_events * KILLED_AT_SHARE)
        with role(services, "score", settings) as first:
            watch(committed.sample, first, to_count=killed_at)
            first.check()
            first.kill()
        old = _quiet(reader)
        started_s = time.perf_counter()
        with role(services, "score", settings) as second:
            return _first_new(reader, old, second) - started_s


def _quiet(reader: OfferReader) -> int:
    """Return how many offers were heard, once no more of them come."""
    heard = -1
    while heard != len(reader.heard_s):
        heard = len(reader.heard_s)
        time.sleep(QUIET_S)
    return heard


def _first_new(reader: OfferReader, old: int, second: Role) -> float:
    deadline_s = time.perf_counter() + PATIENCE_S
    while len(reader.heard_s) <= old:
        second.check()
        if time.perf_counter() > deadline_s:
            raise MeasurementFailed(f"no offer within {PATIENCE_S:.0f} s of a restart")
        time.sleep(LOOK_S)
    # A dict keeps the order of insertion, so the next one is the first that the successor made visible.
    return list(reader.heard_s.values())[old]
