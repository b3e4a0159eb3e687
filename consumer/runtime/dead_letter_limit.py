"""When to stop instead of filling the dead-letter topic.

A few bad records are the bank's everyday; a topic that is all garbage is a wrong topic or a broken
producer, and consuming it to the end would only hide that. Frozen limits, a small state, no clock.

Runs and shares of bad records are counted for each partition and stored with its position: a process that is
started again and again, or partitions that move, would else let as many more of them pass each time.

    extra = {"bad_run:transactions": 412.0, "bad_window:seen": 930.0, "bad_window:bad": 465.0}

A share is counted from a bad record on, over `window` records; then the next bad record opens a new window. So a
partition without bad records stores nothing, and what is stored does not depend on how the stream was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from consumer.vocabulary.errors import UpswellError
from consumer.vocabulary.log import RawRecord

_RUN_KEY: Final = "bad_run:"
_SEEN_KEY: Final = "bad_window:seen"
_BAD_KEY: Final = "bad_window:bad"


class TooManyDeadLetters(UpswellError):
    """The stream is mostly unusable: stop, nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """How many bad records are still everyday.

    max_run : bad records in a row on one topic partition
    max_ratio : share of bad records among `window` records of a partition, all topics, from a bad one on
    window : records that the ratio looks at; before so many have passed, only the run counts
    """

    max_run: int = 500
    max_ratio: float = 0.5
    window: int = 2_000


@dataclass(frozen=True, slots=True)
class Window:
    """Records of a partition since a bad one, that one included, and how many of them are bad."""

    seen: int
    bad: int


@dataclass(frozen=True, slots=True)
class DeadLetterTally:
    """Bad records in a row per topic partition, and the open window of each partition that has one."""

    runs: dict[tuple[str, int], int]
    windows: dict[int, Window] = field(default_factory=dict)


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
    records: Sequence[RawRecord],
) -> DeadLetterTally:
    """Return the tally after a batch.

    Parameters
    ----------
    bad : the batch's unusable records in order of their offsets
    last_good : (role, partition) → offset of the batch's last good record there
    records : the whole batch in its order

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
    return DeadLetterTally(runs, _windows(limit, before.windows, bad, records))


def with_runs(extra: Mapping[str, float], held: DeadLetterTally, partition: int) -> dict[str, float]:
    """Return what is stored with a partition's position, its runs and its window as they stand now."""
    stored = {key: value for key, value in extra.items() if not _is_of_tally(key)}
    stored |= {f"{_RUN_KEY}{role}": float(run) for (role, at), run in held.runs.items() if at == partition}
    window = held.windows.get(partition)
    return stored if window is None else stored | {_SEEN_KEY: float(window.seen), _BAD_KEY: float(window.bad)}


def with_stored_runs(held: DeadLetterTally, extra: Mapping[str, float], partition: int) -> DeadLetterTally:
    """Return the tally of a process that has just taken a partition over."""
    runs = {place: run for place, run in held.runs.items() if place[1] != partition}
    runs |= {
        (key.removeprefix(_RUN_KEY), partition): int(run)
        for key, run in extra.items()
        if key.startswith(_RUN_KEY)
    }
    windows = {number: window for number, window in held.windows.items() if number != partition}
    if _SEEN_KEY in extra:
        windows[partition] = Window(int(extra[_SEEN_KEY]), int(extra[_BAD_KEY]))
    return DeadLetterTally(runs, windows)


def _is_of_tally(key: str) -> bool:
    return key.startswith(_RUN_KEY) or key in {_SEEN_KEY, _BAD_KEY}


def _windows(
    limit: DeadLetterLimit,
    before: Mapping[int, Window],
    bad: Sequence[BadRecord],
    records: Sequence[RawRecord],
) -> dict[int, Window]:
    """Return the open windows after a batch; nearly always there is none, and nothing to do."""
    touched = before.keys() | {record.partition for record in bad}
    if not touched:
        return {}
    codes = {(record.role, record.partition, record.offset): record.code for record in bad}
    windows = {}
    for partition in touched:
        found = [codes.get((r.role, partition, r.offset)) for r in records if r.partition == partition]
        window = _advanced(limit, before.get(partition), found, partition)
        if window is not None:
            windows[partition] = window
    return windows


def _advanced(
    limit: DeadLetterLimit, window: Window | None, found: Sequence[str | None], partition: int
) -> Window | None:
    """Return a partition's window after records of which each has its code, or None when it is good."""
    at = 0
    while at < len(found):
        if window is None:
            at = next((place for place in range(at, len(found)) if found[place] is not None), len(found))
            window = Window(0, 0) if at < len(found) else None
            continue
        part = found[at : at + limit.window - window.seen]
        codes = [code for code in part if code is not None]
        window = Window(window.seen + len(part), window.bad + len(codes))
        at += len(part)
        if window.seen == limit.window:
            _check_ratio(limit, window, partition, codes=sorted(set(codes)))
            window = None
    return window


def _check_run(limit: DeadLetterLimit, run: int, record: BadRecord) -> None:
    if run > limit.max_run:
        raise TooManyDeadLetters(
            f"{run} records in a row of {record.role}, partition {record.partition}, are unusable (up to offset "
            f"{record.offset}, last error {record.code}): check that this topic carries {record.role} and what "
            f"its producer writes; raise dead_letter_limit.max_run in the policy to read on"
        )


def _check_ratio(limit: DeadLetterLimit, window: Window, partition: int, *, codes: Sequence[str]) -> None:
    if window.bad > limit.max_ratio * window.seen:
        raise TooManyDeadLetters(
            f"{window.bad} of {window.seen} records in a row of partition {partition} are unusable "
            f"({', '.join(codes)}): check the producers; raise dead_letter_limit.max_ratio in the policy to read on"
        )
