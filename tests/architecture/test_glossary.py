"""One word per idea: names that the glossary replaces are not defined anywhere in the code.

Only names that the project itself defines are looked at; what other libraries call theirs is not
ours to choose. Words with a second, honest meaning in code (score, filter, action) are left to
the reader of a change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source_files import SourceFile, source_files

SAY_INSTEAD = {
    "accuracy": "prequential log loss, or what is measured",
    "bucket": "tile",
    "boost": "lever",
    "dump": "snapshot",
    "pane": "tile",
    "timestamp": "event_time_ms",
}
# Kafka's own word for the time that a record carries beside its key, which is not the event's time.
KAFKA_RECORD_TIME = "timestamp_ms"
PRESENT_TIME = re.compile(r"now(_ms|_s)?")

FILES = source_files()


def defined_names(file: SourceFile) -> Iterator[tuple[str, int]]:
    """Names of functions, classes, parameters, variables and fields that a file defines, with their lines."""
    for node in ast.walk(file.tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno


def words(name: str) -> list[str]:
    """The words of a name, in snake case or camel case, singular."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)
    return [part.lower().removesuffix("s") if len(part) > 3 else part.lower() for part in parts]


@pytest.mark.parametrize("word", sorted(SAY_INSTEAD))
def test_no_name_uses_the_word(word: str) -> None:
    found = [
        f"{file.path}:{line} {name}"
        for file in FILES
        for name, line in defined_names(file)
        if word in words(name) and name != KAFKA_RECORD_TIME
    ]
    assert found == [], f"say {SAY_INSTEAD[word]} instead of {word!r}"


def test_the_present_is_not_called_now() -> None:
    """Time comes from events: `stream_time_ms` is what the code knows of the present."""
    found = [
        f"{file.path}:{line} {name}"
        for file in FILES
        for name, line in defined_names(file)
        if PRESENT_TIME.fullmatch(name)
    ]
    assert found == []


def test_propensity_never_stands_alone() -> None:
    """Ours to accept is `p_accept`, the policy's to choose is `logging_propensity`."""
    found = [
        f"{file.path}:{line} {name}"
        for file in FILES
        for name, line in defined_names(file)
        if "propensity" in words(name) and "logging" not in words(name)
    ]
    assert found == []
