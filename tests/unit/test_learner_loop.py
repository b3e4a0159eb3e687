"""The learner over a log in memory: what it learns, publishes, survives and refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consumer.adapters.memory_io import MemoryModelFeed
from consumer.adapters.partitioner import partition_of
from consumer.runtime.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters
from consumer.runtime.learner import LearnerLimits, LearnerModels
from consumer.vocabulary.errors import Fenced, Retryable
from consumer.vocabulary.messages import ModelInput, ModelSnapshot
from tests.oracles.learner_bench import (
    FINGERPRINT,
    MODELS,
    N_INPUTS,
    N_PARTITIONS,
    Bench,
    LateFeed,
    drain,
    example_of,
    lesson,
    numbers,
    undisturbed,
)


class Crash(Exception):
    """Ends a process at a chosen point."""


def test_examples_become_snapshots_and_their_offsets_are_committed() -> None:
    bench = Bench()
    bench.give(*lesson(25))
    drain(bench.learner())
    snapshots = bench.snapshots()
    assert {name: s.evidence["examples"] for name, s in snapshots.items()} == {"card": 20.0, "loan": 5.0}
    assert sum(bench.committed().values()) == 25
    partition = str(partition_of(b"card", N_PARTITIONS))
    assert snapshots["card"].examples_positions[partition] == bench.committed()[int(partition)]
    assert snapshots["card"].event_time_ms == 1_023


def test_versions_count_up_and_name_their_parent() -> None:
    bench = Bench()
    bench.give(*(example_of(place) for place in range(25)))
    drain(bench.learner())
    read = [ModelSnapshot.model_validate_json(r.value or b"") for r in bench.log.records("models")]
    assert [(s.version, s.parent_version) for s in read] == [(1, 0), (2, 1)]


def test_models_do_not_depend_on_when_they_are_published() -> None:
    bench = Bench()
    bench.give(*lesson(60))
    drain(bench.learner(limits=LearnerLimits(batch_records=1, publish_examples=1)))
    assert numbers(bench) == undisturbed(60)


def test_a_learner_waits_for_enough_examples_or_enough_time() -> None:
    bench = Bench()
    learner = bench.learner(limits=LearnerLimits(publish_examples=10, publish_s=5.0))
    bench.give(*lesson(3))
    learner.step()
    bench.clock.now_s = 4.9
    learner.step()
    assert bench.snapshots() == {}
    bench.clock.now_s = 5.0
    learner.step()
    assert set(bench.snapshots()) == {"card"}


def test_nothing_is_published_when_nothing_was_read() -> None:
    bench = Bench()
    learner = bench.learner(limits=LearnerLimits(publish_s=0.0))
    learner.step()
    learner.publish()
    assert bench.log.records("models") == []


CRASHES = [
    *((step, True) for step in ("begun", "produced", "offsets_sent", "committed")),
    *((step, False) for step in ("begun", "produced", "committed")),
]


@pytest.mark.parametrize(("crash_after", "is_transactional"), CRASHES)
def test_a_crash_at_any_point_of_a_publication_changes_no_model(
    crash_after: str, is_transactional: bool
) -> None:
    bench = Bench()
    bench.give(*lesson(60))
    publications = 0

    def crash(name: str) -> None:
        nonlocal publications
        publications += name == "begun"
        if publications == 3 and name == crash_after:
            raise Crash

    with pytest.raises(Crash):
        drain(bench.learner(on_step=crash, is_transactional=is_transactional))
    bench.sources[0].kill()
    drain(bench.learner(is_transactional=is_transactional))
    assert numbers(bench) == undisturbed(60)
    assert sum(bench.committed().values()) >= 60


@pytest.mark.parametrize("n_examples", [40, 60])
@pytest.mark.parametrize("late", [("card",), ("loan",), ("card", "loan")])
def test_a_publication_that_is_visible_only_in_part_loses_no_example(
    late: tuple[str, ...], n_examples: int
) -> None:
    bench = Bench()
    limits = LearnerLimits(batch_records=10, publish_examples=10, publish_s=1e9)
    learner = bench.learner(limits=limits)
    bench.give(*lesson(30))
    drain(learner)
    before = {name: value.model_dump_json().encode() for name, value in bench.snapshots().items()}
    bench.give(*lesson(40)[30:])
    drain(learner)
    bench.sources[0].kill()
    second = bench.learner(limits=limits)
    feed = LateFeed(MemoryModelFeed(bench.log), {name: before[name] for name in late})
    second.ports = replace(second.ports, feed=feed)
    bench.give(*lesson(n_examples)[40:])
    drain(second)
    assert numbers(bench) == undisturbed(n_examples)
    assert sum(bench.committed().values()) == n_examples


def test_a_bad_example_that_is_read_again_is_no_second_dead_letter() -> None:
    bench = Bench()
    bench.give(*lesson(6))
    bench.give_raw(b"card", b"garbage")
    drain(bench.learner())
    bench.sources[0].kill()
    publications: list[str] = []
    second = bench.learner(
        limits=LearnerLimits(batch_records=2, publish_examples=1), on_step=publications.append
    )
    drain(second)
    assert publications == []
    bench.give(*lesson(7)[6:])
    drain(second)
    assert publications.count("begun") == 1
    assert len(bench.log.records("dead_letter")) == 1


def test_a_broker_that_answers_late_is_asked_again_with_the_same_snapshots() -> None:
    bench = Bench()
    bench.give(*lesson(12))
    failures = iter([True, True])

    def fail(name: str) -> None:
        if name == "produced" and next(failures, False):
            raise Retryable("no answer")

    drain(bench.learner(on_step=fail))
    assert numbers(bench) == undisturbed(12)
    assert bench.telemetry.total("retries_total", what="publish") == 2


def test_an_old_learner_that_wakes_up_is_fenced_and_its_learning_is_lost() -> None:
    bench = Bench()
    bench.give(*lesson(12))
    old = bench.learner(limits=LearnerLimits(publish_s=1e9))
    old.step()
    bench.sources[0].kill()
    drain(bench.learner())
    with pytest.raises(Fenced):
        old.publish()
    assert numbers(bench) == undisturbed(12)


def test_a_partition_that_comes_back_is_learned_from_the_published_state() -> None:
    bench = Bench()
    learner = bench.learner(limits=LearnerLimits(publish_s=1e9))
    bench.give(*lesson(3))
    learner.step()
    learner.publish()
    bench.give(*lesson(30)[3:])
    learner.step()
    partitions = frozenset(range(N_PARTITIONS))
    learner.on_revoked(partitions)
    learner.on_assigned(partitions)
    drain(learner)
    assert numbers(bench) == undisturbed(30)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        (b"card", None, b"empty_value"),
        (b"card", b"\xff{", b"not_json"),
        (b"card", b"{}", b"wrong_shape"),
        (b"loan", example_of(1).model_dump_json().encode(), b"key_mismatch"),
        (b"boat", example_of(1, "boat").model_dump_json().encode(), b"unknown_product"),
        (b"card", example_of(1).model_dump_json().replace("1.5", "NaN").encode(), b"invalid_number"),
        (b"card", example_of(1, weight=1e9).model_dump_json().encode(), b"invalid_number"),
        (b"card", example_of(1).model_copy(
            update={"model_input": ModelInput(fingerprint=FINGERPRINT, inputs_milli=[1])}
        ).model_dump_json().encode(), b"wrong_shape"),
        (b"card", example_of(1).model_copy(
            update={"model_input": ModelInput(fingerprint=FINGERPRINT, inputs_milli=[10**400] * N_INPUTS)}
        ).model_dump_json().encode(), b"invalid_number"),
        (b"card", example_of(1).model_copy(
            update={"model_input": ModelInput(fingerprint=FINGERPRINT, inputs_milli=[-(2**63)] * N_INPUTS)}
        ).model_dump_json().encode(), b"invalid_number"),
        (b"card", example_of(1).model_copy(
            update={"model_input": ModelInput(fingerprint=FINGERPRINT, inputs_milli=[0, 10**12 + 1, 0, 0])}
        ).model_dump_json().encode(), b"invalid_number"),
        (b"card", b" " * 70_000, b"oversized"),
    ],
)  # fmt: skip
def test_an_unusable_example_becomes_a_dead_letter_and_the_others_are_learned(
    key: bytes, value: bytes | None, code: bytes
) -> None:
    bench = Bench()
    bench.give(*lesson(6))
    bench.give_raw(key, value)
    bench.give(*lesson(12)[6:])
    drain(bench.learner())
    letters = bench.log.outputs("dead_letter")
    assert [dict(letter.headers)["error_code"] for letter in letters] == [code]
    assert dict(letters[0].headers)["source_topic"] == b"nbo.examples"
    assert {name: s[:4] for name, s in numbers(bench).items()} == {
        name: s[:4] for name, s in undisturbed(12).items()
    }


def test_a_topic_that_is_all_garbage_stops_the_learner() -> None:
    bench = Bench()
    learner = bench.learner(limits=LearnerLimits(batch_records=50))
    learner.dead_letter_limit = DeadLetterLimit(max_run=20)
    for _ in range(30):
        bench.give_raw(b"card", b"garbage")
    with pytest.raises(TooManyDeadLetters, match="21 records in a row"):
        learner.step()
    assert bench.log.records("dead_letter") == []


def test_examples_of_another_feature_layout_are_counted_and_passed_over() -> None:
    bench = Bench()
    other = ModelInput(fingerprint="f" * 16, inputs_milli=[1] * 9)
    bench.give(example_of(1, model_input=other), example_of(2))
    drain(bench.learner())
    assert bench.telemetry.total("examples_skipped_total", reason="other_features") == 1
    assert bench.snapshots()["card"].evidence["examples"] == 1.0


def test_a_published_model_of_another_feature_layout_gives_way_to_the_seed() -> None:
    bench = Bench()
    bench.give(*lesson(9))
    drain(bench.learner())
    seed = bench.snapshots()["card"].model_copy(
        update={"fingerprint": "f" * 16, "origin": "seed", "version": 0, "examples_positions": {}}
    )
    models = LearnerModels(("card",), MODELS.input_names, "f" * 16, seeds={"card": seed})
    learner = bench.learner(models=models)
    bench.sources[0].kill()
    learner.step()
    assert bench.telemetry.total("models_refused_total", reason="other_features") == 1
    assert learner.learners == {}


def test_a_published_model_that_cannot_be_read_stops_nobody() -> None:
    bench = Bench()
    bench.log.append("models", 0, b"loan", b"no snapshot", timestamp_ms=0)
    bench.give(*lesson(20))
    drain(bench.learner())
    assert bench.telemetry.total("models_refused_total", reason="unreadable") == 1
    bench.log.remove_before("models", 0, 1)
    assert "card" in bench.snapshots()


def test_a_seed_is_continued_as_version_one() -> None:
    bench = Bench()
    bench.give(*lesson(9))
    drain(bench.learner())
    learned = bench.snapshots()["card"]
    seed = learned.model_copy(
        update={"version": 0, "origin": "seed", "seed_version": "s1", "examples_positions": {}}
    )
    second = Bench()
    second.give(example_of(50))
    drain(
        second.learner(models=LearnerModels(("card",), MODELS.input_names, FINGERPRINT, seeds={"card": seed}))
    )
    snapshot = second.snapshots()["card"]
    assert (snapshot.version, snapshot.parent_version, snapshot.seed_version) == (1, 0, "s1")
    assert snapshot.evidence["examples"] == learned.evidence["examples"] + 1


def test_purchases_are_counted_and_do_not_move_the_model_of_acceptance() -> None:
    bench = Bench()
    bench.give(example_of(0, label_kind="purchase", label=1), example_of(1, label_kind="purchase", label=0))
    drain(bench.learner())
    snapshot = bench.snapshots()["card"]
    assert (snapshot.evidence["purchase_answers"], snapshot.evidence["purchases"]) == (2.0, 1.0)
    assert (snapshot.evidence["examples"], snapshot.weights) == (0.0, [0.0] * N_INPUTS)


def test_run_publishes_what_was_learned_before_it_stops() -> None:
    bench = Bench()
    bench.give(*lesson(3))
    learner = bench.learner()
    stops = iter([False, True])
    learner.run(lambda: next(stops))
    assert bench.snapshots()["card"].evidence["examples"] == 3.0
