"""A YAML file that people write and review → its document, every mistake one sentence with file, line and field.

Rules of this file: what a document may say is the document's business (pydantic); here is only how it is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from consumer.policy.yaml_lines import LocatedYaml, YamlFault, read_yaml
from consumer.vocabulary.errors import ConfigurationError

Document = TypeVar("Document", bound=BaseModel)

BYTES_MAX: Final = 262_144
"""People write and review these files; a larger one is the wrong file."""


def read_document(file: Path, form: type[Document], *, what: str, begins_with: str) -> Document:
    """Return the document of a YAML file.

    Parameters
    ----------
    form : of the document
    what : the file is, for its errors: "mapping", "segment rules"
    begins_with : a key that the file begins with, named when it is no mapping of keys at all

    Raises
    ------
    ConfigurationError
        one sentence with file, line and field: mend the file, nothing else was read
    """
    located = _located(file, what)
    if not isinstance(located.data, dict):
        raise ConfigurationError(f"{what} {file}, line 1: the file must begin with `{begins_with}:`")
    try:
        return form.model_validate(located.data)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        path = tuple(faults[0]["loc"])
        message = faults[0]["msg"].removeprefix("Value error, ")
        field = ".".join(map(str, path)) or "the file"
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConfigurationError(
            f"{what} {file}, line {located.line_of(path)}, {field}: {message}{more}"
        ) from error


def _located(file: Path, what: str) -> LocatedYaml:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{what} {file} cannot be read: {error.strerror or error}") from error
    if len(content) > BYTES_MAX:
        raise ConfigurationError(
            f"{what} {file}: {len(content):,} bytes, more than the {BYTES_MAX:,} allowed"
        )
    try:
        return read_yaml(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{what} {file}: no UTF-8 text at byte {error.start:,}") from error
    except YamlFault as fault:
        raise ConfigurationError(f"{what} {file}, line {fault.line}: the file {fault.text}") from fault
