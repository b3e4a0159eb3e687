"""How the columns of somebody's CSV become the fields of our records: the mapping file.

    name: my-bank                     # begins the ids of rows without an id of their own
    source: {delimiter: ",", missing: ["", "NA"]}
    transactions:
      customer_id: {column: client}
      event_time_ms: {column: booked_at, format: "%Y-%m-%d %H:%M:%S"}   # or unit: s | ms
      kind: {column: type, values: {POS: card_payment}, otherwise: transfer_out}
      direction:
        rules: [{when: {type: [SALARY]}, then: credit}]                 # first that fits wins
        otherwise: debit
      amount_minor: {column: amount, unit: major, decimals: 2, sign: absolute}
      currency: {constant: EUR}
      channel: {constant: online}
    profile:                          # optional; published only on request
      birth_date: {column: age, unit: age_years}
      protected: {gender: {column: sex}}

Rules of this file: every mistake is found before the first row is read, with file, line and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

from consumer.vocabulary.messages import Consents, Customer, Transaction
from consumer.vocabulary.words import Direction, TransactionChannel, TransactionKind
from producer_sim.yaml_lines import Spot, read_yaml

_TOP: Final = frozenset({"name", "source", "transactions", "profile"})
_SOURCE: Final = frozenset({"delimiter", "encoding", "missing"})
_OPTIONS: Final = frozenset(
    {
        "column",
        "constant",
        "rules",
        "values",
        "otherwise",
        "format",
        "unit",
        "decimals",
        "sign",
        "prefix",
        "missing",
    }
)
_ORIGINS: Final = ("column", "constant", "rules")
_HEAD: Final = frozenset({"schema_version", "event_id", "customer_id", "event_time_ms"})
TRANSACTION_FIELDS: Final = frozenset(Transaction.model_fields) - {"schema_version"}
PROFILE_FIELDS: Final = frozenset(Customer.model_fields) - _HEAD
OPTIONAL_FIELDS: Final = frozenset({"event_id", "merchant_category", "balance_after_minor"})
_NEEDED: Final = tuple(sorted(TRANSACTION_FIELDS - OPTIONAL_FIELDS))
_CLOSED: Final[dict[str, tuple[str, ...]]] = {
    "kind": get_args(TransactionKind),
    "direction": get_args(Direction),
    "channel": get_args(TransactionChannel),
}
MONEY_FIELDS: Final = frozenset({"amount_minor", "balance_after_minor", "income_minor", "credit_limit_minor"})
DATE_FIELDS: Final = frozenset({"birth_date", "joined_on"})
_UNITS: Final[dict[str, tuple[str, ...]]] = {
    "event_time_ms": ("s", "ms"),
    "birth_date": ("age_years",),
    **dict.fromkeys(MONEY_FIELDS, ("major", "minor")),
}
_DECIMALS_MOST: Final = 4


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule: when every named column holds one of its texts, the field is `then`."""

    when: Mapping[str, tuple[str, ...]]
    then: str


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one field is made from a row; exactly one of `column`, `constant`, `conditions` is its origin."""

    name: str
    spot: Spot
    column: str | None = None
    constant: Any = None
    conditions: tuple[Condition, ...] = ()
    values: Mapping[str, str] | None = None
    otherwise: str | None = None
    format: str | None = None
    unit: str | None = None
    decimals: int = 2
    is_absolute: bool = False
    prefix: str = ""
    missing: frozenset[str] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the field is read from."""
        if self.column is not None:
            return (self.column,)
        return tuple(dict.fromkeys(name for condition in self.conditions for name in condition.when))


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A checked mapping."""

    file: Path
    name: str
    transactions: Mapping[str, FieldRule]
    profile: Mapping[str, FieldRule] = field(default_factory=dict)
    protected: Mapping[str, FieldRule] = field(default_factory=dict)
    delimiter: str = ","
    encoding: str = "utf-8"
    missing: frozenset[str] = frozenset({""})

    @property
    def rules(self) -> tuple[FieldRule, ...]:
        """All field rules."""
        return (*self.transactions.values(), *self.profile.values(), *self.protected.values())


def read_mapping(path: Path) -> MappingFile:
    """Return a mapping file, checked.

    Raises
    ------
    ConfigurationError : names file, line and field of the first mistake
    """
    top = read_yaml(path).entries(known=_TOP, needed=("name", "transactions"))
    source = top["source"].entries(known=_SOURCE) if "source" in top else {}
    transactions = top["transactions"].entries(known=TRANSACTION_FIELDS, needed=_NEEDED)
    profile = dict(top["profile"].entries(known=PROFILE_FIELDS)) if "profile" in top else {}
    protected = profile.pop("protected").entries() if "protected" in profile else {}
    return MappingFile(
        file=path,
        name=top["name"].text(),
        transactions={name: _field_rule(name, spot) for name, spot in transactions.items()},
        profile={name: _field_rule(name, spot) for name, spot in profile.items()},
        protected={name: _field_rule(name, spot) for name, spot in protected.items()},
        delimiter=_delimiter(source["delimiter"]) if "delimiter" in source else ",",
        encoding=source["encoding"].text() if "encoding" in source else "utf-8",
        missing=frozenset(source["missing"].texts()) if "missing" in source else frozenset({""}),
    )


def _field_rule(name: str, spot: Spot) -> FieldRule:
    options = spot.entries(known=_OPTIONS)
    origins = [origin for origin in _ORIGINS if origin in options]
    if len(origins) != 1:
        spot.refuse(f"needs exactly one of {', '.join(_ORIGINS)}")
    rule = FieldRule(
        name=name,
        spot=spot,
        column=options["column"].text() if "column" in options else None,
        constant=_constant(name, options["constant"]) if "constant" in options else None,
        conditions=_conditions(options["rules"]) if "rules" in options else (),
        values=_values(options["values"]) if "values" in options else None,
        otherwise=options["otherwise"].text() if "otherwise" in options else None,
        format=options["format"].text() if "format" in options else None,
        unit=_one_of(options["unit"], _UNITS.get(name, ())) if "unit" in options else None,
        decimals=_decimals(options["decimals"]) if "decimals" in options else 2,
        is_absolute="sign" in options and bool(_one_of(options["sign"], ("absolute",))),
        prefix=options["prefix"].text() if "prefix" in options else "",
        missing=frozenset(options["missing"].texts()) if "missing" in options else None,
    )
    _check_words(rule)
    if name == "event_time_ms" and rule.format is None and rule.unit is None:
        spot.refuse("needs a format (as of strptime) or a unit (s, ms)")
    return rule


def _check_words(rule: FieldRule) -> None:
    """Refuse results that the record's vocabulary does not have."""
    words = _CLOSED.get(rule.name)
    if words is None:
        return
    results = [
        *(rule.values or {}).values(),
        *(condition.then for condition in rule.conditions),
        *([rule.otherwise] if rule.otherwise is not None else []),
        *([rule.constant] if rule.constant is not None else []),
    ]
    for result in results:
        if result not in words:
            rule.spot.refuse(f"{result!r} is none of {', '.join(words)}")


def _constant(name: str, spot: Spot) -> Any:
    if name == "consents":
        spot.entries(known=frozenset(Consents.model_fields))
    return spot.plain()


def _conditions(spot: Spot) -> tuple[Condition, ...]:
    if not isinstance(spot.value, list) or not spot.value:
        spot.refuse("must be a list of rules with when and then")
    conditions = []
    for item in spot.value:
        parts = item.entries(known=frozenset({"when", "then"}), needed=("when", "then"))
        when = {column: texts.texts() for column, texts in parts["when"].entries().items()}
        if not when:
            parts["when"].refuse("names no column")
        conditions.append(Condition(when, parts["then"].text()))
    return tuple(conditions)


def _values(spot: Spot) -> dict[str, str]:
    return {cell: result.text() for cell, result in spot.entries().items()}


def _one_of(spot: Spot, words: tuple[str, ...]) -> str:
    text = spot.text()
    if text not in words:
        spot.refuse(f"{text!r} is none of {', '.join(words)}" if words else "has no meaning for this field")
    return text


def _decimals(spot: Spot) -> int:
    if not isinstance(spot.value, int) or not 0 <= spot.value <= _DECIMALS_MOST:
        spot.refuse(f"must be a whole number from 0 to {_DECIMALS_MOST}")
    return spot.value


def _delimiter(spot: Spot) -> str:
    text = spot.text()
    if len(text) != 1:
        spot.refuse("must be one character")
    return text
