"""`upswell lab parity`: the features that the service serves against those that history gives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.time import iso_utc
from upswell.commands.lab_steps import shown_steps
from upswell.commands.setup import settings

DIFFERENT: Final = 1


def parity(
    *,
    history: Annotated[
        Path, typer.Option(help="History folder; `upswell lab export --decisions` writes one.")
    ],
    sample: Annotated[
        float, typer.Option(min=0.000001, max=1.0, help="Share of the customers to compare.")
    ] = 0.01,
    out: Annotated[Path, typer.Option(help="Folder for parity.json and report.html.")] = Path("parity"),
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="How far apart equal numbers may be, as a share of the larger one.")
    ] = 1e-5,
) -> None:
    """Recompute the features of a sample of customers from history, and compare them with the service's.

    Compared with what Redis holds, and, where the history has decisions.jsonl.gz, with the model inputs in the
    logged decisions. Exit code 1 when anything differs. Reads only; scorers may run.

    Example: upswell lab parity --history past/ --sample 0.01 --out parity/
    """
    from consumer.adapters.redis_store import RedisStore
    from consumer.pipeline.checked_policy import checked_policy
    from offline.parity.difference import Tolerance
    from offline.parity.parity import Parity, customer_parity, decision_parity
    from offline.parity.recomputed import recomputed
    from offline.parity.report import findings, write_report

    told = settings()
    checked = checked_policy(told.policy)
    allowed = Tolerance(relative=tolerance, absolute=tolerance)
    store = RedisStore(told.redis_url, namespace=told.state_namespace)
    try:
        store.check()
        n_partitions = store.partition_count()
        if n_partitions is None:
            raise ConfigurationError("no scorer has written to this Redis and namespace yet")
        with shown_steps() as announce:
            found = recomputed(
                history,
                checked.policy.catalogue,
                share=sample,
                n_partitions=n_partitions,
                progress=lambda at_ms: announce(f"history folded up to {iso_utc(at_ms)}"),
            )
            announce("comparing with the store")
            customers = customer_parity(
                found, store, checked.features, n_partitions=n_partitions, tolerance=allowed
            )
    finally:
        store.close()
    decisions = decision_parity(found, checked.features) if found.decisions or found.unplaced else None
    result = Parity(sample, allowed, found.latest_ms, customers, decisions)
    page = write_report(result, checked.features, out)
    for sentence in findings(result):
        typer.echo(sentence)
    typer.echo(f"The report is {page}.")
    if result.has_differences:
        raise typer.Exit(DIFFERENT)
