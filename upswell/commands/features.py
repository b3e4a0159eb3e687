"""`upswell features`: what is known about a customer, by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from upswell.commands.setup import settings


def features(
    *,
    policy: Annotated[
        Path | None, typer.Option(help="Policy file; the one of the settings when left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every feature: name, unit, window and what it says.

    Example: upswell features --json
    """
    from consumer.pipeline.checked_policy import checked_policy

    catalogue = checked_policy(policy or settings().policy).features
    if as_json:
        typer.echo(
            json.dumps([asdict(feature) for feature in catalogue.features], indent=2, ensure_ascii=False)
        )
        return
    width = max(map(len, catalogue.names))
    for feature in catalogue.features:
        window = f" ({feature.window})" if feature.window else ""
        typer.echo(f"{feature.name:<{width}}  {feature.text}{window} [{feature.unit}]")
