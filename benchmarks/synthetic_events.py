"""Events for benchmarks: many, cheap to make, never constant, the same for the same seed.

The simulated bank makes believable customers; this makes load. Amounts, times, kinds and merchants
vary, because constant inputs flatter every engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from consumer.vocabulary.log import OutputRecord
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.words import CHANNELS, INTERACTION_KINDS

START_MS = 1_790_000_000_000
CATEGORIES = ("5411", "5812", "5541", "4111", "5912", "5732", "7011", "4900", "5651", "8099")
TRANSACTION_SHARE = 0.8
PLAIN_INTERACTIONS = ("login", "page_view", "search", "email_open")


@dataclass(frozen=True, slots=True)
class Load:
    """How much: events over customers, spread evenly over days of bank time.

    first_event, start_ms : number and time of the first event; a load that follows another one goes on
        from them, since an event id that was seen already would count as a repeat
    is_in_turn : every customer has an event before any has a second one, instead of at random
    """

    n_customers: int
    n_events: int
    days: float = 30.0
    seed: int = 0
    trigger_share: float = 0.1
    first_event: int = 0
    start_ms: int = START_MS
    is_in_turn: bool = False

    def following(self, n_events: int) -> Load:
        """Return a load of other events over the same customers, in the days after this one."""
        end_ms = self.start_ms + int(self.days * DAY_MS)
        return replace(self, n_events=n_events, first_event=self.first_event + self.n_events, start_ms=end_ms)


def profiles(load: Load) -> Iterator[OutputRecord]:
    """Yield one consenting customer after another, a day before the first event."""
    rng = np.random.default_rng([load.seed, 1])
    births = rng.integers(1940, 2005, load.n_customers)
    incomes = rng.lognormal(14.8, 0.5, load.n_customers).astype(np.int64)
    scores = rng.integers(300, 901, load.n_customers)
    at_ms = START_MS - DAY_MS
    for i in range(load.n_customers):
        value = (
            f'{{"schema_version":"1.0","event_id":"p-{i}","customer_id":"c-{i}","event_time_ms":{at_ms},'
            f'"birth_date":"{births[i]}-06-15","income_minor":{incomes[i]},"credit_score":{scores[i]},'
            f'"employment_status":"employed","region":"north","joined_on":"2015-03-01","holdings":[],'
            f'"consents":{{"marketing":true,"profiling":true,"app":true,"web":true,"email":true,"sms":true,'
            f'"push":true,"branch":true,"call_centre":true}},"kyc_status":"complete","aml_status":"clear"}}'
        )
        yield OutputRecord("customers", f"c-{i}".encode(), value.encode(), at_ms)


def events(load: Load, *, products: tuple[str, ...]) -> Iterator[OutputRecord]:
    """Yield transactions and interactions in order of time; `trigger_share` of them view a product."""
    rng = np.random.default_rng([load.seed, 2, load.first_event] if load.first_event else [load.seed, 2])
    n = load.n_events
    customer = rng.integers(0, load.n_customers, n).tolist()
    if load.is_in_turn:
        turns = np.random.default_rng([load.seed, 3]).permutation(load.n_customers)
        customer = turns[np.arange(load.first_event, load.first_event + n) % load.n_customers].tolist()
    time_ms = np.sort(rng.integers(load.start_ms, load.start_ms + int(load.days * DAY_MS), n)).tolist()
    is_view = rng.random(n) < load.trigger_share
    is_transaction = ~is_view & (rng.random(n) < TRANSACTION_SHARE)
    amount = rng.lognormal(8.0, 1.2, n).astype(np.int64).tolist()
    balance = rng.integers(-50_000, 2_000_000, n).tolist()
    pick = rng.integers(0, 2**31, n).tolist()
    for i in range(n):
        name, at_ms = f"c-{customer[i]}", time_ms[i]
        number = load.first_event + i
        head = f'{{"schema_version":"1.0","event_id":"e-{number}","customer_id":"{name}","event_time_ms":{at_ms},'
        if is_transaction[i]:
            body = _transaction(pick[i], amount[i], balance[i])
            yield OutputRecord("transactions", name.encode(), (head + body).encode(), at_ms)
        else:
            body = _interaction(pick[i], products, is_view=bool(is_view[i]))
            yield OutputRecord("interactions", name.encode(), (head + body).encode(), at_ms)


def _transaction(pick: int, amount: int, balance: int) -> str:
    if pick % 20 == 0:
        return (
            f'"kind":"transfer_in","direction":"credit","amount_minor":{amount * 10},"currency":"EUR",'
            f'"channel":"online","balance_after_minor":{balance}}}'
        )
    category = CATEGORIES[pick % len(CATEGORIES)]
    return (
        f'"kind":"card_payment","direction":"debit","amount_minor":{amount},"currency":"EUR",'
        f'"channel":"pos","merchant_category":"{category}","balance_after_minor":{balance}}}'
    )


def _interaction(pick: int, products: tuple[str, ...], *, is_view: bool) -> str:
    channel = CHANNELS[pick % 2]
    if is_view:
        return (
            f'"channel":"{channel}","kind":"product_view","product_id":"{products[pick % len(products)]}"}}'
        )
    kind = PLAIN_INTERACTIONS[pick % len(PLAIN_INTERACTIONS)]
    assert kind in INTERACTION_KINDS
    return f'"channel":"{channel}","kind":"{kind}","duration_ms":{pick % 60_000}}}'
