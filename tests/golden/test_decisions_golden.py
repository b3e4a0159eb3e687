"""One event log gives the decisions, offers and examples of this folder, byte for byte.

A change of any of these files is a change of what the service decides or how it records it, so it needs
a line in CHANGELOG.md that says so. To write them anew: UPSWELL_TEST_UPDATE_GOLDEN=1 pytest tests/golden
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from benchmarks.synthetic_events import Load, events, profiles
from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.messages import OUTPUT_RECORDS
from tests.simulation.test_scorer_promise import answers
from tests.simulation.world import World, retail_bank

FOLDER = Path(__file__).parent / "event_log"
LOAD = Load(n_customers=10, n_events=160, days=60.0, seed=11, trigger_share=0.4)
ROLES = ("decisions", "offers", "examples")


def event_log() -> list[OutputRecord]:
    products = retail_bank().catalogue.product_ids
    records = [*profiles(LOAD), *events(LOAD, products=products)]
    first = World(n_partitions=1)
    first.publish(records)
    first.run(first.scorer("a"))
    return [*records, *answers(first)]


@pytest.fixture(scope="module")
def outputs() -> dict[str, bytes]:
    world = World(n_partitions=1)
    world.publish(event_log())
    world.run(world.scorer("a"))
    return {role: b"".join(record.value + b"\n" for record in world.log.outputs(role)) for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_the_event_log_gives_the_golden_records(outputs: dict[str, bytes], role: str) -> None:
    path = FOLDER / f"{role}.jsonl"
    if os.environ.get("UPSWELL_TEST_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(outputs[role])
    assert outputs[role] == path.read_bytes()


@pytest.mark.parametrize("role", ROLES)
def test_every_golden_record_is_of_its_published_schema(outputs: dict[str, bytes], role: str) -> None:
    model: type[BaseModel] = OUTPUT_RECORDS[role]
    lines = outputs[role].splitlines()
    assert lines
    for line in lines:
        parsed = model.model_validate_json(line)
        assert json.loads(parsed.model_dump_json()) == json.loads(line)


def test_logging_propensities_of_each_decision_sum_to_one(outputs: dict[str, bytes]) -> None:
    for line in outputs["decisions"].splitlines():
        decision = json.loads(line)
        total = decision["no_offer_logging_propensity"] + sum(
            candidate["logging_propensity"] for candidate in decision["candidates"]
        )
        assert abs(total - 1.0) < 1e-12


def test_every_offer_and_example_joins_its_decision(outputs: dict[str, bytes]) -> None:
    decisions = {
        json.loads(line)["decision_id"]: json.loads(line) for line in outputs["decisions"].splitlines()
    }
    for line in outputs["offers"].splitlines():
        offer = json.loads(line)
        decision = decisions[offer["decision_id"]]
        assert decision["result"] == "offered"
        assert (decision["offer_id"], decision["channel"]) == (offer["offer_id"], offer["channel"])
    for line in outputs["examples"].splitlines():
        example = json.loads(line)
        assert example["model_input"] == decisions[example["decision_id"]]["model_input"]
