"""One, two and three scorers over one group on one machine: what an event costs all of them together.

Scorers share no lock and no state: each owns its partitions, and its part of Redis. So the processor time of
an event must be the same however many they are; the rate is not the point here, since on a machine of two cores
the third scorer has none left for it. The rest of a log is taken, from where all of them are at work.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.progress import Committed, Rate, steady_rate, watch
from benchmarks.services import Role, Services, role
from benchmarks.throughput import EVENT_ROLES, Log, scorer_settings

SCORERS: Final = (1, 2, 3)
SETTLED_SHARE: Final = 0.4
"""By then every scorer has its partitions: they start together, and a rebalance takes a second."""


@dataclass(frozen=True, slots=True)
class Together:
    """A number of scorers over one log.

    rate : of all of them together, processor time summed
    shares : of the processor time, by scorer, largest first
    """

    n_scorers: int
    rate: Rate
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """Several processes, watched as if they were one."""

    members: tuple[Role, ...]

    @property
    def is_alive(self) -> bool:
        """True while all of them run."""
        return all(member.is_alive for member in self.members)

    def cpu_s(self) -> float:
        """Seconds of processor time that they have used together."""
        return sum(member.cpu_s() for member in self.members)


def measure_together(services: Services, log: Log, n_scorers: int, *, policy: Path) -> Together:
    """Measure `n_scorers` in a group of their own over a whole log, from an empty Redis.

    Raises
    ------
    MeasurementFailed : one of them ended, or they stood still
    """
    services.forget_all()
    name = f"together{n_scorers}"
    settings = scorer_settings(log.topics, name, policy)
    with ExitStack() as stack:
        committed = stack.enter_context(
            Committed(services.servers, log.topics, group_id=name, roles=EVENT_ROLES)
        )
        members = tuple(
            stack.enter_context(role(services, "score", settings | {"instance_id": f"{name}-{number}"}))
            for number in range(n_scorers)
        )
        samples = watch(committed.sample, _Group(members), to_count=log.end_count)
        for member in members:
            member.check()
        used_s = sorted((member.cpu_s() for member in members), reverse=True)
    settled = log.n_profiles + int(log.n_events * SETTLED_SHARE)
    return Together(
        n_scorers,
        steady_rate(samples, from_count=settled, to_count=log.end_count),
        tuple(used / sum(used_s) for used in used_s) if sum(used_s) else (),
    )


def in_words(found: list[Together]) -> str:
    """Return the measurements in words.

    Examples
    --------
    >>> in_words([Together(1, Rate(100, 1.0, 0.002), (1.0,)), Together(2, Rate(100, 1.0, 0.0021), (0.6, 0.4))])
    '1 scorer: 20.0 µs of processor time an event, 100 events/s; 2 scorers: 21.0 µs (+5%), 100 events/s, 60% and 40% of the work'
    """
    base = found[0].rate.cpu_us_per_event
    words = []
    for each in found:
        scorers = "1 scorer" if each.n_scorers == 1 else f"{each.n_scorers} scorers"
        cost = f"{each.rate.cpu_us_per_event:.1f} µs"
        if each is found[0]:
            words.append(f"{scorers}: {cost} of processor time an event, {each.rate.per_s:,.0f} events/s")
            continue
        change = f" ({each.rate.cpu_us_per_event / base - 1:+.0%})" if base else ""
        shares = " and ".join(f"{share:.0%}" for share in each.shares)
        words.append(f"{scorers}: {cost}{change}, {each.rate.per_s:,.0f} events/s, {shares} of the work")
    return "; ".join(words)
