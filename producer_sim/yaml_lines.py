"""YAML with its line numbers, so that a mistake in a file can be shown where it is.

Rules of this file: only plain YAML (no tags, no anchors that merge), text keys, no key twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from consumer.vocabulary.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Spot:
    """A value with the place it comes from.

    Parameters
    ----------
    value : text, number, boolean, None, a list of `Spot`, or a dict of name → `Spot`
    path : dotted keys from the top
    """

    value: Any
    file: Path
    line: int
    path: str

    def refuse(self, reason: str) -> NoReturn:
        """Raise a `ConfigurationError` that names file, line and field."""
        field = f" {self.path}:" if self.path else ""
        raise ConfigurationError(f"{self.file}, line {self.line}:{field} {reason}")

    def entries(
        self, *, known: frozenset[str] | None = None, needed: tuple[str, ...] = ()
    ) -> dict[str, Spot]:
        """Return the entries of a mapping, refusing unknown and missing names."""
        if not isinstance(self.value, dict):
            self.refuse("must be a mapping of names to values")
        for name, spot in self.value.items():
            if known is not None and name not in known:
                spot.refuse(f"is not known here; known are {', '.join(sorted(known))}")
        missing = [name for name in needed if name not in self.value]
        if missing:
            self.refuse(f"lacks {', '.join(missing)}")
        return self.value

    def text(self) -> str:
        """Return a text; numbers and booleans must be quoted, so that nothing is guessed."""
        if not isinstance(self.value, str):
            self.refuse("must be a text (put it in quotes)")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return a text or a list of texts as a tuple."""
        if isinstance(self.value, list):
            return tuple(spot.text() for spot in self.value)
        return (self.text(),)

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {name: spot.plain() for name, spot in self.value.items()}
        if isinstance(self.value, list):
            return [spot.plain() for spot in self.value]
        return self.value


def read_yaml(path: Path) -> Spot:
    """Return a YAML file with its places.

    Raises
    ------
    ConfigurationError : it cannot be read, or is not YAML; names the line
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"cannot read {path}: {reason}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ConfigurationError(f"{path}, line {line}: {getattr(error, 'problem', error)}") from error
    if node is None:
        raise ConfigurationError(f"{path}, line 1: the file is empty")
    try:
        return _spot(node, path, "")
    except RecursionError:
        raise ConfigurationError(
            f"{path}, line 1: an anchor contains itself, or nesting is too deep"
        ) from None


def _spot(node: yaml.Node, file: Path, path: str) -> Spot:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        entries: dict[str, Spot] = {}
        for key, value in node.value:
            name = str(key.value)
            spot = _spot(value, file, f"{path}.{name}" if path else name)
            spot = Spot(spot.value, file, key.start_mark.line + 1, spot.path)
            if name in entries:
                spot.refuse("is given twice")
            entries[name] = spot
        return Spot(entries, file, line, path)
    if isinstance(node, yaml.SequenceNode):
        items = [_spot(item, file, f"{path}[{i}]") for i, item in enumerate(node.value)]
        return Spot(items, file, line, path)
    return Spot(_scalar(node, file, path), file, line, path)


def _scalar(node: yaml.Node, file: Path, path: str) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        line = node.start_mark.line + 1
        raise ConfigurationError(f"{file}, line {line}: {path}: is not plain YAML: {error}") from error
    finally:
        loader.dispose()
