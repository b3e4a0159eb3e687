"""`upswell lab seed`: from the bank's past to the bundle that scorers and learner start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upswell.commands.lab_steps import shown_steps
from upswell.commands.setup import settings

History = Annotated[
    Path,
    typer.Option(
        help="Folder with customers, transactions, interactions, outcomes and campaign as .jsonl.gz; "
        "`upswell simulate history` writes one."
    ),
]


def seed(
    *,
    history: History,
    out: Annotated[Path, typer.Option(help="Seed bundle to write (JSON); report.html goes beside it.")],
    segments: Annotated[int, typer.Option(min=2, max=10, help="Segments to place customers in.")] = 6,
    start: Annotated[
        int, typer.Option("--seed", help="Of the starts of k-means: the same gives the same.")
    ] = 1,
) -> None:
    """Learn segments and first weights from history, and write the seed bundle and a report.

    Features are computed by the scorer's own fold under the policy of UPSWELL_POLICY; start scorers and
    learner with the same policy.

    Example:

      upswell simulate history past/ --customers 5000

      upswell lab seed --history past/ --out build/seeds.json

      upswell score --seeds build/seeds.json

      upswell learn --seeds build/seeds.json
    """
    from consumer.pipeline.checked_policy import checked_policy
    from offline.seeding.bundle_file import check_writable, write_bundle
    from offline.seeding.findings import findings
    from offline.seeding.report import write_report
    from offline.seeding.seed import seeds_from_history

    policy = checked_policy(settings().policy).policy
    check_writable(out)
    with shown_steps() as announce:
        seeding = seeds_from_history(
            history, policy.catalogue, seed=start, n_segments=segments, told=announce
        )
        announce("writing bundle and report")
        write_bundle(seeding.bundle, out)
        report = write_report(seeding, policy.catalogue, out.parent / "report.html")
    for sentence in findings(seeding):
        typer.echo(sentence)
    typer.echo(f"Seeds {seeding.bundle.seed_version} are in {out}, the report is {report}.")
