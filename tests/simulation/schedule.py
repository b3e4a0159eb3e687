"""One schedule: scorers over one log and one store, and a seeded adversary between any two effects.

Between effects the adversary may

    kill        the process is gone, its transaction stays open, the group notices some time later
    expel       the group gives the process up, and it does not know (a zombie): others go on, then it does
    oversleep   the same, after the store has lost writes, until it could be mistaken for what the zombie knew;
                perhaps the store loses what the others wrote too
    misread     the same while it reads: it reads what the others wrote, then the store is as it knew it
    pause       the others go on for a while
    retry       the call fails, or it succeeds and its answer is lost
    join        another scorer joins
    time out    the broker aborts transactions that are open
    roll back   partitions of the store are as they were some time ago
    lose        partitions of the store are empty

and between steps it stops processes in good order, starts others and publishes more of the log. When its
budget of faults is spent, what is alive reads on to the end.

Everything follows from the seed: one generator, no threads, no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from consumer.adapters.decision_reader import MemoryDecisionLog
from consumer.adapters.memory_io import MemorySink
from consumer.adapters.memory_store import StoredPartition
from consumer.assembly import Core
from consumer.runtime.backoff import Backoff
from consumer.runtime.scorer import Scorer, ScorerLimits, ScorerPorts
from consumer.runtime.serving_models import ServingModels
from consumer.vocabulary.errors import Fenced, Retryable
from tests.simulation.hooked_ports import (
    HookedDecisions,
    HookedSource,
    HookedStore,
    PatientClock,
    SomeTimeLane,
    step_hook,
)
from tests.simulation.small_bank import N_PARTITIONS, Bank
from tests.simulation.world import IDLE_STEPS, World

PROCESSES_MAX = 3
BATCHES = (4, 15, 60)
STEPS_MAX = 2_000
FAULTS_MAX = 10
NESTED_STEPS_MAX = 6
SLEPT_STEPS_MAX = 30
TAIL = 16
"""Records kept back until the faults are over: what every owner meets then."""
REBUILD_STEPS = 12
HARMS = (
    *("kill", "kill", "expel", "expel", "oversleep", "oversleep"),
    *("pause", "time out", "roll back", "lose", "join"),
)
BETWEEN_SYSTEMS = ("before write", "after write", "after produced", "after offsets_sent")
"""Where store and broker know different things; harm is more likely there."""
TAKING_OVER = ("before take_over", "after take_over", "after bounds")
"""Where owners change; who is given up here and sleeps is the one that others know least of."""
FAVOURITES = {
    **dict.fromkeys((*TAKING_OVER, "before write"), "oversleep"),
    **dict.fromkeys(("before due", "before load"), "misread"),
}
"""What is done in half of the cases where it does most harm."""
BETWEEN_SYSTEMS_FACTOR = 4
RETURNS_SURELY = ("after poll", "after committed")
"""What was polled is in hand; whether a commit happened is found out by the sink itself (contract tests)."""
LANE_SHARE = 0.3
"""Of the effects of a process at which what is under way beside its loop is done."""
CALM_STEPS = 400
"""Steps without faults in which a bank of this size is read to its end many times."""


class Killed(Exception):
    """The process is gone."""


@dataclass(slots=True, eq=False)
class Process:
    """One scorer; `is_within` while a call of it is under way further down the stack."""

    name: str
    scorer: Scorer
    source: HookedSource
    lane: SomeTimeLane
    is_within: bool = False


@dataclass(slots=True)
class Schedule:
    """A run of one bank under one seed.

    share : probability of a fault at each effect
    faults : how many are left
    """

    bank: Bank
    rng: np.random.Generator
    core: Core
    world: World = field(init=False)
    share: float = 0.0
    faults: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    alive: list[Process] = field(default_factory=list)
    dead: list[Process] = field(default_factory=list)
    copies: list[dict[int, StoredPartition]] = field(default_factory=list)
    known_before: dict[str, dict[int, StoredPartition]] = field(default_factory=dict)
    published: int = 0
    started: int = 0
    depth: int = 0

    def __post_init__(self) -> None:
        self.world = World(n_partitions=N_PARTITIONS)
        self.faults = int(self.rng.integers(1, FAULTS_MAX + 1))
        self.share = float(self.rng.choice([0.01, 0.03, 0.08]))
        self.copies.append({})

    # ------------------------------------------------------------ from outside

    def run(self) -> None:
        """Disturb the run until the faults are spent, then let it come to its end."""
        self._disturb(STEPS_MAX, until=len(self.bank.log) - TAIL)
        self.calm()

    def _disturb(self, steps: int, *, until: int) -> None:
        for _ in range(steps):
            if self.faults <= 0 or (self.published >= until and self.rng.random() < 0.02):
                return
            self._between_steps(until)
            if self.alive:
                self._step(self._any_alive())

    def calm(self) -> None:
        """Let everything be read to the end without further faults."""
        self.faults = 0
        self._publish(len(self.bank.log))
        self._bury()
        idle = 0
        for _ in range(CALM_STEPS):
            if idle > IDLE_STEPS:
                return
            if not self.alive:
                self._start()
            self.world.log.abort_abandoned()
            idle = 0 if sum(self._step(process) for process in list(self.alive)) else idle + 1
        raise AssertionError("the run does not come to its end")

    def harm_store_and_change_models(self) -> None:
        """After the end: the store loses writes, and the next owners would decide otherwise."""
        self._stop_all()
        self.core = self.bank.other_core
        self._roll_back() if self.rng.random() < 0.5 else self._lose()
        self.faults = int(self.rng.integers(0, 4))
        self._disturb(REBUILD_STEPS, until=0)
        # Who has nothing more to write does not notice what the store loses: the next owner does.
        self._stop_all()
        self.calm()

    # ------------------------------------------------------------ between steps

    def _between_steps(self, until: int) -> None:
        draw = self.rng.random()
        if not self.alive or draw < 0.1:
            self._start()
        elif draw < 0.13:
            self._stop(self._any_alive())
        elif draw < 0.3:
            self._bury()
        elif draw < 0.5:
            self.copies.append(self.world.store.copy())
        if self.rng.random() < 0.5:
            self._publish(min(int(self.rng.integers(0, 25)), max(until - self.published, 0)))

    def _any_alive(self) -> Process:
        return self.alive[int(self.rng.integers(len(self.alive)))]

    def _publish(self, count: int) -> None:
        for record in self.bank.log[self.published : self.published + count]:
            place = (record.role, record.partition, record.key, record.value)
            offset = self.world.log.append(*place, timestamp_ms=record.timestamp_ms)
            assert offset == record.offset, "the log is published in its own order"
        self.published = min(self.published + count, len(self.bank.log))

    def _bury(self) -> None:
        """The group notices who died, and the broker takes back what they left open."""
        for process in self.dead:
            self.world.group.leave(process.source.member)
        self.dead.clear()
        self.world.log.abort_abandoned()

    # ------------------------------------------------------------ processes

    def _start(self, batches: Sequence[int] = BATCHES) -> None:
        if len(self.alive) == PROCESSES_MAX:
            return
        self.started += 1
        name = f"s{self.started}"
        world = self.world

        def hook(effect: str) -> None:
            self._at(process, effect)

        lane = SomeTimeLane()
        source = HookedSource(world.log, world.group, member=name)
        source.hook = hook
        sink = MemorySink(world.log, source, transactional_id=name, on_step=step_hook(hook))
        scorer = Scorer(
            ScorerPorts(
                source,
                sink,
                HookedStore(world.store, hook),
                PatientClock(self._wait),
                world.telemetry,
                lane,
                HookedDecisions(MemoryDecisionLog(world.log), hook),
            ),
            self.core.decoder,
            self.core.pipeline,
            ServingModels(self.core.model_shape, seeds={}, feed=None, telemetry=world.telemetry),
            N_PARTITIONS,
            limits=ScorerLimits(batch_records=int(self.rng.choice(batches))),
            dead_letter_limit=self.core.dead_letter_limit,
            backoff=Backoff(attempts=4),
        )
        process = Process(name, scorer, source, lane)
        source.open(scorer)
        self.alive.append(process)

    def _stop_all(self) -> None:
        for process in list(self.alive):
            self._stop(process)

    def _stop(self, process: Process) -> None:
        """As `Scorer.run` ends: also when it cannot go on. It may be killed while it does."""
        self.alive.remove(process)
        try:
            process.lane.close()
            process.source.close()
            process.scorer.ports.sink.close()
        except Killed:
            self.dead.append(process)

    def _step(self, process: Process) -> int:
        process.is_within = True
        try:
            return process.scorer.step()
        except Killed:
            self.alive.remove(process)
            self.dead.append(process)
        except (Fenced, Retryable) as error:
            self.happened[f"ended by {type(error).__name__}"] += 1
            self._stop(process)
        finally:
            process.is_within = False
        return 1

    def _wait(self) -> None:
        if self.rng.random() < 0.5:
            self.world.log.abort_abandoned()

    # ------------------------------------------------------------ faults

    def _at(self, process: Process, effect: str) -> None:
        """Go on beside the loop, and perhaps do harm, at an effect of a process."""
        if self.rng.random() < LANE_SHARE:
            process.lane.go_on()
        if effect == "after load" and (known := self.known_before.pop(process.name, None)) is not None:
            self.world.store.restore(known)
        share = self.share * (BETWEEN_SYSTEMS_FACTOR if effect in BETWEEN_SYSTEMS + TAKING_OVER else 1)
        if self.faults <= 0 or self.rng.random() >= share:
            return
        self.faults -= 1
        harms = [*HARMS, *(("retry",) if effect not in RETURNS_SURELY else ())]
        harm = harms[int(self.rng.integers(len(harms)))]
        if self.rng.random() < 0.5:
            harm = FAVOURITES.get(effect, harm)
        self.happened[harm] += 1
        self.trace.append(f"{harm} {effect} of {process.name}")
        if harm == "kill":
            raise Killed
        if harm == "retry":
            raise Retryable(f"no answer: {effect}")
        self._do(harm, process)

    def _do(self, harm: str, process: Process) -> None:
        harms: dict[str, Callable[[], None]] = {
            "expel": lambda: self._expel(process),
            "oversleep": lambda: self._oversleep(process),
            "misread": lambda: self._misread(process),
            "pause": self._others_go_on,
            "time out": self.world.log.abort_abandoned,
            "roll back": self._roll_back,
            "lose": self._lose,
            "join": self._start,
        }
        harms[harm]()

    def _expel(self, process: Process) -> None:
        self.world.group.leave(process.source.member)
        self._others_go_on()

    def _misread(self, process: Process) -> None:
        self.known_before[process.name] = self.world.store.copy()
        self.world.group.leave(process.source.member)
        self._others_go_on(SLEPT_STEPS_MAX)

    def _oversleep(self, process: Process) -> None:
        self.world.group.leave(process.source.member)
        self._roll_back() if self.rng.random() < 0.5 else self._lose()
        # In small batches: as many writes as the sleeper knows of, but less of the log.
        self._start(BATCHES[:1])
        if process.scorer.owned:
            self._others_go_on(SLEPT_STEPS_MAX, until=lambda: self._is_mistakable(process.scorer))
            return
        # Given up while it takes over: it knows of nothing, so nothing may be there.
        self._others_go_on(SLEPT_STEPS_MAX, until=self._is_something_under_way)
        self._lose()

    def _is_something_under_way(self) -> bool:
        """Whether a process has written outputs that readers cannot see yet."""
        publications = (process.scorer.publisher.under_way for process in self.alive)
        return any(publication is not None and publication.outputs for publication in publications)

    def _others_go_on(
        self, steps_max: int = NESTED_STEPS_MAX, *, until: Callable[[], bool] = lambda: False
    ) -> None:
        if self.depth:
            return
        self.depth += 1
        try:
            self._start()
            for _ in range(int(self.rng.integers(1, steps_max + 1))):
                free = [other for other in self.alive if not other.is_within]
                if free:
                    self._step(free[int(self.rng.integers(len(free)))])
                if until():
                    return
        finally:
            self.depth -= 1

    def _is_mistakable(self, sleeper: Scorer) -> bool:
        """Whether a partition stands at the sleeper's sequence, but earlier in the log: the worst time to wake."""
        return any(
            (stored := self.world.store.partitions.get(number)) is not None
            and stored.state.sequence == owned.state.sequence
            and sum(stored.state.positions.values()) < sum(owned.state.positions.values())
            for number, owned in sleeper.owned.items()
        )

    def _roll_back(self) -> None:
        copy = self.copies[int(self.rng.integers(len(self.copies)))]
        now = self.world.store.copy()
        for partition in self._some_partitions():
            if partition in copy:
                now[partition] = copy[partition]
            else:
                now.pop(partition, None)
        self.world.store.restore(now)

    def _lose(self) -> None:
        now = self.world.store.copy()
        for partition in self._some_partitions():
            now.pop(partition, None)
        self.world.store.restore(now)

    def _some_partitions(self) -> list[int]:
        return [p for p in range(N_PARTITIONS) if self.rng.random() < 0.7]
