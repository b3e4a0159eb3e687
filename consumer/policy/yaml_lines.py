"""YAML text → plain data and the line of every part of it, so that an error can say where it is.

Rules of this file: pure. What YAML does silently and a policy must not have is refused here: a key that
stands twice (the later one would win), anchors and merge keys (rule sets are there for that).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

Path = tuple[str | int, ...]


class YamlFault(Exception):
    """The text cannot be read: its line (1-based) and one sentence for the person who wrote it."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


@dataclass(frozen=True, slots=True)
class LocatedYaml:
    """Data and the 1-based line of each key and list item."""

    data: object
    lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest part above it that stands in the file."""
        for length in range(len(path), 0, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return line
        return 1


class _PlainLoader(yaml.SafeLoader):
    """Plain values only; refuses anchors and aliases where they stand."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node, as the parent class does."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # its stub has no types
        if getattr(event, "anchor", None):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise YamlFault(line, "uses a YAML anchor; write the value out or use rule_sets")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def read_yaml(text: str) -> LocatedYaml:
    r"""Return the data of one YAML document with its lines.

    Raises
    ------
    YamlFault
        when the text is no YAML, holds a key twice, or uses anchors

    Examples
    --------
    >>> located = read_yaml("a:\n  - b: 1\n")
    >>> located.data, located.line_of(("a", 0, "b", "deeper"))
    ({'a': [{'b': 1}]}, 2)
    """
    try:
        loader = _PlainLoader(text)
        root = loader.get_single_node()
        data = loader.construct_document(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlFault(line, f"is not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise YamlFault(1, f"is not valid YAML: {str(error).splitlines()[0]}") from error
    except ValueError as error:
        # A date such as 2026-13-45 has the form of a date and is none; YAML gives no line for it.
        raise YamlFault(1, f"holds a value that YAML cannot read: {error}") from error
    except RecursionError as error:
        raise YamlFault(1, "is nested too deeply to be a policy") from error
    return LocatedYaml(data, dict(_lines(root, ())) if root is not None else {})


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[object] = set()
        for key_node, value_node in node.value:
            key = key_node.value
            if key in seen:
                raise YamlFault(key_node.start_mark.line + 1, f"has the key {key!r} twice in one mapping")
            seen.add(key)
            yield (*path, key), key_node.start_mark.line + 1
            yield from _lines(value_node, (*path, key))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item.start_mark.line + 1
            yield from _lines(item, (*path, index))
