"""`upswell inspect`: one customer's features as the scorers see them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consumer.vocabulary.time import iso_utc
from upswell.commands.setup import settings

if TYPE_CHECKING:
    from consumer.features.catalogue import FeatureCatalogue
    from upswell.inspection import Inspection

NOTHING_KNOWN: Final = 1
LARGE: Final = 1_000


def inspect(
    customer_id: Annotated[str, typer.Argument(help="Id of the customer.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with every feature by name.")] = False,
) -> None:
    """Show what is known about a customer, straight from Redis; exit code 1 when nothing is.

    Example: upswell inspect c-42 --json
    """
    from consumer.adapters.redis_store import RedisStore
    from consumer.pipeline.checked_policy import checked_policy
    from upswell.inspection import inspect_customer

    told = settings()
    checked = checked_policy(told.policy)
    store = RedisStore(told.redis_url, namespace=told.state_namespace)
    try:
        store.check()
        found = inspect_customer(store, checked.policy.catalogue, checked.features, customer_id)
    finally:
        store.close()
    if found is None:
        typer.echo(f"upswell: nothing is known about customer {customer_id}", err=True)
        raise typer.Exit(NOTHING_KNOWN)
    typer.echo(json.dumps(asdict(found), indent=2) if as_json else _page(found, checked.features))


def _page(found: Inspection, catalogue: FeatureCatalogue) -> str:
    width = max(map(len, catalogue.names))
    lines = [
        f"customer {found.customer_id}, partition {found.partition}, as of {iso_utc(found.as_of_ms)}",
        "",
    ]
    for feature in catalogue.features:
        value = _readable(found.features[feature.name])
        lines.append(f"{feature.name:<{width}}  {value:>12}  {feature.text} [{feature.unit}]")
    lines += ["", f"offers whose outcome still counts: {len(found.open_offers)}"]
    lines += [
        f"  {offer.offer_id} by {offer.channel}, {offer.state}, decided {iso_utc(offer.decided_ms)} "
        f"({offer.decision_id}), counts until {iso_utc(offer.deadline_ms)}"
        for offer in found.open_offers
    ]
    return "\n".join(lines)


def _readable(value: float) -> str:
    """Return a number for people: no exponents, cents of large sums left out."""
    return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.4f}".rstrip("0").rstrip(".")
