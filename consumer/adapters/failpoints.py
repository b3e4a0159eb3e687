"""Failpoints: named steps of scorer and learner at which a test kills or stops the process, to the step.

    UPSWELL_FAILPOINT=before_write:3                          SIGKILL to itself at the third passing
    UPSWELL_FAILPOINT=in_transaction:2:stop                   SIGSTOP, until somebody sends SIGCONT
    UPSWELL_FAILPOINT=after_write:4:stop,before_commit:6      several, in any order

The loops do not know of them: they are passed by watchers around the ports (`watched_ports.py`), which the
composition root puts there when the setting is there, and `Settings` refuses it in production. Without it no call
takes another way than ever.

    one batch     after_poll  after_decode  after_load  before_decide  after_decide
                  before_write  between_writes  after_write
                  before_publish  in_transaction  before_commit  after_commit  after_publish
    a takeover    after_epoch_raised  before_republish  after_republish  before_seek  after_read_back
    the learner   after_models_read, then those of a batch that it has

`between_writes` stands between the first partition of a batch and the others; `in_transaction` strikes when the
broker has the records, `before_commit` when it has the offsets too.

Rules of this file: pure but for the strike.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from consumer.vocabulary.errors import ConfigurationError

Action = Literal["kill", "stop"]

_FORM: Final = re.compile(r"([a-z_]+):([1-9][0-9]{0,5})(?::(kill|stop))?")

SOURCE_STEPS: Final = {"poll": ("", "after_poll"), "seek": ("before_seek", "")}
DECODER_STEPS: Final = {"decode": ("", "after_decode")}
STORE_STEPS: Final = {
    "take_over": ("", "after_epoch_raised"),
    "load": ("", "after_load"),
}
WRITE_STEPS: Final = ("before_write", "between_writes", "after_write")
DECIDER_STEPS: Final = {"run": ("before_decide", "after_decide")}
SINK_STEPS: Final = {"publish": ("before_publish", "after_publish")}
PRODUCER_STEPS: Final = {
    "send_offsets_to_transaction": ("in_transaction", ""),
    "commit_transaction": ("before_commit", "after_commit"),
}
DECISIONS_STEPS: Final = {"read": ("", "after_read_back")}
FEED_STEPS: Final = {"read_all": ("", "after_models_read")}
"""Method of a port → names of the steps before and after it; empty where there is none."""

_TAKEOVER_STEPS: Final = {"before_publish": "before_republish", "after_publish": "after_republish"}
"""Between raising the epoch and seeking, the outbox of the former owner is published."""

NAMES: Final = tuple(
    dict.fromkeys(
        name
        for steps in (
            *(SOURCE_STEPS, DECODER_STEPS, STORE_STEPS, DECIDER_STEPS, {"write": WRITE_STEPS}),
            *(SINK_STEPS, PRODUCER_STEPS, {"publish": ("before_republish", "after_republish")}),
            *(DECISIONS_STEPS, FEED_STEPS),
        )
        for names in steps.values()
        for name in names
        if name
    )
)


@dataclass(frozen=True, slots=True)
class Failpoint:
    """What happens at which passing of a step, counted from 1."""

    name: str
    passing: int
    action: Action


def parse_failpoints(text: str) -> tuple[Failpoint, ...]:
    """Return the failpoints that a setting names.

    Raises
    ------
    ConfigurationError : not of the form, or no step of this name

    Examples
    --------
    >>> parse_failpoints("before_write:3")
    (Failpoint(name='before_write', passing=3, action='kill'),)
    """
    return tuple(_parsed(part) for part in text.split(","))


def _parsed(text: str) -> Failpoint:
    found = _FORM.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"failpoint {text} is not of the form step:passing or step:passing:stop")
    name, passing, action = found.groups()
    if name not in NAMES:
        raise ConfigurationError(f"failpoint {name} is no step; known are {', '.join(NAMES)}")
    return Failpoint(name, int(passing), "stop" if action == "stop" else "kill")


class Failpoints:
    """Counts the passings of each step and strikes at those that are set.

    Parameters
    ----------
    armed : from `parse_failpoints`
    strike : what an action is; the default sends the signal to this very process

    Attributes
    ----------
    is_writing_apart : whether the first partition of a batch has to be written before the others
    """

    def __init__(self, armed: Sequence[Failpoint], *, strike: Callable[[Action], None] | None = None) -> None:
        self._armed = {(point.name, point.passing): point.action for point in armed}
        self._strike = strike or _strike
        self._passings: Counter[str] = Counter()
        # Publishing may have a thread of its own.
        self._lock = threading.Lock()
        self._is_taking_over = False
        self.is_writing_apart = any(point.name == "between_writes" for point in armed)

    def passed(self, name: str, *, first: Callable[[], object] = lambda: None) -> None:
        """Count one passing; strike if it is set, after having done what comes first."""
        action = self._action(name)
        if action is not None:
            first()
            self._strike(action)

    def _action(self, name: str) -> Action | None:
        with self._lock:
            name = self._name(name)
            self._passings[name] += 1
            return self._armed.get((name, self._passings[name]))

    def _name(self, name: str) -> str:
        """Return the step that a call is, by what came before it."""
        if name in {"after_epoch_raised", "before_seek"}:
            self._is_taking_over = name == "after_epoch_raised"
        return _TAKEOVER_STEPS.get(name, name) if self._is_taking_over else name


def _strike(action: Action) -> None:
    os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
