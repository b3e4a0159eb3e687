"""The documents that leave a scorer: offers, decisions, examples, dead letters, with CloudEvents headers.

Rules of this file: one function a record; every value is a plain Python value, so that the encoded
bytes depend on the decision alone. The fields are those of `vocabulary/messages.py`; a test validates
what is built here against those models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from consumer.decoded import DeadLetter
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import iso_utc

Document = dict[str, Any]
Encode = Callable[[Document], bytes]

SOURCE = b"upswell/scorer"


@dataclass(frozen=True, slots=True)
class OutputEncoder:
    """Turns documents into records: the encoder is an adapter's, the headers are CloudEvents 1.0."""

    encode: Encode

    def offer(self, document: Document) -> OutputRecord:
        """Return the `nbo.offers` record of an offer."""
        return self._record("offers", document, key=document["customer_id"], ce_type=b"upswell.offer_made.v1")

    def decision(self, document: Document) -> OutputRecord:
        """Return the `nbo.decisions` record of a decision."""
        return self._record(
            "decisions", document, key=document["customer_id"], ce_type=b"upswell.decision.v1"
        )

    def example(self, document: Document) -> OutputRecord:
        """Return the `nbo.examples` record of a matured label."""
        return self._record("examples", document, key=document["product_id"], ce_type=b"upswell.example.v1")

    def _record(self, role: str, document: Document, *, key: str, ce_type: bytes) -> OutputRecord:
        time_ms = document["event_time_ms"]
        headers = (
            ("ce_specversion", b"1.0"),
            ("ce_id", document["event_id"].encode()),
            ("ce_source", SOURCE),
            ("ce_type", ce_type),
            ("ce_time", iso_utc(time_ms).encode()),
        )
        return OutputRecord(role, key.encode(), self.encode(document), time_ms, headers)


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
