"""Laws of learning: one label an offer whatever is heard of it, and tests that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.learning.attribution import STEPS, Effect, State, attribute, expire
from consumer.learning.drift import BLOCK, BLOCKS_MAX, DriftWatch, drift_from_json
from consumer.learning.labels import KEEP_CLOSED_MS, Step, close_due, labels_of, settle
from consumer.learning.open_decisions import (
    Rows,
    empty_rows,
    open_decision_dtype,
    pack,
    pack_all,
    unpack,
    unpack_all,
)
from consumer.learning.prequential import (
    HALF_LIFE,
    Prequential,
    answered,
    log_loss,
    metrics_of,
    prequential_from_json,
)
from consumer.vocabulary.time import DAY_MS
from consumer.vocabulary.words import OUTCOME_KINDS, code_of

CODE = code_of(OUTCOME_KINDS)
N_INPUTS = 3

heard = st.lists(st.tuples(st.sampled_from(OUTCOME_KINDS), st.integers(0, 120)), max_size=8)
"""(outcome, day on which it arrives) in order of arrival."""


def offers(n_rows: int) -> Rows:
    rows = empty_rows(N_INPUTS, n_rows)
    rows["window_ms"] = 30 * DAY_MS
    rows["deadline_ms"] = 14 * DAY_MS
    rows["forget_ms"] = rows["deadline_ms"] + KEEP_CLOSED_MS
    return rows


def live(rows: Rows, told: list[tuple[str, int]], owners: np.ndarray | None = None) -> list[Step]:
    """Apply outcomes as they arrive, then let every deadline pass."""
    times = np.array([day * DAY_MS for _, day in told], dtype=np.int64)
    kinds = np.array([CODE[kind] for kind, _ in told], dtype=np.uint8)
    places = np.zeros(len(told), dtype=np.int64) if owners is None else owners
    stream = np.maximum.accumulate(times) if len(times) else times
    steps = settle(rows, places, kinds, event_time_ms=times, stream_time_ms=stream)
    return steps + close_due(rows, 400 * DAY_MS) + close_due(rows, 800 * DAY_MS)


def net_labels(steps: list[Step], label_kind: str) -> dict[int, int]:
    """Return label → number of examples that are not taken back."""
    net = {0: 0, 1: 0}
    for step in steps:
        for label in labels_of(step):
            if label.label_kind == label_kind:
                net[label.label] += label.sign
                assert net[0] >= 0, "a negative was taken back that was never given"
    return {label: count for label, count in net.items() if count}


@given(heard)
def test_no_path_leaves_two_labels(told: list[tuple[str, int]]) -> None:
    steps = live(offers(1), told)
    for label_kind in ("response", "purchase"):
        assert net_labels(steps, label_kind) in ({}, {0: 1}, {1: 1})


@given(heard)
def test_a_positive_answer_wins_whenever_it_comes(told: list[tuple[str, int]]) -> None:
    kinds = {kind for kind, _ in told}
    steps = live(offers(1), told)
    if kinds & {"accepted", "purchased"}:
        assert net_labels(steps, "response") == {1: 1}
    if "purchased" in kinds:
        assert net_labels(steps, "purchase") == {1: 1}


@given(heard, st.randoms(use_true_random=False))
def test_the_labels_that_remain_do_not_depend_on_the_order_of_arrival(told, random) -> None:  # type: ignore[no-untyped-def]
    same_day = [(kind, 1) for kind, _ in told]
    shuffled = list(same_day)
    random.shuffle(shuffled)
    for label_kind in ("response", "purchase"):
        labels = [net_labels(live(offers(1), order), label_kind) for order in (same_day, shuffled)]
        assert labels[0] == labels[1]


@given(heard)
def test_no_answer_without_a_delivery_gives_a_label(told: list[tuple[str, int]]) -> None:
    implies_delivery = {"delivered", "viewed", "clicked", "accepted", "rejected", "purchased"}
    steps = live(offers(1), told)
    has_response = bool(net_labels(steps, "response"))
    assert has_response == bool({kind for kind, _ in told} & implies_delivery)


@given(heard)
def test_a_contact_is_given_back_exactly_while_non_delivery_is_what_is_known(
    told: list[tuple[str, int]],
) -> None:
    rows = offers(1)
    steps = live(rows, told)
    released = sum(bool(step.effects & Effect.RELEASE_CONTACT) for step in steps)
    restored = sum(bool(step.effects & Effect.RESTORE_CONTACT) for step in steps)
    assert released - restored == int(rows["state"][0] == State.UNDELIVERED)


@given(heard)
def test_no_label_and_cause_comes_twice_so_example_ids_are_unique(told: list[tuple[str, int]]) -> None:
    labels = [(x.label_kind, x.cause, x.label) for step in live(offers(1), told) for x in labels_of(step)]
    assert len(labels) == len(set(labels))


@settings(max_examples=400)
@given(heard.map(lambda told: sorted(told, key=lambda one: one[1])), st.integers(0, 8))
def test_outcomes_give_the_same_labels_however_they_are_cut_into_batches(
    told: list[tuple[str, int]], cut: int
) -> None:
    rows = offers(1)
    times = np.array([day * DAY_MS for _, day in told], dtype=np.int64)
    stream = np.maximum.accumulate(times) if len(times) else times
    kinds = np.array([CODE[kind] for kind, _ in told], dtype=np.uint8)
    in_parts: list[Step] = []
    for part in (slice(0, cut), slice(cut, None)):
        n = len(times[part])
        in_parts += settle(
            rows, np.zeros(n, np.int64), kinds[part], event_time_ms=times[part], stream_time_ms=stream[part]
        )
        if n:
            in_parts += close_due(rows, int(stream[part].max()))
        rows = unpack(pack(rows, "f" * 16), N_INPUTS, "f" * 16)
    in_parts += close_due(rows, 800 * DAY_MS)

    def found(steps: list[Step]) -> list[tuple[str, int, int, str, int]]:
        return [(x.label_kind, x.label, x.sign, x.cause, x.at_ms) for s in steps for x in labels_of(s)]

    assert found(in_parts) == found(live(offers(1), told))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(OUTCOME_KINDS), st.integers(0, 60)), max_size=12)
)
def test_decisions_settled_together_end_as_each_alone(told: list[tuple[int, str, int]]) -> None:
    together = offers(3)
    owners = np.array([row for row, _, _ in told], dtype=np.int64)
    order = sorted(range(len(told)), key=lambda place: told[place][2])
    told = [told[place] for place in order]
    live(together, [(kind, day) for _, kind, day in told], owners[order])
    for row in range(3):
        alone = offers(1)
        live(alone, [(kind, day) for place, kind, day in told if place == row])
        assert together["state"][row] == alone["state"][0]


@given(st.lists(st.sampled_from(list(State)), max_size=20), st.sampled_from(OUTCOME_KINDS))
def test_the_table_read_in_columns_is_the_table_read_row_by_row(states: list[State], kind: str) -> None:
    column = np.array(states, dtype=np.uint8)
    after, effects = attribute(column, np.full(len(states), CODE[kind], dtype=np.uint8))
    expected = [STEPS[state].get(kind, (state, Effect.NONE)) for state in states]
    assert list(zip(after.tolist(), effects.tolist(), strict=True)) == [(int(s), int(e)) for s, e in expected]
    assert (expire(column, np.full(len(states), 5), 4)[0] == column).all()


answers = st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 1)), min_size=1, max_size=60)


@given(answers)
def test_prequential_log_loss_is_the_faded_mean_of_each_answers_loss(told: list[tuple[float, int]]) -> None:
    state = Prequential()
    for p_accept, label in told:
        state = answered(state, p_accept, label)
    fades = 0.5 ** (np.arange(len(told))[::-1] / HALF_LIFE)
    losses = np.array([log_loss(p_accept, label) for p_accept, label in told])
    assert metrics_of(state)["log_loss"] == pytest.approx((fades * losses).sum() / fades.sum())
    assert metrics_of(prequential_from_json(state.to_json())) == metrics_of(state)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1)), min_size=2, max_size=60))
def test_prequential_auc_is_the_share_of_pairs_in_the_right_order(told: list[tuple[int, int]]) -> None:
    levels = 1.0 / (1.0 + np.exp(-np.linspace(-5.8, 5.8, 8)))
    state = Prequential()
    for level, label in told:
        state = answered(state, levels[level], label)
    pairs = [
        (above > below) + 0.5 * (above == below)
        for above, is_positive in told
        for below, is_other in told
        if is_positive and not is_other
    ]
    auc = metrics_of(state).get("auc")
    assert (auc is None) == (not pairs)
    if auc is not None:
        assert auc == pytest.approx(np.mean(pairs), abs=0.02)


def test_a_restored_drift_watch_finds_the_same_drifts_at_the_same_examples() -> None:
    rng = np.random.default_rng(3)
    losses = np.concatenate([rng.exponential(0.2, 60 * BLOCK), rng.exponential(0.6, 30 * BLOCK)]).tolist()
    original, restored = DriftWatch(), DriftWatch()
    found: list[list[int]] = [[], []]
    for place, loss in enumerate(losses):
        if original.update(loss):
            found[0].append(place)
        if restored.update(loss):
            found[1].append(place)
        if place % 997 == 0:
            restored = drift_from_json(restored.to_json())
    assert found[0] == found[1]
    assert len(found[0]) >= 1
    assert found[0][0] > 60 * BLOCK


def test_a_drift_watch_keeps_a_bounded_past_and_stays_quiet_without_a_drift() -> None:
    rng = np.random.default_rng(4)
    watch = DriftWatch()
    drifts = sum(watch.update(loss) for loss in rng.exponential(0.2, 2 * BLOCKS_MAX * BLOCK).tolist())
    assert drifts == 0
    assert len(watch.blocks) < BLOCKS_MAX


@given(st.integers(0, 10**6), st.lists(st.integers(0, 4), max_size=6), st.sampled_from([0.02, 0.3, 1.0]))
def test_open_decisions_are_stored_and_read_the_same_whatever_the_bytes(
    seed: int, n_rows: list[int], density: float
) -> None:
    generator = np.random.default_rng(seed)
    dtype = open_decision_dtype(N_INPUTS)
    size = sum(n_rows) * dtype.itemsize
    noise = generator.integers(0, 256, size, dtype=np.uint8) * (generator.random(size) < density)
    rows = np.frombuffer(noise.tobytes(), dtype=dtype)
    values = pack_all(rows, n_rows, "f" * 16)
    again, owner = unpack_all(values, N_INPUTS, "f" * 16)
    assert again.tobytes() == rows.tobytes()
    assert owner.tolist() == [place for place, n in enumerate(n_rows) for _ in range(n)]
