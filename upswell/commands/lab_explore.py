"""`upswell lab explore`: what a file of customers says before anything is modelled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upswell.commands.lab_steps import shown_steps


def explore_file(
    *,
    input_file: Annotated[Path, typer.Option("--input", help="CSV or Parquet file, a row a customer.")],
    mapping: Annotated[
        Path | None, typer.Option(help="What the columns mean (YAML); inferred when left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for explore.json, report.html and figures.")],
    engagement: Annotated[
        str | None,
        typer.Option(
            help="Weights of the engagement score: calls=1,visits=2. Contact channels count 1 each."
        ),
    ] = None,
    credit_category: Annotated[
        str | None,
        typer.Option(help="Raw column and inner edges of the credit category: limit:50000,100000."),
    ] = None,
) -> None:
    """Read a file of customers and report on it: summary, distributions, relations, findings.

    Example: upswell lab explore --input customers.csv --mapping deploy/mappings/alllife.yaml --out exploration
    """
    from offline.exploration.credit_category import parsed_cut
    from offline.exploration.engagement import parsed_weights
    from offline.exploration.exploration import Options, explore
    from offline.exploration.report import write_exploration
    from offline.tables.mapping import read_mapping
    from offline.tables.table import read_table

    options = Options(
        weights=parsed_weights(engagement) if engagement else None,
        credit_category=parsed_cut(credit_category) if credit_category else None,
    )
    with shown_steps() as announce:
        table = read_table(input_file, read_mapping(mapping) if mapping else None, announce=announce)
        found = explore(table, options, announce)
        told = write_exploration(found, out, announce)
    for finding in told:
        typer.echo(f"{finding.topic}: {finding.text}")
    typer.echo(f"Written: {out / 'explore.json'}, {out / 'report.html'}, {out / 'figures'}")
