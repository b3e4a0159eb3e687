"""Telemetry in memory: for tests and simulations."""

from __future__ import annotations

Labels = tuple[tuple[str, str], ...]


class MemoryTelemetry:
    """A `Telemetry` that keeps what it is told, by name and labels."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, Labels], int] = {}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.observed: dict[tuple[str, Labels], list[float]] = {}
        self.is_ready = False

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        key = (name, tuple(sorted(labels.items())))
        self.counts[key] = self.counts.get(key, 0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self.gauges[name, tuple(sorted(labels.items()))] = value

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Keep a value."""
        self.observed.setdefault((name, tuple(sorted(labels.items()))), []).append(value)

    def moved(self, *, is_ready: bool) -> None:
        """Keep what the loop says of itself."""
        self.is_ready = is_ready

    def total(self, name: str, **labels: str) -> int:
        """Return a counter's sum over all labels that are not given."""
        wanted = set(labels.items())
        return sum(
            amount for (at, given), amount in self.counts.items() if at == name and wanted <= set(given)
        )
