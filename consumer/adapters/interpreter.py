"""The interpreter's own settings for a loop over batches with a second thread beside it.

A batch makes tens of thousands of containers that live as long as the batch and form no cycles. The cycle
collector would look at them after every 700, and at everything that the process has imported each time a
generation fills up: a few per cent of the processor time, for nothing.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

CONTAINERS: Final = 50_000
"""New containers after which the youngest are looked at: about a batch."""

GENERATIONS: Final = 20
"""Collections of a generation after which the next older one is looked at."""

SWITCH_S: Final = 0.0005
"""How long a thread keeps the interpreter from one that waits for it. A publication takes it a few times for
microseconds; with the default of 5 ms it would wait each time as long as a small batch takes."""


def suit_interpreter() -> None:
    """Leave what exists now out of every collection, collect seldom, and let the publisher in soon."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(CONTAINERS, GENERATIONS, GENERATIONS)
    sys.setswitchinterval(SWITCH_S)
