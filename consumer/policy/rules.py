"""Rules as data: `field operator value`, compiled once into operations on whole columns.

Rules of this file: pure; no `eval`; equal rules of several offers are computed once.
A missing value (NaN, in text fields -1, or a feature at its default, see `KNOWN_FLAGS`) meets no rule, not
even `differs` or `none_of`: what the bank does not know about a customer never speaks for an offer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.policy.schema import RuleText
from consumer.vocabulary.errors import Defect
from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.words import EMPLOYMENT_STATUSES, code_of

Bools = NDArray[np.bool_]
Column = NDArray[Any]
Comparison = Callable[[Column, Any], Bools]

DECISION_FIELDS: Final = ("trigger", "local_month", "local_weekday", "local_hour", "held_count")
"""Fields that the policy computes itself: trigger's name; bank time's month 1-12, weekday 0 = Monday,
hour 0-23; number of products held."""

PROFILE_TEXT_FIELDS: Final = ("employment_status", "region", "occupation")
TEXT_FIELDS: Final = ("trigger", *PROFILE_TEXT_FIELDS)

KNOWN_FLAGS: Final[Mapping[str, str]] = {
    "age_years": "age_is_known",
    "income_minor": "income_is_known",
    "credit_score": "credit_score_is_known",
    "balance_last": "balance_is_known",
    "balance_mean": "balance_is_known",
    "salary_last": "salary_is_known",
    "satisfaction": "satisfaction_is_known",
}
"""Features whose default stands for "not known", and the feature that says which: a credit score of 600
that nobody has measured must not pass a rule."""

_EMPLOYMENT: Final = code_of(EMPLOYMENT_STATUSES)
_COMPARISONS: Final[Mapping[str, Comparison]] = {
    "at_least": np.greater_equal,
    "at_most": np.less_equal,
    "above": np.greater,
    "below": np.less,
    "equals": np.equal,
    "differs": np.not_equal,
}
_ORDERINGS: Final = frozenset({"at_least", "at_most", "above", "below"})
_LISTS: Final = frozenset({"one_of", "none_of"})


@dataclass(frozen=True, slots=True)
class RuleFault:
    """What is wrong with a rule: which of its keys, and the rest of the sentence."""

    key: str
    text: str


def rule_fault(rule: RuleText, *, trigger_names: Sequence[str]) -> RuleFault | None:
    """Return what makes a rule meaningless, or None."""
    values = rule.value if isinstance(rule.value, list) else [rule.value]
    is_text = rule.field in TEXT_FIELDS
    if isinstance(rule.value, list) != (rule.operator in _LISTS):
        need = "a list" if rule.operator in _LISTS else "one value, not a list"
        return RuleFault("value", f"must be {need} for operator {rule.operator}")
    if not values:
        return RuleFault("value", "is an empty list")
    if any(isinstance(value, str) != is_text for value in values):
        return RuleFault("value", f"must be {'text' if is_text else 'a number'} for field {rule.field}")
    if is_text and rule.operator in _ORDERINGS:
        return RuleFault("operator", f"is {rule.operator}, but {rule.field} is text without an order")
    if rule.times_field is not None and (is_text or rule.operator in _LISTS):
        return RuleFault("times_field", f"does not go with field {rule.field} and operator {rule.operator}")
    return _word_fault(rule.field, values, trigger_names)


def _word_fault(field: str, values: Sequence[object], trigger_names: Sequence[str]) -> RuleFault | None:
    closed = {"employment_status": EMPLOYMENT_STATUSES, "trigger": tuple(trigger_names)}.get(field)
    for value in values if closed is not None else ():
        if closed is not None and value not in closed:
            return RuleFault("value", f"is {value!r}, not one of {', '.join(closed)}")
    return None


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule; `values` are the numbers that columns hold, `flags` the fields that must not be 0."""

    field: str
    operator: str
    values: tuple[float, ...]
    times_field: str | None
    flags: tuple[str, ...]

    def met(self, fields: Mapping[str, Column], bounds: Column | None = None) -> Bools:
        """Return where the rule is met, shape (n,); with other bounds (k, 1) than its own, shape (k, n)."""
        met = self._met_by_value(fields, self.values[0] if bounds is None else bounds)
        for flag in self.flags:
            met &= _column(fields, flag) != 0
        return met

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that the rule reads."""
        return frozenset({self.field, *self.flags} | ({self.times_field} if self.times_field else set()))

    @property
    def likeness(self) -> Rule:
        """What is equal for rules that differ in their bound alone."""
        return self if self.operator in _LISTS else replace(self, values=())

    def _met_by_value(self, fields: Mapping[str, Column], bound: Any) -> Bools:
        column = _column(fields, self.field)
        if self.operator in _LISTS:
            return self._met_by_list(column)
        if self.times_field is not None:
            bound = bound * _column(fields, self.times_field)
        met: Bools = _COMPARISONS[self.operator](column, bound)
        # NaN compares as unequal to everything; in texts -1 could equal no code, so only this one asks.
        return met & is_given(column, self.field) if self.operator == "differs" else met

    def _met_by_list(self, column: Column) -> Bools:
        # A handful of comparisons beats a set lookup at these sizes.
        found: Bools = column == self.values[0]
        for value in self.values[1:]:
            found |= column == value
        return found if self.operator == "one_of" else ~found & is_given(column, self.field)


def is_given(column: Column, field: str) -> Bools:
    """Return where a value is known."""
    given: Bools = column != -1 if field in TEXT_FIELDS else column == column  # noqa: PLR0124 - NaN differs from itself
    return given


def _column(fields: Mapping[str, Column], name: str) -> Column:
    column = fields.get(name)
    if column is None:
        raise Defect(f"a policy rule reads the field {name!r}, which the decision's facts do not have")
    return column


def compile_rule(text: RuleText, *, trigger_names: Sequence[str]) -> Rule:
    """Return the rule with its texts turned into the codes that columns hold."""
    values = text.value if isinstance(text.value, list) else [text.value]
    numbers = tuple(_number(text.field, value, trigger_names) for value in values)
    names = (text.field, text.times_field)
    flags = tuple(KNOWN_FLAGS[name] for name in names if name is not None and name in KNOWN_FLAGS)
    return Rule(text.field, text.operator, numbers, text.times_field, flags)


def _number(field: str, value: float | str, trigger_names: Sequence[str]) -> float:
    if not isinstance(value, str):
        return value
    if field == "trigger":
        return trigger_names.index(value)
    if field == "employment_status":
        return _EMPLOYMENT[value]
    return stable_hash64(value) & 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, eq=False)
class _Alike:
    """Rules that differ in their bound alone: one comparison.

    bounds : (k, 1); places : (k,), in the table
    """

    rule: Rule
    bounds: Column
    places: Column


@dataclass(frozen=True, slots=True, eq=False)
class RuleTable:
    """The rules of one stage for every offer: distinct rules once, and which of them each offer needs.

    _needed, _starts : the places of all offers' rules one after another, and where each offer's begin; every
        offer's begin with the place after the last rule, which is always met, so that none is empty
    """

    rules: tuple[Rule, ...]
    needed: tuple[tuple[int, ...], ...]
    _alike: tuple[_Alike, ...] = field(init=False)
    _needed: Column = field(init=False)
    _starts: Column = field(init=False)

    def __post_init__(self) -> None:
        """Sort rules that are alike together, once."""
        places: dict[Rule, list[int]] = {}
        for place, rule in enumerate(self.rules):
            places.setdefault(rule.likeness, []).append(place)
        alike = tuple(_alike([self.rules[i] for i in same], same) for same in places.values())
        needed = [(len(self.rules), *indices) for indices in self.needed]
        ends = np.cumsum([len(indices) for indices in needed])
        object.__setattr__(self, "_alike", alike)
        object.__setattr__(self, "_needed", np.concatenate(needed))
        object.__setattr__(self, "_starts", np.concatenate([[0], ends[:-1]]))

    def unmet(self, fields: Mapping[str, Column], n: int) -> Bools:
        """Return where an offer's rules are not all met, shape (n_offers, n)."""
        met = np.ones((len(self.rules) + 1, n), np.bool_)
        for alike in self._alike:
            met[alike.places] = alike.rule.met(fields, alike.bounds)
        return ~np.logical_and.reduceat(met[self._needed], self._starts, axis=0)

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that the rules read."""
        return frozenset().union(*(rule.fields for rule in self.rules))


def _alike(rules: Sequence[Rule], places: Sequence[int]) -> _Alike:
    bounds = np.array([rule.values[0] for rule in rules])
    return _Alike(rules[0], bounds[:, None], np.array(places))


def rule_table(rules_of_offers: Sequence[Sequence[RuleText]], *, trigger_names: Sequence[str]) -> RuleTable:
    """Return the table of one stage, given the rules of each offer in column order."""
    places: dict[Rule, int] = {}
    needed = tuple(
        tuple(
            dict.fromkeys(
                places.setdefault(compile_rule(text, trigger_names=trigger_names), len(places))
                for text in rules
            )
        )
        for rules in rules_of_offers
    )
    return RuleTable(tuple(places), needed)
