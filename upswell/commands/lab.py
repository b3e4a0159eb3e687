"""`upswell lab`: the laboratory, from the bank's own files to segments and seeds.

Rules of this file: registration only; each command is a file `lab_*.py` beside this one.
"""

from __future__ import annotations

import typer

from upswell.commands import (
    lab_backfill,
    lab_explore,
    lab_export,
    lab_parity,
    lab_publish_traits,
    lab_seed,
    lab_segment,
)

app = typer.Typer(help="The laboratory: files of customers, segments, seeds.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `explore` a command of its own: with one command Typer would merge it into the group."""


app.command("explore")(lab_explore.explore_file)
app.command("segment")(lab_segment.segment)
app.command("seed")(lab_seed.seed)
app.command("publish-traits")(lab_publish_traits.publish_traits)
app.command("export")(lab_export.export)
app.command("backfill")(lab_backfill.backfill)
app.command("parity")(lab_parity.parity)
