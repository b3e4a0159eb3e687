"""msgspec structs derived from the pydantic records: the fast readers of the hot path.

pydantic stays the single source of every schema; a struct is computed from it at import, so the two
cannot drift apart. The struct accepts nothing that the model refuses, given two checks that are left
to whole batches because they cost a tenth there: text patterns, and bytes that are not UTF-8 (or nested
too deep, or a number too long) inside fields that nobody reads. What a struct refuses is read again by
pydantic, which has the last word (`refusals`).

Measured on a 267-byte transaction: with a pattern on each field 1.7 microseconds, without 0.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from consumer.vocabulary.errors import Defect
from consumer.vocabulary.ids import ID_PATTERN, MAX_ID_BYTES
from consumer.vocabulary.messages import INPUT_RECORDS

_PLAIN_TYPES: Final = (str, int, float, bool, date, NoneType)
_BOUNDS: Final = {
    annotated_types.Ge: "ge",
    annotated_types.Le: "le",
    annotated_types.Gt: "gt",
    annotated_types.Lt: "lt",
    annotated_types.MinLen: "min_length",
    annotated_types.MaxLen: "max_length",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """The fast reader of one role, and the text checks that a whole batch does for it.

    decoder : bytes → struct with the model's field names
    id_fields : fields that must hold printable ASCII (their length is checked by the decoder)
    patterns : other text fields with few distinct values → pattern that each must match
    """

    decoder: msgspec.json.Decoder[Any]
    id_fields: tuple[str, ...]
    patterns: Mapping[str, re.Pattern[str]]

    @property
    def struct(self) -> type[Any]:
        """The struct that the decoder makes."""
        return self.decoder.type


def reader_of(model: type[BaseModel]) -> Reader:
    """Return the fast reader of a record."""
    id_fields = []
    patterns = {}
    for name, info in model.model_fields.items():
        pattern = _top_level_pattern(info)
        if pattern == ID_PATTERN:
            id_fields.append(name)
        elif pattern is not None:
            patterns[name] = re.compile(_python_pattern(pattern))
    return Reader(msgspec.json.Decoder(_struct_of(model, is_record=True)), tuple(id_fields), patterns)


def _struct_of(model: type[BaseModel], *, is_record: bool) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        wanted = _wanted_type(info.annotation, info.metadata, in_batch=is_record)
        fields.append((name, wanted) if info.is_required() else (name, wanted, _default_of(info)))
    return msgspec.defstruct(model.__name__, fields, kw_only=True, frozen=True, gc=False)


def _default_of(info: FieldInfo) -> Any:
    default = info.default
    if isinstance(default, BaseModel):
        struct = _struct_of(type(default), is_record=False)
        return msgspec.field(default_factory=struct)
    return default


def _wanted_type(annotation: Any, metadata: Iterable[object], *, in_batch: bool) -> Any:
    """Return the msgspec type of a pydantic annotation; `in_batch` leaves text patterns to the batch."""
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        return _wanted_type(inner, (*metadata, *_flat(extra)), in_batch=in_batch)
    bounds = _bounds(metadata, in_batch=in_batch)
    wanted = _unbounded_type(annotation, in_batch=in_batch)
    return Annotated[wanted, msgspec.Meta(**bounds)] if bounds else wanted


def _unbounded_type(annotation: Any, *, in_batch: bool) -> Any:
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN_TYPES or origin is Literal:
        return annotation
    if origin in (Union, UnionType):
        return Union[tuple(_wanted_type(arg, (), in_batch=in_batch) for arg in args)]  # noqa: UP007
    if origin in (list, dict):
        return origin[tuple(_wanted_type(arg, (), in_batch=False) for arg in args)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _struct_of(annotation, is_record=False)
    raise Defect(f"no struct type is known for {annotation!r}: teach consumer/adapters/structs.py")


def _bounds(metadata: Iterable[object], *, in_batch: bool) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for item in metadata:
        name = _BOUNDS.get(type(item))
        pattern = getattr(item, "pattern", None)
        if name is not None:
            bounds[name] = getattr(item, name)
        elif pattern == ID_PATTERN:
            bounds |= {"min_length": 1, "max_length": MAX_ID_BYTES}
        if pattern is not None and not in_batch:
            bounds["pattern"] = _python_pattern(pattern)
    return bounds


def _flat(metadata: Iterable[object]) -> list[object]:
    return [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else (item,))]


def _top_level_pattern(info: FieldInfo) -> str | None:
    """Return the pattern of a text field, optional or not; those inside lists and maps stay in the struct."""
    metadata = list(info.metadata)
    is_optional = get_origin(info.annotation) in (Union, UnionType)
    for arg in get_args(info.annotation) if is_optional else ():
        if get_origin(arg) is Annotated:
            metadata += _flat(get_args(arg)[1:])
    found = [pattern for item in metadata if (pattern := getattr(item, "pattern", None)) is not None]
    return found[0] if found else None


def _python_pattern(pattern: str) -> str:
    r"""Return `pattern` with the end that pydantic means: Python's `$` would let a newline follow."""
    return re.sub(r"\$$", r"\\Z", pattern)


READERS: Final[Mapping[str, Reader]] = {role: reader_of(model) for role, model in INPUT_RECORDS.items()}
