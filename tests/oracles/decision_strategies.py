"""Arbitrary facts for the small bank: as Hypothesis draws them, near every edge that a rule has."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from hypothesis import strategies as st

from consumer.policy.compiled import CompiledPolicy
from consumer.policy.facts import Facts
from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.words import CHANNELS
from tests.oracles.decision_facts import NOON_MS, good_facts


class Draws(Protocol):
    """What is asked of a `numpy.random.Generator`; the golden test has a stand-in that never changes."""

    def random(self, size: Any, /) -> np.ndarray: ...

    def integers(self, low: int, high: int, size: Any, /) -> np.ndarray: ...

    def normal(self, mean: float, spread: float, size: Any, /) -> np.ndarray: ...

    def choice(self, values: Any, size: Any, /, *, p: Any = None) -> np.ndarray: ...


NORTH = stable_hash64("North") & 0xFFFF_FFFF


@st.composite
def any_facts(draw: st.DrawFn, policy: CompiledPolicy, *, rows_max: int = 12) -> Facts:
    """Return up to `rows_max` decisions; half of the columns are drawn row by row from a seed.

    One seed instead of thousands of draws keeps the law quick; Hypothesis still shrinks the size and
    the share of unusual values.
    """
    n = draw(st.integers(1, rows_max))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    odd = draw(st.sampled_from((0.02, 0.2, 0.6)))
    return facts_from(policy, n, generator=generator, odd=odd, start=draw(st.integers(0, 1_000)))


def facts_from(policy: CompiledPolicy, n: int, *, generator: Draws, odd: float, start: int = 0) -> Facts:
    """Return n decisions; each property is unusual with probability `odd`."""
    catalogue = policy.catalogue
    n_offers, n_products = len(catalogue.offers), len(catalogue.products)

    def rarely(shape: int | tuple[int, ...] = n, share: float = 1.0) -> np.ndarray:
        return generator.random(shape) < odd * share

    def gated() -> np.ndarray:
        """Eight gates, any of which hides all that comes after it."""
        return rarely(n, 1 / 8)

    hours = generator.integers(-30 * 24, 30 * 24, n) * 3_600_000
    at_ms = NOON_MS + np.where(rarely(), hours, generator.integers(0, 3_600_000, n))
    keys = np.array([*(offer.offer_key for offer in catalogue.offers), 7], np.uint16)
    # Half of the contacts stand within or at the edge of the shortest window.
    edges_s = generator.choice([86_400, 7 * 86_400, 8 * 86_400, 40 * 86_400], (n, 16))
    ages_s = edges_s - generator.integers(0, 2, (n, 16)) * generator.integers(0, 10 * 86_400, (n, 16))
    contact_s = np.where(rarely((n, 16), 0.5), at_ms[:, None] // 1_000 - ages_s, 0)
    refused_s = np.where(
        rarely((n, n_products)),
        at_ms[:, None] // 1_000 - generator.integers(0, 80 * 86_400, (n, n_products)),
        0,
    )
    groups = 2
    return good_facts(
        policy,
        n,
        customer_ids=[f"c-{start + i}" for i in range(n)],
        at_ms=at_ms,
        is_known=~gated(),
        consents=np.where(gated(), 1, 3) | np.where(rarely(), generator.integers(0, 2**7, n), 2**7 - 1) << 2,
        is_deceased=gated(),
        age_years=np.where(gated(), generator.choice([np.nan, 17.99, 18.0], n), 40.0),
        kyc_status=np.where(gated(), generator.integers(-1, 3, n), 0),
        aml_status=np.where(gated(), generator.integers(0, 3, n), 0),
        is_vulnerable=gated(),
        holdings=np.where(rarely(), generator.integers(0, 2**n_products, n), 0),
        fields={
            "income_minor": np.where(rarely(), 999_999.0, generator.choice([1_000_000.0, 7_000_000.0], n)),
            "income_is_known": (~gated()).astype(float),
            "debit_sum_90d": np.where(rarely(), 2e6, 1e6),
            "credit_sum_90d": np.where(rarely(), np.nan, 2e6),
            "churn_probability": generator.choice([0.0, 0.3, 0.6], n, p=[0.6, 0.3, 0.1]),
            "lifetime_value_minor": generator.normal(2e5, 2e5, n),
            "employment_status": np.where(rarely(), generator.integers(-1, 6, n), 0),
            "region": np.where(rarely(), generator.choice([-1, NORTH], n), 5),
        },
        contact_s=contact_s.astype(np.uint32),
        contact_offer=keys[generator.integers(0, len(keys), (n, 16))],
        contact_channel=generator.integers(0, len(CHANNELS), (n, 16)).astype(np.uint8),
        refused_s=refused_s.astype(np.uint32),
        trigger_source=np.where(rarely(), 2, 3),
        trigger_kind=np.where(rarely(), 6, 3),
        trigger_product=generator.integers(-1, n_products, n),
        trigger_channel=np.where(rarely(), generator.integers(-1, len(CHANNELS), n), 0),
        p_accept=generator.random((n, len(catalogue.model_ids))) ** 3,
        evidence=generator.choice([0.0, 10.0, 90.0, 1e4], len(catalogue.model_ids)),
        channel_preference=generator.random((n, len(CHANNELS))),
        draw=generator.random(n),
        budget_group=generator.integers(0, groups, n),
        budget_left=generator.integers(0, 6, (groups, n_offers)),
    )
