"""Watchers around ports and producer that pass the failpoints of each call; see `failpoints.py`.

Rules of this file: a watcher changes no result, and no argument but one: with `between_writes` set, the first
partition of a batch is written by itself, so that the process can end with the others not written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from consumer.adapters.failpoints import PRODUCER_STEPS, STORE_STEPS, WRITE_STEPS, Failpoints
from consumer.adapters.kafka_sink import KafkaSink
from consumer.ports import PartitionWrite

Port = TypeVar("Port")

SENT_WITHIN_S: Final = 10.0
"""What a transaction holds is on its way already; the broker has it soon, or is away."""


def watched(port: Port, steps: Mapping[str, tuple[str, str]], failpoints: Failpoints | None) -> Port:
    """Return a port whose methods pass the steps, everything else going straight through; without failpoints, the port."""
    return port if failpoints is None else cast(Port, _Watched(port, steps, failpoints.passed))


def watched_store(store: Port, failpoints: Failpoints | None) -> Port:
    """Return a store that passes its steps; without failpoints, the store."""
    return store if failpoints is None else cast(Port, _WatchedStore(store, failpoints))


class WatchedKafkaSink(KafkaSink):
    """A `KafkaSink` whose transactions pass failpoints; parameters as there."""

    def __init__(self, *arguments: Any, failpoints: Failpoints, **named: Any) -> None:
        self._failpoints = failpoints
        super().__init__(*arguments, **named)

    def _new_producer(self) -> Any:
        producer = super()._new_producer()

        def passed(name: str) -> None:
            self._failpoints.passed(name, first=lambda: producer.flush(SENT_WITHIN_S))

        return _Watched(producer, PRODUCER_STEPS, passed)


class _Watched:
    """One port with its steps."""

    def __init__(
        self, port: Any, steps: Mapping[str, tuple[str, str]], passed: Callable[[str], None]
    ) -> None:
        self._port = port
        self._steps = steps
        self._passed = passed

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        steps = self._steps.get(name)
        return found if steps is None else self._around(found, *steps)

    def _around(self, call: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            if before:
                self._passed(before)
            result = call(*arguments, **named)
            # A poll that found nothing is no step: how many there are depends on the machine.
            if after and (after != "after_poll" or result):
                self._passed(after)
            return result

        return watched


class _WatchedStore(_Watched):
    """A store with its steps; `write` is three of them."""

    def __init__(self, store: Any, failpoints: Failpoints) -> None:
        super().__init__(store, STORE_STEPS, failpoints.passed)
        self._is_writing_apart = failpoints.is_writing_apart

    def write(self, changes: Sequence[PartitionWrite]) -> frozenset[int]:
        """Write as the store does, or the first partition before the others."""
        before, between, after = WRITE_STEPS
        self._passed(before)
        fenced: frozenset[int] = frozenset()
        if self._is_writing_apart and len(changes) > 1:
            fenced |= self._port.write(changes[:1])
            self._passed(between)
            changes = changes[1:]
        fenced |= self._port.write(changes)
        self._passed(after)
        return fenced
