"""Laws of scoring: the matrix says what River says, bit for bit alike for every cut of a batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from consumer.scoring.compiled import CompiledModels, compile_models
from consumer.scoring.online_model import OnlineModel, initial_state
from consumer.scoring.prior import P_MIN
from consumer.scoring.snapshot import SnapshotFacts, snapshot_document, state_of
from consumer.vocabulary.errors import Defect
from consumer.vocabulary.messages import ModelSnapshot
from tests.oracles.rivers_own import RiversOwn

N_INPUTS = 7
NAMES = tuple(f"input_{place}" for place in range(N_INPUTS))
FINGERPRINT = "0123456789abcdef"
MODEL_IDS = ("card", "gold", "loan")
GROUPS = {"card": "cards", "gold": "cards", "loan": "loans"}

Inputs = NDArray[np.int64]
Lesson = list[tuple[Inputs, int, float]]

milli = st.integers(-40_000, 40_000)
any_whole = st.integers(-(2**62), 2**62)
weights = st.floats(1.0, 3.0) | st.floats(-3.0, -1.0)
lessons = st.lists(
    st.tuples(arrays(np.int64, N_INPUTS, elements=milli), st.integers(0, 1), weights), max_size=12
)
rows = st.integers(0, 9).flatmap(lambda n: arrays(np.int64, (n, N_INPUTS), elements=any_whole))


def taught(lesson: Lesson) -> OnlineModel:
    model = OnlineModel(NAMES, initial_state(N_INPUTS))
    for inputs, label, weight in lesson:
        model.learn_one(inputs / 1_000.0, label, weight=weight)
    return model


def taught_by_river(lesson: Lesson) -> RiversOwn:
    model = RiversOwn(initial_state(N_INPUTS))
    for inputs, label, weight in lesson:
        model.learn_one(inputs / 1_000.0, label, weight=weight)
    return model


def snapshot_of(model: OnlineModel, product_id: str = "card") -> ModelSnapshot:
    facts = SnapshotFacts(
        product_id=product_id,
        version=3,
        parent_version=2,
        origin="stream",
        fingerprint=FINGERPRINT,
        input_names=NAMES,
        event_time_ms=5,
    )
    return snapshot_document(model.snapshot(), facts, prequential={})


def through_json(snapshot: ModelSnapshot) -> ModelSnapshot:
    return ModelSnapshot.model_validate_json(snapshot.model_dump_json())


def compiled(*models: OnlineModel) -> CompiledModels:
    snapshots = {name: snapshot_of(model, name) for name, model in zip(MODEL_IDS, models, strict=False)}
    return compile_models(NAMES, FINGERPRINT, MODEL_IDS, groups=GROUPS, snapshots=snapshots)


@given(lessons, lessons, rows)
def test_the_compiled_probability_is_rivers(first: Lesson, second: Lesson, inputs_milli: Inputs) -> None:
    odds = compiled(taught(first), taught(second)).score(inputs_milli).log_odds
    rivers = [taught_by_river(first), taught_by_river(second)]
    for row, inputs in enumerate(inputs_milli):
        for column, model in enumerate(rivers):
            ours = 1.0 / (1.0 + math.exp(-odds[row, column]))
            assert ours == pytest.approx(model.predict_one(inputs / 1_000.0), abs=1e-9)


@given(lessons, arrays(np.int64, N_INPUTS, elements=any_whole))
def test_a_model_learns_and_answers_as_rivers_own_class_does_to_the_last_bit(
    lesson: Lesson, asked: Inputs
) -> None:
    ours, rivers = taught(lesson), taught_by_river(lesson)
    learned = ours.snapshot()
    assert list(learned.weights) == rivers.weights()
    assert learned.intercept == rivers.river.intercept
    assert learned.steps == rivers.river.optimizer.n_iterations
    assert ours.predict_one(asked / 1_000.0) == rivers.predict_one(asked / 1_000.0)


def test_with_as_many_inputs_and_examples_as_a_bank_has_it_is_rivers_own_class_to_the_last_bit() -> None:
    rng = np.random.default_rng(11)
    ours, rivers = OnlineModel(("input",) * 115, initial_state(115)), RiversOwn(initial_state(115))
    inputs = np.round(rng.normal(0.0, 2.0, (2_500, 115)) * (rng.random((2_500, 115)) < 0.5), 3)
    for row, label, weight in zip(
        inputs, rng.integers(0, 2, 2_500).tolist(), rng.uniform(1, 3, 2_500), strict=True
    ):
        ours.learn_one(row, label, weight=weight)
        rivers.learn_one(row, label, weight=weight)
    assert list(ours.snapshot().weights) == rivers.weights()
    assert ours.snapshot().intercept == rivers.river.intercept


def test_a_model_refuses_weights_of_another_layout() -> None:
    with pytest.raises(Defect, match="7 inputs is given 6 weights"):
        OnlineModel(NAMES, initial_state(N_INPUTS - 1))


@given(lessons, rows, st.integers(1, 9))
def test_a_rows_score_has_the_same_bits_in_every_batch(lesson: Lesson, inputs: Inputs, size: int) -> None:
    models = compiled(taught(lesson))
    whole = models.score(inputs)
    for start in range(0, len(inputs), size):
        part = models.score(inputs[start : start + size])
        assert part.p_accept.tobytes() == whole.p_accept[start : start + size].tobytes()
        assert part.log_odds.tobytes() == whole.log_odds[start : start + size].tobytes()


def test_a_rows_score_has_the_same_bits_across_the_blocks_of_a_large_batch() -> None:
    rng = np.random.default_rng(7)
    inputs = rng.integers(-20_000, 20_000, (1_000, N_INPUTS))
    models = compiled(taught([(row, int(row[0] > 0), 1.5) for row in inputs[:50]]))
    whole = models.score(inputs).p_accept
    single = np.concatenate([models.score(inputs[place : place + 1]).p_accept for place in range(1_000)])
    assert whole.tobytes() == single.tobytes()


@given(lessons, rows)
def test_every_probability_is_inside_zero_and_one(lesson: Lesson, inputs: Inputs) -> None:
    p = compiled(taught(lesson)).score(inputs).p_accept
    assert ((p >= P_MIN) & (p <= 1.0 - P_MIN)).all()


@given(lessons, lessons)
def test_a_restored_model_goes_on_bit_for_bit_as_the_original(before: Lesson, after: Lesson) -> None:
    original = taught(before)
    restored = OnlineModel(NAMES, state_of(through_json(snapshot_of(original))))
    for inputs, label, weight in after:
        said = [model.learn_one(inputs / 1_000.0, label, weight=weight) for model in (original, restored)]
        assert said[0] == said[1]
    assert snapshot_of(original) == snapshot_of(restored)


@given(lessons, arrays(np.int64, N_INPUTS, elements=any_whole))
def test_asking_a_model_changes_nothing(lesson: Lesson, inputs: Inputs) -> None:
    model = taught(lesson)
    before = snapshot_of(model)
    answers = {model.predict_one(inputs / 1_000.0) for _ in range(3)}
    model.log_odds_one(inputs / 1_000.0)
    assert len(answers) == 1
    assert snapshot_of(model) == before


@given(lessons)
def test_two_models_of_one_state_do_not_share_it(lesson: Lesson) -> None:
    model = taught(lesson)
    state = model.snapshot()
    twin = OnlineModel(NAMES, state)
    twin.learn_one(np.ones(N_INPUTS), 1, weight=1.0)
    assert model.snapshot() == state


@given(lessons)
def test_a_model_stays_finite_whatever_it_learns(lesson: Lesson) -> None:
    model = taught([(inputs * 10**9, label, weight) for inputs, label, weight in lesson])
    snapshot = snapshot_of(model)
    assert np.isfinite([*snapshot.weights, snapshot.intercept, *snapshot.scaler["sd"]]).all()
    assert 0.0 < model.learn_one(np.full(N_INPUTS, 1e15), 1, weight=3.0).p_accept < 1.0


@given(st.integers(0, 1), st.floats(1.0, 3.0))
def test_an_example_that_is_taken_back_leaves_no_evidence(label: int, weight: float) -> None:
    model = taught([(np.full(N_INPUTS, 500), label, weight), (np.full(N_INPUTS, 500), label, -weight)])
    evidence = model.snapshot().evidence
    assert (evidence.examples, evidence.positives) == (0.0, 0.0)
    assert evidence.weight_sum == pytest.approx(0.0)
