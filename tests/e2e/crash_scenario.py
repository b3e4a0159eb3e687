"""What befalls one run of the crash matrix: everything that is drawn, drawn from its seed.

A run has one scorer that is harmed, the subject, and perhaps others. Its script is a list of moments: at the
n-th passing of a failpoint the subject dies, or it stands still while something else is harmed and then goes on.

    seed % len(KINDS)     what kind of harm, so that so many seeds in a row meet them all
    the rest of the seed  where and when, how large the batches are, who else is there
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Store = Literal["redis", "unix", "cluster"]
STORES: Final[tuple[Store, ...]] = ("redis", "unix", "cluster")

KILL: Final = "kill"
TERMINATE: Final = "terminate"
RANDOM_TIME: Final = "at a random time"

STEPS: Final = (
    ("after_poll", "before_write", "after_epoch_raised"),
    ("after_write", "before_republish", "after_decode"),
    ("before_publish", "after_republish", "after_load"),
    ("in_transaction", "before_seek", "before_decide"),
    ("before_commit", "after_decide", "after_commit"),
    ("between_writes", "before_republish", "after_publish"),
)
"""Three lives a run. What a takeover passes comes after a death that leaves something to publish."""

SCORER_STEPS: Final = (*dict.fromkeys(step for steps in STEPS for step in steps), "after_read_back")
"""Every failpoint that a scorer passes; nobody survives to `after_read_back` but where Redis lost writes."""

ONE_PASSING: Final = {"before_republish", "after_republish", "after_read_back", "between_writes"}
"""How often these are passed depends on what the life before left behind, or what a fetch brought; at least once."""

TAKEOVER: Final = {"after_epoch_raised", "before_seek"}
"""Passed once for each partition that is taken over."""

BETWEEN_SYSTEMS: Final = ("before_write", "after_write", "before_publish", "in_transaction", "before_commit")
"""Where store and broker know different things, or one of them is about to be told."""

PASSINGS_MAX: Final = 9
BATCHES: Final = ("25", "40", "70")
LIFE_MS: Final = (20, 700)

KINDS: Final = (
    *("steps",) * len(STEPS),
    "random times",
    "random times, others go on",
    "members come and go",
    "members come and go, static",
    "zombie",
    "zombie, two others",
    "redis killed",
    "redis emptied",
    "redis emptied, killed while rebuilding",
    "redis older",
    "redis older, others there",
    "redis failed over",
    "redis failed over to a replica that lags",
    "redis slot moved",
    "broker killed",
    "broker killed, scorer suspended",
    "terminated under load",
    "zombie and redis older",
    "learner killed",
)
SEEDS_FOR_ALL: Final = len(KINDS)


@dataclass(frozen=True, slots=True)
class Moment:
    """One harm and when it comes.

    step, passing : of the failpoint; with `RANDOM_TIME`, milliseconds after the subject was ready
    harm : `KILL`, or what `tests/e2e/crash_harms.py` does while the subject stands still
    """

    step: str
    passing: int
    harm: str

    @property
    def name(self) -> str:
        """What is counted: the harm and where it came."""
        return f"{self.harm} {self.step}" if self.step == RANDOM_TIME else f"{self.harm} at {self.step}"

    def __str__(self) -> str:
        return f"{self.name}:{self.passing}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run, ready to be carried out.

    store : where customer state is: Redis over TCP, over a Unix socket, or a Redis Cluster with replicas
    is_static : members have fixed names, so that one that starts again gets its partitions back
    others : scorers beside the subject
    """

    seed: int
    kind: str
    moments: tuple[Moment, ...]
    batch_records: str
    others: int = 0
    is_static: bool = True
    store: Store = "redis"

    def __str__(self) -> str:
        moments = "; ".join(map(str, self.moments))
        circumstances = f"{self.store}, batches of {self.batch_records}, {self.others} others"
        return f"seed {self.seed}, {self.kind} ({circumstances}): {moments}"


def scenario(seed: int) -> Scenario:
    """Return the run of a seed."""
    rng = np.random.default_rng([seed, 4])
    number = seed % len(KINDS)
    kind = KINDS[number]
    moments = tuple(_moments(kind, number, seed // len(KINDS), rng))
    others = _others(kind, rng)
    return Scenario(
        seed=seed,
        kind=kind,
        moments=moments,
        # Several read the log sooner: in small batches there is something left to harm.
        batch_records=BATCHES[0] if others else str(rng.choice(BATCHES)),
        others=others,
        is_static="others go on" not in kind and (kind != "members come and go"),
        store=_store(kind, seed),
    )


def _store(kind: str, seed: int) -> Store:
    is_any = "redis" not in kind
    if "failed over" in kind or "slot" in kind or (is_any and seed // len(KINDS) % 4 == 3):
        return "cluster"
    return "unix" if seed % 2 else "redis"


def _others(kind: str, rng: np.random.Generator) -> int:
    if "two others" in kind:
        return 2
    if "others" in kind or "zombie" in kind or kind == "members come and go, static":
        return 1
    # Alone where two harms belong together: others could leave it too little to come to the second.
    return int(rng.integers(0, 2)) if "redis" in kind and len(HARMS_OF[kind]) == 1 else 0


def _moments(kind: str, number: int, turn: int, rng: np.random.Generator) -> list[Moment]:
    match kind:
        case "steps":
            steps = (
                STEPS[number]
                if turn == 0
                else tuple(STEPS[int(rng.integers(len(STEPS)))][place] for place in range(3))
            )
            return [_moment(step, KILL, rng) for step in steps]
        case "learner killed":
            drawn = [str(step) for step in rng.choice(LEARNER_STEPS, 3)]
            deaths = [Moment(step, _learner_passing(step, rng), KILL) for step in drawn]
            return [*deaths, Moment(RANDOM_TIME, int(rng.integers(*LIFE_MS)), KILL)]
        case "random times" | "random times, others go on":
            lives = 1 if "others" in kind else 3
            return [Moment(RANDOM_TIME, int(rng.integers(*LIFE_MS)), KILL) for _ in range(lives)]
        case "terminated under load":
            return [Moment(RANDOM_TIME, int(rng.integers(*LIFE_MS)), TERMINATE) for _ in range(3)]
    if kind in FIRST_ZOMBIES and turn == 0:
        return [Moment(FIRST_ZOMBIES[kind], 3, "sleep")]
    harms = HARMS_OF[kind]
    # Only what readers have seen is read back: not before some batches are published.
    first = 1 if "kill at after_read_back" in harms else 0
    return [_at_some_step(harm, place, rng) for place, harm in enumerate(harms, first)]


FIRST_ZOMBIES: Final = {"zombie": "before_write", "zombie, two others": "in_transaction"}
"""The first one meets the epoch of the store, the second one the generation of the group."""

LEARNER_STEPS: Final = (
    *("after_models_read", "after_poll", "before_publish", "in_transaction", "before_commit", "after_commit"),
    "after_publish",
)

HARMS_OF: Final = {
    "members come and go": ("join", "join", "leave", KILL),
    "members come and go, static": ("join", "kill other", "join", KILL),
    "zombie": ("sleep",),
    "zombie, two others": ("sleep",),
    "redis killed": ("kill redis", "kill redis"),
    "redis emptied": ("empty redis",),
    "redis emptied, killed while rebuilding": ("empty redis", "kill at after_read_back", KILL),
    "redis older": ("copy redis", "restore redis"),
    "redis older, others there": ("copy redis", "restore redis"),
    "redis failed over": ("fail over",),
    "redis failed over to a replica that lags": ("cut replica off", "fail over"),
    "redis slot moved": ("move slot",),
    "broker killed": ("kill broker",),
    "broker killed, scorer suspended": ("kill broker while it stands",),
    "zombie and redis older": ("copy redis", "restore redis", "sleep"),
}


def _learner_passing(step: str, rng: np.random.Generator) -> int:
    return 1 if step == "after_models_read" else int(rng.integers(1, PASSINGS_MAX))


def _at_some_step(harm: str, place: int, rng: np.random.Generator) -> Moment:
    """Return a moment later than those of lower places, so that they come in this order in one life."""
    if harm == "kill at after_read_back":
        return Moment("after_read_back", 1, KILL)
    step = str(rng.choice(BETWEEN_SYSTEMS))
    return Moment(step, 2 + 4 * place + int(rng.integers(0, 3)), harm)


def _moment(step: str, harm: str, rng: np.random.Generator) -> Moment:
    if step in ONE_PASSING:
        return Moment(step, 1, harm)
    return Moment(step, int(rng.integers(1, 4 if step in TAKEOVER else PASSINGS_MAX + 1)), harm)
