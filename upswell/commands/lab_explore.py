"""`upswell lab explore`: what a file of customers says before anything is modelled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upswell.commands.lab_steps import shown_steps


def explore(
    *,
    input_file: Annotated[Path, typer.Option("--input", help="CSV or Parquet file, a row a customer.")],
    mapping: Annotated[
        Path | None, typer.Option(help="What the columns mean (YAML); inferred when left out.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for explore.json, report.html and figures.")],
) -> None:
    """Read a file of customers and report on it: summary, distributions, relations, findings.

    Example: upswell lab explore --input customers.csv --mapping deploy/mappings/alllife.yaml --out exploration
    """
    from offline.tables.mapping import read_mapping
    from offline.tables.table import read_table

    with shown_steps() as announce:
        table = read_table(input_file, read_mapping(mapping) if mapping else None, announce=announce)
    for sentence in table.reading.sentences():
        typer.echo(sentence)
    out.mkdir(parents=True, exist_ok=True)
