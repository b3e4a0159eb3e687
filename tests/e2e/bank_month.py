"""One month of the simulated bank through the real commands, and everything that its topics then hold."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from consumer.vocabulary.topics import INPUT_ROLES
from producer_sim.truth import Truth, read_truth
from tests.e2e.kafka_reading import Record, keep_everything, read, scanned
from tests.e2e.processes import Deployment, Totals, added_up

CUSTOMERS: Final = int(os.environ.get("UPSWELL_TEST_MONTH_CUSTOMERS", "5000"))
DAYS: Final = 30
PARTITIONS: Final = 4
RUN_WITHIN_S: Final = 500.0
READ_WITHIN_S: Final = 120.0
OUTPUT_DOCUMENTS: Final = ("offers", "decisions", "examples", "models")

Document = Mapping[str, Any]


class Event(msgspec.Struct, frozen=True, gc=False):
    """What every input record says of itself."""

    event_id: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class Placed:
    """One valid input record: where it stands, and the bank time at which it reached the log."""

    role: str
    partition: int
    offset: int
    arrival_ms: int
    event: Event


@dataclass(frozen=True)
class Month:
    """What one run left behind; topics are lists of documents, in log order.

    totals : counters of the scorers together; learned : of the learner
    valid : input records that are no dead letter, per partition in order
    profiles : customer → (arrival_ms, document)
    """

    truth: Truth
    totals: Totals
    learned: Totals
    letters: list[Record]
    offers: list[Document]
    decisions: list[Document]
    examples: list[Document]
    models: list[Document]
    outcomes: list[Document]
    profiles: Mapping[str, list[tuple[int, Document]]]
    valid: list[Placed]

    def kinds(self, metric: str) -> dict[str, int]:
        """Return the scorers' counter by kind."""
        return {kind: count for (name, kind), count in self.totals.items() if name == metric}


def live(deployment: Deployment) -> Month:
    """Let two scorers, a learner and the bank live through a month, and read what they wrote."""
    deployment.run("topics", "create", "--partitions", str(PARTITIONS))
    keep_everything(deployment)
    scorers = [deployment.start_ready("score"), deployment.start_ready("score")]
    learner = deployment.start_ready("learn")
    truth_file = deployment.folder / "truth.json"
    deployment.run(
        *("simulate", "run", "--customers", str(CUSTOMERS), "--days", str(DAYS), "--faults", "typical"),
        *("--pace", "lockstep", "--truth", str(truth_file)),
        within_s=RUN_WITHIN_S,
    )
    totals = added_up(scorers)
    wanted = totals_of(totals, "examples_total")
    learner.wait_until(
        lambda: learner.totals()["examples_read_total", ""] >= wanted, "taught", within_s=READ_WITHIN_S
    )
    learned = learner.totals()
    for process in (*scorers, learner):
        process.stop()
    return month_of(deployment, read_truth(truth_file), totals, learned)


def totals_of(totals: Totals, metric: str) -> int:
    """Return a counter over all its labels."""
    return sum(count for (name, _), count in totals.items() if name == metric)


def month_of(deployment: Deployment, truth: Truth, totals: Totals, learned: Totals) -> Month:
    """Read all topics."""
    written = defaultdict(list)
    for record in read(deployment, *OUTPUT_DOCUMENTS, "dead_letter"):
        written[record.role].append(record)
    refused = {source_of(letter) for letter in written["dead_letter"]}
    profiles: defaultdict[str, list[tuple[int, Document]]] = defaultdict(list)
    outcomes: list[Document] = []
    valid = []
    for placed, value in _valid_records(deployment, refused):
        valid.append(placed)
        if placed.role == "customers":
            profiles[placed.event.customer_id].append((placed.arrival_ms, json.loads(value)))
        elif placed.role == "outcomes":
            outcomes.append(json.loads(value))
    documents: dict[str, list[Document]] = {
        role: [record.document for record in written[role]] for role in OUTPUT_DOCUMENTS
    }
    return Month(
        truth=truth,
        totals=totals,
        learned=learned,
        letters=written["dead_letter"],
        offers=documents["offers"],
        decisions=documents["decisions"],
        examples=documents["examples"],
        models=documents["models"],
        outcomes=outcomes,
        profiles=profiles,
        valid=valid,
    )


def source_of(letter: Record) -> tuple[str, int, int]:
    """Return topic, partition and offset of the record that became a dead letter."""
    headers = {name: value.decode() for name, value in letter.headers.items()}
    return headers["source_topic"], int(headers["source_partition"]), int(headers["source_offset"])


def _valid_records(
    deployment: Deployment, refused: set[tuple[str, int, int]]
) -> Iterator[tuple[Placed, bytes]]:
    decode = msgspec.json.Decoder(Event).decode
    for message in scanned(deployment, *INPUT_ROLES):
        name, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        if (name, partition, offset) in refused:
            continue
        value = message.value() or b""
        role = deployment.topics.role(name)
        yield Placed(role, partition, offset, message.timestamp()[1], decode(value)), value
