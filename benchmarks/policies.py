"""The retail bank's policy with other triggers: how many events are decisions is what a benchmark sets.

Products, offers, rules, contact policy, exploration and arms stay as they are. The gap between two decisions
of a customer becomes zero, since the load says how often there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from consumer.settings import DEFAULT_POLICY
from consumer.vocabulary.words import INTERACTION_KINDS, TRANSACTION_KINDS

Trigger = dict[str, Any]

INTEREST: Final[Trigger] = {"name": "product_interest", "source": "interactions", "kinds": ["product_view"]}
"""Only a product view is a decision: the load's `trigger_share` is then the share of decisions."""

EVERY_EVENT: Final[Sequence[Trigger]] = (
    {"name": "product_interest", "source": "interactions", "kinds": list(INTERACTION_KINDS)},
    {"name": "money_arrived", "source": "transactions", "kinds": list(TRANSACTION_KINDS)},
)


def with_triggers(
    text: str, triggers: Sequence[Trigger], *, young_share: float | None = None, has_budgets: bool = True
) -> str:
    r"""Return a policy file's text with these triggers only, and no gap between decisions.

    Parameters
    ----------
    text : of a policy file
    triggers : what opens a decision
    young_share : of the draw that an offer without evidence gets; sets how many decisions make an offer
    has_budgets : an offer's budget a day stays; without, banks of any size make as many offers an event

    Examples
    --------
    >>> plain = "decision_gap_hours: 20\ntriggers: [{name: a}, {name: b}]\noffers: [{context_weights: {a: 2}}]"
    >>> with_triggers(plain, [{"name": "b"}]).splitlines()
    ['decision_gap_hours: 0.0', 'offers:', '- context_weights: {}', 'triggers:', '- name: b']
    """
    policy = yaml.safe_load(text)
    names = {trigger["name"] for trigger in triggers}
    policy["decision_gap_hours"], policy["triggers"] = 0.0, list(triggers)
    for offer in policy["offers"]:
        weights = offer.get("context_weights", {})
        offer["context_weights"] = {name: weight for name, weight in weights.items() if name in names}
        if "triggers" in offer:
            offer["triggers"] = [name for name in offer["triggers"] if name in names] or list(names)
        if not has_budgets:
            offer.pop("budget_per_day", None)
    if young_share is not None:
        policy["exploration"]["young_share"] = young_share
    return str(yaml.safe_dump(policy))


def write_policy(
    path: Path, triggers: Sequence[Trigger], *, young_share: float | None = None, has_budgets: bool = True
) -> Path:
    """Write the retail bank's policy with these triggers to `path`, and return it."""
    text = DEFAULT_POLICY.read_text(encoding="utf-8")
    changed = with_triggers(text, triggers, young_share=young_share, has_budgets=has_budgets)
    path.write_text(changed, encoding="utf-8")
    return path
