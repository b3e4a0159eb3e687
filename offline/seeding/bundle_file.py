"""The seed bundle as a file: written by the laboratory, read by whoever wants to look into it.

The service reads bundles with `consumer.scoring.seeds`; both share the document
`consumer.scoring.seed_bundle`, so a bundle that was written can be used.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from consumer.scoring.seed_bundle import SeedBundle
from consumer.scoring.seeds import not_a_bundle
from consumer.vocabulary.errors import ConfigurationError


def write_bundle(bundle: SeedBundle, file: Path) -> None:
    """Write a bundle as JSON; an interrupted write leaves the former file as it was.

    Raises
    ------
    ConfigurationError : the file cannot be written
    """
    partial = file.with_suffix(file.suffix + ".partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(bundle.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise ConfigurationError(f"Cannot write the seeds {file}: {error.strerror}.") from error


def check_writable(file: Path) -> None:
    """Refuse a place where a bundle cannot be written, before the work is done.

    Raises
    ------
    ConfigurationError : it is a folder, or its folder cannot be made
    """
    if file.is_dir():
        raise ConfigurationError(f"Cannot write the seeds {file}: it is a folder; name a file in it.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"Cannot write the seeds {file}: {error.strerror}.") from error


def read_bundle(file: Path) -> SeedBundle:
    """Return the bundle in a file that `write_bundle` wrote.

    Raises
    ------
    ConfigurationError : the file is not there, or is no bundle
    """
    try:
        return SeedBundle.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"Cannot read the seeds {file}: {error.strerror}.") from error
    except ValidationError as error:
        raise not_a_bundle(file, error) from error
