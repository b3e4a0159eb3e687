"""When to stop instead of filling the dead-letter topic.

A few bad records are the bank's everyday; a topic that is all garbage is a wrong topic or a broken
producer, and consuming it to the end would only hide that. Frozen limits, a small state, no clock.

A run of bad records is stored with the partition's position, as `extra = {"bad_run:transactions": 412.0}`:
a process that is started again and again would else let `max_run` more of them pass at each start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from consumer.vocabulary.errors import UpswellError

_RUN_KEY: Final = "bad_run:"


class TooManyDeadLetters(UpswellError):
    """The stream is mostly unusable: stop, nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """How many bad records are still everyday.

    max_run : bad records in a row on one topic partition
    max_ratio : share of bad records among the last `window` records of all topics
    window : records that the ratio looks at; below `window` records only the run counts
    """

    max_run: int = 500
    max_ratio: float = 0.5
    window: int = 2_000


@dataclass(frozen=True, slots=True)
class DeadLetterTally:
    """Bad records in a row per topic partition, and a count over the current window."""

    runs: dict[tuple[str, int], int]
    seen: int = 0
    bad: int = 0


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Where an unusable record stands, and its dead-letter code."""

    role: str
    partition: int
    offset: int
    code: str


def tally(
    limit: DeadLetterLimit,
    before: DeadLetterTally,
    bad: Sequence[BadRecord],
    *,
    last_good: Mapping[tuple[str, int], int],
    n_records: int,
) -> DeadLetterTally:
    """Return the tally after a batch of `n_records`.

    Parameters
    ----------
    bad : the batch's unusable records in order of their offsets
    last_good : (role, partition) → offset of the batch's last good record there

    Raises
    ------
    TooManyDeadLetters : a limit is passed; the text names topic, offset and the last code
    """
    runs = {place: run for place, run in before.runs.items() if place not in last_good}
    for record in bad:
        place = (record.role, record.partition)
        if record.offset > last_good.get(place, -1):
            runs[place] = runs.get(place, 0) + 1
            _check_run(limit, runs[place], record)
    seen, n_bad = before.seen + n_records, before.bad + len(bad)
    if seen < limit.window:
        return DeadLetterTally(runs, seen, n_bad)
    _check_ratio(limit, seen, n_bad, codes=sorted({record.code for record in bad}))
    return DeadLetterTally(runs)


def with_runs(extra: Mapping[str, float], held: DeadLetterTally, partition: int) -> dict[str, float]:
    """Return what is stored with a partition's position, its runs of bad records as they stand now."""
    others = {key: value for key, value in extra.items() if not key.startswith(_RUN_KEY)}
    runs = {role: run for (role, number), run in held.runs.items() if number == partition}
    return others | {f"{_RUN_KEY}{role}": float(run) for role, run in runs.items()}


def with_stored_runs(held: DeadLetterTally, extra: Mapping[str, float], partition: int) -> DeadLetterTally:
    """Return the tally of a process that has just taken a partition over."""
    others = {place: run for place, run in held.runs.items() if place[1] != partition}
    stored = {
        (key.removeprefix(_RUN_KEY), partition): int(run)
        for key, run in extra.items()
        if key.startswith(_RUN_KEY)
    }
    return replace(held, runs=others | stored)


def _check_run(limit: DeadLetterLimit, run: int, record: BadRecord) -> None:
    if run > limit.max_run:
        raise TooManyDeadLetters(
            f"{run} records in a row of {record.role}, partition {record.partition}, are unusable (up to offset "
            f"{record.offset}, last error {record.code}): check that this topic carries {record.role} and what "
            f"its producer writes; raise dead_letter_limit.max_run in the policy to read on"
        )


def _check_ratio(limit: DeadLetterLimit, seen: int, n_bad: int, *, codes: Sequence[str]) -> None:
    if n_bad > limit.max_ratio * seen:
        raise TooManyDeadLetters(
            f"{n_bad} of the last {seen} records are unusable ({', '.join(codes)}): check the producers; raise "
            f"dead_letter_limit.max_ratio in the policy to read on"
        )
