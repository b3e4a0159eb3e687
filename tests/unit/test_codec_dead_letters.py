"""Each kind of bad input gets its own code, a sentence with the place, and no personal data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consumer.adapters.codec import decode_batch
from consumer.adapters.refusals import DecodeLimits, read_document
from consumer.decoded import DeadLetter
from consumer.vocabulary.dead_letters import DEAD_LETTER_CAUSES
from consumer.vocabulary.errors import InvalidMessage
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.products import OfferCatalogue, Product
from consumer.vocabulary.reasons import DeadLetterCode

T_MS = 1_700_000_000_000
CATALOGUE = OfferCatalogue((Product("mortgage", "Mortgage", "lending", 1),), ())
GOOD: dict[str, dict[str, Any]] = {
    "transactions": {
        "kind": "fee",
        "direction": "debit",
        "amount_minor": 500,
        "currency": "AUD",
        "channel": "online",
    },
    "interactions": {"channel": "web", "kind": "search"},
    "customers": {"region": "NSW"},
    "traits": {},
}


def value_of(role: str, **changes: Any) -> bytes:
    """Return a good document with changes; `...` leaves a field out."""
    document = {"event_id": "e-1", "customer_id": "c-1", "event_time_ms": T_MS} | GOOD[role] | changes
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def refused(role: str, value: bytes | None, key: bytes | None = b"c-1") -> DeadLetter:
    """Return the one dead letter that a record becomes."""
    batch = decode_batch([RawRecord(role, 4, 9, key, value, T_MS)], CATALOGUE)
    assert len(batch.events) == 0
    [letter] = batch.dead_letters
    return letter


CASES: list[tuple[str, str, bytes | None, str]] = [
    ("empty_value", "transactions", None, "a record of role transactions needs a value"),
    ("empty_value", "customers", b"", "a record of role customers needs a value"),
    ("oversized", "transactions", b"x" * 65_537, "the value has 65537 bytes, the limit is 65536"),
    ("not_utf8", "transactions", b'{"a":"M\xfcller"}', "byte 7 is not valid UTF-8"),
    ("not_json", "transactions", b'{"event_id": "e-1",', "character 19: "),
    ("not_json", "transactions", b"\x00", "character 0: "),
    ("not_json", "transactions", value_of("transactions") + b"{}", "extra data"),
    ("not_json", "transactions", b'{"event_id": "\\ud800"}', "hex escape"),
    ("wrong_shape", "transactions", b"[]", "the document is not an object"),
    ("wrong_shape", "transactions", value_of("transactions", event_id=...), "event_id: field required"),
    ("wrong_shape", "transactions", value_of("transactions", event_id="a b"), "event_id: "),
    ("wrong_shape", "transactions", value_of("transactions", kind="card_paymnt"), "kind: "),
    ("wrong_shape", "transactions", value_of("transactions", amount_minor="12"), "amount_minor: "),
    ("wrong_shape", "transactions", value_of("transactions", amount_minor=True), "amount_minor: "),
    ("wrong_shape", "transactions", value_of("transactions", currency="aud"), "currency: "),
    ("wrong_shape", "customers", value_of("customers", consents={"marketing": 1}), "consents.marketing: "),
    ("wrong_shape", "customers", value_of("customers", birth_date="1980-02-30"), "birth_date: "),
    ("wrong_shape", "traits", b'{"x":' + b"[" * 300 + b"]" * 300 + b"}", "nested deeper than 160 levels"),
    (
        "unsupported_version",
        "transactions",
        value_of("transactions", schema_version="2.0"),
        "major version 1",
    ),
    ("wrong_shape", "transactions", value_of("transactions", schema_version=1), "schema_version: "),
    (
        "invalid_number",
        "transactions",
        value_of("transactions", amount_minor=float("nan")),
        "NaN is not a JSON",
    ),
    (
        "invalid_number",
        "traits",
        value_of("traits", churn_probability=float("inf")),
        "Infinity is not a JSON",
    ),
    ("invalid_number", "transactions", value_of("transactions", amount_minor=12.5), "amount_minor: "),
    ("invalid_number", "transactions", value_of("transactions", amount_minor=10**15 + 1), "amount_minor: "),
    ("invalid_number", "transactions", value_of("transactions", amount_minor=10**400), "amount_minor: "),
    ("invalid_number", "transactions", value_of("transactions", event_time_ms=-1), "event_time_ms: "),
    ("invalid_number", "interactions", value_of("interactions", satisfaction=6), "satisfaction: "),
    (
        "invalid_number",
        "traits",
        value_of("traits")[:-1] + b',"x":' + b"7" * 2_000 + b"}",
        "1000 digits or more",
    ),
    ("negative_amount", "transactions", value_of("transactions", amount_minor=-1250), "amount_minor: "),
    ("negative_amount", "customers", value_of("customers", income_minor=-1), "income_minor: "),
    ("unknown_product", "interactions", value_of("interactions", product_id="morgage"), "product_id: "),
    ("unknown_product", "customers", value_of("customers", holdings=["mortgage", "boat"]), "holdings: "),
    ("unknown_product", "traits", value_of("traits", affinity={"boat": 0.5}), "affinity: "),
    (
        "future_time",
        "transactions",
        value_of("transactions", event_time_ms=T_MS + 300_001),
        "event_time_ms: ",
    ),
]


@pytest.mark.parametrize(
    ("code", "role", "value", "reason"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)]
)
def test_bad_input_gets_its_code_and_a_sentence_with_the_place(
    code: str, role: str, value: bytes | None, reason: str
) -> None:
    letter = refused(role, value)
    assert letter.code == code
    assert reason in letter.reason
    assert "\n" not in letter.reason
    assert (letter.record.partition, letter.record.offset, letter.record.value) == (4, 9, value)


@pytest.mark.parametrize("key", [None, b"", b"c-2", b"\xff", b"c-1 "])
def test_a_key_that_is_not_the_customer_id_is_a_key_mismatch(key: bytes | None) -> None:
    assert refused("transactions", value_of("transactions"), key).code == "key_mismatch"


@pytest.mark.parametrize("key", [None, b"", b"c 1", b"\xff", b"x" * 65])
def test_an_erasure_without_a_customer_id_is_a_key_mismatch(key: bytes | None) -> None:
    assert refused("customers", None, key).code == "key_mismatch"


def test_an_event_five_minutes_ahead_of_its_record_is_still_accepted() -> None:
    record = RawRecord("traits", 0, 0, b"c-1", value_of("traits", event_time_ms=T_MS + 300_000), T_MS)
    assert decode_batch([record], CATALOGUE).dead_letters == ()


def test_fields_and_minor_versions_of_a_later_release_are_accepted() -> None:
    value = value_of("transactions", schema_version="1.99", colour={"of": ["money", 1.5]})
    record = RawRecord("transactions", 0, 0, b"c-1", value, T_MS)
    assert decode_batch([record], CATALOGUE).dead_letters == ()


def test_a_reason_shows_no_value_and_no_key_of_the_record() -> None:
    secret = "Erika Mustermann"
    documents = [
        value_of("customers", region=secret * 9),
        value_of("customers", protected={secret: 5}),
        value_of("customers", consents={"marketing": secret}),
        value_of("customers", employment_status=secret),
        value_of("customers", schema_version=secret),
        value_of("customers", customer_id=secret),
        value_of("customers", holdings=[secret]),
        value_of("customers", **{secret: 1})[:-1],
    ]
    for document in documents:
        assert "Mustermann" not in refused("customers", document).reason


def test_several_faults_are_told_as_the_first_and_a_count() -> None:
    letter = refused("transactions", value_of("transactions", amount_minor="x", currency=5, kind=None))
    assert letter.reason.startswith("kind: ")
    assert letter.reason.endswith("(and 2 more)")


def test_good_records_beside_bad_ones_are_kept_and_letters_are_in_order_of_arrival() -> None:
    values = [
        ("interactions", b"{"),
        ("transactions", value_of("transactions")),
        ("customers", b"[]"),
        ("transactions", value_of("transactions", amount_minor=-1)),
        ("traits", value_of("traits")),
        ("traits", value_of("traits", affinity={"boat": 1})),
    ]
    records = [RawRecord(role, 0, i, b"c-1", value, T_MS) for i, (role, value) in enumerate(values)]
    batch = decode_batch(records, CATALOGUE)
    assert batch.offset.tolist() == [1, 4]
    assert batch.events.detail.tolist() == [-1, 0]
    assert len(batch.events.traits.segment) == 1
    assert [letter.record.offset for letter in batch.dead_letters] == [0, 2, 3, 5]


def test_every_code_has_a_case_here_and_a_row_in_the_documentation() -> None:
    tried = {code for code, *_ in CASES} | {"key_mismatch"}
    assert tried == {code.value for code in DeadLetterCode} == {code.value for code in DEAD_LETTER_CAUSES}


def test_records_that_upswell_writes_are_read_with_the_same_codes() -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_document("examples", b'{"schema_version": "2.0"}', DecodeLimits())
    assert caught.value.code == DeadLetterCode.UNSUPPORTED_VERSION
