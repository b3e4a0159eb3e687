"""Drift: does the model's loss change, although the model keeps learning.

River's ADWIN watches the mean log loss of blocks of examples. A block instead of each example keeps the
detector's past small enough to be stored with the model, and its noise low.

Rules of this file: ADWIN's own state lives in compiled code and cannot be written down. But River starts it
anew after each detection, so the values since then are its whole past: they are the stored state, and
feeding them again gives the same detector. At `BLOCKS_MAX` it starts anew with the last `BLOCKS_KEPT`.

References: Bifet, Gavaldà (2007), "Learning from time-changing data with adaptive windowing", algorithm 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from river import drift

from consumer.vocabulary.numbers import Numbers, number, number_list

_ADWIN: Any = drift.ADWIN
"""River types its classes only in part."""

BLOCK = 50
"""Examples whose mean loss is one value of the detector."""

BLOCKS_MAX = 256
BLOCKS_KEPT = 128
"""At most 12,800 examples of past; then 6,400 of them go on."""

DELTA = 0.002
"""ADWIN's confidence: River's default."""

LOSS_MAX = 3.0
"""A single answer counts at most this much, so that one surprise is not a drift."""


@dataclass(slots=True)
class DriftWatch:
    """Watches one model's loss; changes in `update` only.

    detections : drifts found so far
    blocks : mean losses that ADWIN has been fed since it last started anew
    """

    detections: int = 0
    blocks: list[float] = field(default_factory=list)
    block_sum: float = 0.0
    block_count: int = 0
    _adwin: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Bring ADWIN to where the stored past had brought it."""
        self._adwin = _adwin_after(self.blocks)

    def update(self, loss: float) -> bool:
        """Take one more log loss; return whether this one completes a drift."""
        self.block_sum += min(loss, LOSS_MAX)
        self.block_count += 1
        if self.block_count < BLOCK:
            return False
        mean, self.block_sum, self.block_count = self.block_sum / BLOCK, 0.0, 0
        before = self._adwin.estimation
        self.blocks.append(mean)
        self._adwin.update(mean)
        if self._adwin.drift_detected:
            self._start_anew([])
            is_worse = mean > before
            self.detections += int(is_worse)
            return bool(is_worse)
        if len(self.blocks) >= BLOCKS_MAX:
            self._start_anew(self.blocks[-BLOCKS_KEPT:])
        return False

    def _start_anew(self, blocks: list[float]) -> None:
        self.blocks = list(blocks)
        self._adwin = _adwin_after(self.blocks)

    def to_json(self) -> dict[str, float | list[float]]:
        """Return the state as `ModelSnapshot.drift` holds it."""
        return {
            "detections": float(self.detections),
            "blocks": list(self.blocks),
            "block_sum": self.block_sum,
            "block_count": float(self.block_count),
        }


def drift_from_json(document: Numbers) -> DriftWatch:
    """Return the watch that `DriftWatch.to_json` wrote; a new one from an empty document."""
    return DriftWatch(
        detections=int(number(document, "detections")),
        blocks=number_list(document, "blocks"),
        block_sum=number(document, "block_sum"),
        block_count=int(number(document, "block_count")),
    )


def _adwin_after(blocks: list[float]) -> Any:
    """Return an ADWIN that checks at every value and has seen `blocks`."""
    adwin = _ADWIN(delta=DELTA, clock=1)
    for mean in blocks:
        adwin.update(mean)
    return adwin
