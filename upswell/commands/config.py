"""`upswell config`: what this process would be told, and by whom."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from consumer.settings import shown, variable_of
from upswell.commands.setup import environment_settings

app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `show` a command of its own: with one command Typer would merge it into the group."""


@app.command()
def show(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print every setting with its value and where the value comes from; secrets are hidden.

    Example: UPSWELL_CONFIG=upswell.toml upswell config show
    """
    loaded = environment_settings()
    values = shown(loaded.settings)
    if as_json:
        rows = {key: {"value": value, "source": loaded.sources[key]} for key, value in values.items()}
        typer.echo(json.dumps(rows, indent=2))
        return
    lines = [(variable_of(key), "" if value is None else str(value)) for key, value in values.items()]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    for (variable, value), source in zip(lines, loaded.sources.values(), strict=True):
        typer.echo(f"{variable:<{widths[0]}}  {value:<{widths[1]}}  {source}")
