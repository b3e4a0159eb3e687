"""The file of segment rules: what segments are called, and what marketing and operations are told.

Rules of this file: words and their checks; a mistake is one sentence with file, line and field, and is found
before a segment is named. The file's own head says what its keys mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from offline.yaml_document import read_document

DEFAULT_RULES: Final = Path(__file__).parents[2] / "deploy" / "lab" / "segment_rules.yaml"
CHANNEL: Final = "{channel}"
"""In a recommendation: the contact channel that stands out most in the segment."""

FamilyName = Literal["demographic", "behavioural", "value"]
Measure = Literal["mean", "sum", "largest"]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnChoice(_Words):
    """Which columns are meant: by role, else by a word of the name."""

    roles: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Axis(ColumnChoice):
    """One thing that segments are judged by, in standard deviations of all customers.

    Parameters
    ----------
    text : what it is called in sentences
    family : takes the columns of this family
    measure : how several columns become one number
    """

    text: str = Field(min_length=1)
    family: FamilyName | None = None
    measure: Measure = "mean"


class Limits(_Words):
    """What an axis must be for a rule to hold, in standard deviations."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}")
        return self

    def hold(self, score: float) -> bool:
        """Whether a score is within the limits, both included."""
        return (self.at_least is None or score >= self.at_least) and (
            self.at_most is None or score <= self.at_most
        )


class Advice(_Words):
    """One recommendation, and the axes that it rests on (those of the rule's conditions when none is named)."""

    text: str = Field(min_length=1)
    because: tuple[str, ...] = ()


class Naming(_Words):
    """A name with its recommendations."""

    name: str = Field(min_length=1)
    summary: str = Field(min_length=1)
    marketing: tuple[Advice, ...] = Field(min_length=1)
    operations: tuple[Advice, ...] = Field(min_length=1)


class Rule(Naming):
    """A name for segments that meet all conditions: axis → limits."""

    when: Mapping[str, Limits] = Field(min_length=1)


class SegmentRules(_Words):
    """A whole file of rules."""

    families: Mapping[FamilyName, ColumnChoice] = Field(default_factory=dict)
    axes: Mapping[str, Axis]
    rules: tuple[Rule, ...]
    otherwise: Naming

    @model_validator(mode="after")
    def _names_known_axes(self) -> Self:
        for rule in self.rules:
            advice = (*rule.marketing, *rule.operations)
            for axis in (*rule.when, *(name for one in advice for name in one.because)):
                if axis not in self.axes:
                    raise ValueError(
                        f"rule {rule.name!r} names axis {axis!r}, which is none of {', '.join(self.axes)}"
                    )
        return self


def read_rules(file: Path) -> SegmentRules:
    """Return the rules of a YAML file.

    Raises
    ------
    ConfigurationError
        one sentence with file, line and field: mend the file, no segment was named
    """
    return read_document(file, SegmentRules, what="segment rules", begins_with="families")
