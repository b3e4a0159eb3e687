"""The option `--seeds` of the roles that start from a bundle: it wins over the setting `seeds`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer.settings import Settings

SeedsOption = Annotated[
    Path | None,
    typer.Option(
        "--seeds",
        metavar="BUNDLE",
        help="Seed bundle of `upswell lab seed` to start from; in place of UPSWELL_SEEDS.",
    ),
]


def with_seeds(told: Settings, seeds: Path | None) -> Settings:
    """Return the settings with the bundle of the command line, where one was given."""
    return told if seeds is None else told.model_copy(update={"seeds": seeds})
