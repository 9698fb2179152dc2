"""Similar failures of any implementation make one group, and cost no memory for each."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sample_data import NOW, failure

from qtop.model.job import GroupKey, JobSource
from qtop.search.failure_groups import (
    MOST_GROUPS,
    OTHER,
    TREND_HOURS,
    FailureGroups,
    KeyMaker,
    KnownEntry,
)
from qtop.systems.resque.group_reader import GroupReader
from qtop.systems.resque.job_lists import ListEntry, ResqueList
from qtop.systems.resque.job_reader import failed_job
from qtop.systems.sidekiq.entry_groups import EntryGroups
from qtop.systems.sidekiq.set_lists import SetList
from queuecore.windows import RawItem, whole
from resque.codec import encode
from resque.keys import Keys
from sidekiq.keys import SidekiqKeys
from sidekiq.store.entries import SetEntry

FAILURES = ResqueList(Keys(), JobSource("failed", "failed"))


def entry(**fields: Any) -> bytes:
    return failure(1, **fields).item.raw


def add(groups: FailureGroups, reply: RawItem, place: int) -> None:
    """Count an entry as a window of the list returns it."""
    groups.add(ListEntry(FAILURES, reply, place))


def key_of(raw: bytes) -> GroupKey:
    return GroupReader().read(raw).fingerprint


def counted(*entries: bytes) -> FailureGroups:
    groups = FailureGroups(NOW)
    for place, raw in enumerate(entries):
        add(groups, raw, place)
    return groups


@given(st.binary(max_size=300), st.integers(0, 10**9))
def test_every_entry_of_the_list_is_counted_once(raw: bytes, place: int) -> None:
    groups = FailureGroups(NOW)
    add(groups, raw, place)
    assert groups.count == 1
    assert [group.count for group in groups.groups()] == [1]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "payload",
                        "class",
                        "args",
                        "exception",
                        "error",
                        "backtrace",
                        "queue",
                        "failed_at",
                        "worker",
                        "retried_at",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=20,
    )
)
def test_entries_of_any_shape_are_counted(value: Any) -> None:
    raw = json.dumps(value).encode("utf-8", "surrogatepass")
    groups = counted(raw, raw)
    assert [group.count for group in groups.groups()] == [2]
    assert key_of(raw) == groups.groups()[0].fingerprint
    assert KeyMaker().key_of(failed_job(whole(raw), 0)) == key_of(raw)


def test_failures_are_alike_when_only_numbers_and_lines_differ() -> None:
    groups = counted(
        entry(error="user 1 not found", backtrace=["/app/v17/jobs/a.rb:12:in `perform'"]),
        entry(error="user 22 not found", backtrace=["/app/v18/jobs/a.rb:19:in `perform'"]),
        entry(error="user 3 not found", backtrace=["/app/v18/jobs/b.rb:2:in `perform'"]),
    )
    assert sorted(group.count for group in groups.groups()) == [1, 2]


def test_another_class_or_exception_is_another_group() -> None:
    job = {"class": "Other", "args": []}
    groups = counted(entry(), entry(payload=job), entry(exception="Other"))
    assert len(groups) == 3


kinds = st.sampled_from(
    [
        st.integers(0, 10**20).map(str),
        st.uuids().map(str),
        st.binary(min_size=16, max_size=32).map(lambda raw: f"a1{raw.hex()}"),
        st.datetimes(min_value=datetime(1000, 1, 1)).map(lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}"),
    ]
)
pairs = kinds.flatmap(lambda kind: st.tuples(kind, kind))
codes = st.integers(100, 599)


@given(pairs, codes, codes, st.sampled_from(["status {}", "HTTP {}", "{} Not Found"]))
def test_a_status_code_separates_groups_and_other_differences_do_not(
    pair: tuple[str, str], one: int, other: int, said: str
) -> None:
    groups = counted(
        *(
            entry(error=f"order {item}, {said.format(code)}", backtrace=trace)
            for trace in (["/app/jobs.rb:12:in `perform'"], ['File "/app/jobs.py", line 3'])
            for code in (one, other)
            for item in pair
        )
    )
    assert len(groups) == (4 if one != other else 2)


#: As Ruby from 3.1 on, and before it, writes the message of one error.
RUBY_ADDS = (
    "undefined method `nmae' for nil:NilClass",
    "undefined method `nmae' for nil:NilClass\n\n    user.nmae.upcase\n        ^^^^^",
    "undefined method `nmae' for nil:NilClass\nDid you mean?  name",
    "\nundefined method `nmae' for nil:NilClass\n\n  other.nmae\n       ^^^^^\nDid you mean?  name",
)


def test_what_ruby_adds_to_a_message_separates_no_groups() -> None:
    assert len(counted(*(entry(error=error) for error in RUBY_ADDS))) == 1
    maker = KeyMaker()
    jobs = [failed_job(whole(entry(error=error)), 0) for error in RUBY_ADDS]
    assert {maker.key_of(job) for job in jobs} == {key_of(entry(error=RUBY_ADDS[0]))}
    in_a_set = {"class": "Job", "error_class": "NoMethodError", "retry": True, "args": []}
    raws = [json.dumps({**in_a_set, "error_message": error}).encode() for error in RUBY_ADDS]
    read = EntryGroups().read
    assert len({read(SetEntry("dead", "1", raw, 0)).fingerprint for raw in raws}) == 1


def test_other_messages_stay_apart_by_their_first_line() -> None:
    assert len(counted(entry(error="no route\nto mx1"), entry(error="refused\nby mx1"))) == 2


def test_the_frame_is_of_the_application_and_not_of_a_library() -> None:
    library = [f"/usr/lib/ruby/gems/3.0/gems/redis-4.8/lib/redis.rb:{n}:in `call'" for n in (1, 2)]
    mark = key_of(entry(backtrace=[*library, "/app/lib/mx.rb:7:in `deliver'"]))
    assert mark.frame == "app/lib/mx.rb in `deliver'"


def test_wrapped_jobs_are_grouped_by_the_class_inside() -> None:
    wrapper = "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper"
    job = {"class": wrapper, "args": [{"job_class": "Welcome", "arguments": [1]}]}
    assert key_of(entry(payload=job)).class_name == "Welcome"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        # pyres: no zone, a text for a backtrace
        ({"failed_at": "2026/11/23 12:00:00", "backtrace": "Traceback\n  File \"/a.py\", line 3"},
         "Mailers::Welcome"),
        # node-resque
        ({"failed_at": "Mon Nov 23 2026 12:00:00 GMT+0000 (UTC)", "worker": "h:1",
          "backtrace": ["    at perform (/app/jobs.js:12:3)"]}, "Mailers::Welcome"),
        # goworker
        ({"exception": "Error", "backtrace": None, "failed_at": "2026-11-23T12:00:00.123456789Z"},
         "Mailers::Welcome"),
        # php-resque
        ({"payload": {"class": "Mail_Job", "args": [{"to": 1}], "id": "f00"},
          "backtrace": ["#0 /app/Job.php(12): Mail_Job->perform()"]}, "Mail_Job"),
    ],
)  # fmt: skip
def test_entries_of_other_implementations_are_grouped(fields: dict[str, Any], name: str) -> None:
    groups = counted(entry(**fields), entry(**fields))
    (group,) = groups.groups()
    assert (group.count, group.fingerprint.class_name) == (2, name)
    assert group.fingerprint.problem is None


def test_unreadable_entries_are_grouped_by_the_reason() -> None:
    groups = counted(b"not JSON", b"not JSON either", b'["a list"]', b"5", b"[" * 200_000)
    by_reason = {g.fingerprint.problem: g.count for g in groups.groups()}
    assert by_reason["unreadable: not a JSON object"] == 2
    assert by_reason["unreadable: not JSON: Expecting value at byte #"] == 2
    assert by_reason["unreadable: nested too deeply"] == 1


def test_a_cut_entry_is_grouped_by_its_beginning() -> None:
    raw = entry(error="x" * 100)
    groups = FailureGroups(NOW)
    add(groups, [raw[:150], 1_000_000, b"a" * 40], 3)
    add(groups, [b"nothing", 1_000_000, b"b" * 40], 4)
    known, unknown = groups.groups()
    assert known.fingerprint.class_name == "Mailers::Welcome"
    assert unknown.fingerprint.problem == "unreadable: too large to list"


def test_a_group_knows_its_first_and_last_time_its_queues_and_its_recent_counts() -> None:
    hours = [0, 0, 1, 5, 30]
    stamps = [(NOW - timedelta(hours=h)).strftime("%Y/%m/%d %H:%M:%S UTC") for h in hours]
    queues = ["mail", "mail", "images", "mail", "mail"]
    groups = counted(
        *(entry(failed_at=at, queue=q) for at, q in zip(stamps, queues, strict=True)),
        entry(failed_at="some day", retried_at="2026/11/23 12:20:00"),
    )
    (group,) = groups.groups()
    assert group.first == NOW - timedelta(hours=30)
    assert group.last == NOW
    assert len(group.trend) == TREND_HOURS
    assert (group.trend[-1], group.trend[-2], group.trend[-6]) == (2, 1, 1)
    assert sum(group.trend) == 4
    assert group.queues == (("mail", 5), ("images", 1))
    assert group.retried == 1


def test_times_of_one_hour_are_distinguished() -> None:
    stamps = ["2026/11/23 12:15:48 UTC", "2026/11/23 12:15:09 UTC", "2026/11/23 12:59:00 UTC"]
    (group,) = counted(*(entry(failed_at=at) for at in stamps)).groups()
    assert group.first == datetime(2026, 11, 23, 12, 15, 9, tzinfo=UTC)
    assert group.last == datetime(2026, 11, 23, 12, 59, tzinfo=UTC)


def test_the_id_of_a_group_is_the_same_in_every_console() -> None:
    (one,) = counted(entry(error="user 1")).groups()
    (other,) = counted(entry(error="user 999")).groups()
    assert one.id == other.id
    assert len(one.id) == 12


def test_groups_beyond_the_limit_count_as_other() -> None:
    groups = FailureGroups(NOW)
    for number in range(MOST_GROUPS + 50):
        name = "".join(chr(97 + int(d)) for d in str(number))
        add(groups, entry(exception=name), number)
    found = groups.groups()
    assert len(found) == MOST_GROUPS + 1
    assert found[-1].fingerprint == OTHER
    assert found[-1].count == 50
    assert groups.count == MOST_GROUPS + 50


def test_the_trend_goes_on_with_the_clock() -> None:
    groups = counted(entry(failed_at="2026/11/23 12:15:48 UTC"))
    groups.now_is(NOW + timedelta(hours=3))
    assert groups.groups()[0].trend[-4] == 1
    groups.now_is(NOW + timedelta(hours=30))
    assert sum(groups.groups()[0].trend) == 0


def test_an_unreadable_name_can_be_grouped() -> None:
    raw = encode({"payload": {"class": "A", "args": []}}).replace(b'"A"', b'"\xff\xfe"')
    (group,) = counted(raw).groups()
    assert group.id


def test_groups_tell_what_is_tried_again_from_what_is_dead_also_beside_resque() -> None:
    members = {"class": "A", "args": [1], "error_class": "E", "error_message": "no", "queue": "q"}
    raw = json.dumps(members).encode()
    entries = [SetEntry(kept, "1.0", raw, 0) for kept in ("retry", "retry", "dead", "failed")]
    sidekiqs, resques = FailureGroups(NOW), FailureGroups(NOW)
    jobs = SetList(SidekiqKeys(), JobSource("failed", "failed"), ("retry", "dead"))
    for at, each in enumerate(entries):
        listed = jobs.entry_of(each, at)
        sidekiqs.add(listed)
        assert KnownEntry(listed.job, KeyMaker()).group.kept_in == listed.group.kept_in
    add(resques, entry(payload={"class": "A", "args": [1]}, exception="E", error="no"), 0)
    [alone] = sidekiqs.groups()
    assert (alone.count, alone.to_retry, alone.dead) == (4, 2, 1)
    [of_resque] = resques.groups()
    assert (of_resque.count, of_resque.to_retry, of_resque.dead) == (1, 0, 0)
    both = FailureGroups(NOW)
    both.take_in(sidekiqs)
    both.take_in(resques)
    both.take_in(sidekiqs)
    groups = both.groups()
    assert sum(each.count for each in groups) == 9
    assert [sum(getattr(each, part) for each in groups) for part in ("to_retry", "dead")] == [4, 2]
