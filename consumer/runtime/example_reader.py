"""Records of `nbo.examples` → examples that a model may learn from, or the reason why not.

Rules of this file: what the models never unlearn (a NaN, an infinity, a boundless weight) is refused here;
reasons name the place and hold no personal data.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from consumer.vocabulary.errors import InvalidMessage
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.messages import Example
from consumer.vocabulary.reasons import DeadLetterCode

WEIGHT_LIMIT: Final = 100.0
"""Far above any clip that weighting may use; beyond it a weight is a mistake."""

EXAMPLE_BYTES_MAX: Final = 65_536
INPUT_LIMIT: Final = 1e12
"""Thousandths; a logarithm of money comes to 40,000 at most."""

MILLI: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class ReadExample:
    """An example with its model input in units, shape (F,)."""

    example: Example
    inputs: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExampleReader:
    """Reads examples for the models of one feature layout."""

    model_ids: Container[str]
    fingerprint: str
    n_inputs: int

    def read(self, record: RawRecord) -> ReadExample | None:
        """Return the example; None when it is sound but of another feature layout (count it).

        Raises
        ------
        InvalidMessage : write the record to the dead-letter topic
        """
        example = _parsed(record)
        if (record.key or b"").decode(errors="replace") != example.product_id:
            raise InvalidMessage(DeadLetterCode.KEY_MISMATCH, "the record's key is not its product_id")
        # First: examples of a former policy's products are sound, and there may be many of them.
        if example.model_input.fingerprint != self.fingerprint:
            return None
        if example.product_id not in self.model_ids:
            raise InvalidMessage(DeadLetterCode.UNKNOWN_PRODUCT, f"product_id: no model {example.product_id}")
        return ReadExample(example, self._inputs(example))

    def _inputs(self, example: Example) -> NDArray[np.float64]:
        values = example.model_input.inputs_milli
        if len(values) != self.n_inputs:
            raise InvalidMessage(
                DeadLetterCode.WRONG_SHAPE,
                f"model_input.inputs_milli: {len(values)} numbers instead of {self.n_inputs}",
            )
        # Written so that a NaN fails as well: it compares as false with everything.
        if not 0.0 < abs(example.weight) <= WEIGHT_LIMIT:
            raise InvalidMessage(
                DeadLetterCode.INVALID_NUMBER, f"weight: not a number between 0 and {WEIGHT_LIMIT} in size"
            )
        try:
            inputs: NDArray[np.float64] = np.array(values, dtype=np.int64) / MILLI
        except OverflowError:
            raise _too_large() from None
        if np.abs(inputs).max() > INPUT_LIMIT / MILLI:
            raise _too_large()
        return inputs


def _too_large() -> InvalidMessage:
    return InvalidMessage(DeadLetterCode.INVALID_NUMBER, "model_input.inputs_milli: a number too large")


def _parsed(record: RawRecord) -> Example:
    if not record.value:
        raise InvalidMessage(DeadLetterCode.EMPTY_VALUE, "the record has no value")
    if len(record.value) > EXAMPLE_BYTES_MAX:
        raise InvalidMessage(
            DeadLetterCode.OVERSIZED, f"{len(record.value)} bytes, the limit is {EXAMPLE_BYTES_MAX}"
        )
    try:
        return Example.model_validate_json(record.value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        is_json = first["type"] != "json_invalid"
        place = ".".join(map(str, first["loc"])) or "record"
        raise InvalidMessage(
            DeadLetterCode.WRONG_SHAPE if is_json else DeadLetterCode.NOT_JSON,
            f"{place}: {first['msg']}" if is_json else "the value is not JSON",
        ) from error
