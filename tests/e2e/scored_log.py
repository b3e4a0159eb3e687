"""One log of a bank, scored again and again: the readable output and the state of each run.

The log is written once, in closed loop, so that it holds outcomes; after that nobody writes to it. Each run is a
consumer group with a namespace in Redis of its own, and its output is what the topics gained meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis import Redis

from consumer.settings import DEFAULT_POLICY
from producer_sim.population import customer_id
from tests.e2e.kafka_reading import keep_everything, output_ends, read, settle
from tests.e2e.processes import Deployment, RoleProcess
from tests.e2e.publishing import Input, publish

CUSTOMERS: Final = 600
DAYS: Final = 5
START_MS: Final = 1_740_787_200_000
"""First live day of the simulated bank, 1 March 2025."""

Output = list[tuple[str, bytes, bytes | None]]
"""(role, key, value) of what readers see, sorted: order between partitions means nothing."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What one run over the log came to: output topics by record, customers by Redis key without namespace."""

    output: Output
    records: dict[bytes, bytes]

    def count(self, role: str) -> int:
        return sum(found == role for found, _, _ in self.output)


@dataclass(frozen=True, slots=True)
class ScoredLog:
    """The written log, and what an undisturbed scorer with frozen models makes of it."""

    deployment: Deployment
    size: int
    undisturbed: Scored

    def scorer(self, run: str, **variables: str) -> RoleProcess:
        """Start a scorer of a run, with frozen models."""
        return start_scorer(self.deployment, run, **variables)


def written_log(deployment: Deployment) -> ScoredLog:
    """Write the log and score it once."""
    policy_file(deployment).write_text(generous_policy(), encoding="utf-8")
    deployment.run("topics", "create", "--partitions", "3")
    keep_everything(deployment)
    publish(deployment, traits())
    scorer = deployment.start_ready("score", "--models", "frozen", policy=str(policy_file(deployment)))
    deployment.run(
        *("simulate", "run", "--customers", str(CUSTOMERS), "--days", str(DAYS), "--faults", "typical")
    )
    publish(deployment, [erasure(number) for number in range(0, CUSTOMERS, 40)])
    settle(deployment)
    size = scorer.totals()["records_total", ""]
    scorer.stop()
    with gained(deployment, "undisturbed") as found:
        scorer = start_scorer(deployment, "undisturbed")
        settle(deployment, "undisturbed")
        scorer.stop()
    return ScoredLog(deployment, size, found[0])


def policy_file(deployment: Deployment) -> Path:
    """Return where the policy of all runs stands."""
    return deployment.folder / "policy.yaml"


def generous_policy() -> str:
    """Return the shipped policy with young offers made at once, and with a small budget on some offers."""
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    changes = {
        "young_share: 0.02": "young_share: 1.0",
        "  - id: savings_start\n": "  - id: savings_start\n    budget_per_day: 6\n",
        "  - id: account_plus_upgrade\n": "  - id: account_plus_upgrade\n    budget_per_day: 3\n",
    }
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def start_scorer(deployment: Deployment, run: str, **variables: str) -> RoleProcess:
    """Start a scorer of a run, with frozen models."""
    of_run = {
        "group_id": run,
        "redis_namespace": namespace(deployment, run),
        "policy": str(policy_file(deployment)),
    }
    return deployment.start("score", "--models", "frozen", **of_run, **variables)


def namespace(deployment: Deployment, run: str) -> str:
    """Return the namespace of a run in Redis."""
    return f"{deployment.prefix}{run}."


@contextmanager
def gained(deployment: Deployment, run: str) -> Iterator[list[Scored]]:
    """Give a list that holds, after the block, what the block's scorers made of the log."""
    before = output_ends(deployment)
    found: list[Scored] = []
    try:
        yield found
    except BaseException:
        # Nobody of this run may write into what the next one gains.
        deployment.release()
        raise
    gain = read(deployment, "offers", "decisions", "examples", "dead_letter", since=before)
    output = sorted((record.role, record.key, record.value or b"") for record in gain)
    found.append(Scored([*output], stored_records(deployment, run)))


def stored_records(deployment: Deployment, run: str) -> dict[bytes, bytes]:
    """Return every customer record of a run, by partition and customer."""
    mark = namespace(deployment, run).encode()
    with Redis.from_url(deployment.redis_url) as client:
        keys = list(client.scan_iter(match=b"{%b*}:c:*" % mark, count=1_000))
        values = client.mget(keys)
    return {key.replace(mark, b""): value for key, value in zip(keys, values, strict=True)}


def traits() -> list[Input]:
    """Return what the laboratory knows of every other customer."""
    return [_traits_of(number) for number in range(0, CUSTOMERS, 2)]


def _traits_of(number: int) -> Input:
    document = {
        "event_id": f"t-{number}",
        "customer_id": customer_id(number),
        "event_time_ms": START_MS,
        "segment": number % 5,
        "churn_probability": number / CUSTOMERS,
        "affinity": {"mortgage": 0.25},
    }
    return Input("traits", json.dumps(document).encode(), customer_id(number).encode(), START_MS)


def erasure(number: int) -> Input:
    """Return the wish of a customer to be forgotten, half way through the log."""
    return Input("customers", None, customer_id(number).encode(), START_MS + DAYS * 43_200_000)
