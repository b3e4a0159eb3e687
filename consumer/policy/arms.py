"""Arms: who is left alone and who is decided by a simpler rule, so that lift can be measured.

Assignment is a function of the customer's id and a salt: a customer keeps the arm for good, on every
channel, and a new salt draws anew. The holdout has its own salt, so it is independent of the arms.

* standard: priority = P x C x V x L, SquareCB.
* holdout: as standard, but nothing is sent. Universal: no contact at all comes out of this system.
* random_relevant: every candidate and "no offer" equally likely; the baseline that needs no model, and the
  data that judges any other policy without bias.
* p_accept_only: priority = P, what a response model alone would do.
* no_levers: priority = P x C x V, shows what the levers cost or earn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from consumer.policy.draws import salted_draws
from consumer.policy.facts import UInt8s
from consumer.policy.schema import ArmsText

ARMS: Final = ("standard", "holdout", "random_relevant", "p_accept_only", "no_levers")
"""An arm's place is its code; append, never reorder."""

STANDARD, HOLDOUT, RANDOM_RELEVANT, P_ACCEPT_ONLY, NO_LEVERS = range(5)


def assigned_arms(text: ArmsText, customer_ids: Sequence[str]) -> UInt8s:
    """Return the arm of each customer, shape (n,)."""
    bounds = np.cumsum([text.random_relevant_share, text.p_accept_only_share, text.no_levers_share])
    codes = np.array([RANDOM_RELEVANT, P_ACCEPT_ONLY, NO_LEVERS, STANDARD], np.uint8)
    arms = codes[np.searchsorted(bounds, salted_draws(text.arms_salt, customer_ids), side="right")]
    arms[salted_draws(text.holdout_salt, customer_ids) < text.holdout_share] = HOLDOUT
    return arms
