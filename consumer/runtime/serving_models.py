"""The models that a scorer serves: the seed's at first, then whatever the learner publishes.

Rules of this file: a snapshot that cannot serve (another feature layout, not valid) is refused and
counted, and the models before it stay; a set is replaced as a whole, between two batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from consumer.ports import ModelFeed, Telemetry
from consumer.scoring.compiled import CompiledModels, check_snapshot, compile_models
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.messages import ModelSnapshot


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What every snapshot of this build must fit."""

    input_names: Sequence[str]
    fingerprint: str
    model_ids: Sequence[str]
    groups: Mapping[str, str]


@dataclass(slots=True)
class ServingModels:
    """The set in use. Without a feed it is frozen: two runs over one log then decide the same.

    seeds : snapshots of the seed bundle, used for each model until the learner has published it
    """

    shape: ModelShape
    seeds: Mapping[str, ModelSnapshot]
    feed: ModelFeed | None
    telemetry: Telemetry
    _snapshots: dict[str, ModelSnapshot] = field(default_factory=dict)
    _compiled: CompiledModels | None = None

    def current(self) -> CompiledModels:
        """Return the set for the next batch, newly published snapshots included."""
        if self._compiled is None:
            self._start()
        elif self.feed is not None:
            self._accept(self.feed.poll())
        assert self._compiled is not None, "the first call compiles"
        return self._compiled

    def _start(self) -> None:
        for snapshot in self.seeds.values():
            check_snapshot(snapshot, self.shape.fingerprint, n_inputs=len(self.shape.input_names))
        self._snapshots = dict(self.seeds)
        self._compile()
        if self.feed is not None:
            self._accept(self.feed.read_all())

    def _accept(self, values: Sequence[bytes]) -> None:
        taken = [snapshot for value in values if (snapshot := self._parsed(value)) is not None]
        if taken:
            self._snapshots |= {snapshot.product_id: snapshot for snapshot in taken}
            self._compile()
            self.telemetry.count("model_swaps_total", len(taken))

    def _parsed(self, value: bytes) -> ModelSnapshot | None:
        try:
            snapshot = ModelSnapshot.model_validate_json(value)
            check_snapshot(snapshot, self.shape.fingerprint, n_inputs=len(self.shape.input_names))
        except (ValidationError, ConfigurationError):
            self.telemetry.count("model_snapshots_refused_total")
            return None
        return snapshot

    def _compile(self) -> None:
        self._compiled = compile_models(
            self.shape.input_names,
            self.shape.fingerprint,
            self.shape.model_ids,
            groups=self.shape.groups,
            snapshots=self._snapshots,
        )
