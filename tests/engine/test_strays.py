"""Every key that holds jobs is found although its index lacks it, and can be put back."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.operations import KEYS, StepByStep, contents, entry
from tests.support.turned_lists import leave_turned

from queuecore import times, windows
from queuecore.fleet import RunningJob, Stray, Strays
from queuecore.stores import Store
from resque.errors import AuthRefused, WrongType
from resque.keys import Keys
from resque.store import pruning, registration, stale, strays, workers

JOB = b'{"class":"A","args":[1]}'
RECORD = b'{"queue":"q","run_at":"2020-01-01T00:00:00Z","payload":%s}' % JOB
LOST = "h:1:q"


def found(store: Store) -> list[tuple[str, str, int]]:
    seen = store.run(strays.find(KEYS))
    assert seen.is_complete
    return [(each.kind, each.name, each.jobs) for each in seen.found]


def in_order(direct: Direct) -> None:
    """A database in which every index is right, with everything a key can be called."""
    direct("SADD", "resque:workers", LOST, "h:2:q_failed")
    direct("SET", f"resque:worker:{LOST}", RECORD)
    direct("SET", f"resque:worker:{LOST}:started", "2020-01-01 00:00:00 +0000")
    direct("SET", "resque:worker:h:2:q_failed", RECORD)
    direct("SET", "resque:worker:ping:h:3+1", '{"time":1,"name":"h:3+1","queues":["q"]}')
    direct("SET", f"resque:stat:failed:{LOST}", 1)
    direct("SET", f"resque:qtop:claim:{LOST}", "x")
    direct("SADD", "resque:queues", "q", "q_failed")
    for queue in ("q", "q_failed"):
        direct("RPUSH", f"resque:queue:{queue}", JOB)
        direct("RPUSH", f"resque:unreadable:{queue}", "junk")
    direct("RPUSH", "resque:unreadable:delayed", "junk")
    direct("ZADD", "resque:delayed_queue_schedule", 1000, 1000)
    direct("RPUSH", "resque:delayed:1000", JOB)
    direct("HSET", "resque:delayed:last_enqueued_at", "nightly", "x")
    direct("SADD", "resque:timestamps:x_failed", "delayed:1000")
    direct("RPUSH", "resque:failed", entry(1))
    direct("SADD", "resque:failed_queues", "q_failed")
    direct("RPUSH", "resque:q_failed", entry(1))
    direct("RPUSH", "resque:cache_failed", "something of another program")
    direct("SET", "resque:count_failed", 3)
    direct("SET", "resque:queue:spoilt", "no list")
    direct("SET", "other:worker:h:1:q", RECORD)


def test_where_every_index_is_right_nothing_is_found(store: Store, direct: Direct) -> None:
    in_order(direct)
    assert found(store) == []
    direct("RPUSH", "resque:delayed:1000", JOB, JOB)
    for key in ("resque:delayed:1000", "resque:queue:q"):
        leave_turned(direct, key.encode(), 1)
    assert found(store) == []


def test_whatever_its_index_lacks_is_found(store: Store, direct: Direct) -> None:
    in_order(direct)
    direct("DEL", "resque:workers", "resque:queues", "resque:failed_queues")
    direct("DEL", "resque:delayed_queue_schedule")
    assert found(store) == [
        ("delayed", "1000", 1),
        ("failed", "q_failed", 1),
        ("queue", "q", 1),
        ("queue", "q_failed", 1),
        ("record", LOST, 1),
        ("record", "h:2:q_failed", 1),
        ("unreadable", "q", 1),
        ("unreadable", "q_failed", 1),
    ]


def test_of_a_record_its_job_and_the_last_heartbeat_are_reported(
    store: Store, direct: Direct
) -> None:
    direct("SET", f"resque:worker:{LOST}", RECORD)
    direct("HSET", "resque:workers:heartbeat", LOST, "2020-01-01T00:00:00+00:00")
    [stray] = store.run(strays.find(KEYS)).found
    process = known(stray.process)
    assert process.jobs == (workers.read_as(RunningJob, RECORD),)
    assert (process.id, process.host, process.pid, process.listed) == (LOST, "h", 1, ("q",))
    assert (process.has_beat, process.beat_at) == (True, datetime(2020, 1, 1, tzinfo=UTC))
    assert (process.started, process.processed, process.failed) == (None, None, None)


def test_a_large_record_comes_cut(store: Store, direct: Direct) -> None:
    large = RECORD.replace(b"[1]", b'["%s"]' % (b"x" * 100_000))
    direct("SET", f"resque:worker:{LOST}", large)
    [stray] = store.run(strays.find(KEYS)).found
    (job,) = known(known(stray.process).jobs)
    assert (job.class_name, len(job.raw)) == ("A", 65_536)


def test_copies_for_undos_and_retries_are_not_lost_jobs(store: Store, direct: Direct) -> None:
    direct("RPUSH", "resque:qtop:undo:0123456789abcdef:items", 0, JOB, "", "")
    direct("HSET", "resque:qtop:undo:0123456789abcdef", "done", 1)
    direct("SET", "resque:failure-resque-retry:A:1", entry(1))
    seen = store.run(strays.find(KEYS))
    assert [(each.kind, each.name) for each in seen.found] == [
        ("retry", "A:1"),
        ("undo", "0123456789abcdef"),
    ]
    assert seen.lost == ()


def test_one_that_gets_its_place_during_the_search_is_none(store: Store, direct: Direct) -> None:
    direct("SET", f"resque:worker:{LOST}", RECORD)
    search = StepByStep(store, strays.find(KEYS))
    search.step()
    search.step()
    direct("SADD", "resque:workers", LOST)
    assert search.finish() == Strays()


def test_names_with_signs_of_patterns_and_bytes_that_are_no_text_are_found(
    store: Store, direct: Direct
) -> None:
    keys = Keys("re[s]*")
    direct("SET", b"re[s]*:worker:h\xff:1:q", RECORD)
    direct("SET", b"resque:worker:h:1:q", RECORD)
    seen = store.run(strays.find(keys))
    assert [each.name for each in seen.found] == ["h\udcff:1:q"]


def test_a_search_has_an_end_and_says_when_it_came_before_that_of_the_keys(
    store: Store, direct: Direct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "_SCAN_PAGES", 1)
    monkeypatch.setattr(windows, "_SCAN_KEYS", 1)
    for number in range(50):
        direct("SET", f"resque:worker:h:{number}:q", RECORD)
    assert not store.run(strays.find(KEYS)).is_complete


@pytest.mark.parametrize(
    ("rights", "kind"),
    [(("-scan",), AuthRefused), (("resetkeys", "~resque:w*", "~resque:q*"), AuthRefused)],
)
def test_a_search_that_is_refused_finds_not_nothing(
    direct: Direct, redis_url: str, rights: tuple[str, ...], kind: type[Exception]
) -> None:
    direct("RPUSH", "resque:delayed:1000", JOB)
    direct("ACL", "SETUSER", "modest", "reset", "on", ">sesame", "~*", "+@all", *rights)
    try:
        with (
            closing(Store(redis_url.replace("unix://", "unix://modest:sesame@"))) as modest,
            pytest.raises(kind),
        ):
            modest.run(strays.find(KEYS))
    finally:
        direct("ACL", "DELUSER", "modest")


def test_an_index_of_another_kind_is_an_error_not_an_empty_one(
    store: Store, direct: Direct
) -> None:
    direct("SET", "resque:delayed_queue_schedule", "no set")
    with pytest.raises(WrongType):
        store.run(strays.find(KEYS))


# ---- put back


def test_what_was_found_is_put_back_where_an_index_leads_to_it(
    store: Store, direct: Direct
) -> None:
    in_order(direct)
    direct("DEL", "resque:queues", "resque:failed_queues", "resque:delayed_queue_schedule")
    before = contents(direct)
    put = {
        "queue": registration.register,
        "unreadable": registration.register,
        "failed": registration.register_failures,
        "delayed": registration.register_moment,
    }
    for each in store.run(strays.find(KEYS)).found:
        store.run(put[each.kind](KEYS, each.name))
    assert found(store) == []
    after = contents(direct)
    assert {key: after[key] for key in before} == before
    assert after[b"resque:delayed_queue_schedule"] == [b"1000"]
    assert direct("ZSCORE", "resque:delayed_queue_schedule", 1000) == b"1000"


def test_a_moment_is_put_back_once_and_only_with_jobs(store: Store, direct: Direct) -> None:
    assert store.run(registration.register_moment(KEYS, "1000")) is False
    direct("RPUSH", "resque:delayed:1000", JOB)
    assert store.run(registration.is_moment_missing(KEYS, "1000")) is True
    assert store.run(registration.register_moment(KEYS, "1000")) is True
    assert store.run(registration.is_moment_missing(KEYS, "1000")) is False
    assert store.run(registration.register_moment(KEYS, "1000")) is False


# ---- the evidence about one on no register


def doubt(store: Store) -> str | None:
    [seen] = store.run(stale.evidence(KEYS, [LOST]))
    return stale.doubt(seen, host="elsewhere", is_running=lambda pid: False)


def test_one_on_no_register_that_holds_an_old_job_and_never_beat_is_dead(
    store: Store, direct: Direct
) -> None:
    direct("SET", f"resque:worker:{LOST}", RECORD)
    assert doubt(store) is None
    direct("SADD", "resque:workers", LOST)
    assert doubt(store) == "it never sent a heartbeat: another implementation may be at work"


def test_one_on_no_register_that_may_have_begun_just_now_is_left_alone(
    store: Store, direct: Direct
) -> None:
    now = times.run_at(times.utc_now()).encode()
    for run_at in (now, b"some day"):
        record = RECORD.replace(b"2020-01-01T00:00:00Z", run_at)
        direct("SET", f"resque:worker:{LOST}", record)
        assert doubt(store) == "it may have begun its job within five minutes"


def test_one_that_never_beat_is_spared_when_it_beats_before_it_is_pruned(
    store: Store, direct: Direct
) -> None:
    direct("SET", f"resque:worker:{LOST}", RECORD)
    [seen] = store.run(stale.evidence(KEYS, [LOST]))
    direct("HSET", "resque:workers:heartbeat", LOST, "2020-01-01T00:00:00+00:00")
    assert store.run(pruning.take_off(KEYS, seen, times.wall_now)) == "alive"
    direct("HDEL", "resque:workers:heartbeat", LOST)
    assert store.run(pruning.take_off(KEYS, seen, times.wall_now)) == "failed"
    assert found(store) == []


def test_a_stray_is_a_value() -> None:
    stray = Stray("queue", "q", b"resque:queue:q", 2)
    assert Strays((stray,)).of("queue") == Strays((stray,)).lost == (stray,)
