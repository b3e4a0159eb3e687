"""What an outcome does to an open decision: one table, read for a whole batch at once.

    OFFERED --delivered--> DELIVERED --accepted--> ACCEPTED --purchased--> PURCHASED
       |                       |                       |
       | undelivered           | rejected, or          | window over: not bought
       | -> UNDELIVERED        | window over           v
       | offer expired         v                     LAPSED
       | -> UNCONFIRMED     REJECTED, EXPIRED

Rules of this file: pure; every (state, outcome) pair has an entry, so nothing is dropped silently.
 1. Outcomes arrive in any order. Viewed, clicked, accepted, rejected and purchased imply delivered.
 2. A positive answer wins over a negative one whenever it comes: the negative label is taken back
    (REVERSE_RESPONSE) and a positive one given. So the labels that remain do not depend on the order.
 3. A decision has at most one response label and one purchase label that are not taken back. The
    purchase label is conditional: it is about offers that were accepted.
 4. Never delivered: no label. The contact is given back only when non-delivery is reported.
 5. What contradicts is counted and changes labels only by rule 2.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.vocabulary.words import OUTCOME_KINDS, code_of

UInt8s = NDArray[np.uint8]
UInt16s = NDArray[np.uint16]
Int64s = NDArray[np.int64]


class State(IntEnum):
    """Where an open decision stands; numbers are stored, so append and never renumber."""

    OFFERED = 0
    DELIVERED = 1
    ACCEPTED = 2
    PURCHASED = 3
    REJECTED = 4
    EXPIRED = 5
    UNDELIVERED = 6
    UNCONFIRMED = 7
    LAPSED = 8


class Effect(IntFlag):
    """What follows from a step; several may hold at once."""

    NONE = 0
    POSITIVE_RESPONSE = 1
    NEGATIVE_RESPONSE = 2
    POSITIVE_PURCHASE = 4
    NEGATIVE_PURCHASE = 8
    REVERSE_RESPONSE = 16
    REVERSE_PURCHASE = 32
    OPEN_WINDOW = 64
    RELEASE_CONTACT = 128
    RESTORE_CONTACT = 256
    UNCONFIRMED = 512
    DUPLICATE = 1024
    CONTRADICTION = 2048


OPEN_STATES: Final = np.zeros(256, dtype=bool)
"""`OPEN_STATES[state]`: the state still waits for its deadline."""
OPEN_STATES[[State.OFFERED, State.DELIVERED, State.ACCEPTED]] = True

_S, _E = State, Effect
_SEEN = (_S.DELIVERED, _E.OPEN_WINDOW)
_TURNED = (_S.ACCEPTED, _E.OPEN_WINDOW | _E.REVERSE_RESPONSE | _E.POSITIVE_RESPONSE)
_TURNED_BOUGHT = (_S.PURCHASED, _TURNED[1] | _E.POSITIVE_PURCHASE)
_BOUGHT = (_S.PURCHASED, _E.POSITIVE_RESPONSE | _E.POSITIVE_PURCHASE)

_Steps = dict[str, tuple[State, Effect]]

_WAITING: Final[_Steps] = {
    "delivered": _SEEN,
    "viewed": _SEEN,
    "clicked": _SEEN,
    "undelivered": (_S.UNDELIVERED, _E.RELEASE_CONTACT),
    "rejected": (_S.REJECTED, _E.OPEN_WINDOW | _E.NEGATIVE_RESPONSE),
    "accepted": (_S.ACCEPTED, _E.OPEN_WINDOW | _E.POSITIVE_RESPONSE),
    "purchased": (_S.PURCHASED, _E.OPEN_WINDOW | _BOUGHT[1]),
}
"""Nothing is known yet, in time (OFFERED) or after the offer has expired (UNCONFIRMED)."""

STEPS: Final[dict[State, _Steps]] = {
    _S.OFFERED: _WAITING,
    _S.UNCONFIRMED: _WAITING,
    _S.DELIVERED: {
        "delivered": (_S.DELIVERED, _E.DUPLICATE),
        "undelivered": (_S.DELIVERED, _E.CONTRADICTION),
        "rejected": (_S.REJECTED, _E.NEGATIVE_RESPONSE),
        "accepted": (_S.ACCEPTED, _E.POSITIVE_RESPONSE),
        "purchased": _BOUGHT,
    },
    _S.ACCEPTED: {
        "undelivered": (_S.ACCEPTED, _E.CONTRADICTION),
        "rejected": (_S.ACCEPTED, _E.CONTRADICTION),
        "accepted": (_S.ACCEPTED, _E.DUPLICATE),
        "purchased": (_S.PURCHASED, _E.POSITIVE_PURCHASE),
    },
    _S.PURCHASED: {
        "undelivered": (_S.PURCHASED, _E.CONTRADICTION),
        "rejected": (_S.PURCHASED, _E.CONTRADICTION),
        "purchased": (_S.PURCHASED, _E.DUPLICATE),
    },
    _S.REJECTED: {
        "undelivered": (_S.REJECTED, _E.CONTRADICTION),
        "rejected": (_S.REJECTED, _E.DUPLICATE),
        "accepted": (_TURNED[0], _TURNED[1] | _E.CONTRADICTION),
        "purchased": (_TURNED_BOUGHT[0], _TURNED_BOUGHT[1] | _E.CONTRADICTION),
    },
    _S.EXPIRED: {
        "undelivered": (_S.EXPIRED, _E.CONTRADICTION),
        "rejected": (_S.REJECTED, _E.NONE),
        "accepted": _TURNED,
        "purchased": _TURNED_BOUGHT,
    },
    _S.UNDELIVERED: {
        "undelivered": (_S.UNDELIVERED, _E.DUPLICATE),
        **{
            kind: (state, effect | _E.RESTORE_CONTACT | _E.CONTRADICTION)
            for kind, (state, effect) in _WAITING.items()
            if kind != "undelivered"
        },
    },
    _S.LAPSED: {
        "undelivered": (_S.LAPSED, _E.CONTRADICTION),
        "rejected": (_S.LAPSED, _E.CONTRADICTION),
        "accepted": (_S.LAPSED, _E.DUPLICATE),
        "purchased": (_S.PURCHASED, _E.REVERSE_PURCHASE | _E.POSITIVE_PURCHASE),
    },
}
"""State → outcome → (state after, effects). An outcome that is not named leaves the state as it is and
has no effect: graded engagement after delivery, reports that only arrive late, opt-outs, complaints."""

EXPIRY: Final[dict[State, tuple[State, Effect]]] = {
    _S.OFFERED: (_S.UNCONFIRMED, _E.UNCONFIRMED),
    _S.DELIVERED: (_S.EXPIRED, _E.NEGATIVE_RESPONSE),
    _S.ACCEPTED: (_S.LAPSED, _E.NEGATIVE_PURCHASE),
}
"""What the deadline does to an open state."""


def _outcome_tables() -> tuple[UInt8s, UInt16s]:
    """Return next state and effects, indexed by [state, outcome code]."""
    codes = code_of(OUTCOME_KINDS)
    states = np.repeat(np.arange(len(State), dtype=np.uint8)[:, None], len(codes), axis=1)
    effects = np.zeros(states.shape, dtype=np.uint16)
    for state, steps in STEPS.items():
        for kind, (after, effect) in steps.items():
            states[state, codes[kind]] = after
            effects[state, codes[kind]] = effect
    return states, effects


def _expiry_tables() -> tuple[UInt8s, UInt16s]:
    """Return next state and effects at the deadline, indexed by [state]."""
    states = np.arange(len(State), dtype=np.uint8)
    effects = np.zeros(len(State), dtype=np.uint16)
    for state, (after, effect) in EXPIRY.items():
        states[state] = after
        effects[state] = effect
    return states, effects


_STATE_AFTER, _EFFECTS = _outcome_tables()
_STATE_AFTER_EXPIRY, _EXPIRY_EFFECTS = _expiry_tables()


def attribute(state: UInt8s, outcome_kind: UInt8s) -> tuple[UInt8s, UInt16s]:
    """Return each decision's state after one outcome, and the `Effect` bits of the step.

    Parameters
    ----------
    state : shape (n,), `State` before
    outcome_kind : shape (n,), code in `OUTCOME_KINDS`

    Examples
    --------
    >>> after, effects = attribute(np.array([1], "u1"), np.array([code_of(OUTCOME_KINDS)["accepted"]], "u1"))
    >>> State(after[0]).name, Effect(int(effects[0])).name
    ('ACCEPTED', 'POSITIVE_RESPONSE')
    """
    return _STATE_AFTER[state, outcome_kind], _EFFECTS[state, outcome_kind]


def expire(state: UInt8s, deadline_ms: Int64s, stream_time_ms: Int64s | int) -> tuple[UInt8s, UInt16s]:
    """Return each decision's state and effects when the stream has come to `stream_time_ms`.

    Windows are half-open: a deadline is over once stream time has reached it.
    """
    is_over = deadline_ms <= stream_time_ms
    after = np.where(is_over, _STATE_AFTER_EXPIRY[state], state)
    return after, np.where(is_over, _EXPIRY_EFFECTS[state], np.uint16(0))
