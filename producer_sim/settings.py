"""What one run of the simulated bank is told: frozen, checked, and enough to repeat the run.

Rules of this file: values only. Everything random in the bank follows from `seed`; the wall clock
touches a run only through `Pace`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Final

from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.time import DAY_MS, HOUR_MS, MINUTE_MS, epoch_day

RETAIL_PRODUCTS: Final = (
    "current_account_upgrade",
    "savings_account",
    "term_deposit",
    "credit_card_basic",
    "credit_card_gold",
    "credit_card_platinum",
    "personal_loan",
    "mortgage",
    "car_loan",
    "home_insurance",
    "life_insurance",
    "investment_fund",
)
CUSTOMERS_MAX: Final = 2_000_000
"""Beyond it one day's draws (about 90 numbers a customer) no longer fit in a laptop's memory."""

DAYS_MAX: Final = 3_660


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Share of records (of deliveries, for the last two) that each fault strikes, in [0, 1].

    A record is struck by at most one fault, so that counts add up. Duplicates and malformed records
    are extra records: no fault destroys a good one.
    """

    duplicate: float = 0.0
    late: float = 0.0
    out_of_order: float = 0.0
    malformed: float = 0.0
    clock_skew: float = 0.0
    lost_delivery: float = 0.0
    delayed_delivery: float = 0.0

    def __post_init__(self) -> None:
        """Check that the rates are shares and leave room for good records."""
        for entry in fields(self):
            rate = getattr(self, entry.name)
            if not 0.0 <= rate <= 1.0:
                raise ConfigurationError(f"fault rate {entry.name} must be between 0 and 1, not {rate}")
        if self.record_faults > 1.0:
            raise ConfigurationError(
                f"the fault rates of records add up to {self.record_faults}, more than 1"
            )

    @property
    def record_faults(self) -> float:
        """Share of records that some fault strikes."""
        return self.duplicate + self.late + self.out_of_order + self.malformed + self.clock_skew


NO_FAULTS: Final = FaultRates()
TYPICAL_FAULTS: Final = FaultRates(
    duplicate=0.005,
    late=0.005,
    out_of_order=0.01,
    malformed=0.001,
    clock_skew=0.005,
    lost_delivery=0.02,
    delayed_delivery=0.03,
)


@dataclass(frozen=True, slots=True)
class Drift:
    """From a live day on (0 = first), customers want or answer differently.

    `need_shift` adds to the latent need of a product (log-odds), `response_shift` to the log-odds of
    every acceptance; `reverse_channels` turns each customer's liking of channels upside down.
    """

    from_day: int
    need_shift: Mapping[str, float] = field(default_factory=dict)
    response_shift: float = 0.0
    reverse_channels: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How bank time relates to the world's.

    Lockstep waits after every step until the scorers have committed all of it; otherwise the stream
    runs freely, as fast as it can or held back by `speed_up` (bank seconds a second) or
    `events_per_s`, whichever is slower.
    """

    lockstep: bool = True
    settle_timeout_s: float = 60.0
    speed_up: float | None = None
    events_per_s: float | None = None

    def __post_init__(self) -> None:
        """Check signs."""
        for name in ("settle_timeout_s", "speed_up", "events_per_s"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigurationError(f"{name} must be positive, not {value}")


@dataclass(frozen=True, slots=True)
class BankSettings:
    """One simulated bank and one run of it.

    Parameters
    ----------
    start : first live day; the history covers the `history_days` before it
    step_ms : bank time published at once; divides a day
    activity : multiplies the rate of card payments and sessions
    offers : offer id → its products, from the policy; offers not named here are learned from `nbo.offers`
    campaign_share : share of customers whom the random past campaign contacts on a day of history
    """

    customers: int = 5_000
    start: date = date(2025, 3, 1)
    days: int = 30
    history_days: int = 0
    seed: int = 1
    step_ms: int = HOUR_MS
    activity: float = 1.0
    currency: str = "EUR"
    products: tuple[str, ...] = RETAIL_PRODUCTS
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: FaultRates = NO_FAULTS
    drifts: tuple[Drift, ...] = ()
    pace: Pace = field(default_factory=Pace)
    campaign_share: float = 0.02

    def __post_init__(self) -> None:
        """Refuse a run that cannot work, naming the setting."""
        _within("customers", self.customers, 1, CUSTOMERS_MAX)
        _within("days", self.days, 0, DAYS_MAX)
        _within("history_days", self.history_days, 0, DAYS_MAX)
        _within("seed", self.seed, 0, 2**63 - 1)
        _within("step_ms", self.step_ms, MINUTE_MS, DAY_MS)
        _within("activity", self.activity, 0.0, 20.0)
        _within("campaign_share", self.campaign_share, 0.0, 1.0)
        if DAY_MS % self.step_ms:
            raise ConfigurationError(f"step_ms must divide a day of {DAY_MS} ms, and {self.step_ms} does not")
        if not self.products or len(set(self.products)) < len(self.products):
            raise ConfigurationError("products must name at least one product, each of them once")
        for drift in self.drifts:
            unknown = set(drift.need_shift) - set(self.products)
            if unknown:
                raise ConfigurationError(f"drift names unknown products: {', '.join(sorted(unknown))}")

    @property
    def start_day(self) -> int:
        """First live day, in days since 1970."""
        return epoch_day(self.start)

    @property
    def first_day(self) -> int:
        """First day that is simulated at all: of the history, or the first live one."""
        return self.start_day - self.history_days

    @property
    def start_ms(self) -> int:
        """First instant of the live stream."""
        return self.start_day * DAY_MS

    @property
    def end_ms(self) -> int:
        """First instant after the live stream."""
        return (self.start_day + self.days) * DAY_MS


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ConfigurationError(f"{name} must be between {least} and {most}, not {value}")
