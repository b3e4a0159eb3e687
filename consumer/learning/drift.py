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

BLOCK = 25
"""Examples whose mean loss is one value of the detector."""

SCALE = 10.0
"""ADWIN's bound has a term for the range of a value and one for its variance. Means of a block are nearly
normal, so the variance should decide; ten times as large, it does. Measured when 5 % of positives become
12 %: no false alarm in 40 x 12,800 examples, found after 440 examples in the median instead of 1,475."""

BLOCKS_MAX = 512
BLOCKS_KEPT = 256
"""At most 12,800 examples of past; then 6,400 of them go on."""

DELTA = 0.002
"""ADWIN's confidence: River's default."""

LOSS_MAX = 3.0
"""A single answer counts at most this much, so that one surprise is not a drift."""


@dataclass(slots=True)
class DriftWatch:
    """Watches one model's loss; changes in `update` only.

    detections : drifts found so far
    blocks : scaled mean losses that ADWIN has been fed since it last started anew
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
        """Take one more log loss; return whether it completes a drift for the worse (better is learning)."""
        self.block_sum += min(loss, LOSS_MAX)
        self.block_count += 1
        if self.block_count < BLOCK:
            return False
        mean, self.block_sum, self.block_count = SCALE * self.block_sum / BLOCK, 0.0, 0
        before = self._adwin.estimation
        self.blocks.append(mean)
        self._adwin.update(mean)
        if self._adwin.drift_detected:
            is_worse = bool(self._adwin.estimation > before)
            self.detections += int(is_worse)
            self._start_anew([])
            return is_worse
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
