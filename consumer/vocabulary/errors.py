"""What can go wrong, named by what the caller has to do about it.

Four kinds (docs/ARCHITECTURE.md, failure table): an expected condition is a value, not an error;
bad input becomes a dead letter; an operating fault is retried with bounded back-off; a defect
stops the process before anything is committed. A wrong configuration stops the start.
"""

from __future__ import annotations


class UpswellError(Exception):
    """Any error that Upswell raises on purpose; its text is one sentence for a person."""


class ConfigurationError(UpswellError):
    """A setting, policy, seed or topic is wrong: say so and exit with code 2, nothing was started."""


class InvalidMessage(UpswellError):
    """One record cannot be used: write it to the dead-letter topic and go on.

    Parameters
    ----------
    code : a `DeadLetterCode` value, stable and documented in docs/dead-letters.md
    reason : one sentence with the place (field or byte) of the fault, without personal data
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Retryable(UpswellError):
    """Broker or store did not answer: back off and try the same call again, state is intact."""


class Fenced(UpswellError):
    """Another process owns this partition now: drop what is in hand and let the partition go."""


class Defect(UpswellError):
    """An invariant is broken: stop before anything is committed and keep the positions in the text."""
