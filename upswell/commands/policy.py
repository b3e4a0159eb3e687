"""`upswell policy`: whether a policy file is right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upswell.commands.setup import settings

app = typer.Typer(help="Work with policy files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `check` a command of its own: with one command Typer would merge it into the group."""


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(help="Policy file; the one of the settings when left out.")
    ] = None,
) -> None:
    """Check a policy file: exit code 2 and one sentence with file, line and field when it is wrong.

    Example: upswell policy check deploy/policy/retail_bank.yaml
    """
    path = file or settings().policy
    from consumer.pipeline.checked_policy import checked_policy

    checked = checked_policy(path)
    policy = checked.policy
    typer.echo(
        f"{path} is right: policy {policy.name}, version {policy.policy_version}, "
        f"{len(policy.catalogue.products)} products, {len(policy.catalogue.offers)} offers, "
        f"{len(checked.features.features)} features (fingerprint {checked.features.fingerprint})"
    )
