"""When to poll: as late as a batch can still be ready at the moment the one before is visible.

A batch that is polled at once waits, finished, for the publication before it, while the events that arrive
meanwhile have to wait for the next one. So the loop pauses for what a publication usually takes, less what a
batch usually takes, and takes in everything that arrived until then:

    publication n    ├───────────────────────┤├────────────
    at once          ├ batch n+1 ┤ · waits · │  publication n+1
    paced             · pause · ├ batch n+1 ┤   publication n+1, with all that came in the pause

Under load a batch takes longer than a publication, or the last poll was well filled: then there is no pause.

Rules of this file: real time only decides when something happens, never what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SMOOTHING: Final = 0.2
"""Weight of the newest duration."""

PAUSE_MAX_S: Final = 0.05
"""A broker that was slow for once must not make the loop idle for long."""


@dataclass(slots=True)
class Pacing:
    """What publications and batches have taken lately, seconds."""

    publication_s: float = 0.0
    batch_s: float = 0.0
    is_filled: bool = False

    def note_publication(self, seconds: float) -> None:
        """Take in how long a publication took."""
        self.publication_s += SMOOTHING * (seconds - self.publication_s)

    def note_batch(self, seconds: float, *, is_filled: bool) -> None:
        """Take in how long a batch took, from poll to written; filled batches are not waited for."""
        self.batch_s += SMOOTHING * (seconds - self.batch_s)
        self.is_filled = is_filled

    def pause_s(self, under_way_s: float | None) -> float:
        """Return how long to wait before the next poll.

        Parameters
        ----------
        under_way_s : since when a publication is under way; None when there is none

        Examples
        --------
        >>> pacing = Pacing(publication_s=0.030, batch_s=0.010)
        >>> round(pacing.pause_s(0.005), 3)
        0.015
        >>> pacing.pause_s(None)
        0.0
        """
        if under_way_s is None or self.is_filled:
            return 0.0
        return min(max(self.publication_s - under_way_s - self.batch_s, 0.0), PAUSE_MAX_S)
