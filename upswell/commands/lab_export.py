"""`upswell lab export`: the input topics as a history, with the positions at which it ends."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from upswell.commands.lab_steps import shown_steps
from upswell.commands.setup import settings


def export(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write to; it must not hold a history yet.")],
    decisions: Annotated[
        bool,
        typer.Option(
            "--decisions", help="Also write what the scorers decided, which `lab parity` compares with."
        ),
    ] = False,
) -> None:
    """Write what the input topics hold now as history files, and positions.json with where they end.

    Example: upswell lab export --out past/ --decisions
    """
    from consumer.adapters.kafka_topics import check_topics
    from consumer.pipeline.checked_policy import checked_policy
    from consumer.vocabulary.topics import INPUT_ROLES, Topics
    from offline.backfilling.export import HistoryWriter, is_erasure
    from offline.backfilling.positions import Cut, write_cut
    from upswell.topic_export import TopicReader
    from upswell.topic_positions import InputTopics, ends, output_ends

    told = settings()
    catalogue = checked_policy(told.policy).policy.catalogue
    client, topics = told.kafka_client(), Topics(told.topic_prefix)
    inputs = InputTopics(client, topics, check_topics(client, topics))
    until = ends(inputs)
    erasures: Counter[bytes] = Counter()
    for records in TopicReader(inputs, until, ("customers",)).read():
        erasures.update(record.key or b"" for record in records if is_erasure(record))
    with shown_steps() as announce, HistoryWriter(out, catalogue, erasures) as writer:
        for records in TopicReader(inputs, until).read():
            writer.write(records)
            announce(f"{sum(writer.lines.values()):,} records written")
        if decisions:
            for records in TopicReader(inputs, output_ends(inputs, "decisions"), ("decisions",)).read():
                writer.write_decisions([record.value for record in records if record.value])
                announce(f"{sum(writer.lines.values()):,} records written")
    cut = Cut(
        n_partitions=inputs.n_partitions,
        positions={role: [until[p][role] for p in range(inputs.n_partitions)] for role in INPUT_ROLES},
        left_out=dict(writer.left_out),
    )
    file = write_cut(cut, out)
    for name, count in writer.lines.items():
        typer.echo(f"{out / name}.jsonl.gz: {count:,} lines")
    if writer.left_out:
        listed = ", ".join(f"{code} {count:,}" for code, count in sorted(writer.left_out.items()))
        typer.echo(f"Left out, as no scorer can use them: {listed}.")
    if writer.forgotten:
        typer.echo(f"Left out, as their customers were erased later: {len(writer.forgotten):,} records.")
    typer.echo(f"{file}: where the history ends.")
