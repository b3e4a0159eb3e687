"""One run of the crash matrix: carries a scenario out and compares what is left with the undisturbed run."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from consumer.adapters.kafka_topics import create_topics
from consumer.adapters.redis_nodes import RedisNodes
from consumer.adapters.redis_store import RedisStore
from consumer.adapters.resp import packed
from consumer.vocabulary.deadlines import Span
from consumer.vocabulary.errors import Retryable
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.topics import Topics
from producer_sim.emit import KafkaBus
from tests.e2e.crash_log import N_PARTITIONS, CrashLog, Sequences, crash_log, sequences
from tests.e2e.crash_scenario import KILL, RANDOM_TIME, Moment, Scenario
from tests.e2e.crash_services import CrashServices
from tests.e2e.kafka_reading import keep_everything, read
from tests.e2e.processes import STRUCK, Deployment, RoleProcess
from tests.simulation.world import ALL_OUTPUTS

RUN_WITHIN_S: Final = 90.0
LOOK_EVERY_S: Final = 0.01
SETTLE_S: Final = 0.1
SESSION_SECONDS: Final = "2"
"""Long enough that a starved test machine rarely takes a living member for dead; if it does, nothing must break."""

HALF_MOVED_S: Final = 0.4
YEAR_MS: Final = 365 * DAY_MS


class CrashRunFailed(AssertionError):
    """What is left differs from the undisturbed run; the text says how to do it again."""


@contextmanager
def deployed_run(services: CrashServices, planned: Scenario, folder: Path) -> Iterator[Deployment]:
    """Give a run topics and state of its own, and take them away after it with all its processes."""
    folder.mkdir(parents=True, exist_ok=True)
    topics = Topics(f"crash{planned.seed}-{time.monotonic_ns() % 1_000_000}.")
    url = services.fresh_redis(planned.store)
    create_topics(services.client, topics, partitions=N_PARTITIONS)
    with ExitStack() as stack:
        servers = services.broker.bootstrap_servers
        deployment = Deployment(servers, url, topics.prefix, folder, stack, services.nursery.launch)
        # The log must stay what it is: compaction takes profiles away that were erased later, while it is read.
        keep_everything(deployment)
        yield deployment
    services.delete_topics(topics)


@dataclass
class CrashRun:
    """One run.

    left : moments that have not come yet
    happened : harm at step → how often it came about
    """

    services: CrashServices
    scenario: Scenario
    folder: Path
    log: CrashLog = field(default_factory=crash_log)
    left: list[Moment] = field(init=False)
    happened: Counter[str] = field(default_factory=Counter)
    others: list[RoleProcess] = field(default_factory=list)
    deployment: Deployment = field(init=False)
    subject: RoleProcess = field(init=False)
    bus: KafkaBus = field(init=False)
    _started: int = 0
    _deadline_s: float = 0.0
    _kill_at_s: float | None = None
    _unsettled: str = ""

    def carry_out(self) -> Counter[str]:
        """Do everything; return which harms came about.

        Raises
        ------
        CrashRunFailed : something is missing, twice or different, or a process did not end well
        """
        self.left = list(self.scenario.moments)
        self._deadline_s = time.monotonic() + RUN_WITHIN_S
        with deployed_run(self.services, self.scenario, self.folder) as self.deployment:
            try:
                self._prepare()
                self._live()
                self._end()
                check(self.log, self.deployment)
            except Exception as error:
                raise CrashRunFailed(self._story(error)) from error
            finally:
                self.bus.close()
        return self.happened

    def _prepare(self) -> None:
        (self.folder / "policy.yaml").write_text(self.log.policy_text, encoding="utf-8")
        servers, topics = self.deployment.servers, self.deployment.topics
        self.bus = KafkaBus(servers, topics=topics, group_id=self.deployment.group_id)
        self.log.write(servers, topics)

    # ------------------------------------------------------------ processes

    def _start(self, name: str, *, failpoint: str = "") -> RoleProcess:
        self._started += 1
        variables = {
            "policy": str(self.folder / "policy.yaml"),
            "batch_records": self.scenario.batch_records,
            "session_seconds": SESSION_SECONDS,
            "environment": "test",
            "failpoint": failpoint,
            "instance_id": name if self.scenario.is_static else "",
        }
        return self.deployment.start("score", "--models", "frozen", **variables)

    def _start_subject(self) -> None:
        self.subject = self._start("subject", failpoint=failpoint_of(self.left))
        self._kill_at_s = None

    def _live(self) -> None:
        self._start_subject()
        for number in range(self.scenario.others):
            self.others.append(self._start(f"other-{number}"))
        while not self._is_settled():
            self._check_time()
            self._look()
            time.sleep(LOOK_EVERY_S)

    def _look(self) -> None:
        if not self.subject.is_running:
            self._bury()
        elif self.subject.is_standing:
            self._harm()
        elif self.left and self.left[0].step == RANDOM_TIME:
            self._kill_in_time(self.left[0])
        for other in self.others:
            assert other.is_running, f"a scorer ended by itself:\n{other.log()}"

    def _kill_in_time(self, moment: Moment) -> None:
        if self._kill_at_s is None:
            if self.subject.is_ready:
                self._kill_at_s = time.monotonic() + moment.passing / 1_000
        elif time.monotonic() > self._kill_at_s:
            if moment.harm == KILL:
                self.subject.kill()
            else:
                self._terminate(moment)

    def _terminate(self, moment: Moment) -> None:
        """SIGTERM under load: it must end with 0 in time, and leave nothing to publish to the next one."""
        self.subject.stop()
        self.happened[moment.name] += 1
        del self.left[0]
        self._start_subject()

    def _bury(self) -> None:
        assert self.subject.exit_code(1.0) == STRUCK, f"the subject ended by itself:\n{self.subject.log()}"
        died = next(place for place, moment in enumerate(self.left) if moment.harm == KILL)
        self.happened[self.left[died].name] += 1
        # What was to come before in this life, and did not, comes in the next.
        del self.left[died]
        self._start_subject()

    def _harm(self) -> None:
        place = next(place for place, moment in enumerate(self.left) if moment.harm != KILL)
        moment = self.left.pop(place)
        self.happened[moment.name] += 1
        HARMS[moment.harm](self)

    # ------------------------------------------------------------ the end

    def _end(self) -> None:
        """Stop everything; let the next owner rebuild the store, if it lost writes that nobody noticed."""
        self._stop_all()
        if not self._is_rebuilt():
            self.subject = self._start("subject")
            while not self._is_rebuilt():
                self._check_time()
                assert self.subject.is_running, self.subject.log()
                time.sleep(LOOK_EVERY_S)
            self._stop_all()

    def _stop_all(self) -> None:
        if self.left:
            # What is still to come could strike while it stops.
            self.subject.kill()
        for process in (*self.others, *(() if self.left else (self.subject,))):
            process.wait_until_ready()
            process.stop()
        self.others, self.left = [], []

    def _is_settled(self) -> bool:
        try:
            self.bus.settle(SETTLE_S)
        except Retryable as error:
            self._unsettled = str(error)
            return False
        return True

    def _is_rebuilt(self) -> bool:
        positions = stored_positions(self.deployment)
        return all(self.log.state[number, "positions"] == found for number, found in positions.items())

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline_s:
            self.subject.say_where_it_stands()
            time.sleep(1.0)
            raise AssertionError(f"not at the end of the log in {RUN_WITHIN_S:.0f} s: {self._unsettled}")

    def _story(self, error: Exception) -> str:
        logs = "\n".join(
            f"--- {path.name}\n{path.read_text(encoding='utf-8', errors='replace')[-6_000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )
        return (
            f"{type(error).__name__}: {error}\n{self.scenario}\nhappened: {dict(self.happened)}\n"
            f"again: python -m tests.e2e.crash_matrix --seed {self.scenario.seed}\n{logs}"
        )

    # ------------------------------------------------------------ harms, while the subject stands still

    def go_on(self) -> None:
        self.subject.go_on()

    def sleep(self) -> None:
        """The others take over and read on to the end; then the subject wakes up and knows nothing of it."""
        while not self._is_settled():
            self._check_time()
            time.sleep(LOOK_EVERY_S)
        self.subject.go_on()

    def join(self) -> None:
        self.others.append(self._start(f"other-{self._started}"))
        self.subject.go_on()

    def leave(self) -> None:
        self.subject.go_on()
        if self.others:
            other = self.others.pop(0)
            other.wait_until_ready()
            other.stop()

    def kill_other(self) -> None:
        if self.others:
            self.others.pop(0).kill()
        self.subject.go_on()

    def move_slot(self) -> None:
        """The slot of a partition moves while the subject writes it: ASK, then MOVED."""
        with self.services.slot_moving(self.key()):
            self.subject.go_on()
            time.sleep(HALF_MOVED_S)

    def kill_broker(self) -> None:
        """The subject meets a broker that is not there."""
        self.services.kill_broker(self.subject.go_on)

    def key(self) -> bytes:
        """A key of the partition whose Redis is harmed."""
        partition = self.scenario.seed % N_PARTITIONS
        return b"{%b%d}:pos" % (self.deployment.prefix.encode(), partition)


def _with(harm: Callable[[CrashRun], None]) -> Callable[[CrashRun], None]:
    """Harm a service and let the subject meet it."""

    def meet(run: CrashRun) -> None:
        harm(run)
        run.go_on()

    return meet


HARMS: Final[dict[str, Callable[[CrashRun], None]]] = {
    "sleep": CrashRun.sleep,
    "join": CrashRun.join,
    "leave": CrashRun.leave,
    "kill other": CrashRun.kill_other,
    "move slot": CrashRun.move_slot,
    "kill redis": _with(lambda run: run.services.kill_redis()),
    "empty redis": _with(lambda run: run.services.empty_redis()),
    "copy redis": _with(lambda run: run.services.copy_redis()),
    "restore redis": _with(lambda run: run.services.restore_redis()),
    "cut replica off": _with(lambda run: run.services.cut_replica_off(run.key())),
    "fail over": _with(lambda run: run.services.fail_over(run.key())),
    "kill broker": CrashRun.kill_broker,
    "kill broker while it stands": _with(lambda run: run.services.kill_broker(lambda: None)),
}


def failpoint_of(moments: list[Moment]) -> str:
    """Return the setting for a life: what comes up to its death."""
    points = []
    for moment in moments:
        if moment.step != RANDOM_TIME:
            points.append(f"{moment.step}:{moment.passing}" + ("" if moment.harm == KILL else ":stop"))
        if moment.harm == KILL:
            break
    return ",".join(points)


# ---------------------------------------------------------------- what is left


def check(log: CrashLog, deployment: Deployment) -> None:
    """Compare outputs and store with the undisturbed run: nothing missing, twice, different or in another order."""
    found = sequences((r.role, r.key, r.value or b"") for r in read(deployment, *ALL_OUTPUTS))
    assert found == log.outputs, _difference(log.outputs, found)
    state = stored(log, deployment)
    different = sorted(str(k) for k in log.state.keys() | state.keys() if log.state.get(k) != state.get(k))
    assert not different, f"the store differs in {len(different)} places: {different[:5]}"


def stored(log: CrashLog, deployment: Deployment) -> dict[tuple[int, str], Any]:
    """Return everything that the store holds, as `tests.simulation.small_bank.state_of` does."""
    store = RedisStore(deployment.redis_url, namespace=deployment.prefix)
    found: dict[tuple[int, str], Any] = {}
    try:
        for number in range(N_PARTITIONS):
            state, _ = store.take_over(number, n_partitions=N_PARTITIONS)
            found[number, "positions"] = dict(state.positions)
            found[number, "stream time"] = state.stream_time_ms
            found[number, "budgets"] = dict(state.extra)
            values = store.load({number: log.customers})[number]
            for customer, record, decisions in zip(
                log.customers, values.records, values.open_decisions, strict=True
            ):
                found |= {(number, f"record {customer}"): record, (number, f"open {customer}"): decisions}
            ends_ms = (state.stream_time_ms, state.stream_time_ms + YEAR_MS)
            for customer, at_ms in store.due({number: Span(*ends_ms)})[number].customers:
                found[number, f"deadline {customer}"] = at_ms
    finally:
        store.close()
    return {place: value for place, value in found.items() if value is not None}


def stored_positions(deployment: Deployment) -> dict[int, dict[str, int]]:
    """Return where the store is in each partition, without owning it."""
    nodes = RedisNodes(deployment.redis_url)
    keys = {number: b"{%b%d}:pos" % (deployment.prefix.encode(), number) for number in range(N_PARTITIONS)}
    try:
        replies = nodes.at_once({key: [packed([b"HGET", key, b"rest"])] for key in keys.values()})
    finally:
        nodes.close()
    return {number: json.loads(replies[key][0] or b"{}").get("positions", {}) for number, key in keys.items()}


def _difference(expected: Sequences, found: Sequences) -> str:
    want = Counter((role, key, value) for (role, key), values in expected.items() for value in values)
    have = Counter((role, key, value) for (role, key), values in found.items() for value in values)
    missing, extra = want - have, have - want
    if not missing and not extra:
        places = [place for place in expected if expected[place] != found[place]]
        return f"the order differs for {places[:3]}"
    by_role = {
        word: dict(Counter(role for role, _, _ in outputs.elements()))
        for word, outputs in (("missing", missing), ("too many", extra))
    }
    one = min(missing or extra)
    return f"{by_role}, one is {one[0]} {one[1].decode()} {one[2].decode()[:300]}"
