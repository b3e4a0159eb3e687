"""Every number of the project in one run, on a real Kafka broker and a real Redis: `make bench`.

    python -m benchmarks.bench [--quick] [--only throughput,latency] [--out FOLDER]

Writes results.json (for programs), RESULTS.md and throughput.svg (for people) into the folder of the
benchmarks, unless `--out` names another. A part that fails leaves its figures out and says why; the rest goes
on. Roles run as users run them, one process each, and are watched from outside.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from redis.exceptions import RedisError

from benchmarks.bare_loop import bare_loop
from benchmarks.latency import measure_latency
from benchmarks.learner import measure_learner
from benchmarks.machine import circumstances
from benchmarks.memory import Footprint, Size, cost_growth, measure_footprint
from benchmarks.peer_runs import PEERS, make_environments, run_peer, version_of
from benchmarks.policies import EVERY_EVENT, INTEREST, write_policy
from benchmarks.progress import Rate
from benchmarks.rebuild import measure_rebuild
from benchmarks.restart import measure_restart
from benchmarks.results import Circumstances, Found, page, picture, to_json
from benchmarks.scaling import SCORERS, Together, in_words, measure_together
from benchmarks.services import Services
from benchmarks.synthetic_events import Load
from benchmarks.throughput import Log, ScorerRun, run_scorer, write_log
from consumer.features.catalogue import catalogue_for
from consumer.policy.document import load_policy
from consumer.settings import DEFAULT_POLICY, Settings
from consumer.vocabulary.errors import UpswellError
from upswell.embedded.kafka import real_kafka
from upswell.embedded.redis import real_redis
from upswell.example_customers import BUSIEST

PARTITIONS = 12
# Without evidence an offer's share of a draw is young; these make 2 % of the events end in an offer.
YOUNG_SHARE = 0.05
YOUNG_SHARE_EVERY_EVENT = 0.005
FIGURE = "throughput.svg"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything."""

    load: Load
    every_event: Load
    repeats: int
    peer_events: dict[str, int]
    latency_s: float
    restart: Load
    rebuild: Load
    examples: int
    banks: Sequence[Size]
    busiest: Size
    together: Load


FULL = Sizes(
    load=Load(50_000, 400_000),
    every_event=Load(50_000, 150_000),
    repeats=3,
    peer_events={"naive": 20_000, "quix": 60_000, "bytewax": 60_000},
    latency_s=50.0,
    restart=Load(20_000, 300_000),
    rebuild=Load(50_000, 400_000),
    examples=60_000,
    banks=(Size(10_000, 300_000), Size(100_000, 300_000), Size(1_000_000, 300_000)),
    busiest=Size(10_000, 100_000, BUSIEST),
    together=Load(50_000, 300_000),
)
QUICK = Sizes(
    load=Load(20_000, 200_000),
    every_event=Load(20_000, 60_000),
    repeats=1,
    peer_events={"naive": 5_000, "quix": 15_000, "bytewax": 15_000},
    latency_s=10.0,
    restart=Load(5_000, 100_000),
    rebuild=Load(10_000, 150_000),
    examples=20_000,
    banks=(Size(10_000, 50_000), Size(100_000, 50_000)),
    busiest=Size(2_000, 20_000, BUSIEST),
    together=Load(10_000, 60_000),
)


@dataclass(slots=True)
class Bench:
    """One run: its services, its sizes, and what it has found so far."""

    services: Services
    sizes: Sizes
    found: Found
    started_s: float
    keep: Callable[[Found], None]

    @property
    def products(self) -> tuple[str, ...]:
        """What the retail bank sells."""
        return load_policy(DEFAULT_POLICY).catalogue.product_ids

    @property
    def policy(self) -> Path:
        """The policy in which each product view is a decision."""
        path = self.services.folder / "interest.yaml"
        return path if path.exists() else write_policy(path, [INTEREST], young_share=YOUNG_SHARE)

    def say(self, words: str) -> None:
        """Tell the person who waits."""
        print(f"{time.perf_counter() - self.started_s:6.0f} s  {words}", flush=True)

    def attempt(self, name: str, part: Callable[[], None]) -> None:
        """Do a part; what fails is left out with the reason."""
        self.say(f"{name} …")
        try:
            part()
        except (UpswellError, KafkaException, RedisError, OSError) as error:
            self.found.missing[name] = str(error)
            self.say(f"{name}: not measured: {error}")

    # ------------------------------------------------------------ parts

    def throughput(self) -> None:
        """The scorer, the bare loop and the scorer without transactions, in turn."""
        log = write_log(self.services, "main", self.sizes.load, products=self.products)
        batch, runs, bare, without = Settings().batch_records, [], [], []
        for turn in range(self.sizes.repeats):
            runs.append(self._score(log, f"scorer{turn}"))
            bare.append(bare_loop(self.services, log, f"bare{turn}", batch=batch, like=runs[-1]))
            without.append(self._score(log, f"plain{turn}", delivery="at_least_once").rate.per_s)
        rate, limit = (
            statistics.median(run.rate.per_s for run in runs),
            statistics.median(rate.per_s for rate in bare),
        )
        self.found.figures |= {
            "scorer_events_per_s": rate,
            "bare_loop_events_per_s": limit,
            "ratio": rate / limit,
            "transaction_cost": 1.0 - rate / statistics.median(without),
        }
        self.found.details["scorer"] = (
            f"{log.n_events:,} events of {log.n_profiles:,} customers over {PARTITIONS} partitions, batches of up to "
            f"{batch:,}, median of {self.sizes.repeats} runs ({_spread([run.rate.per_s for run in runs])}), "
            f"{_cpu([run.rate for run in runs])}; "
            f"{runs[0].decision_share:.1%} of the events were decisions over 12 products with their full record, "
            f"{runs[0].offer_share:.1%} made an offer; transactions on; afterwards "
            f"{runs[0].bytes_per_customer:,.0f} bytes of Redis a customer"
        )
        self.found.details["bare loop"] = (
            f"consume, MGET, MSET, produce, transaction per batch, no computing; stored records of "
            f"{runs[0].record_bytes:,.0f} bytes, decisions, offers and batches as the scorer's; runs "
            f"{_spread([rate.per_s for rate in bare])}, "
            f"{_cpu(bare)}"
        )
        self.found.details["what limits the scorer"] = _limit([run.rate for run in runs])
        self.found.details["without transactions"] = f"`delivery = at_least_once`, runs {_spread(without)}"
        self.peers(log)

    def _score(self, log: Log, name: str, **settings: str) -> ScorerRun:
        return run_scorer(self.services, log, name, policy=self.policy, settings=settings)

    def peers(self, log: Log) -> None:
        """Each peer over the same events."""
        rates: dict[str, float] = {}
        for name in PEERS:
            self.attempt(f"peer {name}", lambda name=name: rates.update(self._peer(log, name)))  # type: ignore[misc]
        if rates:
            self.found.figures["peers"] = rates
            words = ", ".join(f"{name} ({version_of(name)})" for name in rates)
            self.found.details["peers"] = (
                f"{words}: the first of the same events, 31 features, 12 River pipelines (scaler, logistic "
                "regression) on each event, 2 % offers, one process; at least once where they can choose, which "
                "is their faster way; start-up not counted"
            )

    def _peer(self, log: Log, name: str) -> dict[str, float]:
        return {name: run_peer(self.services, log, name, events=self.sizes.peer_events[name]).per_s}

    def every_event(self) -> None:
        """The scorer with a decision at each event."""
        path = self.services.folder / "every.yaml"
        write_policy(path, EVERY_EVENT, young_share=YOUNG_SHARE_EVERY_EVENT)
        log = write_log(self.services, "every", self.sizes.every_event, products=self.products)
        run = run_scorer(self.services, log, "every", policy=path)
        self.found.figures["scored_every_event_per_s"] = run.rate.per_s
        self.found.details["every event scored"] = (
            f"every event opens a whole decision ({run.decision_share:.1%} of them did, {run.offer_share:.1%} made an "
            f"offer; {_cpu([run.rate])}): gates, rules, contact policy, exploration and the decision record are included, which the "
            "peers do not have"
        )

    def latency(self) -> None:
        """Event → offer at half of the measured rate."""
        rate = self.found.number("scorer_events_per_s")
        if rate is None:
            raise UpswellError("the scorer's rate, of which half is the load, was not measured")
        load = Load(self.sizes.load.n_customers, int(rate / 2 * self.sizes.latency_s))
        latency = measure_latency(
            self.services, load, events_per_s=rate / 2, policy=self.policy, products=self.products
        )
        self.found.figures["latency_ms"] = {"p50": latency.p50, "p99": latency.p99, "p999": latency.p999}
        self.found.details["latency"] = (
            f"{latency.events_per_s:,.0f} events/s arrive at a fixed rate for {self.sizes.latency_s:.0f} s whatever the "
            f"scorer does; {latency.offers:,} offers of the second half, each timed from when its event was due (the sender was late by "
            f"{latency.late_ms_p99:.1f} ms at its 99th percentile, which is inside) until a reader of its own "
            "has it"
        )

    def restart(self) -> None:
        """Kill to first offer."""
        log = write_log(self.services, "restart", self.sizes.restart, products=self.products)
        self.found.figures["restart_to_first_offer_s"] = measure_restart(
            self.services, log, policy=self.policy
        )
        self.found.details["restart"] = (
            "the scorer is killed with SIGKILL under load; from starting its successor (Python included) to the "
            "first offer that a `read_committed` reader has"
        )

    def rebuild(self) -> None:
        """Redis is lost."""
        log = write_log(self.services, "rebuild", self.sizes.rebuild, products=self.products)
        rate = measure_rebuild(self.services, log, policy=self.policy)
        self.found.figures["rebuild_events_per_s"] = rate.per_s
        self.found.details["rebuild"] = (
            f"Redis emptied after {log.end_count:,} records; decisions are read back, nothing is "
            f"published again; {_cpu([rate])}"
        )

    def learner(self) -> None:
        """Examples a second."""
        features = catalogue_for(self.products)
        rate = measure_learner(self.services, features, self.sizes.examples, policy=self.policy)
        self.found.figures["learner_examples_per_s"] = rate.per_s
        self.found.details["learner"] = (
            f"{self.sizes.examples:,} examples with {len(features.input_names)} inputs over 12 models, tested, learned "
            f"and published in transactions; {_cpu([rate])}"
        )

    def memory(self) -> None:
        """Bytes a customer and the cost of an event, bank by bank."""
        footprints: list[Footprint] = []
        for size in self.sizes.banks:
            self.attempt(
                f"bank of {size.n_customers:,}",
                lambda size=size: footprints.append(self._footprint(size)),  # type: ignore[misc]
            )
            if footprints:
                self._tell_memory(footprints)
                self.keep(self.found)
        self.attempt("bank of the busiest", self._busiest)

    def _footprint(self, size: Size) -> Footprint:
        path = self.services.folder / "banks.yaml"
        write_policy(path, [INTEREST], young_share=YOUNG_SHARE, has_budgets=False)
        return measure_footprint(self.services, size, policy=path, products=self.products)

    def _busiest(self) -> None:
        found = self._footprint(self.sizes.busiest)
        self.found.details["the busiest customers"] = (
            f"{BUSIEST.events_per_day * 7:.0f} events a week for a year on four channels, "
            f"{BUSIEST.offers_per_day * BUSIEST.days:.0f} offers: {found.bytes_per_customer:,.0f} bytes of Redis a "
            f"customer, {found.rate.cpu_us_per_event:.1f} µs of processor time an event"
        )

    def _tell_memory(self, footprints: list[Footprint]) -> None:
        self.found.figures["redis_bytes_per_customer"] = {
            str(footprint.n_customers): footprint.bytes_per_customer for footprint in footprints
        }
        if len(footprints) > 1:
            self.found.figures["cost_per_event_growth"] = cost_growth(footprints)
        costs = ", ".join(
            f"{f.n_customers:,}: {f.rate.us_per_event:.1f} µs ({f.rate.cpu_us_per_event:.1f} µs of processor, and "
            f"{f.redis_us_per_event:.1f} µs of Redis')"
            for f in footprints
        )
        size = self.sizes.banks[0]
        self.found.details["memory"] = (
            f"growth of Redis' used_memory over the number of customers, everything included, after a year of "
            f"{size.life.events_per_day * 7:.0f} events a week and {size.life.offers_per_day * size.life.days:.0f} offers of each "
            f"({', '.join(f'{f.bytes_after:,.0f}' for f in footprints)} after the next events); the cost: {size.cost_events:,} events "
            f"over all of them in turn in one partition, so that a batch meets as many customers in every bank: {costs} an event; "
            f"`upswell features --sizes` says what each part costs; the outbox takes "
            f"{max(f.outbox_bytes for f in footprints) / 2**20:.1f} MiB more, whatever the number of customers"
        )

    def scaling(self) -> None:
        """One, two and three scorers in one group."""
        log = write_log(self.services, "together", self.sizes.together, products=self.products)
        found: list[Together] = []
        for n_scorers in SCORERS:
            self.say(f"{n_scorers} together …")
            found.append(measure_together(self.services, log, n_scorers, policy=self.policy))
            self.found.details["several scorers in one group"] = (
                f"{in_words(found)}; broker, Redis and all scorers on the same {os.cpu_count()} cores"
            )


PARTS: dict[str, Callable[[Bench], None]] = {
    "throughput": Bench.throughput,
    "every_event": Bench.every_event,
    "latency": Bench.latency,
    "restart": Bench.restart,
    "rebuild": Bench.rebuild,
    "learner": Bench.learner,
    "memory": Bench.memory,
    "scaling": Bench.scaling,
}


def _spread(rates: Sequence[float]) -> str:
    return f"{min(rates):,.0f} to {max(rates):,.0f}" if len(rates) > 1 else f"{rates[0]:,.0f}"


def _limit(rates: Sequence[Rate]) -> str:
    """Return the arithmetic of what an event costs the process, against what it took.

    Examples
    --------
    >>> _limit([Rate(1_000, 0.05, 0.02)])[:82]
    'its process used 20.0 µs of processor for each 50.0 µs that an event took, so it w'
    """
    cpu_us = statistics.median(rate.cpu_us_per_event for rate in rates)
    wall_us = statistics.median(rate.us_per_event for rate in rates)
    if not cpu_us:
        return "the system does not tell the processor time of a process"
    return (
        f"its process used {cpu_us:.1f} µs of processor for each {wall_us:.1f} µs that an event took, so it waited (for "
        f"broker, Redis, or a core that others had) {max(1 - cpu_us / wall_us, 0):.0%} of the time; one that never "
        f"waits, on a core of its own, does {1e6 / cpu_us:,.0f} events/s; `make profile` says where the time goes"
    )


def _cpu(rates: Sequence[Rate]) -> str:
    return f"{statistics.median(rate.cpu_us_per_event for rate in rates):.1f} µs of processor time an event in its process"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, in under three minutes")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    told = parser.parse_args(arguments)
    wanted = told.only.split(",")
    if unknown := sorted(set(wanted) - PARTS.keys()):
        parser.error(f"no such part: {unknown[0]}; there are {', '.join(PARTS)}")
    command = "make bench QUICK=1" if told.quick else "make bench"
    about = circumstances(command if wanted == list(PARTS) else f"{command} (only {told.only})")
    found = run(QUICK if told.quick else FULL, wanted, keep=lambda found: write(found, about, told.out))
    print(page(found, about, figure_name=FIGURE))


def run(sizes: Sizes, wanted: Sequence[str], *, keep: Callable[[Found], None]) -> Found:
    """Run the wanted parts over services of their own; `keep` is called after each, so that none is lost."""
    started_s = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="upswell-bench-") as folder,
        real_kafka(Path(folder) / "kafka") as broker,
        real_redis(Path(folder) / "redis") as redis,
    ):
        services = Services(broker.bootstrap_servers, redis, Path(folder), PARTITIONS)
        bench = Bench(services, sizes, Found(), started_s, keep)
        bench.found.figures["features"] = len(catalogue_for(bench.products).names)
        if "throughput" in wanted:
            bench.attempt("environments of the peers", make_environments)
        for name in wanted:
            bench.attempt(name, lambda name=name: PARTS[name](bench))  # type: ignore[misc]
            bench.found.details["load average"] = (
                f"{os.getloadavg()[1]:.2f} over the last five minutes of the run"
            )
            keep(bench.found)
        bench.say("done")
    return bench.found


def write(found: Found, about: Circumstances, folder: Path) -> None:
    """Write results.json, RESULTS.md and the figure."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(to_json(found), encoding="utf-8")
    (folder / FIGURE).write_text(picture(found), encoding="utf-8")
    (folder / "RESULTS.md").write_text(page(found, about, figure_name=FIGURE), encoding="utf-8")


if __name__ == "__main__":
    main()
