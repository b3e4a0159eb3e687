"""One row of a CSV → one record, or the reason why not.

Rules of this file: pure; a row is refused with its column and the offending cell, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from consumer.vocabulary.time import DAY_MS, SECOND_MS, YEAR_DAYS, date_of_epoch_day
from producer_sim.mapping import DATE_FIELDS, MONEY_FIELDS, FieldRule, MappingFile

Row = Mapping[str, str]
_CELL_SHOWN: Final = 40
_INTEGER_FIELDS: Final = frozenset({"credit_score"})
_BOOLEAN_FIELDS: Final = frozenset({"vulnerable", "deceased"})
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

M = TypeVar("M", bound=BaseModel)


class RowRefused(Exception):
    """A row that cannot become a record: note it in the report and go on with the next."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.column = column
        self.reason = reason


def read_fields(
    rules: Mapping[str, FieldRule], row: Row, mapping: MappingFile, *, event_time_ms: int = 0
) -> dict[str, Any]:
    """Return the fields that a row gives; optional ones that are missing are left out.

    Raises
    ------
    RowRefused : a cell is missing or cannot be read
    """
    fields = {}
    for name, rule in rules.items():
        value = _field(rule, row, mapping, event_time_ms)
        if value is not None:
            fields[name] = value
    return fields


def check_record(model: type[M], fields: Mapping[str, Any], rules: Mapping[str, FieldRule]) -> M:
    """Return the record; the model has the last word on every row.

    Raises
    ------
    RowRefused : names the column that the offending field comes from
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise RowRefused(_origin(rules.get(name), name), f"{name}: {first['msg'].lower()}") from error


def _field(rule: FieldRule, row: Row, mapping: MappingFile, event_time_ms: int) -> Any:
    if rule.column is None and not rule.conditions:
        return rule.constant
    text = _text(rule, row, mapping)
    if text is None:
        return None
    try:
        return _READERS.get(rule.name, _as_text)(rule, text, event_time_ms)
    except (ValueError, InvalidOperation, OverflowError):
        shown = text if len(text) <= _CELL_SHOWN else f"{text[:_CELL_SHOWN]}…"
        raise RowRefused(_origin(rule, rule.name), f"{shown!r} cannot be read as {rule.name}") from None


def _text(rule: FieldRule, row: Row, mapping: MappingFile) -> str | None:
    """Return the text of a field: by rule, or the cell, translated; None when it is missing and may be."""
    if rule.conditions:
        for condition in rule.conditions:
            if all(row[column].strip() in texts for column, texts in condition.when.items()):
                return condition.then
        return _fallback(rule, "no rule fits the row")
    cell = row[rule.column or ""].strip()
    missing = mapping.missing if rule.missing is None else rule.missing
    if cell in missing:
        return _fallback(rule, "is missing")
    if rule.values is None:
        return cell
    if cell in rule.values:
        return rule.values[cell]
    return _fallback(rule, f"{cell[:_CELL_SHOWN]!r} is not among the values of the mapping", is_missing=False)


def _fallback(rule: FieldRule, reason: str, *, is_missing: bool = True) -> str | None:
    if rule.otherwise is not None:
        return rule.otherwise
    if is_missing and rule.name not in _REQUIRED:
        return None
    raise RowRefused(_origin(rule, rule.name), reason)


def _origin(rule: FieldRule | None, name: str) -> str:
    return ", ".join(rule.columns) if rule is not None and rule.columns else name


def _as_text(rule: FieldRule, text: str, _event_time_ms: int) -> str:
    return rule.prefix + text


def _as_time_ms(rule: FieldRule, text: str, _event_time_ms: int) -> int:
    if rule.unit is not None:
        return int(Decimal(text) * (SECOND_MS if rule.unit == "s" else 1))
    moment = datetime.strptime(text, rule.format or "")  # noqa: DTZ007 # without a zone it is UTC, see below
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since = aware - _EPOCH
    return since.days * DAY_MS + since.seconds * SECOND_MS + since.microseconds // 1_000


def _as_money(rule: FieldRule, text: str, _event_time_ms: int) -> int:
    """Return minor units; a fraction of one is refused rather than rounded."""
    minor = Decimal(text).scaleb(rule.decimals if rule.unit == "major" else 0)
    if minor != minor.to_integral_value():
        raise ValueError(text)
    return abs(int(minor)) if rule.is_absolute else int(minor)


def _as_date(rule: FieldRule, text: str, event_time_ms: int) -> date:
    if rule.unit == "age_years":
        # Of an age only the year of birth follows: the middle of the possible span errs by half a year at most.
        return date_of_epoch_day(round(event_time_ms / DAY_MS - (float(text) + 0.5) * YEAR_DAYS))
    return datetime.strptime(text, rule.format or "%Y-%m-%d").date()  # noqa: DTZ007 # a date has no zone


def _as_integer(_rule: FieldRule, text: str, _event_time_ms: int) -> int:
    return int(text)


def _as_boolean(_rule: FieldRule, text: str, _event_time_ms: int) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[text.lower()]


_READERS: Final[dict[str, Callable[[FieldRule, str, int], Any]]] = {
    "event_time_ms": _as_time_ms,
    **dict.fromkeys(MONEY_FIELDS, _as_money),
    **dict.fromkeys(DATE_FIELDS, _as_date),
    **dict.fromkeys(_INTEGER_FIELDS, _as_integer),
    **dict.fromkeys(_BOOLEAN_FIELDS, _as_boolean),
}
_REQUIRED: Final = frozenset(
    {"customer_id", "event_time_ms", "kind", "direction", "amount_minor", "currency", "channel"}
)
