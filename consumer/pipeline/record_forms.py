"""The records that leave a scorer as structs, made a whole column at a time.

A decision's record has some forty parts. As dictionaries they cost more than the decision itself: two thirds
of the time went into making them and into the garbage collector, which looked at each. A struct of msgspec
has its fields in a fixed order, so columns become structs in one call in C, and the garbage collector leaves
them alone (they hold only numbers, text and lists of those).

Rules of this file: the pydantic models of `vocabulary/messages.py` say which fields there are and in which
order; nothing is named twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from pydantic import BaseModel

from consumer.vocabulary.errors import Defect
from consumer.vocabulary.messages import (
    Candidate,
    Decision,
    Example,
    ModelInput,
    OfferMade,
    Reason,
    Trigger,
)

Form = type[Any]


def _form_of(model: type[BaseModel]) -> Form:
    return msgspec.defstruct(model.__name__, list(model.model_fields), frozen=True, gc=False)


DECISION: Final = _form_of(Decision)
OFFER: Final = _form_of(OfferMade)
EXAMPLE: Final = _form_of(Example)
TRIGGER: Final = _form_of(Trigger)
CANDIDATE: Final = _form_of(Candidate)
MODEL_INPUT: Final = _form_of(ModelInput)
REASON: Final = _form_of(Reason)


def filled(form: Form, **columns: Iterable[Any]) -> list[Any]:
    """Return one struct a row.

    Parameters
    ----------
    columns : every field in the form's order, equally long; `itertools.repeat` for what is the same in all

    Raises
    ------
    Defect : a field is missing, unknown or out of order; the record's model and its builder have drifted apart

    Examples
    --------
    >>> filled(MODEL_INPUT, fingerprint=["f", "f"], inputs_milli=[[1, 2], [3, 4]])[1].inputs_milli
    [3, 4]
    """
    if tuple(columns) != form.__struct_fields__:
        raise Defect(f"{form.__name__} has the fields {form.__struct_fields__}, built were {tuple(columns)}")
    return list(map(form, *columns.values()))


def encoded_once(part: Any) -> msgspec.Raw:
    """Return a part that stands in many records, already as the JSON that they will hold.

    Examples
    --------
    >>> bytes(encoded_once({"gold": "minor"}))
    b'{"gold":"minor"}'
    """
    return msgspec.Raw(msgspec.json.encode(part))
