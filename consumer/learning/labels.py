"""From outcomes to labels: settle open decisions in order, and say which examples follow.

Rules of this file: pure, event time only. Deadlines are checked against the stream time at each outcome,
not at the end of a batch, and a label that comes from a deadline matures at that deadline: so examples do
not depend on how the stream is cut into batches (the moment of their publication does).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.learning.attribution import Effect, attribute, expire
from consumer.learning.open_decisions import Rows
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.words import ExampleCause, LabelKind

Int64s = NDArray[np.int64]
UInt8s = NDArray[np.uint8]
UInt16s = NDArray[np.uint16]

KEEP_CLOSED_MS: Final = 30 * DAY_MS
"""A closed decision is kept this long, so that a late acceptance can still take its negative back."""


@dataclass(frozen=True, slots=True)
class LabelRule:
    """One effect as a label: cause of the example, and the sign of its weight."""

    effect: Effect
    label_kind: LabelKind
    label: int
    sign: int
    cause: ExampleCause | None


LABEL_RULES: Final = (
    LabelRule(Effect.REVERSE_RESPONSE, "response", 0, -1, "reversed"),
    LabelRule(Effect.REVERSE_PURCHASE, "purchase", 0, -1, "reversed"),
    LabelRule(Effect.POSITIVE_RESPONSE, "response", 1, 1, "accepted"),
    LabelRule(Effect.NEGATIVE_RESPONSE, "response", 0, 1, None),
    LabelRule(Effect.POSITIVE_PURCHASE, "purchase", 1, 1, "accepted"),
    LabelRule(Effect.NEGATIVE_PURCHASE, "purchase", 0, 1, "expired"),
)
"""In the order in which one step's examples are published: a negative is taken back before its positive.
A negative response is `rejected` or `expired`, by what made the step (cause None here)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one open decision.

    row : of the open decision
    outcome : place of the outcome in the batch; for a deadline, of the outcome that found it over, or -1
    is_deadline : the step was made by the deadline, not by an outcome
    effects : `Effect` bits
    at_ms : event time of the outcome, or the deadline
    """

    row: int
    outcome: int
    is_deadline: bool
    effects: Effect
    at_ms: int


@dataclass(frozen=True, slots=True)
class Label:
    """One label of one open decision; with the row and the decision id it is an example."""

    row: int
    label_kind: LabelKind
    label: int
    sign: int
    cause: ExampleCause
    at_ms: int


def settle(
    rows: Rows, row_of_outcome: Int64s, outcome_kind: UInt8s, *, event_time_ms: Int64s, stream_time_ms: Int64s
) -> list[Step]:
    """Apply outcomes to open decisions in order of arrival; `rows` is updated in place.

    Parameters
    ----------
    rows : open decisions of the batch's customers
    row_of_outcome : shape (n,), row of each outcome, -1 for an orphan (left out; count it)
    outcome_kind : shape (n,), code in `OUTCOME_KINDS`
    event_time_ms : shape (n,), of each outcome
    stream_time_ms : shape (n,), of the partition when the outcome was read, itself included

    Returns
    -------
    every step that has an effect, by outcome; a deadline comes before the outcome that found it over
    """
    steps: list[Step] = []
    for wave in _waves(row_of_outcome):
        places = row_of_outcome[wave]
        steps += _close(rows, places, stream_time_ms[wave], outcomes=wave)
        after, effects = attribute(rows["state"][places], outcome_kind[wave])
        rows["state"][places] = after
        _open_windows(rows, places, effects, event_time_ms[wave])
        steps += _steps(places, effects, event_time_ms[wave], outcomes=wave, is_deadline=False)
    return sorted(steps, key=lambda step: (step.outcome, not step.is_deadline))


def close_due(rows: Rows, stream_time_ms: Int64s | int) -> list[Step]:
    """Close what is over at `stream_time_ms` (of all rows, or of each); `rows` is updated in place.

    Returns
    -------
    every step, in row order
    """
    places = np.arange(len(rows))
    times = np.full(len(rows), stream_time_ms)
    return _close(rows, places, times, outcomes=np.full(len(rows), -1))


def labels_of(step: Step) -> list[Label]:
    """Return the labels that one step gives, in the order in which their examples are published."""
    negative_cause: ExampleCause = "expired" if step.is_deadline else "rejected"
    return [
        Label(step.row, rule.label_kind, rule.label, rule.sign, rule.cause or negative_cause, step.at_ms)
        for rule in _rules_of(step.effects)
    ]


@cache
def _rules_of(effects: Effect) -> tuple[LabelRule, ...]:
    """Return the rules that effects meet; looked up, because flags of an enumeration are slow to combine."""
    return tuple(rule for rule in LABEL_RULES if rule.effect & effects)


def _waves(row_of_outcome: Int64s) -> list[Int64s]:
    """Return outcomes in waves: wave k holds the k-th outcome of each row, orphans in none."""
    known = np.flatnonzero(row_of_outcome >= 0)
    by_row = known[np.argsort(row_of_outcome[known], kind="stable")]
    rows = row_of_outcome[by_row]
    is_first = np.r_[True, rows[1:] != rows[:-1]] if len(rows) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.r_[starts, len(rows)]))
    return [np.sort(by_row[rank == k]) for k in range(int(rank.max(initial=-1)) + 1)]


def _close(rows: Rows, places: Int64s, stream_time_ms: Int64s, *, outcomes: Int64s) -> list[Step]:
    """Apply deadlines to the rows at `places`, which are distinct."""
    deadlines = rows["deadline_ms"][places]
    after, effects = expire(rows["state"][places], deadlines, stream_time_ms)
    rows["state"][places] = after
    return _steps(places, effects, deadlines, outcomes=outcomes, is_deadline=True)


def _open_windows(rows: Rows, places: Int64s, effects: UInt16s, event_time_ms: Int64s) -> None:
    """Note delivery and let the attribution window begin, where the step says so."""
    opens = (effects & Effect.OPEN_WINDOW) != 0
    opened, times = places[opens], event_time_ms[opens]
    is_first = rows["delivered_ms"][opened] == 0
    rows["delivered_ms"][opened[is_first]] = times[is_first]
    rows["deadline_ms"][opened] = times + rows["window_ms"][opened]
    rows["forget_ms"][opened] = rows["deadline_ms"][opened] + KEEP_CLOSED_MS


def _steps(
    places: Int64s, effects: UInt16s, at_ms: Int64s, *, outcomes: Int64s, is_deadline: bool
) -> list[Step]:
    """Return one `Step` for each row with an effect."""
    return [
        Step(int(places[i]), int(outcomes[i]), is_deadline, Effect(int(effects[i])), int(at_ms[i]))
        for i in np.flatnonzero(effects)
    ]
