"""positions.json: read as it was written, and refused where it could lose or repeat events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.topics import INPUT_ROLES
from offline.backfilling.positions import Cut, read_cut, write_cut
from upswell.commands.lab_backfill import partitions_of


def cut() -> Cut:
    return Cut(
        n_partitions=2, positions={role: [3, place] for place, role in enumerate(INPUT_ROLES)}, left_out={}
    )


def test_positions_come_back_by_partition_as_they_were_written(tmp_path: Path) -> None:
    found = read_cut(write_cut(cut(), tmp_path))
    assert found == cut()
    assert found.by_partition()[1] == {role: place for place, role in enumerate(INPUT_ROLES)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_partitions": 0}, "n_partitions: "),
        ({"n_partitions": 3}, r"positions\.customers: has 2 offsets for 3 partitions"),
        ({"positions": {"customers": [1, 2]}}, "has customers, needs exactly customers, traits, "),
        ({"positions": {role: [-1, 0] for role in INPUT_ROLES}}, r"positions\.customers\.0: "),
        ({"more": 1}, "more: "),
    ],
)
def test_a_position_that_is_missing_or_too_much_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    file = tmp_path / "positions.json"
    file.write_text(json.dumps(cut().model_dump() | change), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        read_cut(file)


def test_a_positions_file_that_is_not_there_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Cannot read the positions file"):
        read_cut(tmp_path / "positions.json")
    (tmp_path / "positions.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="document: Invalid JSON"):
        read_cut(tmp_path / "positions.json")


@pytest.mark.parametrize("text", ["", "6", "3-1", "a", "-1", "0,,1"])
def test_partitions_that_are_not_there_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="names no partitions of 0 to 5"):
        partitions_of(text, 6)
