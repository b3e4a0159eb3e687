"""The records that leave a scorer: offers, decisions, examples, dead letters, with CloudEvents headers.

Rules of this file: records are made a list at a time; every value is a plain Python value or a struct of
those, so that the encoded bytes depend on the decision alone. The fields are those of
`vocabulary/messages.py`; a test validates what is built here against those models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

import numpy as np

from consumer.decoded import DeadLetter
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import iso_utc_all

Document = dict[str, Any]
Encode = Callable[[Any], bytes]

_SPECVERSION: Final = ("ce_specversion", b"1.0")
_SOURCE: Final = ("ce_source", b"upswell/scorer")
_OFFER: Final = ("ce_type", b"upswell.offer_made.v1")
_DECISION: Final = ("ce_type", b"upswell.decision.v1")
_EXAMPLE: Final = ("ce_type", b"upswell.example.v1")


@dataclass(frozen=True, slots=True)
class OutputEncoder:
    """Turns documents into records: the encoder is an adapter's, the headers are CloudEvents 1.0."""

    encode: Encode

    def offers(self, offers: Sequence[Any]) -> list[OutputRecord]:
        """Return the `nbo.offers` records of offers (structs)."""
        return self._records("offers", offers, _OFFER, keys=[offer.customer_id for offer in offers])

    def decisions(self, decisions: Sequence[Any]) -> list[OutputRecord]:
        """Return the `nbo.decisions` records of decisions (structs)."""
        keys = [decision.customer_id for decision in decisions]
        return self._records("decisions", decisions, _DECISION, keys=keys)

    def examples(self, examples: Sequence[Any]) -> list[OutputRecord]:
        """Return the `nbo.examples` records of matured labels (structs)."""
        keys = [example.product_id for example in examples]
        return self._records("examples", examples, _EXAMPLE, keys=keys)

    def _records(
        self, role: str, documents: Sequence[Any], ce_type: tuple[str, bytes], *, keys: Sequence[str]
    ) -> list[OutputRecord]:
        times_ms = [document.event_time_ms for document in documents]
        texts = iso_utc_all(np.array(times_ms, dtype=np.int64))
        headers = [
            (
                _SPECVERSION,
                ("ce_id", document.event_id.encode()),
                _SOURCE,
                ce_type,
                ("ce_time", text.encode()),
            )
            for document, text in zip(documents, texts, strict=True)
        ]
        values = map(self.encode, documents)
        return list(map(OutputRecord, repeat(role), map(str.encode, keys), values, times_ms, headers))


def dead_letter_record(letter: DeadLetter, source_topic: str) -> OutputRecord:
    """Return the `nbo.dead-letter` record: the bytes as they came, the cause in the headers."""
    record = letter.record
    headers = (
        ("source_topic", source_topic.encode()),
        ("source_partition", str(record.partition).encode()),
        ("source_offset", str(record.offset).encode()),
        ("error_code", str(letter.code).encode()),
        ("error_reason", letter.reason.encode()),
    )
    return OutputRecord("dead_letter", record.key or b"", record.value or b"", record.timestamp_ms, headers)
