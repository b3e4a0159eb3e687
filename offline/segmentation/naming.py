"""Segments → names and recommendations, each with the numbers that led to it.

Rules of this file: pure; the first rule that holds names the segment; two segments of one name are told
apart by what stands out in each; no recommendation without its numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from offline.reporting.numbers import shown_number
from offline.segmentation.axes import AxisScores, channel_of
from offline.segmentation.profiles import Profiles
from offline.segmentation.rules import CHANNEL, Advice, Naming, Rule, SegmentRules

OUTSTANDING: Final = 2
"""Features that are named as standing out."""

FLAT: Final = 0.01
"""Standard deviations below which nothing stands out, as in a single segment of all."""

SHOWN_COLUMNS: Final = 3
"""Columns of an axis whose numbers a sentence gives; the others are in the tables."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One sentence of advice, and the sentence of numbers that it rests on."""

    text: str
    because: str


@dataclass(frozen=True, slots=True)
class NamedSegment:
    """A segment as people speak of it.

    Parameters
    ----------
    segment : number
    name, summary : of the rule that holds
    rule : name of that rule, or None where no rule holds
    axes : axis → score in standard deviations of all customers
    outstanding : sentence about the features that stand out most
    marketing, operations : recommendations
    """

    segment: int
    name: str
    summary: str
    rule: str | None
    axes: Mapping[str, float]
    outstanding: str
    marketing: tuple[Recommendation, ...]
    operations: tuple[Recommendation, ...]


def named_segments(
    profiles: Profiles,
    scores: Mapping[str, AxisScores],
    rules: SegmentRules,
    labels: Mapping[str, str] | None = None,
) -> list[NamedSegment]:
    """Return a name and recommendations for each segment.

    Parameters
    ----------
    profiles : of the features that made the segments
    scores : of the axes that the table has columns for
    rules : read from top to bottom
    labels : column → words for it in recommendations, where there are better ones than its name
    """
    named = [
        _named(segment, profiles, scores, rules, labels=labels or {})
        for segment in range(len(profiles.means))
    ]
    counts = Counter(one.name for one in named)
    named = [
        one
        if counts[one.name] == 1 and one.rule is not None
        else replace(one, name=f"{one.name}: {_tops(profiles, one.segment)}")
        for one in named
    ]
    counts = Counter(one.name for one in named)
    return [
        one if counts[one.name] == 1 else replace(one, name=f"{one.name} (segment {one.segment})")
        for one in named
    ]


def outstanding(profiles: Profiles, segment: int) -> str:
    """Return the sentence about the columns that stand out most in a segment."""
    z = profiles.z[segment]
    places = sorted(range(len(z)), key=lambda place: -abs(z[place]))[:OUTSTANDING]
    return "; ".join(_column_text(profiles, segment, profiles.columns[place]) for place in places)


def _named(
    segment: int,
    profiles: Profiles,
    scores: Mapping[str, AxisScores],
    rules: SegmentRules,
    *,
    labels: Mapping[str, str],
) -> NamedSegment:
    rule = next((rule for rule in rules.rules if _holds(rule, scores, segment)), None)
    naming: Naming = rules.otherwise if rule is None else rule
    told = outstanding(profiles, segment)
    axes = {name: found.scores[segment] for name, found in scores.items()}
    conditions = tuple(rule.when) if rule is not None else ()

    def recommended(advice: Sequence[Advice]) -> tuple[Recommendation, ...]:
        leader = channel_of(scores, segment)
        channel = labels.get(leader, leader) if leader is not None else "their usual channel"
        return tuple(
            Recommendation(
                one.text.replace(CHANNEL, channel),
                _because(one.because or conditions, scores, segment) or told,
            )
            for one in advice
        )

    return NamedSegment(
        segment=segment,
        name=naming.name,
        summary=naming.summary,
        rule=None if rule is None else rule.name,
        axes=axes,
        outstanding=told,
        marketing=recommended(naming.marketing),
        operations=recommended(naming.operations),
    )


def _holds(rule: Rule, scores: Mapping[str, AxisScores], segment: int) -> bool:
    return all(
        axis in scores and limits.hold(scores[axis].scores[segment]) for axis, limits in rule.when.items()
    )


def _because(axes: Sequence[str], scores: Mapping[str, AxisScores], segment: int) -> str:
    return "; ".join(_axis_text(scores[axis], segment) for axis in axes if axis in scores)


def _axis_text(found: AxisScores, segment: int) -> str:
    shown = [found.leaders[segment]] if found.axis.measure == "largest" else list(found.columns)
    z = found.profiles.z[segment]
    if len(shown) > SHOWN_COLUMNS:
        shown.sort(key=lambda column: -abs(z[found.profiles.place(column)]))
    numbers = ", ".join(_means_text(found.profiles, segment, column) for column in shown[:SHOWN_COLUMNS])
    if len(shown) > SHOWN_COLUMNS:
        numbers += f", and {len(shown) - SHOWN_COLUMNS} more"
    return f"{found.axis.text} {found.scores[segment]:+.2f} sd ({numbers})"


def _column_text(profiles: Profiles, segment: int, column: str) -> str:
    z = profiles.z[segment, profiles.place(column)]
    return f"{_means_text(profiles, segment, column)} ({z:+.2f} sd)"


def _means_text(profiles: Profiles, segment: int, column: str) -> str:
    place = profiles.place(column)
    own, overall = profiles.means[segment, place], profiles.overall_means[place]
    return f"{column} {shown_mean(own)} against {shown_mean(overall)}"


def shown_mean(value: float) -> str:
    """Return a mean for people: whole numbers from 1,000 on, else two decimals.

    Examples
    --------
    >>> shown_mean(141_040.0), shown_mean(0.6), shown_mean(34_574.24)
    ('141,040', '0.60', '34,574')
    """
    return shown_number(value, ",.0f" if abs(value) >= 1_000 else ",.2f")


def _tops(profiles: Profiles, segment: int) -> str:
    z = profiles.z[segment]
    places = sorted(range(len(z)), key=lambda place: -abs(z[place]))[:OUTSTANDING]
    if abs(z[places[0]]) < FLAT:
        return "like all customers"
    return ", ".join(f"{'high' if z[place] > 0 else 'low'} {profiles.columns[place]}" for place in places)
