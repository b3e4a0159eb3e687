"""Where a scorer reads on after a backfill: the next offset of each topic and partition.

History and topics overlap or they do not, and only the bank knows. The position says which records of the
topics the history holds already:

    positions.json            written by whoever cut the history out of the topics (`upswell lab export`)
    the start of the topics   the topics begin where the history ends: nothing in them is in the history
    the end of the topics     everything in the topics is in the history
    the end of the history    records that the broker stamped after the history's last event are new

Rules of this file: a position that is missing or too much is refused; it would lose events or count them twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.topics import INPUT_ROLES

POSITIONS_FILE: Final = "positions.json"

Offset = Annotated[int, Field(ge=0)]
Positions = Mapping[int, Mapping[str, int]]
"""partition → role → next offset."""


class Cut(BaseModel):
    """`positions.json`: what of the topics a history holds.

    n_partitions : of every input topic
    positions : role → next offset of each partition, in order of the partitions
    left_out : dead-letter code → records that no scorer could have used either
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_partitions: Annotated[int, Field(ge=1)]
    positions: dict[str, list[Offset]]
    left_out: dict[str, int] = {}

    def by_partition(self) -> dict[int, dict[str, int]]:
        """Return partition → role → next offset."""
        return {
            partition: {role: offsets[partition] for role, offsets in self.positions.items()}
            for partition in range(self.n_partitions)
        }


def write_cut(cut: Cut, history_dir: Path) -> Path:
    """Write `positions.json` beside the history files."""
    file = history_dir / POSITIONS_FILE
    file.write_text(cut.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return file


def read_cut(file: Path) -> Cut:
    """Read and check `positions.json`.

    Raises
    ------
    ConfigurationError : it cannot be read, or does not name every role and partition once
    """
    try:
        cut = Cut.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"Cannot read the positions file {file}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise ConfigurationError(f"{file}, {place}: {first['msg']}.") from None
    if set(cut.positions) != set(INPUT_ROLES):
        raise ConfigurationError(
            f"{file}, positions: has {_listed(cut.positions)}, needs exactly {_listed(INPUT_ROLES)}."
        )
    for role, offsets in cut.positions.items():
        if len(offsets) != cut.n_partitions:
            raise ConfigurationError(
                f"{file}, positions.{role}: has {len(offsets)} offsets for {cut.n_partitions} partitions."
            )
    return cut


def _listed(roles: Mapping[str, object] | tuple[str, ...]) -> str:
    return ", ".join(roles) or "nothing"
