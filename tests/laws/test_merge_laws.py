"""The merge of a partition's roles: laws against the textbook merge."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.merge import RoleMerge
from consumer.vocabulary.log import RawRecord

ROLES = ("customers", "transactions", "outcomes")

Logs = dict[str, list[RawRecord]]


def as_log(times: list[list[int]]) -> Logs:
    return {
        role: [RawRecord(role, 0, offset, None, None, time_ms) for offset, time_ms in enumerate(role_times)]
        for role, role_times in zip(ROLES, times, strict=True)
    }


# Few distinct times, so that ties and steps back are the rule.
logs = st.lists(
    st.lists(st.integers(min_value=-1, max_value=9), max_size=12), min_size=len(ROLES), max_size=len(ROLES)
).map(as_log)


def heads_merged(log: Logs) -> list[RawRecord]:
    """Oracle: always take the smallest head, the role that stands first when times are equal."""
    queues = {role: list(records) for role, records in log.items()}
    merged = []
    while any(queues.values()):
        role = min((role for role in ROLES if queues[role]), key=lambda role: queues[role][0].timestamp_ms)
        merged.append(queues[role].pop(0))
    return merged


@given(log=logs, data=st.data())
def test_however_a_log_is_fetched_it_is_merged_as_by_the_smallest_head(
    log: Logs, data: st.DataObject
) -> None:
    merge = RoleMerge(ROLES)
    fetched = dict.fromkeys(ROLES, 0)
    merged: list[RawRecord] = []
    while len(merged) < sum(map(len, log.values())):
        role = data.draw(st.sampled_from(ROLES))
        count = data.draw(st.integers(min_value=0, max_value=4))
        merge.push(role, log[role][fetched[role] : fetched[role] + count])
        fetched[role] = min(fetched[role] + count, len(log[role]))
        merge.set_at_end(role, fetched[role] == len(log[role]))
        merged += merge.release()
    assert merged == heads_merged(log)


@given(log=logs, data=st.data())
def test_a_reader_that_starts_in_the_middle_of_a_written_log_goes_on_in_the_same_order(
    log: Logs, data: st.DataObject
) -> None:
    whole = heads_merged(log)
    done = data.draw(st.integers(min_value=0, max_value=len(whole)))
    positions = {role: sum(record.role == role for record in whole[:done]) for role in ROLES}
    merge = RoleMerge(ROLES)
    for role in ROLES:
        merge.push(role, log[role][positions[role] :])
        merge.set_at_end(role, True)
    assert merge.release() == whole[done:]


@given(log=logs, later=st.lists(st.integers(min_value=-1, max_value=9), max_size=4))
def test_whatever_an_unread_role_holds_it_does_not_belong_before_what_was_released(
    log: Logs, later: list[int]
) -> None:
    merge = RoleMerge(ROLES)
    for role in ROLES:
        merge.push(role, log[role])
        merge.set_at_end(role, role != "transactions")
    released = merge.release()
    assert merge.waiting("transactions") == 0
    first = len(log["transactions"])
    more = [RawRecord("transactions", 0, first + at, None, None, time_ms) for at, time_ms in enumerate(later)]
    whole = heads_merged({**log, "transactions": log["transactions"] + more})
    assert released == whole[: len(released)]
