"""`upswell lab backfill`: history into the store, with the position from which scorers read on."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.time import iso_utc
from upswell.commands.lab_steps import shown_steps
from upswell.commands.setup import settings

if TYPE_CHECKING:
    from offline.backfilling.backfill import BackfillReport

History = Annotated[
    Path,
    typer.Option(
        help="Folder with customers, traits, transactions, interactions, outcomes and campaign as .jsonl.gz; "
        "`upswell lab export` and `upswell simulate history` write one."
    ),
]


def backfill(
    *,
    history: History,
    continue_from: Annotated[
        str | None,
        typer.Option(
            help="Which records of the topics the history holds: start (none), end (all), a time in ISO 8601 (those "
            "that the broker stamped before it), or a positions file. Without it: positions.json of the history."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Drop the state that the partitions have already.")
    ] = False,
    partitions: Annotated[
        str | None,
        typer.Option(
            help="Only these, such as 0-3 or 0,5: less memory, and side by side with others. Default: all."
        ),
    ] = None,
) -> None:
    """Fold a history into customer records and write them to Redis, for scorers to go on from.

    Stop all scorers first. Features are computed by the scorer's own fold under the policy of UPSWELL_POLICY;
    start the scorers with the same policy. Memory: about 3.2 kB a customer, and 300 MB.

    Example:

      upswell lab export --out past/

      upswell lab backfill --history past/

      upswell score
    """
    from consumer.adapters.kafka_topics import check_topics
    from consumer.adapters.redis_store import RedisStore
    from consumer.pipeline.checked_policy import checked_policy
    from consumer.vocabulary.topics import Topics
    from offline.backfilling.backfill import backfill as fill
    from offline.backfilling.writing import Ownership
    from upswell.state_clearing import StateClearing
    from upswell.topic_positions import InputTopics, positions_of

    told = settings()
    checked = checked_policy(told.policy)
    client, topics = told.kafka_client(), Topics(told.topic_prefix)
    inputs = InputTopics(client, topics, check_topics(client, topics))
    wanted = partitions_of(partitions, inputs.n_partitions)
    positions = positions_of(continue_from, history, inputs)
    store = RedisStore(told.redis_url, namespace=told.state_namespace)
    clearing = StateClearing(told.redis_url, namespace=told.state_namespace)
    started_s = perf_counter()
    try:
        store.check()
        with shown_steps() as announce:
            report = fill(
                history,
                checked.policy.catalogue,
                Ownership(store, clearing.clear, inputs.n_partitions, replaces=replace),
                {partition: positions[partition] for partition in wanted},
                progress=lambda n, at_ms: announce(f"{n:,} events folded, up to {iso_utc(at_ms)}"),
            )
    finally:
        store.close()
        clearing.close()
    for line in _lines(report, perf_counter() - started_s):
        typer.echo(line)


def partitions_of(text: str | None, n_partitions: int) -> list[int]:
    """Return the partitions that a person wrote.

    Raises
    ------
    ConfigurationError : it names none, or one that is not there

    Examples
    --------
    >>> partitions_of("0-2,5", 6)
    [0, 1, 2, 5]
    """
    if text is None:
        return list(range(n_partitions))
    try:
        ranges = [part.partition("-") for part in text.split(",")]
        found = {number for low, _, high in ranges for number in range(int(low), int(high or low) + 1)}
    except ValueError:
        found = set()
    if not found or not found <= set(range(n_partitions)):
        raise ConfigurationError(
            f"--partitions {text} names no partitions of 0 to {n_partitions - 1}: write 0-3 or 0,5."
        )
    return sorted(found)


def _lines(report: BackfillReport, seconds: float) -> list[str]:
    rate = report.n_events / seconds
    lines = [
        f"{report.n_events:,} events in {seconds:,.1f} s ({rate:,.0f} a second), {report.n_records:,} records written.",
        f"The history ends at {iso_utc(report.latest_ms)}.",
    ]
    if report.absent_roles:
        lines.append(f"The history has no file of {', '.join(report.absent_roles)}.")
    if report.n_offers:
        lines.append(f"{report.n_offers:,} offers of the past were noted as contacts.")
    if report.refused:
        told = ", ".join(f"{code} {count:,}" for code, count in sorted(report.refused.items()))
        lines.append(f"Records that could not be used: {told}.")
    return lines
