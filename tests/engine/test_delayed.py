"""Delayed jobs: delaying, looking, and changing single ones by their identity."""

from __future__ import annotations

import pytest
from tests.support.direct import Direct

from queuecore import windows
from queuecore.stores import Store
from resque.errors import EncodeError, NoClassError, NoQueueError
from resque.keys import Keys
from resque.store import delayed, delayed_windows

T = 1_900_000_000
STAMP = str(T)
JOB = b'{"class":"OkJob","args":[1],"queue":"default"}'


def listed(
    store: Store, keys: Keys, stamp: str = STAMP, *, max_bytes: int = 65_536
) -> list[delayed.DelayedJob]:
    return store.run(delayed.jobs(keys, stamp, 0, 100, max_bytes=max_bytes))[1]


def delay(store: Store, keys: Keys, *args: object, at: int = T, class_name: str = "OkJob") -> None:
    store.run(delayed.schedule(keys, at, "default", class_name, args))


def test_delaying_is_one_command(keys: Keys) -> None:
    assert len(delayed.schedule(keys, T, "default", "OkJob", [1]).commands) == 1


def test_a_moment_that_has_come_is_no_delay(store: Store, keys: Keys, direct: Direct) -> None:
    assert store.run(delayed.enqueue_at(keys, T + 0.9, "q", "OkJob", [], now=T + 0.1)) is False
    assert direct("LRANGE", "resque:queue:q", 0, -1) == [b'{"class":"OkJob","args":[]}']
    assert direct("EXISTS", "resque:delayed_queue_schedule") == 0


def test_a_job_needs_a_queue_a_class_and_arguments_that_json_can_carry(keys: Keys) -> None:
    for at in (T - 1, T + 1):
        with pytest.raises(NoQueueError):
            delayed.enqueue_at(keys, at, "", "OkJob", [], now=T)
        with pytest.raises(NoClassError):
            delayed.enqueue_at(keys, at, "q", "", [], now=T)
        with pytest.raises(EncodeError):
            delayed.enqueue_at(keys, at, "q", "OkJob", [object()], now=T)


def test_a_failing_delay_leaves_no_job_behind(store: Store, keys: Keys, direct: Direct) -> None:
    direct("SET", f"resque:delayed:{T}", "not a list")
    with pytest.raises(Exception, match="another kind of value"):
        delay(store, keys, 1)
    direct("DEL", f"resque:delayed:{T}")
    assert store.run(delayed.count(keys)) == 0


def test_moments_are_listed_in_windows_the_next_first(store: Store, keys: Keys) -> None:
    for ahead in (30, 10, 20):
        delay(store, keys, 1, at=T + ahead)
    delay(store, keys, 2, at=T + 20)
    total, found = store.run(delayed_windows.moments(keys, 1, 5))
    assert total == 3
    assert [(m.at, m.size) for m in found] == [(T + 20, 2), (T + 30, 1)]
    assert store.run(delayed_windows.moments(keys, 7, 5)) == (3, [])


def test_jobs_are_listed_in_windows_with_what_can_be_read(
    store: Store, keys: Keys, direct: Direct
) -> None:
    delay(store, keys, 1)
    direct("RPUSH", f"resque:delayed:{T}", "junk", "[1]", '{"class":5}')
    size, found = store.run(delayed.jobs(keys, STAMP, 0, 3))
    assert size == 4
    assert (found[0].class_name, found[0].args, found[0].queue) == ("OkJob", [1], "default")
    assert "not JSON" in (found[1].problem or "")
    assert found[2].problem == "not a JSON object"
    assert [job.place for job in found] == [-4, -3, -2]
    assert store.run(delayed.jobs(keys, STAMP, 3, 3))[1][0].class_name is None


def test_a_huge_job_is_listed_cut_and_found_whole(store: Store, keys: Keys) -> None:
    delay(store, keys, "x" * 5000)
    (job,) = listed(store, keys, max_bytes=100)
    assert job.item.is_cut
    assert len(job.item.raw) == 100
    whole = delayed.entry("default", "OkJob", ["x" * 5000])
    find = windows.find(keys.delayed(STAMP), job.item.sha, job.place)
    assert store.run(find) == whole
    store.run(delayed.remove_at(keys, STAMP, whole))
    assert store.run(find) is None


def test_more_moments_than_one_page_are_counted(store: Store, keys: Keys, direct: Direct) -> None:
    for ahead in range(1001):
        direct("ZADD", "resque:delayed_queue_schedule", T + ahead, T + ahead)
        direct("RPUSH", f"resque:delayed:{T + ahead}", "x")
    assert store.run(delayed.count(keys)) == 1001


def test_a_job_is_removed_from_one_moment_with_all_that_are_equal(store: Store, keys: Keys) -> None:
    delay(store, keys, 1)
    delay(store, keys, 1)
    delay(store, keys, 2)
    delay(store, keys, 1, at=T + 1)
    assert store.run(delayed.remove_at(keys, STAMP, JOB)) == 2
    assert store.run(delayed.scheduled_at(keys, JOB)) == [T + 1]
    assert store.run(delayed.count(keys)) == 2
    assert store.run(delayed.remove_at(keys, STAMP, JOB)) == 0


def test_removing_the_last_job_of_a_moment_forgets_the_moment(
    store: Store, keys: Keys, direct: Direct
) -> None:
    delay(store, keys, 1)
    store.run(delayed.remove_at(keys, STAMP, JOB))
    assert direct("KEYS", "*") == []


def test_a_job_is_removed_from_more_moments_than_one_script_takes(store: Store, keys: Keys) -> None:
    for ahead in range(150):
        delay(store, keys, 1, at=T + ahead)
    delay(store, keys, 2)
    assert store.run(delayed.remove(keys, JOB)) == 150
    assert store.run(delayed.scheduled_at(keys, JOB)) == []
    assert store.run(delayed.count(keys)) == 1
