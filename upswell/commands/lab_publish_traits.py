"""`upswell lab publish-traits`: what the laboratory knows of each customer, onto `bank.traits`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from consumer.vocabulary.topics import Topics
from upswell.commands.lab_steps import shown_steps
from upswell.commands.setup import settings


def publish_traits(
    *,
    history: Annotated[Path, typer.Option(help="Folder that `upswell lab seed` read, or a newer one.")],
    seeds: Annotated[Path, typer.Option(metavar="BUNDLE", help="Seed bundle of `upswell lab seed`.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write the records to this file (JSON lines) and publish nothing: a dry run."),
    ] = None,
) -> None:
    """Publish segment, affinity, lifetime value and, where it can be said, churn of every customer.

    Nothing is published of customers who do not agree to profiling. Publishing the same again changes nothing: the
    records have the same ids.

    Example:

      upswell lab publish-traits --history past/ --seeds build/seeds.json --out traits.jsonl

      upswell lab publish-traits --history past/ --seeds build/seeds.json
    """
    from consumer.adapters.kafka_config import client_config
    from consumer.adapters.kafka_topics import check_topics
    from consumer.pipeline.checked_policy import checked_policy
    from offline.seeding.bundle_file import read_bundle
    from offline.seeding.history_traits import traits_of_history
    from upswell import traits_topic

    told = settings()
    checked = checked_policy(told.policy)
    bundle, topics = read_bundle(seeds), Topics(told.topic_prefix)
    client = {**client_config(told.kafka_bootstrap_servers), **told.kafka_client()}
    if out is None:
        # Before the work: a broker that is away, or has no such topic, is told at once.
        check_topics(client, topics, roles=(traits_topic.ROLE,))
    with shown_steps() as announce:
        found = traits_of_history(history, bundle, checked.policy.catalogue, bundle_file=seeds, told=announce)
        announce(f"{len(found.traits):,} records")
        if out is None:
            traits_topic.publish_traits(found.traits, client, topics)
        else:
            traits_topic.write_traits(found.traits, out)
    for sentence in found.sentences:
        typer.echo(sentence)
    topic = topics.name(traits_topic.ROLE)
    done = f"were published to {topic}." if out is None else f"are in {out}; nothing was published."
    typer.echo(f"{len(found.traits):,} records {done}")
