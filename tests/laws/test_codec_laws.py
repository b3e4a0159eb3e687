"""Law: the fast readers and pydantic accept and refuse the same documents, and read the same values.

The reference is written here again, plainly: a value is UTF-8, strict JSON, and the pydantic model takes
it. Documents are built as text, so that they can be as nasty as a real sender's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from consumer.adapters.codec import decode_batch, encode
from consumer.adapters.columns import event_keys
from consumer.decoded import DecodedBatch
from consumer.vocabulary import words
from consumer.vocabulary.ids import event_key
from consumer.vocabulary.log import RawRecord
from consumer.vocabulary.messages import INPUT_RECORDS, Record
from consumer.vocabulary.products import OfferCatalogue, Product
from consumer.vocabulary.reasons import DeadLetterCode
from consumer.vocabulary.time import LATEST_EVENT_TIME_MS
from consumer.vocabulary.topics import INPUT_ROLES

CATALOGUE = OfferCatalogue((Product("mortgage", "Mortgage", "lending", 1),), ())
WELL_FORMED_ONLY = {DeadLetterCode.KEY_MISMATCH, DeadLetterCode.UNKNOWN_PRODUCT, DeadLetterCode.FUTURE_TIME}

GOOD_TEXTS: dict[str, list[str]] = {
    "schema_version": ['"1.0"', '"1.27"'],
    "event_id": ['"e-1"', '"\\u0065-1"'],
    "customer_id": ['"c-1"'],
    "event_time_ms": ["1700000000000", "0", "-0", str(LATEST_EVENT_TIME_MS)],
    "amount_minor": ["0", "1250", "1000000000000000"],
    "balance_after_minor": ["-1", "null", "-1000000000000000"],
    "currency": ['"AUD"'],
    "merchant_category": ['"5411"', "null"],
    "direction": ['"credit"'],
    "product_id": ['"mortgage"', "null"],
    "duration_ms": ["0", "86400000", "null"],
    "satisfaction": ["1", "5", "null"],
    "decision_id": ['"transactions-0-7"', '"anything"'],
    "revenue_minor": ["-5", "null"],
    "birth_date": ['"1980-02-29"', "null"],
    "income_minor": ["1", "null"],
    "occupation": ['"nurse"', '"Bäcker"', '""'],
    "region": ['"NSW"', "null"],
    "credit_score": ["300", "900"],
    "joined_on": ['"2020-12-31"'],
    "holdings": ["[]", '["mortgage"]', '["mortgage","mortgage"]'],
    "consents": ["{}", '{"marketing":true,"sms":false}', '{"marketing":true,"fax":3}'],
    "employment_status": ['"employed"', "null"],
    "kyc_status": ['"complete"'],
    "aml_status": ['"hold"'],
    "vulnerable": ["true"],
    "deceased": ["false"],
    "protected": ["{}", '{"gender":"f"}'],
    "segment": ["0", "254", "null"],
    "lifetime_value_minor": ["-1", "null"],
    "churn_probability": ["0", "1", "0.5", "1e-400", "null"],
    "affinity": ["{}", '{"mortgage":0.5}', '{"mortgage":1}'],
    "seed_version": ['"s1"'],
    "credit_limit_minor": ["0"],
}
KINDS = {
    "transactions": words.TRANSACTION_KINDS,
    "interactions": words.INTERACTION_KINDS,
    "outcomes": words.OUTCOME_KINDS,
}
CHANNELS = {"transactions": words.TRANSACTION_CHANNELS, "interactions": words.CHANNELS}

NASTY_TEXTS = [
    "1.0", "1e2", "-1", "01", "1.", ".5", "+1", "NaN", "Infinity", "-Infinity", "1e999", "true", "null", "{}",
    "[]", '""', '" "', '"a b"', '"AUD\\n"', '"1.0\\n"', '"5411\\n"', '"٥٤١١"', '"é"', '"\\u00e9"',
    '"\\ud800"', '"\\ud83d\\ude00"', '"' + "x" * 64 + '"', '"' + "x" * 65 + '"', '"1980-02-30"',
    '"0000-01-01"', '"19800229"', '"1980-02-29T00:00:00"', '"1980-02-29T00:00:00Z"', "0.1", "9" * 30, "9" * 999,
    "9" * 1_000, "9" * 1_500, "-" + "9" * 30, "1" + "0" * 15, "1000000000000001", "5.5", "299", "901", "255",
    "-0.0", '"2.0"', '"1"', "1", "[" * 159 + "]" * 159, "[" * 160 + "]" * 160, "[" * 250 + "]" * 250,
    '[["mortgage"]]', '{"mortgage":2}', '{"mortgage":-0.1}', '{"mortgage":"1"}', '["no such product"]',
    '["nosuch"]', '{"marketing":1}', '{"marketing":null}', '"\\q"', '"\t"', "tru", "'x'",
]  # fmt: skip


def good_texts(role: str, name: str) -> list[str]:
    if name in ("kind", "channel"):
        return [f'"{word}"' for word in (KINDS if name == "kind" else CHANNELS)[role]]
    return GOOD_TEXTS[name]


@st.composite
def documents(draw: st.DrawFn, role: str) -> bytes:
    """Draw a document as text: good fields, some made nasty, some twice, some unknown, some bytes spoilt."""
    names = INPUT_RECORDS[role].model_fields
    fields = [(name, draw(st.sampled_from(good_texts(role, name)))) for name in names]
    spoilt_fields = draw(st.lists(st.sampled_from([name for name, _ in fields]), max_size=2))
    fields += [(name, draw(st.sampled_from(NASTY_TEXTS))) for name in spoilt_fields]
    if draw(st.booleans()):
        fields.append(("unknown", draw(st.sampled_from(NASTY_TEXTS))))
    fields = draw(st.permutations(fields))
    for name in draw(st.sets(st.sampled_from([name for name, _ in fields]), max_size=1)):
        fields = [(other, text) for other, text in fields if other != name]
    value = as_bytes(fields)
    for place in draw(st.lists(st.integers(0, len(value) - 1), max_size=1)):
        spoilt = draw(st.binary(max_size=2))
        value = value[:place] + spoilt + value[place + draw(st.integers(0, 2)) :]
    return value


def as_bytes(fields: Sequence[tuple[str, str]]) -> bytes:
    return ("{" + ",".join(f'"{name}":{text}' for name, text in fields) + "}").encode()


def reference(role: str, value: bytes) -> Record | None:
    """Return what pydantic makes of a value, None when it is refused."""
    try:
        # Pairs instead of a dict: a repeated name must not hide the first value.
        document = json.loads(value.decode(), parse_constant=_refuse, object_pairs_hook=dict_of_lists)
        if _nesting(document) > 160 or _longest_digits(value) >= 1_000:
            return None
        return INPUT_RECORDS[role].model_validate_json(value)
    except (ValueError, ValidationError):
        return None


def dict_of_lists(pairs: list[tuple[str, object]]) -> dict[int, object]:
    return {index: value for index, (_, value) in enumerate(pairs)}


def _refuse(name: str) -> None:
    raise ValueError(name)


def _nesting(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_nesting, value.values()), default=0)
    return 1 + max(map(_nesting, value), default=0) if isinstance(value, list) else 0


def _longest_digits(value: bytes) -> int:
    digits = "".join(character if character.isdigit() else " " for character in value.decode())
    return max(map(len, digits.split()), default=0)


def decode_one(role: str, value: bytes, key: str) -> DecodedBatch:
    record = RawRecord(role, 0, 0, key.encode(), value, LATEST_EVENT_TIME_MS)
    return decode_batch([record], CATALOGUE)


def assert_same_verdict(role: str, value: bytes) -> None:
    expected = reference(role, value)
    batch = decode_one(role, value, expected.customer_id if expected else "c-1")
    codes = [letter.code for letter in batch.dead_letters]
    if expected is None:
        assert len(codes) == 1
        assert codes[0] not in WELL_FORMED_ONLY
        return
    assert codes in ([], [DeadLetterCode.UNKNOWN_PRODUCT])
    again = decode_one(role, expected.model_dump_json().encode(), expected.customer_id)
    assert_same_columns(batch, again)


def assert_same_columns(batch: DecodedBatch, again: DecodedBatch) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.tolist()
        return (
            {name: plain(getattr(value, name)) for name in value.__slots__}
            if hasattr(value, "__slots__")
            else value
        )

    assert repr(plain(batch.events)) == repr(plain(again.events))
    assert batch.event_ids.tolist() == again.event_ids.tolist()
    assert batch.customer_ids == again.customer_ids


@pytest.mark.parametrize("role", INPUT_ROLES)
def test_each_nasty_value_in_each_field_is_judged_as_pydantic_judges_it(role: str) -> None:
    names = [*INPUT_RECORDS[role].model_fields, "unknown"]
    good = {name: good_texts(role, name)[0] for name in names[:-1]}
    for name in names:
        for text in NASTY_TEXTS:
            assert_same_verdict(role, as_bytes(list((good | {name: text}).items())))
        for other in ('"\xff"', '"\xed\xa0\x80"'):
            value = as_bytes(list((good | {name: other}).items())).decode().encode("latin-1")
            assert_same_verdict(role, value)


@given(data=st.data(), role=st.sampled_from(INPUT_ROLES))
@settings(max_examples=200)
def test_fast_readers_and_pydantic_accept_and_refuse_the_same_documents(
    data: st.DataObject, role: str
) -> None:
    assert_same_verdict(role, data.draw(documents(role)))


@given(value=st.binary(max_size=60), role=st.sampled_from(INPUT_ROLES))
@example(value=b"", role="transactions")
@example(value=b"[" * 60_000, role="transactions")
@example(value=b'{"a":"' + b"[" * 60_000 + b'"}', role="transactions")
@example(value=b"\xef\xbb\xbf{}", role="customers")
def test_any_bytes_are_a_dead_letter_or_an_event_but_never_an_error(value: bytes, role: str) -> None:
    assert len(decode_one(role, value, "c-1").dead_letters) == 1


@given(data=st.data(), roles=st.lists(st.sampled_from(INPUT_ROLES), max_size=6))
def test_a_record_is_read_the_same_alone_and_between_others(data: st.DataObject, roles: list[str]) -> None:
    values = [data.draw(documents(role)) for role in roles]
    records = [
        RawRecord(role, 0, i, b"c-1", value, LATEST_EVENT_TIME_MS)
        for i, (role, value) in enumerate(zip(roles, values, strict=True))
    ]
    together = decode_batch(records, CATALOGUE)
    alone = [decode_batch([record], CATALOGUE) for record in records]
    assert len(together.events) + len(together.dead_letters) == len(records)
    assert [letter.code for letter in together.dead_letters] == [
        letter.code for batch in alone for letter in batch.dead_letters
    ]
    for name in ("event_time_ms", "event_key", "source", "kind", "channel", "amount_minor", "product"):
        singles = [number for batch in alone for number in getattr(batch.events, name).tolist()]
        assert getattr(together.events, name).tolist() == singles


@given(
    document=st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
    )
)  # fmt: skip
def test_decoding_an_encoded_document_gives_the_document(document: dict[str, Any]) -> None:
    assert msgspec.json.decode(encode(document)) == document == json.loads(encode(document))


IDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)


@given(ids=st.lists(IDS, max_size=8), source=st.integers(0, len(INPUT_ROLES) - 1))
@example(ids=["x" * 64, "x"], source=2)
def test_the_keys_of_a_batch_are_the_key_of_each_id(ids: list[str], source: int) -> None:
    assert event_keys(ids, source).tolist() == [event_key(text, source) for text in ids]


def test_similar_ids_have_keys_of_their_own_that_use_all_bits() -> None:
    keys = event_keys([f"tx-2025-03-01-{number}" for number in range(200_000)])
    assert len(np.unique(keys)) == 200_000
    shares = [float(np.mean(keys >> np.uint64(bit) & np.uint64(1))) for bit in range(64)]
    assert max(abs(share - 0.5) for share in shares) < 0.006
