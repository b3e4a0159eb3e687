"""Redis bytes a customer, and what an event costs, as the number of customers grows.

Each size begins with customers who have a past: example customers after a year of life, made by the
scorer's own fold and written by its own store, records, open decisions and deadlines. Redis says what they take, all
partitions together. Everything that there is of a customer counts: records, keys, open decisions, deadlines, Redis' own
tables. Then, filled again, events go through a scorer, of which the cost is taken, and Redis is asked once more: then
customers have what these events added. The outbox is told by itself: it holds the last batches of each partition, as
much for ten customers as for ten million.

What the cost of an event must not depend on, if sizes are to be compared:

    customers a batch   one partition, and every customer has an event before any has a second one, so that a
                        batch of 5,000 events meets 5,000 customers in every bank. A customer who is met twice is
                        read and written once: of 10,000 customers over 12 partitions a batch out of a full log
                        meets 1,600, of 400,000 it meets nearly 5,000, and what looked like the cost of a large
                        bank was mostly this (20 against 29 µs of the scorer, measured)
    time a customer     bank time passes as the customers live (an event and a half a day), so that as many
                        open decisions come to their end for an event in every bank
    budgets             there are none: a budget of 500 offers a day is no matter to 10,000 customers, and is spent
                        within the hour by 1,000,000, and a batch in which a budget ends is worked through twice
    age                 nobody is new

The processor time of the scorer's process is the cost; that of Redis stands beside it. Redis' own grows with the
memory that it walks over: a key in 400,000 takes 4 times as long to find as one in 10,000, which the processor's caches hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from redis import Redis

from benchmarks.progress import Committed, Rate, Sample, steady_rate, watch
from benchmarks.services import Services, many_events, publish, role
from benchmarks.synthetic_events import Load
from benchmarks.throughput import EVENT_ROLES, WARM_SHARE, scorer_settings
from consumer.adapters.partitioner import partition_of
from consumer.adapters.redis_store import RedisStore
from consumer.features.catalogue import catalogue_for
from consumer.features.record import pack
from consumer.learning.open_decisions import next_due_ms, pack_all
from consumer.ports import PartitionState, PartitionWrite
from consumer.vocabulary.deadlines import DeadlineMove
from upswell.example_customers import A_YEAR, END_MS, Life, example_customers

PATIENCE_S: Final = 120.0
DISTINCT: Final = 1_000
"""Different pasts; a bank of more customers repeats them. Their deadlines lie in some 600 different hours."""

NAMESPACE: Final = "nbo."

CUSTOMERS_A_WRITE: Final = 2_000
MEGA: Final = 1e6


@dataclass(frozen=True, slots=True)
class Size:
    """One size of the bank.

    cost_events : events to take the cost of
    life : the customers' past
    """

    n_customers: int
    cost_events: int
    life: Life = A_YEAR


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a size took.

    bytes_per_customer : after the past
    bytes_after : the same after the events, without the outbox
    redis_us_per_event : processor time of Redis
    outbox_bytes : of all partitions, after the events
    """

    n_customers: int
    bytes_per_customer: float
    rate: Rate
    bytes_after: float = 0.0
    redis_us_per_event: float = 0.0
    outbox_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StoredPast:
    """One customer's past as the store keeps it."""

    record: bytes
    open_decisions: bytes | None
    due_ms: int | None


def measure_footprint(
    services: Services, size: Size, *, policy: Path, products: tuple[str, ...]
) -> Footprint:
    """Measure one size from an empty Redis.

    Raises
    ------
    MeasurementFailed : the scorer ended or stood still
    """
    bytes_per_customer = measure_bytes(services, size, products=products)
    services = replace(services, partitions=1)
    services.forget_all()
    empty_bytes = services.used_memory()
    name = f"bank{size.n_customers}{size.life.name.replace(' ', '')}"
    topics = services.new_topics(name)
    settings = scorer_settings(topics, name, policy) | {"redis_namespace": NAMESPACE}
    fill(services, size, products=products, namespace=NAMESPACE)
    days = size.cost_events / size.n_customers / size.life.events_per_day
    load = Load(size.n_customers, size.cost_events, days, is_in_turn=True)
    total = publish(services, topics, many_events(load, products=products))
    redis_before_s = services.redis_cpu_s()
    with (
        Committed(services.servers, topics, group_id=name, roles=EVENT_ROLES) as committed,
        role(services, "score", settings) as scorer,
    ):
        samples: Sequence[Sample] = watch(committed.sample, scorer, to_count=total, patience_s=PATIENCE_S)
        scorer.check()
    redis_s = services.redis_cpu_s() - redis_before_s
    outbox_bytes = _outbox_bytes(services, NAMESPACE)
    return Footprint(
        n_customers=size.n_customers,
        bytes_per_customer=bytes_per_customer,
        bytes_after=(services.used_memory() - empty_bytes - outbox_bytes) / size.n_customers,
        rate=steady_rate(samples, from_count=int(total * WARM_SHARE), to_count=total),
        redis_us_per_event=redis_s / total * MEGA,
        outbox_bytes=outbox_bytes,
    )


def measure_bytes(services: Services, size: Size, *, products: tuple[str, ...]) -> float:
    """Return what a customer takes after its past, in a Redis that holds nothing else."""
    services.forget_all()
    empty_bytes = services.used_memory()
    fill(services, size, products=products, namespace=NAMESPACE)
    return (services.used_memory() - empty_bytes) / size.n_customers


def _outbox_bytes(services: Services, namespace: str) -> int:
    with Redis.from_url(services.redis.url) as client:
        names = (f"{{{namespace}{partition}}}:out" for partition in range(services.partitions))
        return sum(int(client.memory_usage(name, samples=0) or 0) for name in names)


def fill(services: Services, size: Size, *, products: tuple[str, ...], namespace: str) -> None:
    """Write a bank's customers with their past, as the scorer that saw it would have."""
    store = RedisStore(services.redis.url, namespace=namespace)
    members: dict[int, list[int]] = {}
    for number in range(size.n_customers):
        partition = partition_of(f"c-{number}".encode(), services.partitions)
        members.setdefault(partition, []).append(number)
    for partition, numbers in members.items():
        state, _ = store.take_over(partition, n_partitions=services.partitions)
        for write in _writes(state, numbers, _pasts(size.life, products)):
            store.write([write])
    store.close()


def _writes(
    state: PartitionState, numbers: Sequence[int], pasts: Sequence[StoredPast]
) -> Iterator[PartitionWrite]:
    for start in range(0, len(numbers), CUSTOMERS_A_WRITE):
        part = {
            f"c-{number}": pasts[number % len(pasts)] for number in numbers[start : start + CUSTOMERS_A_WRITE]
        }
        after = replace(state, sequence=state.sequence + 1, stream_time_ms=END_MS)
        yield PartitionWrite(
            expected=state,
            after=after,
            records={name: past.record for name, past in part.items()},
            open_decisions={name: past.open_decisions for name, past in part.items() if past.open_decisions},
            deadlines={name: DeadlineMove(None, past.due_ms) for name, past in part.items() if past.due_ms},
            outbox=None,
            published_sequence=0,
        )
        state = after


@cache
def _pasts(life: Life, products: tuple[str, ...]) -> Sequence[StoredPast]:
    """Return the stored forms of `DISTINCT` customers after a life."""
    features = catalogue_for(products)
    made = example_customers(features, life, DISTINCT)
    n_open = made.n_open.tolist()
    decisions = pack_all(made.open_decisions, n_open, features.fingerprint)
    pasts, at = [], 0
    for record, value, n in zip(pack(features.layout, made.records), decisions, n_open, strict=True):
        pasts.append(StoredPast(record, value or None, next_due_ms(made.open_decisions[at : at + n])))
        at += n
    return pasts


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
