"""What a column is when no mapping says so: its type from the values, its role from name and values.

Inference is a proposal: the reading says which columns were inferred, and a mapping overrides it.

Rules of this file: pure; English column names are understood, others need a mapping.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from offline.tables.mapping import ColumnType, Role

NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
WHOLE: Final = r"^[+-]?\d{1,18}$"
LEADING_ZERO: Final = r"^[+-]?0\d"
ISO_DATE: Final = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"

NUMERIC_SHARE_MIN: Final = 0.5
"""A column most of whose values are numbers is one of numbers, and a text in it is an error with its row."""
CATEGORIES_MAX: Final = 200
"""More different texts than this are not categories: no table or figure could show them."""

ID_WORDS: Final = frozenset({"id", "key", "no", "nr", "number", "code", "customer", "client", "account"})
CONTACT_WORDS: Final = frozenset(
    {
        "visit",
        "call",
        "contact",
        "email",
        "sms",
        "chat",
        "login",
        "session",
        "click",
        "message",
        "interaction",
    }
)
VALUE_WORDS: Final = frozenset(
    {"limit", "income", "salary", "revenue", "balance", "spend", "spending", "turnover", "value", "deposit"}
)
LABEL_WORDS: Final = frozenset({"target", "label", "response", "churn", "churned", "exited", "accepted"})
PROTECTED_WORDS: Final = frozenset({"gender", "sex", "race", "ethnicity", "religion"})
KEY_DISTINCT_SHARE_MIN: Final = 0.95
NAMELESS_KEY_ROWS_MIN: Final = 1_000
"""Whole numbers that never repeat in so many rows identify somebody, whatever the column is called."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the roles are inferred from: how many different values of how many, and the type."""

    type: ColumnType
    distinct_count: int
    rows_count: int

    @property
    def is_unique(self) -> bool:
        """Whether each row has a value of its own."""
        return self.distinct_count == self.rows_count


def type_of_texts(texts: Any) -> ColumnType:
    """Return the type that the texts have, missing ones left out.

    Examples
    --------
    >>> type_of_texts(pa.array(["1", "2.5"])), type_of_texts(pa.array(["1", "0"]))
    ('number', 'flag')
    """
    present = pc.drop_null(texts)
    if len(present) == 0:
        return "category"
    if _share(present, NUMBER) > NUMERIC_SHARE_MIN and not _any(present, LEADING_ZERO):
        return _numeric_type(present)
    if _share(present, ISO_DATE) == 1.0:
        return "date"
    distinct = pc.count_distinct(present).as_py()
    return "category" if distinct <= min(CATEGORIES_MAX, max(2, len(present) // 2)) else "text"


def type_of_arrow(values: Any) -> ColumnType | None:
    """Return the type of an Arrow column that is not text; None for what a table cannot hold."""
    kind = values.type
    if pa.types.is_boolean(kind):
        return "flag"
    if pa.types.is_integer(kind):
        return "flag" if _is_zero_and_one(values) else "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    return None


def inferred_roles(columns: Mapping[str, Seen]) -> dict[str, Role]:
    """Return the role of each column; at most one is the id.

    Examples
    --------
    >>> inferred_roles({"Sl_No": Seen("integer", 9, 9), "total_calls": Seen("integer", 4, 9)})
    {'Sl_No': 'id', 'total_calls': 'contact_channel'}
    """
    roles: dict[str, Role] = {}
    for name, seen in columns.items():
        role = _role(words_of(name), seen)
        roles[name] = "key" if role == "id" and ("id" in roles.values() or not seen.is_unique) else role
    return roles


def words_of(name: str) -> frozenset[str]:
    """Return the words of a column's name, in small letters and singular.

    Examples
    --------
    >>> sorted(words_of("TotalVisits_bank"))
    ['bank', 'total', 'visit']
    """
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return frozenset(part.lower().removesuffix("s") if len(part) > 3 else part.lower() for part in parts)


def _role(words: frozenset[str], seen: Seen) -> Role:
    is_numeric = seen.type in {"integer", "number"}
    if _identifies(words, seen):
        return "id"
    if words & PROTECTED_WORDS:
        return "protected"
    if is_numeric and words & CONTACT_WORDS:
        return "contact_channel"
    if is_numeric and words & VALUE_WORDS:
        return "value"
    return "label" if seen.type == "flag" and words & LABEL_WORDS else "feature"


def _identifies(words: frozenset[str], seen: Seen) -> bool:
    if words & ID_WORDS:
        return seen.type != "number" and seen.distinct_count >= KEY_DISTINCT_SHARE_MIN * seen.rows_count
    return seen.type == "integer" and seen.is_unique and seen.rows_count >= NAMELESS_KEY_ROWS_MIN


def _numeric_type(present: Any) -> ColumnType:
    if not _all(present, WHOLE):
        return "number"
    distinct = set(pc.unique(present).slice(0, 3).to_pylist())
    return "flag" if distinct == {"0", "1"} else "integer"


def _is_zero_and_one(values: Any) -> bool:
    span = pc.min_max(values).as_py()
    return (span["min"], span["max"]) == (0, 1)


def _share(texts: Any, pattern: str) -> float:
    return float(pc.mean(pc.cast(pc.match_substring_regex(texts, pattern), pa.int8())).as_py())


def _any(texts: Any, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _all(texts: Any, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())
