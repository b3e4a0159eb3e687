"""Redis has lost everything: how fast the state is built again from the log.

The scorer has worked through the log and stopped; Redis is emptied; a scorer of the same group starts,
reads from the beginning, and publishes nothing that is visible already. The offsets of the group do not
move meanwhile, so progress is what the process itself counts.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final
from urllib.error import URLError

from benchmarks.progress import Committed, Rate, Sample, steady_rate, watch
from benchmarks.services import Role, Services, role
from benchmarks.throughput import EVENT_ROLES, Log, scorer_settings

RECORDS: Final = "upswell_records_total"
PATIENCE_S: Final = 60.0


def measure_rebuild(services: Services, log: Log, *, policy: Path) -> Rate:
    """Return the rate at which a lost state is built again.

    Parameters
    ----------
    log : that no other group has worked on, since decisions are read back by their place in it

    Raises
    ------
    MeasurementFailed : a scorer ended or stood still
    """
    services.forget_all()
    settings = scorer_settings(log.topics, "rebuild", policy)
    with (
        Committed(services.servers, log.topics, group_id="rebuild", roles=EVENT_ROLES) as committed,
        role(services, "score", settings) as first,
    ):
        watch(committed.sample, first, to_count=log.end_count)
        first.check()
    services.forget_all()
    with role(services, "score", settings) as second:
        samples = watch(lambda: _records(second), second, to_count=log.end_count, patience_s=PATIENCE_S)
        second.check()
    return steady_rate(samples, from_count=log.warm_count, to_count=log.end_count)


def _records(scorer: Role) -> Sample:
    try:
        count = scorer.metrics().get(RECORDS, 0.0)
    except (URLError, ConnectionError):
        count = 0.0  # it has not opened its page yet
    return Sample(time.perf_counter(), int(count))
