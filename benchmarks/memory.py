"""Redis bytes a customer, and what an event costs, as the number of customers grows.

For each size: profiles and some events of every customer go through the scorer, then Redis says what it
uses; then more events over the same customers, of which the cost is taken. Everything in Redis counts:
records, keys, open decisions, positions, outbox, Redis' own tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.progress import Committed, Rate, Sample, steady_rate, watch
from benchmarks.services import Services, many_events, publish, role
from benchmarks.synthetic_events import Load, profiles
from benchmarks.throughput import EVENT_ROLES, WARM_SHARE, scorer_settings

DAYS: Final = 30.0
PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Size:
    """One size of the bank.

    events_per_customer : before memory is looked at
    cost_events : after it, to take the cost of
    """

    n_customers: int
    events_per_customer: int
    cost_events: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a size took."""

    n_customers: int
    bytes_per_customer: float
    rate: Rate


def measure_footprint(
    services: Services, size: Size, *, policy: Path, products: tuple[str, ...]
) -> Footprint:
    """Measure one size from an empty Redis.

    Raises
    ------
    MeasurementFailed : the scorer ended or stood still
    """
    services.forget_all()
    empty_bytes = services.used_memory()
    name = f"size{size.n_customers}x{size.events_per_customer}"
    topics = services.new_topics(name)
    load = Load(size.n_customers, size.n_customers * size.events_per_customer, DAYS)
    settings = scorer_settings(topics, name, policy)

    def work(to_count: int) -> list[Sample]:
        with (
            Committed(services.servers, topics, group_id=name, roles=EVENT_ROLES) as committed,
            role(services, "score", settings) as scorer,
        ):
            samples = watch(committed.sample, scorer, to_count=to_count, patience_s=PATIENCE_S)
            scorer.check()
        return samples

    done = publish(services, topics, profiles(load))
    done += publish(services, topics, many_events(load, products=products))
    work(done)
    used_bytes = services.used_memory() - empty_bytes
    total = done + publish(services, topics, many_events(load.following(size.cost_events), products=products))
    warm = done + int(size.cost_events * WARM_SHARE)
    rate = steady_rate(work(total), from_count=warm, to_count=total)
    return Footprint(size.n_customers, used_bytes / size.n_customers, rate)


def cost_growth(footprints: list[Footprint]) -> float:
    """Return by which share an event costs more at the largest size than at the smallest.

    The cost is the processor time of the scorer's process: the banks are measured minutes apart, and what
    else the machine does meanwhile moves the time on the wall by more than the size of the bank does. Where
    the system does not tell processor time it is the time on the wall.

    Examples
    --------
    >>> small, large = Footprint(10, 9.0, Rate(100, 1.0, 0.4)), Footprint(1_000, 9.0, Rate(100, 1.0, 0.5))
    >>> cost_growth([small, large])
    0.25
    """
    by_size = sorted(footprints, key=lambda footprint: footprint.n_customers)
    smallest, largest = by_size[0].rate, by_size[-1].rate
    if smallest.cpu_s and largest.cpu_s:
        return largest.cpu_us_per_event / smallest.cpu_us_per_event - 1.0
    return largest.us_per_event / smallest.us_per_event - 1.0
