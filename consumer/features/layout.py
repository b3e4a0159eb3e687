"""The layout of a customer record: which field lies where, and what each of its members means.

A layout is data: it is stored beside the records that were written with it, so that a record stays
readable after the catalogue has changed (`migration`). Its fingerprint is stored in every record,
model and seed; equal fingerprints mean equal bytes with equal meaning.

Rules of this file: no field is named here (`fields` does); little-endian on every machine; the zero
record means "nothing is known"; a record is a whole number of 32 bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]
"""Customer records: a structured array of a layout's dtype."""

_ALIGNMENT: Final = 32
"""A whole number of `zero_words` groups, so that packing need not copy; the added zeros are not stored."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    `members` names the elements of an array field, or the bits of a `has_bits` field, so that they can
    be found again when their number or order has changed. A field without members is one number.
    """

    name: str
    format: str
    members: tuple[str, ...] = ()
    has_bits: bool = False

    @property
    def length(self) -> int:
        """Elements of the field."""
        return 1 if self.has_bits or not self.members else len(self.members)


@dataclass(frozen=True)
class Layout:
    """Fields of a record in order, and the digest of what the catalogue computes from them."""

    fields: tuple[Field, ...]
    meaning: str

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """The structured dtype; wide fields first, so that every element is aligned."""
        ordered = sorted(self.fields, key=lambda field: -np.dtype(field.format).itemsize)
        members: list[Any] = [
            (f.name, f.format, (f.length,)) if f.members and not f.has_bits else (f.name, f.format)
            for f in ordered
        ]
        spare = -np.dtype(members).itemsize % _ALIGNMENT
        return np.dtype([*members, ("spare", f"V{spare}")] if spare else members)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex characters that name this layout."""
        return blake2b(self.to_json().encode(), digest_size=8).hexdigest()

    def __hash__(self) -> int:
        """Hash the fingerprint: what is kept for a layout is looked up at every batch, and it has 600 names."""
        return hash(self.fingerprint)

    def to_json(self) -> str:
        """Return the layout as canonical JSON: equal layouts give equal text."""
        fields = [[f.name, f.format, list(f.members), f.has_bits] for f in self.fields]
        return json.dumps({"fields": fields, "meaning": self.meaning}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Return the layout that `to_json` wrote."""
        document = json.loads(text)
        fields = (Field(name, form, tuple(members), bits) for name, form, members, bits in document["fields"])
        return cls(fields=tuple(fields), meaning=document["meaning"])
