"""`upswell topics`: the ten topics of a cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from consumer.vocabulary.topics import Topics
from upswell.commands.setup import settings

app = typer.Typer(help="Create or check the ten topics.", no_args_is_help=True)


@app.command()
def create(
    *,
    partitions: Annotated[
        int, typer.Option(min=1, max=1_000, help="Partitions of each input topic: at most so many scorers.")
    ] = 12,
    output_partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000,
            help="Partitions of each output topic, as many as the input topics when left out. A transaction sends a "
            "request for each that it writes to, so fewer are faster.",
        ),
    ] = None,
    replication: Annotated[int, typer.Option(min=1, max=10, help="Copies of each partition.")] = 1,
) -> None:
    """Create the topics that are missing; those that exist are checked and left alone.

    Example: upswell topics create --partitions 12 --output-partitions 3 --replication 3
    """
    told = settings()
    from consumer.adapters.kafka_topics import create_topics

    topics = Topics(told.topic_prefix)
    created = create_topics(
        told.kafka_client(),
        topics,
        partitions=partitions,
        output_partitions=output_partitions,
        replication=replication,
    )
    typer.echo(f"created: {', '.join(created) if created else 'none, all ten were there'}")


@app.command()
def check() -> None:
    """Check that all topics are there and that the input topics have the same number of partitions.

    Example: upswell topics check
    """
    told = settings()
    from consumer.adapters.kafka_topics import check_topics

    n_partitions = check_topics(told.kafka_client(), Topics(told.topic_prefix))
    typer.echo(f"all ten topics are there, the input topics with {n_partitions} partitions each")
