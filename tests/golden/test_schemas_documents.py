"""The generated pages and schemas are current, lead somewhere, and say what the models say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from consumer.vocabulary.reasons import DeadLetterCode
from consumer.vocabulary.schemas import RECORDS, asyncapi, json_schema
from consumer.vocabulary.topics import INPUT_ROLES, OUTPUT_ROLES, Topics
from upswell.documents import DOCS, generated_documents

SCHEMAS = DOCS / "schemas"
T_MS = 1_700_000_000_000
HEAD = {"event_id": "e-1", "customer_id": "c-1", "event_time_ms": T_MS}
TRANSACTION = {
    **HEAD,
    "kind": "fee",
    "direction": "debit",
    "amount_minor": 5,
    "currency": "AUD",
    "channel": "app",
}


@pytest.mark.parametrize("name", sorted(generated_documents()))
def test_generated_documents_are_current(name: str) -> None:
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == generated_documents()[name], "run `python -m upswell.documents` and commit the result"


def test_no_schema_file_is_left_over_from_a_topic_that_is_gone() -> None:
    wanted = {Path(name).name for name in generated_documents() if name.startswith("schemas/")}
    assert {path.name for path in SCHEMAS.iterdir()} == wanted


@pytest.mark.parametrize("role", sorted(RECORDS))
def test_each_json_schema_is_a_valid_schema(role: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(role))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_each_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in references(document):
        if reference.startswith("./"):
            assert (SCHEMAS / reference).is_file()
            continue
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_the_asyncapi_document_has_all_ten_topics_and_who_writes_them() -> None:
    document = asyncapi()
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == set(Topics().all)
    actions = {name: operation["action"] for name, operation in document["operations"].items()}
    assert actions == {f"receive_{role}": "receive" for role in INPUT_ROLES} | {
        f"send_{role}": "send" for role in OUTPUT_ROLES
    }


def test_the_asyncapi_document_lists_every_dead_letter_code() -> None:
    headers = asyncapi()["components"]["messages"]["dead_letter"]["headers"]["properties"]
    assert headers["error_code"]["enum"] == list(DeadLetterCode)


@pytest.mark.parametrize(
    ("role", "document"),
    [
        ("transactions", TRANSACTION),
        ("transactions", {**TRANSACTION, "unknown": [1]}),
        ("transactions", {**TRANSACTION, "merchant_category": None}),
        ("transactions", {**TRANSACTION, "merchant_category": "54x1"}),
        ("transactions", {**TRANSACTION, "amount_minor": -1}),
        ("transactions", {**TRANSACTION, "amount_minor": "5"}),
        ("transactions", {**TRANSACTION, "schema_version": "2.0"}),
        ("transactions", {**TRANSACTION, "event_id": "a b"}),
        ("transactions", {**TRANSACTION, "event_id": "x" * 65}),
        ("transactions", {**TRANSACTION, "kind": "gift"}),
        ("transactions", HEAD),
        ("customers", HEAD),
        ("customers", {**HEAD, "consents": {"marketing": True}}),
        ("customers", {**HEAD, "consents": {"marketing": "yes"}}),
        ("customers", {**HEAD, "holdings": ["mortgage"] * 64}),
        ("traits", {**HEAD, "affinity": {"mortgage": 1}}),
        ("traits", {**HEAD, "affinity": {"mortgage": 1.5}}),
    ],
)
def test_schema_and_model_accept_and_refuse_the_same(role: str, document: dict[str, Any]) -> None:
    try:
        RECORDS[role].model_validate_json(json.dumps(document))
        is_accepted = True
    except ValidationError:
        is_accepted = False
    assert jsonschema.Draft202012Validator(json_schema(role)).is_valid(document) == is_accepted
