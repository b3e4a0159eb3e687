"""One suite for every model feed: in memory and on Kafka."""

from __future__ import annotations

from tests.contract.worlds import World


def test_an_empty_topic_has_no_snapshots(world: World) -> None:
    feed = world.feed()
    assert feed.read_all() == []
    assert feed.poll() == []


def test_the_latest_snapshot_of_each_model_counts_and_a_deleted_one_does_not(world: World) -> None:
    world.append("models", 0, b"mortgage 1", key=b"mortgage", timestamp_ms=1)
    world.append("models", 0, b"mortgage 2", key=b"mortgage", timestamp_ms=2)
    world.append("models", 1, b"car 1", key=b"car_loan", timestamp_ms=1)
    world.append("models", 2, b"old 1", key=b"old", timestamp_ms=1)
    world.append("models", 2, None, key=b"old", timestamp_ms=2)
    assert world.feed().read_all() == [b"car 1", b"mortgage 2"]


def test_a_poll_gives_what_came_since(world: World) -> None:
    world.append("models", 0, b"mortgage 1", key=b"mortgage", timestamp_ms=1)
    feed = world.feed()
    assert feed.read_all() == [b"mortgage 1"]
    assert feed.poll() == []
    world.append("models", 0, b"mortgage 2", key=b"mortgage", timestamp_ms=2)
    found: list[bytes] = []
    for _ in range(1_000):
        found += feed.poll()
        if found:
            break
        world.visible("models")  # takes the broker a moment
    assert found == [b"mortgage 2"]
    assert feed.read_all() == [b"mortgage 2"]
