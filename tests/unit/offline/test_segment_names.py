"""Names, recommendations and the choice of a number: rules on small, made-up segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from offline.segmentation.axes import axis_columns, axis_scores, family_of
from offline.segmentation.choice import choose
from offline.segmentation.naming import NamedSegment, named_segments
from offline.segmentation.partition import partition_of
from offline.segmentation.plan import Int64s
from offline.segmentation.profiles import profiles_of
from offline.segmentation.rules import DEFAULT_RULES, read_rules
from offline.segmentation.scan import Tried
from offline.segmentation.stability import Stability
from offline.tables.table import Table, read_table

RULES = read_rules(DEFAULT_RULES)
HEADER = "customer_id,credit_limit,visits_branch,calls_made,online_logins"


def table_of(tmp_path: Path, rows: list[str], header: str = HEADER) -> Table:
    file = tmp_path / "customers.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return read_table(file)


def named(table: Table, labels: list[int]) -> list[NamedSegment]:
    numbers: Int64s = np.array(labels)
    columns = [name for name in table.names() if name != table.id_column]
    scores = axis_scores(table.frame, table.reading.columns, numbers, RULES)
    return named_segments(profiles_of(table.frame, columns, numbers), scores, RULES)


def people(*kinds: tuple[int, str]) -> tuple[list[str], list[int]]:
    """Rows and labels: for each kind so many customers with these values."""
    rows: list[str] = []
    labels: list[int] = []
    for segment, (count, values) in enumerate(kinds):
        for _ in range(count):
            rows.append(f"{1000 + len(rows)},{values}")
            labels.append(segment)
    return rows, labels


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ("90000,1,1,9", "Premium, low contact"),
        ("1000,9,9,1", "Basic, high contact"),
        ("90000,9,9,1", "Premium, high contact"),
        ("1000,0,0,1", "Quiet, low value"),
        ("90000,4,4,4", "High value"),
        ("1000,4,4,4", "Low value"),
        ("20000,4,4,30", "Moderate, engaged"),
        ("20000,4,4,4", "Mixed: "),
    ],
)
def test_a_segment_is_named_by_where_it_stands_in_value_and_contact(
    values: str, name: str, tmp_path: Path
) -> None:
    """Beside a small one of each kind that makes the spread, and the many near the average."""
    rows, labels = people(
        (2, values), (60, "20000,4,4,4"), (4, "60000,8,8,6"), (4, "2000,0,0,2"), (4, "20100,4,4,4")
    )
    assert named(table_of(tmp_path, rows), labels)[0].name.startswith(name)


def test_every_recommendation_comes_with_numbers(tmp_path: Path) -> None:
    rows, labels = people((5, "90000,1,1,9"), (9, "1000,9,9,1"), (20, "20000,4,4,4"))
    for one in named(table_of(tmp_path, rows), labels):
        assert one.marketing
        assert one.operations
        for advice in (*one.marketing, *one.operations):
            assert " against " in advice.because
            assert " sd" in advice.because
            assert "{channel}" not in advice.text


def test_two_segments_of_one_rule_are_told_apart_by_what_stands_out(tmp_path: Path) -> None:
    rows, labels = people((6, "90000,1,1,1"), (6, "90000,1,1,9"), (40, "1000,6,6,4"))
    names = [one.name for one in named(table_of(tmp_path, rows), labels)]
    assert len(set(names)) == 3
    assert names[0].startswith("Premium, low contact: ")


def test_a_rule_about_something_that_the_file_has_no_column_for_never_holds(tmp_path: Path) -> None:
    table = table_of(
        tmp_path, [f"{number},{limit}" for number, limit in enumerate([9, 9, 1, 1, 1])], "id,limit"
    )
    assert [one.name for one in named(table, [0, 0, 1, 1, 1])] == ["High value", "Low value"]


def test_contact_by_machines_is_not_staffed_contact(tmp_path: Path) -> None:
    rows, _ = people((3, "9,1,2,3"))
    columns = table_of(tmp_path, rows).reading.columns
    assert axis_columns(columns, RULES.axes["contact"], RULES) == ["visits_branch", "calls_made"]
    assert axis_columns(columns, RULES.axes["engagement"], RULES) == [
        "visits_branch",
        "calls_made",
        "online_logins",
    ]


def test_identifiers_and_protected_columns_belong_to_no_family(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["1,30,1,5", "2,40,0,6", "3,50,1,7"], "id,age,gender,limit")
    families = {column.name: family_of(column, RULES) for column in table.reading.columns}
    assert families == {"id": None, "age": "demographic", "gender": None, "limit": "value"}


def tried(k: int, silhouette: float, *, stability: float = 1.0, smallest: int = 50) -> Tried:
    """A number of segments with these measures; all segments but the smallest have a hundred customers."""
    labels = np.concatenate([np.repeat(np.arange(k - 1), 100), np.full(smallest, k - 1)])
    partition = partition_of(labels[:, None].astype(np.float64), labels)
    return Tried(k, partition, silhouette, None, None, None, Stability(stability, stability, 20, 100))


def test_the_best_silhouette_is_chosen_and_the_next_best_is_named() -> None:
    choice = choose([tried(2, 0.4), tried(3, 0.6), tried(4, 0.5)], None)
    assert choice.k == 3
    assert "0.600; next best 0.500 at 4" in choice.reason


def test_of_equal_silhouettes_the_stabler_number_is_chosen() -> None:
    choice = choose([tried(2, 0.600, stability=0.8), tried(3, 0.595, stability=0.99)], None)
    assert choice.k == 3
    assert "within 0.01" in choice.reason


def test_a_number_with_a_splinter_is_passed_over_and_that_is_said() -> None:
    choice = choose([tried(2, 0.5), tried(3, 0.9, smallest=1)], None)
    assert choice.k == 2
    assert "Passed over: 3, where a segment has less than 1 %" in choice.reason


def test_a_number_that_other_samples_do_not_confirm_is_passed_over() -> None:
    choice = choose([tried(2, 0.9, stability=0.3), tried(3, 0.5)], None)
    assert choice.k == 3
    assert "Passed over: 2, where other samples" in choice.reason


def test_weak_segments_come_with_a_warning() -> None:
    warnings = choose([tried(2, 0.1, stability=0.2)], None).warnings
    assert any("continuum" in warning for warning in warnings)
    assert any("another sample" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("because: [engagement]", "because: [mood]"), "mood"),
        (("at_least: -0.5, at_most: 0.5", "at_least: 0.5, at_most: -0.5"), "above at_most"),
        (("measure: largest", "measure: biggest"), "measure"),
        (("otherwise:", "elsewise:"), "otherwise"),
    ],
)
def test_a_mistake_in_the_rules_is_one_sentence_with_its_line(
    change: tuple[str, str], words: str, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    text = DEFAULT_RULES.read_text(encoding="utf-8")
    assert change[0] in text
    file.write_text(text.replace(*change))
    with pytest.raises(Exception, match=r"rules\.yaml, line \d+") as error:
        read_rules(file)
    assert words in str(error.value)


def test_columns_of_a_segment_without_values_have_no_mean() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, np.nan]})
    profiles = profiles_of(frame, ["a"], np.array([0, 0, 1]))
    assert profiles.means[0, 0] == 1.5
    assert np.isnan(profiles.means[1, 0])
