"""A policy file → a checked, frozen `Policy`; an error names the file, the line and the field.

Rules of this file: the only one of the policy stage that reads a file, and only when the service starts.
Everything that it refuses is refused before the first event is read.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path as FilePath
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from consumer.policy.checks import Fault, faults
from consumer.policy.schema import DeadLetterLimitText, OfferText, PolicyText
from consumer.policy.yaml_lines import LocatedYaml, Path, YamlFault, read_yaml
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.products import Creative, Offer, OfferCatalogue, Product
from consumer.vocabulary.time import HOUR_MS, MINUTE_MS

POLICY_BYTES_MAX: Final = 262_144
"""Fifteen times the retail bank's: people write and review policies; a larger file is the wrong file."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy: its text as typed values, the catalogue, and the hash of its content.

    `policy_version` is 12 hex digits over the content: comments, order of keys and layout do not change
    it, every value does.
    """

    text: PolicyText
    catalogue: OfferCatalogue
    policy_version: str

    @property
    def name(self) -> str:
        """The policy's own name."""
        return self.text.policy

    @property
    def decision_gap_ms(self) -> int:
        """Least time between two decisions for one customer."""
        return round(self.text.decision_gap_hours * HOUR_MS)

    @property
    def decision_staleness_ms(self) -> int:
        """An event that lags the stream by more than this triggers no decision."""
        return round(self.text.decision_staleness_minutes * MINUTE_MS)

    @property
    def dead_letter_limit(self) -> DeadLetterLimitText:
        """When to stop instead of dead-lettering a whole topic."""
        return self.text.dead_letter_limit

    @property
    def exploration_salt(self) -> str:
        """Salt of the draw that chooses among the candidates of a decision."""
        return self.text.exploration.salt


def load_policy(path: str | FilePath, known_fields: Collection[str] | None = None) -> Policy:
    """Return the policy of a file.

    Parameters
    ----------
    path : a YAML file, see docs/policy.md
    known_fields : names that rules may use besides the policy's own; None leaves names unchecked

    Raises
    ------
    ConfigurationError
        one sentence with file, line and field: mend the file, nothing was started
    """
    file = FilePath(path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"policy {path} cannot be read: {error.strerror or error}") from error
    if len(content) > POLICY_BYTES_MAX:
        raise ConfigurationError(
            f"policy {path} has {len(content)} bytes, more than the {POLICY_BYTES_MAX} that a policy may have"
        )
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"policy {path} is not UTF-8 text: byte {error.start} cannot be read"
        ) from error
    return parse_policy(text, source=str(path), known_fields=known_fields)


def parse_policy(text: str, *, source: str, known_fields: Collection[str] | None = None) -> Policy:
    """Return the policy of a YAML text; `source` names it in errors. Raises as `load_policy`."""
    try:
        located = read_yaml(text)
    except YamlFault as fault:
        raise ConfigurationError(f"policy {source}, line {fault.line}: the file {fault.text}") from fault
    if not isinstance(located.data, dict):
        raise ConfigurationError(
            f"policy {source}, line 1: the file must be a mapping that begins with `policy:`"
        )
    try:
        document = PolicyText.model_validate(located.data)
    except ValidationError as error:
        found = [_fault_of(details) for details in error.errors(include_url=False)]
        raise _refusal(source, located, found) from error
    if found := list(faults(document, known_fields)):
        raise _refusal(source, located, found)
    return Policy(document, _catalogue(document), _version(document))


def _fault_of(details: ErrorDetails) -> Fault:
    # Pydantic adds the names of tried union members to the path; the file knows none of them.
    path = tuple(part for part in details["loc"] if part not in {"float", "str", "list[union[float,str]]"})
    kind, message = details["type"], details["msg"]
    if kind == "extra_forbidden":
        return Fault(path, "is not a key that a policy has here")
    if kind == "missing":
        return Fault(path, "is missing")
    if kind == "string_type" and path[-1] in {"from", "until"}:
        return Fault(path, "must be a time in quotes, such as '21:00' (YAML reads 21:00 as a number)")
    return Fault(path, f"is refused: {message[0].lower()}{message[1:]}")


def _refusal(source: str, located: LocatedYaml, found: list[Fault]) -> ConfigurationError:
    """Return the error for the fault that stands first in the file, and how many there are besides."""
    first = min(found, key=lambda fault: located.line_of(fault.path))
    others = len({fault.path for fault in found}) - 1
    more = f" (and {others} more)" if others else ""
    field = _field_name(located.data, first.path)
    return ConfigurationError(
        f"policy {source}, line {located.line_of(first.path)}: {field} {first.text}{more}"
    )


def _field_name(data: object, path: Path) -> str:
    """Return the path with the ids of list items instead of their numbers: `offers.gold.lever.factor`."""
    words: list[str] = []
    for part in path:
        data = _child(data, part)
        name = data.get("id", data.get("name")) if isinstance(data, dict) and isinstance(part, int) else None
        words.append(str(part) if name is None else str(name))
    return ".".join(words) or "the file"


def _child(data: object, part: str | int) -> object:
    if isinstance(data, dict):
        return data.get(part)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return None


def _version(document: PolicyText) -> str:
    canonical = json.dumps(
        document.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":")
    )
    return blake2b(canonical.encode(), digest_size=6).hexdigest()


def _catalogue(document: PolicyText) -> OfferCatalogue:
    products = tuple(
        Product(item.id, item.name, item.group, item.margin_minor, item.attribution_window_days)
        for item in document.products
    )
    offers = tuple(
        Offer(item.id, item.kind, tuple(item.products), _creatives(item), item.validity_days)
        for item in document.offers
    )
    return OfferCatalogue(products, offers)


def _creatives(offer: OfferText) -> dict[str, Creative]:
    return {
        channel: Creative(creative.id, creative.headline, tuple(creative.talking_points))
        for creative in offer.creatives
        for channel in creative.channels
    }
