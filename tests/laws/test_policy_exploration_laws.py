"""Laws of SquareCB, values, draws and bank time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from consumer.policy.arbitration import bounded_value
from consumer.policy.bank_time import local_time
from consumer.policy.draws import salted_draws
from consumer.policy.exploration import Propensities, drawn_arms, mature_share, propensities
from consumer.policy.facts import NO_OFFER
from consumer.policy.schema import ExplorationText, ValueScaleText
from consumer.vocabulary.ids import uniform_draw

TEXT = ExplorationText(salt="s", mature_evidence=100.0)
Contest = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
SHARES = st.floats(0.0, 1.0, width=32)


@st.composite
def contests(draw: st.DrawFn) -> Contest:
    """Candidates and priorities of (offers, decisions), evidence of offers, uniform decisions."""
    n_offers, n = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    is_candidate = draw(hnp.arrays(np.bool_, (n_offers, n)))
    priority = draw(hnp.arrays(np.float64, (n_offers, n), elements=SHARES))
    evidence = draw(
        hnp.arrays(np.float64, n_offers, elements=st.sampled_from([0.0, 1.0, 50.0, 99.0, 100.0, 1e6]))
    )
    return is_candidate, priority, evidence, draw(hnp.arrays(np.bool_, n))


def chances_of(contest: Contest) -> Propensities:
    is_candidate, priority, evidence, is_uniform = contest
    return propensities(
        TEXT, is_candidate=is_candidate, priority=priority, evidence=evidence, is_uniform=is_uniform
    )


@given(contests())
def test_probabilities_sum_to_one_and_only_candidates_have_any(contest: Contest) -> None:
    chance = chances_of(contest).probability
    assert (np.abs(chance.sum(axis=0) - 1.0) <= 1e-12).all()
    assert ((chance[:-1] > 0.0) == contest[0]).all()
    assert (chance[-1] > 0.0).all()


@given(contests())
def test_a_young_offer_never_gets_more_than_its_share(contest: Contest) -> None:
    is_candidate, _, evidence, is_uniform = contest
    chance = chances_of(contest).probability[:-1]
    share = mature_share(TEXT, evidence)
    assert (chance[:, ~is_uniform] <= share[:, None] + 1e-12).all()
    n_arms = is_candidate.sum(axis=0) + 1.0
    uniform = np.where(is_candidate, 1.0 / n_arms, 0.0)
    np.testing.assert_allclose(chance[:, is_uniform], uniform[:, is_uniform], atol=1e-12)


@given(contests())
def test_among_mature_candidates_a_higher_priority_never_has_less_probability(contest: Contest) -> None:
    is_candidate, priority, _, is_uniform = contest
    chance = chances_of((is_candidate, priority, np.full(len(priority), 1e6), is_uniform)).probability[:-1]
    for column in range(is_candidate.shape[1]):
        rows = np.flatnonzero(is_candidate[:, column])
        # Of equal priorities the first in the catalogue is the best and takes the rest.
        rows = rows[np.lexsort((chance[rows, column], priority[rows, column]))]
        assert (np.diff(chance[rows, column]) >= -1e-12).all()


@given(contests())
def test_mature_candidates_get_what_the_formula_of_the_paper_gives(contest: Contest) -> None:
    is_candidate, priority, _, is_uniform = contest
    found = chances_of((is_candidate, priority, np.full(len(priority), 1e6), is_uniform))
    for column, gamma in enumerate(found.gamma.tolist()):
        rewards = {int(i): priority[i, column] for i in np.flatnonzero(is_candidate[:, column])}
        rewards[len(priority)] = TEXT.no_offer_priority
        best = max(rewards, key=lambda arm: rewards[arm])
        others = {
            arm: 1.0 / (len(rewards) + gamma * (1.0 - reward / rewards[best]))
            for arm, reward in rewards.items()
            if arm != best
        }
        assert found.probability[best, column] == pytest.approx(1.0 - sum(others.values()), abs=1e-12)
        for arm, chance in others.items():
            assert found.probability[arm, column] == pytest.approx(chance, abs=1e-12)


@given(contests(), st.floats(0.0, 1.0, exclude_max=True))
def test_a_draw_hits_only_arms_that_have_a_probability(contest: Contest, draw: float) -> None:
    chance = chances_of(contest).probability
    chosen = drawn_arms(chance, np.full(chance.shape[1], draw))
    for column, arm in enumerate(chosen.tolist()):
        assert chance[-1 if arm == NO_OFFER else arm, column] > 0.0


def test_more_evidence_explores_less() -> None:
    one = np.ones((3, 1), np.bool_), np.array([[0.3], [0.2], [0.1]])
    best_shares = [
        chances_of((*one, np.full(3, evidence), np.array([False]))).probability[0, 0]
        for evidence in (100.0, 1_000.0, 10_000.0, 100_000.0)
    ]
    assert best_shares == sorted(best_shares)
    assert best_shares[0] < 0.95 < best_shares[-1]


@given(hnp.arrays(np.float64, 20, elements=st.floats(-1e12, 1e12)))
def test_value_is_bounded_and_never_falls_with_the_margin(margins: np.ndarray) -> None:
    values = bounded_value(ValueScaleText(), np.sort(margins))
    assert ((values >= 0.2) & (values <= 1.0)).all()
    assert (np.diff(values) >= 0.0).all()


@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=20))
def test_salted_draws_are_those_of_the_vocabulary(salt: str, names: list[str]) -> None:
    assert salted_draws(salt, names).tolist() == [uniform_draw(salt, name) for name in names]


ZONES = (
    "Europe/London",
    "Australia/Melbourne",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "UTC",
)


@given(st.sampled_from(ZONES), st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=20))
def test_bank_time_is_what_the_zone_says_at_every_instant(zone: str, instants_s: list[int]) -> None:
    local = local_time(zone, np.array(instants_s, np.int64) * 1_000)
    for i, second in enumerate(instants_s):
        expected = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))
        assert (local.minute[i], local.weekday[i], local.month[i]) == (
            expected.hour * 60 + expected.minute,
            expected.weekday(),
            expected.month,
        )
        assert local.day[i] == expected.date().toordinal() - 719_163


@pytest.mark.parametrize("zone", ZONES)
def test_bank_time_is_right_on_both_sides_of_every_change_of_the_clock_in_a_year(zone: str) -> None:
    quarters_s = np.arange(1_767_225_600, 1_798_761_600, 900)
    minutes = local_time(zone, quarters_s * 1_000).minute
    expected = [datetime.fromtimestamp(int(s), UTC).astimezone(ZoneInfo(zone)) for s in quarters_s]
    assert minutes.tolist() == [moment.hour * 60 + moment.minute for moment in expected]


@given(st.integers(0, 2**32 - 1), st.integers(8, 40))
def test_a_decision_has_the_same_bits_alone_as_among_others(number: int, n_offers: int) -> None:
    # Many arms with unlike chances: a sum that pairs its terms otherwise for one column shows in the last bit.
    generator = np.random.default_rng(number)
    is_candidate, priority = generator.random((n_offers, 9)) < 0.8, generator.random((n_offers, 9))
    evidence, is_uniform = generator.integers(0, 9_999, n_offers).astype(float), generator.random(9) < 0.1
    whole = chances_of((is_candidate, priority, evidence, is_uniform)).probability
    for i in range(9):
        one = np.ascontiguousarray(is_candidate[:, [i]]), np.ascontiguousarray(priority[:, [i]])
        alone = chances_of((*one, evidence, is_uniform[[i]])).probability
        np.testing.assert_array_equal(alone[:, 0], whole[:, i])
