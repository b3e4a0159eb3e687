"""Gates: customers to whom nothing at all is offered, and those to whom only retention is.

What is not known closes the gate: no profile, no birth date, no KYC result means no offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from consumer.policy.facts import MARKETING_BIT, PROFILING_BIT, Bools, Codes, Facts, UInt8s
from consumer.policy.rules import Rule, compile_rule
from consumer.policy.schema import PolicyText
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.words import AML_STATUSES, KYC_STATUSES

_KYC_COMPLETE = KYC_STATUSES.index("complete")
_AML_CLEAR = AML_STATUSES.index("clear")


@dataclass(frozen=True, slots=True, eq=False)
class GateTable:
    """Compiled gates. `is_retention` : (O,)."""

    adult_age_years: int
    retention_only_when: tuple[Rule, ...]
    is_retention: Bools


def gate_table(text: PolicyText, *, trigger_names: tuple[str, ...]) -> GateTable:
    """Return the gates of a policy."""
    rules = tuple(compile_rule(rule, trigger_names=trigger_names) for rule in text.gates.retention_only_when)
    is_retention = np.array([offer.kind == "retention" for offer in text.offers])
    return GateTable(text.gates.adult_age_years, rules, is_retention)


def closed_gates(table: GateTable, facts: Facts) -> UInt8s:
    """Return the code of the gate that is closed to each customer, 0 where all are open; shape (n,)."""
    consents = facts.consents
    is_closed = {
        Exclusion.VULNERABLE: facts.is_vulnerable,
        Exclusion.AML_HOLD: facts.aml_status != _AML_CLEAR,
        Exclusion.KYC_INCOMPLETE: facts.kyc_status != _KYC_COMPLETE,
        Exclusion.MINOR: ~(facts.age_years >= table.adult_age_years),
        Exclusion.DECEASED: facts.is_deceased,
        Exclusion.NO_PROFILING_CONSENT: (consents >> PROFILING_BIT) & 1 == 0,
        Exclusion.NO_MARKETING_CONSENT: (consents >> MARKETING_BIT) & 1 == 0,
        Exclusion.UNKNOWN_CUSTOMER: ~facts.is_known,
    }
    closed = np.zeros(len(facts), np.uint8)
    # From the highest code to the lowest, so that the lowest stays.
    for reason, closes in is_closed.items():
        closed[closes] = reason
    return closed


def is_retention_only(table: GateTable, fields: Mapping[str, Codes], n: int) -> Bools:
    """Return which customers may only be asked to stay (any of the rules is met); shape (n,)."""
    only = np.zeros(n, np.bool_)
    for rule in table.retention_only_when:
        only |= rule.met(fields)
    return only
