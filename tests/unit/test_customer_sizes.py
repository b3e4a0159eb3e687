"""What a customer costs: the table adds up, and each kind of customer stays within its bytes."""

from __future__ import annotations

import json
import re

import pytest

from consumer.features.catalogue import catalogue_for
from consumer.learning.open_decisions import pack_all
from consumer.pipeline.checked_policy import checked_policy
from consumer.settings import DEFAULT_POLICY
from upswell.cli import run
from upswell.customer_sizes import REST, CustomerSizes, allocated, customer_sizes, string_bytes
from upswell.example_customers import A_MONTH, LIVES, example_customers

FEATURES = checked_policy(DEFAULT_POLICY).features


@pytest.fixture(scope="module")
def sizes() -> CustomerSizes:
    return customer_sizes(FEATURES, n=60)


def test_families_and_rest_add_up_to_the_record(sizes: CustomerSizes) -> None:
    *families, record = sizes.record
    for life in range(len(LIVES)):
        assert sum(part.stored[life] for part in families) == pytest.approx(record.stored[life])
    assert sum(part.in_memory or 0 for part in families) == FEATURES.layout.dtype.itemsize


def test_every_field_of_the_record_belongs_to_a_family(sizes: CustomerSizes) -> None:
    [rest] = [part for part in sizes.record if part.name == REST]
    # The time that the record is as of, and less than 32 bytes to fill the last group.
    assert rest.in_memory is not None
    assert 8 <= rest.in_memory < 8 + 32


def test_everything_is_the_record_and_what_is_around_it(sizes: CustomerSizes) -> None:
    *_, record = sizes.record
    for life in range(len(LIVES)):
        assert sizes.total.stored[life] == pytest.approx(
            sum(part.stored[life] for part in (record, *sizes.around))
        )


def test_a_record_costs_at_most_what_was_measured_when_its_form_was_chosen(sizes: CustomerSizes) -> None:
    *_, record = sizes.record
    assert all(stored <= most for stored, most in zip(record.stored, RECORD_BYTES, strict=True))


def test_an_open_decision_costs_at_most_what_was_measured_when_its_form_was_chosen() -> None:
    for life, most in zip(LIVES, OPEN_DECISION_BYTES, strict=True):
        made = example_customers(FEATURES, life, 100)
        values = pack_all(made.open_decisions, made.n_open.tolist(), FEATURES.fingerprint)
        assert sum(map(len, values)) / made.n_open.sum() <= most


OPEN_DECISION_BYTES = (136, 153, 144)
"""The mean of all rows, and 5 bytes of air."""

RECORD_BYTES = (425, 690, 1_040)
"""A month, a year, the busiest, and 15 bytes of air."""


@pytest.mark.parametrize(
    ("wanted", "given"), [(1, 8), (8, 8), (65, 80), (129, 160), (513, 640), (769, 896), (1_025, 1_280)]
)
def test_the_allocator_rounds_up_to_its_classes(wanted: int, given: int) -> None:
    assert allocated(wanted) == given


def test_a_longer_header_is_counted_from_256_bytes_on() -> None:
    assert string_bytes(bytes(255), 20) - string_bytes(bytes(250), 20) == allocated(259) - allocated(254)


def test_example_customers_repeat_with_their_seed() -> None:
    features = catalogue_for(("mortgage", "savings_account"))
    first, again = (example_customers(features, A_MONTH, 5, seed=3) for _ in range(2))
    assert first.records.tobytes() == again.records.tobytes()
    assert first.open_decisions.tobytes() == again.open_decisions.tobytes()
    other = example_customers(features, A_MONTH, 5, seed=4)
    assert first.records.tobytes() != other.records.tobytes()


def test_the_command_prints_the_table_and_says_what_is_over_the_limit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["features", "--sizes"]) == 0
    out = capsys.readouterr().out
    for name in ("in memory", "a year", "money in windows: sums, counts", "open decisions", "everything"):
        assert name in out
    [limit] = re.findall(r"^limit 1,000.*$", out, re.MULTILINE)
    assert set(limit.split()[2:]) <= {"within", "over"}


def test_the_command_prints_json_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["features", "--sizes", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [part["name"] for part in found["record"]][-2:] == [REST, "record"]
    assert len(found["total"]["stored"]) == len(LIVES)
