"""JSON Schema and AsyncAPI 3, generated from the pydantic records for those who are not written in Python.

Rules of this file: pure; the text depends on `messages`, `topics` and `dead_letters` alone, so a test can
hold the committed files to it.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, Final

from pydantic import BaseModel

from consumer.vocabulary.messages import DEAD_LETTER_HEADERS, INPUT_RECORDS, OUTPUT_RECORDS, SCHEMA_VERSION
from consumer.vocabulary.reasons import DeadLetterCode
from consumer.vocabulary.topics import COMPACTED_ROLES, INPUT_ROLES, OUTPUT_ROLES, Topics

Document = dict[str, Any]

RECORDS: Final[dict[str, type[BaseModel]]] = {**INPUT_RECORDS, **OUTPUT_RECORDS}
_TOPICS: Final = Topics()
_KEYED_BY_PRODUCT: Final = frozenset({"models", "examples"})


def schema_files() -> dict[str, str]:
    """Return file name → text of every generated schema, for `docs/schemas/`."""
    schemas = {f"{_TOPICS.name(role)}.schema.json": _pretty(json_schema(role)) for role in RECORDS}
    return {**schemas, "asyncapi.json": _pretty(asyncapi())}


def json_schema(role: str) -> Document:
    """Return the JSON Schema (draft 2020-12) of the records of one role."""
    model = RECORDS[role]
    schema = model.model_json_schema()
    schema["description"] = _description(model)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": model.__name__, **schema}


def asyncapi() -> Document:
    """Return the AsyncAPI 3.0 document of the ten topics."""
    roles = (*INPUT_ROLES, *OUTPUT_ROLES)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Upswell",
            "version": SCHEMA_VERSION,
            "description": "Next best offer for a bank: events and outcomes in, offers and decisions out. "
            "Topic names may carry a prefix (UPSWELL_TOPIC_PREFIX).",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {role: _channel(role) for role in roles},
        "operations": {_operation_name(role): _operation(role) for role in roles},
        "components": {
            "messages": {role: _message(role) for role in roles},
            "messageTraits": {"cloudEvent": {"headers": _cloud_event_headers()}},
        },
    }


def _channel(role: str) -> Document:
    policy = ["compact"] if role in COMPACTED_ROLES else ["delete"]
    return {
        "address": _TOPICS.name(role),
        "messages": {role: {"$ref": f"#/components/messages/{role}"}},
        "bindings": {"kafka": {"topicConfiguration": {"cleanup.policy": policy}, "bindingVersion": "0.5.0"}},
    }


def _operation_name(role: str) -> str:
    return f"{'receive' if role in INPUT_ROLES else 'send'}_{role}"


def _operation(role: str) -> Document:
    """Return what Upswell does with a topic; its own readers of its own topics are not listed."""
    return {
        "action": "receive" if role in INPUT_ROLES else "send",
        "channel": {"$ref": f"#/channels/{role}"},
        "messages": [{"$ref": f"#/channels/{role}/messages/{role}"}],
    }


def _message(role: str) -> Document:
    if role == "dead_letter":
        return _dead_letter_message()
    model = RECORDS[role]
    key = "product_id" if role in _KEYED_BY_PRODUCT else "customer_id"
    message: Document = {
        "name": model.__name__,
        "title": model.__name__,
        "summary": _description(model),
        "contentType": "application/json",
        "payload": {"$ref": f"./{_TOPICS.name(role)}.schema.json"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
    }
    if role in OUTPUT_ROLES:
        message["traits"] = [{"$ref": "#/components/messageTraits/cloudEvent"}]
    return message


def _dead_letter_message() -> Document:
    headers: Document = {name: {"type": "string"} for name in DEAD_LETTER_HEADERS}
    headers["error_code"]["enum"] = [code.value for code in DeadLetterCode]
    return {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "A record that cannot be used, with key and value as they came; see docs/dead-letters.md.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "required": list(DEAD_LETTER_HEADERS), "properties": headers},
        "payload": {"description": "the bytes of the source record"},
    }


def _cloud_event_headers() -> Document:
    """Return the CloudEvents 1.0 attributes in Kafka's binary mode."""
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": {"type": "string", "description": "the record's event_id"},
            "ce_source": {"type": "string"},
            "ce_type": {"type": "string"},
            "ce_time": {"type": "string", "format": "date-time", "description": "event_time_ms as RFC 3339"},
        },
    }


def _description(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "")


def _pretty(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
