"""`upswell features`: what is known about a customer, by name, and what it costs to know it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upswell.commands.setup import settings

if TYPE_CHECKING:
    from consumer.features.catalogue import FeatureCatalogue
    from upswell.customer_sizes import CustomerSizes, Part


def features(
    *,
    policy: Annotated[
        Path | None, typer.Option(help="Policy file; the one of the settings when left out.")
    ] = None,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Print what each part of a customer costs in Redis instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every feature: name, unit, window and what it says.

    With --sizes: what each part of a customer's record costs, in the scorer's memory and in Redis, for
    example customers after a month, after a year, and for the busiest, against the limit of 1,000 bytes.

    Example: upswell features --json

    Example: upswell features --sizes
    """
    from consumer.pipeline.checked_policy import checked_policy

    catalogue = checked_policy(policy or settings().policy).features
    if sizes:
        _tell_sizes(catalogue, as_json=as_json)
        return
    if as_json:
        typer.echo(
            json.dumps([asdict(feature) for feature in catalogue.features], indent=2, ensure_ascii=False)
        )
        return
    width = max(map(len, catalogue.names))
    for feature in catalogue.features:
        window = f" ({feature.window})" if feature.window else ""
        typer.echo(f"{feature.name:<{width}}  {feature.text}{window} [{feature.unit}]")


def _tell_sizes(catalogue: FeatureCatalogue, *, as_json: bool) -> None:
    from upswell.customer_sizes import customer_sizes

    found = customer_sizes(catalogue)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
        return
    for line in _size_table(found):
        typer.echo(line)


def _size_table(found: CustomerSizes) -> Iterator[str]:
    from upswell.customer_sizes import LIMIT_BYTES, SAMPLE
    from upswell.example_customers import LIVES

    *families, record = found.record
    yield f"{'bytes a customer':<32}{'in memory':>10}" + "".join(f"{life.name:>13}" for life in LIVES)
    for part in families:
        yield _row(part)
    yield _row(record)
    yield ""
    for part in found.around:
        yield _row(part)
    yield _row(found.total)
    verdicts = ["within" if total <= LIMIT_BYTES else "over" for total in found.total.stored]
    yield f"{f'limit {LIMIT_BYTES:,}':<42}" + "".join(f"{verdict:>13}" for verdict in verdicts)
    yield ""
    yield f"Means over {SAMPLE} example customers of each kind, made by the fold:"
    for life in LIVES:
        yield (
            f"  {life.name}: {life.days} days, {life.events_per_day * 7:.0f} events a week, "
            f"{life.offers_per_day * life.days:.1f} offers"
        )
    yield "An open decision in memory is one row; there are as many as offers of the last 60 days."
    yield "A record that is not written for 400 days is forgotten."


def _row(part: Part) -> str:
    in_memory = "" if part.in_memory is None else f"{part.in_memory:,}"
    return f"{part.name:<32}{in_memory:>10}" + "".join(f"{stored:>13,.0f}" for stored in part.stored)
