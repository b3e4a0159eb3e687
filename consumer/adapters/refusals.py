"""Reading one record with care: what the fast reader did not understand, and why it cannot be used.

The last word on a document. It is accepted when it is JSON (RFC 8259, so no NaN) in UTF-8, within the
limits, and its pydantic model takes it; else it is refused with a code and a sentence that names the
field but never shows a value, because values are personal data and dead letters are read by many.

Rules of this file: off the hot path, so clarity goes before speed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from consumer.adapters.structs import READERS
from consumer.vocabulary.errors import InvalidMessage
from consumer.vocabulary.messages import INPUT_RECORDS, OUTPUT_RECORDS
from consumer.vocabulary.reasons import DeadLetterCode
from consumer.vocabulary.time import MINUTE_MS

MODELS: Final[Mapping[str, type[BaseModel]]] = {**INPUT_RECORDS, **OUTPUT_RECORDS}

NUMBER_DIGITS_MAX: Final = 1_000
"""Parsers differ on longer numbers (one stops at 4,300 digits, another ignores them): no reader sees one."""

_TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[{\]}]")
_ENDLESS_NUMBER: Final = re.compile(rb"[0-9]{%d}" % NUMBER_DIGITS_MAX)
_SUPPORTED_MAJOR: Final = "1"
_NUMBER_FAULTS: Final = frozenset(
    {
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "finite_number",
        "int_from_float",
        "int_parsing_size",
    }
)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a record may be at most.

    value_bytes_max : 64 KiB is fifty times a full profile; a larger value is a mistake or an attack
    nesting_max : levels of lists and objects; our records have three, and parsers give up at 200
    ahead_ms_max : how far an event may lie ahead of its record's timestamp (clocks differ a little)
    """

    value_bytes_max: int = 65_536
    nesting_max: int = 160
    ahead_ms_max: int = 5 * MINUTE_MS


def read_carefully(role: str, value: bytes | None, limits: DecodeLimits) -> Any:
    """Return the struct of one record of an input role.

    Raises
    ------
    InvalidMessage : write the record to the dead-letter topic
    """
    record = read_document(role, value, limits)
    return READERS[role].decoder.decode(record.model_dump_json())


def read_document(role: str, value: bytes | None, limits: DecodeLimits) -> BaseModel:
    """Return one record of any role as its pydantic model; slow, but it knows every role.

    Raises
    ------
    InvalidMessage : write the record to the dead-letter topic
    """
    if not value:
        raise InvalidMessage(DeadLetterCode.EMPTY_VALUE, f"a record of role {role} needs a value")
    check_bytes(value, limits)
    document = _strict_json(value)
    _check_version(document)
    try:
        return MODELS[role].model_validate_json(value)
    except ValidationError as error:
        raise _invalid_document(error, MODELS[role]) from None


def check_bytes(value: bytes, limits: DecodeLimits) -> None:
    """Refuse a value for what can be seen without parsing it.

    Raises
    ------
    InvalidMessage : oversized, not UTF-8, nested too deep, or with an endless number
    """
    if len(value) > limits.value_bytes_max:
        reason = f"the value has {len(value)} bytes, the limit is {limits.value_bytes_max}"
        raise InvalidMessage(DeadLetterCode.OVERSIZED, reason)
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise InvalidMessage(DeadLetterCode.NOT_UTF8, f"byte {error.start} is not valid UTF-8") from None
    bare = _TEXT.sub(b'""', value)
    if _nesting(bare) > limits.nesting_max:
        reason = f"lists and objects are nested deeper than {limits.nesting_max} levels"
        raise InvalidMessage(DeadLetterCode.WRONG_SHAPE, reason)
    if _ENDLESS_NUMBER.search(bare) is not None:
        raise InvalidMessage(
            DeadLetterCode.INVALID_NUMBER, f"a number has {NUMBER_DIGITS_MAX} digits or more"
        )


def least_suspicious_bytes(limits: DecodeLimits) -> int:
    """Return the size in bytes below which a value cannot break a limit of `check_bytes`.

    Each level of nesting needs two brackets, or it is no JSON.
    """
    return min(2 * limits.nesting_max, NUMBER_DIGITS_MAX, limits.value_bytes_max)


def is_suspicious(value: bytes, limits: DecodeLimits) -> bool:
    """Return whether a value may break a limit; cheap, and errs on the side of care."""
    if len(value) > limits.value_bytes_max or value.count(b"[") + value.count(b"{") > limits.nesting_max:
        return True
    return len(value) >= NUMBER_DIGITS_MAX and _ENDLESS_NUMBER.search(value) is not None


def _nesting(bare: bytes) -> int:
    """Return the deepest nesting of a value without its texts."""
    depth = deepest = 0
    for token in _BRACKET.findall(bare):
        depth += 1 if token in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _strict_json(value: bytes) -> Any:
    try:
        return json.loads(value.decode(), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        reason = f"character {error.pos}: {error.msg.lower()}"
        raise InvalidMessage(DeadLetterCode.NOT_JSON, reason) from None


def _refuse_constant(name: str) -> None:
    raise InvalidMessage(DeadLetterCode.INVALID_NUMBER, f"{name} is not a JSON number")


def _check_version(document: object) -> None:
    if not isinstance(document, dict):
        raise InvalidMessage(DeadLetterCode.WRONG_SHAPE, "the document is not an object")
    version = document.get("schema_version")
    if isinstance(version, str) and version.partition(".")[0] != _SUPPORTED_MAJOR:
        reason = f"schema_version: only major version {_SUPPORTED_MAJOR} is read here"
        raise InvalidMessage(DeadLetterCode.UNSUPPORTED_VERSION, reason)


def _invalid_document(error: ValidationError, model: type[BaseModel]) -> InvalidMessage:
    """Return the first fault of a document as an error, with the place and without the value."""
    faults = error.errors(include_url=False, include_context=True, include_input=True)
    first = faults[0]
    place = _place(first["loc"], model)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return InvalidMessage(_code_of(first), f"{place}: {_sentence(first)}{more}")


def _code_of(fault: Mapping[str, Any]) -> DeadLetterCode:
    is_number = isinstance(fault["input"], int | float) and not isinstance(fault["input"], bool)
    if fault["type"] == "json_invalid":
        return DeadLetterCode.NOT_JSON
    if not is_number:
        return DeadLetterCode.WRONG_SHAPE
    is_money = str(fault["loc"][-1]).endswith("_minor") if fault["loc"] else False
    if is_money and fault["type"] == "greater_than_equal" and fault["ctx"]["ge"] == 0:
        return DeadLetterCode.NEGATIVE_AMOUNT
    if fault["type"] in _NUMBER_FAULTS or fault["type"] == "int_type":
        return DeadLetterCode.INVALID_NUMBER
    return DeadLetterCode.WRONG_SHAPE


def _sentence(fault: Mapping[str, Any]) -> str:
    """Return pydantic's message without its capital; it names types and limits, never the input."""
    message: str = fault["msg"]
    return message[:1].lower() + message[1:]


def _place(loc: Sequence[int | str], model: type[BaseModel]) -> str:
    """Return the path of a field; keys that the sender chose are shown as `*`, they may be personal."""
    known = _field_names(model)
    parts = [str(part) if isinstance(part, int) or part in known else "*" for part in loc]
    return ".".join(parts) if parts else "document"


def _field_names(model: type[BaseModel]) -> frozenset[str]:
    names = set(model.model_fields)
    for info in model.model_fields.values():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names |= _field_names(info.annotation)
    return frozenset(names)
