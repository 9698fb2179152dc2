"""What an operator does with schedules: each while it is what was seen, and taken back once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.support.direct import Direct
from tests.support.operations import KEYS, trail, waiting

from queuecore import audit
from queuecore.bulk import Result
from queuecore.stores import Store
from queuecore.windows import whole
from resque.scheduler import plan, schedule_actions
from resque.scheduler.definition import from_json, read
from resque.scheduler.schedule_actions import ScheduleRef
from resque.store import schedules
from resque.store.undo import Undone, undo

CONFIGS = KEYS.persistent_schedules()
CONFIG = b'{ "cron": "0 3 * * * UTC", "class": "A", "queue": "low", "args": [1.50] }'
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_schedules_are_deleted_by_name_and_content_and_come_back(
    store: Store, direct: Direct
) -> None:
    direct("HSET", CONFIGS, "one", CONFIG, "two", b"junk \xff", "three", b"{}")
    mine = trail("delete", CONFIGS)
    marks = [ScheduleRef("one", whole(CONFIG).sha), ScheduleRef("two", whole(b"junk \xff").sha)]
    assert store.run(schedule_actions.delete(KEYS, marks, mine)) == Result(done=2)
    assert direct("HGETALL", CONFIGS) == [b"three", b"{}"]
    assert sorted(direct("SMEMBERS", KEYS.schedules_changed())) == [b"one", b"two"]
    direct("DEL", KEYS.schedules_changed())
    assert store.run(undo(KEYS, mine.id)) == Undone(done=2)
    assert direct("HGET", CONFIGS, "one") == CONFIG
    assert direct("HGET", CONFIGS, "two") == b"junk \xff"
    assert sorted(direct("SMEMBERS", KEYS.schedules_changed())) == [b"one", b"two"]
    assert store.run(undo(KEYS, mine.id)) == Undone(is_known=False)


def test_a_schedule_that_is_another_by_now_stays(store: Store, direct: Direct) -> None:
    direct("HSET", CONFIGS, "one", b"{}")
    marks = [ScheduleRef("one", whole(CONFIG).sha), ScheduleRef("gone", whole(CONFIG).sha)]
    result = store.run(schedule_actions.delete(KEYS, marks, trail("delete", CONFIGS)))
    assert result == Result(gone=1, refused=(("it was changed meanwhile", 1),))
    assert direct("HLEN", CONFIGS) == 1
    assert direct("EXISTS", KEYS.schedules_changed()) == 0
    assert store.run(audit.newest(KEYS, 5)) == []


def test_an_undo_never_overwrites_a_schedule_that_was_set_again(
    store: Store, direct: Direct
) -> None:
    direct("HSET", CONFIGS, "one", CONFIG)
    mine = trail("delete", CONFIGS)
    store.run(schedule_actions.delete(KEYS, [ScheduleRef("one", whole(CONFIG).sha)], mine))
    direct("HSET", CONFIGS, "one", b"newer")
    assert store.run(undo(KEYS, mine.id)) == Undone(lost=1)
    assert direct("HGET", CONFIGS, "one") == b"newer"


def test_schedules_are_queued_now_and_taken_back_unless_a_worker_was_faster(
    store: Store, direct: Direct
) -> None:
    one, two = from_json("one", CONFIG), read("two", {"every": "1h", "queue": "q", "class": "B"})
    nowhere = read("three", {"every": "1h"})
    direct("RPUSH", "resque:queue:low", "before")
    mine = trail("run now", CONFIGS)
    result = store.run(schedule_actions.run_now(KEYS, [one, nowhere, two], mine))
    assert result.done == 2
    assert [count for _, count in result.refused] == [1]
    assert waiting(direct, "resque:queue:low") == [b"before", b'{"class":"A","args":[1.50]}']
    assert direct("SISMEMBER", "resque:queues", "q") == 1
    direct("LPOP", "resque:queue:q")
    assert store.run(undo(KEYS, mine.id)) == Undone(done=1, lost=1)
    assert waiting(direct, "resque:queue:low") == [b"before"]
    [audit_entry] = store.run(audit.newest(KEYS, 1))
    assert (audit_entry.action, audit_entry.done, audit_entry.undone) == ("run now", 2, 1)


def test_a_queue_that_running_a_schedule_made_is_gone_with_the_undo(
    store: Store, direct: Direct
) -> None:
    mine = trail("run now", CONFIGS)
    store.run(schedule_actions.run_now(KEYS, [from_json("one", CONFIG)], mine))
    assert direct("SMEMBERS", "resque:queues") == [b"low"]
    assert store.run(undo(KEYS, mine.id)) == Undone(done=1)
    assert direct("EXISTS", "resque:queues") == 0


def test_a_queue_that_is_no_list_stops_the_rest_with_the_reason(
    store: Store, direct: Direct
) -> None:
    direct("SET", "resque:queue:low", "no list")
    mine = trail("run now", CONFIGS)
    result = store.run(schedule_actions.run_now(KEYS, [from_json("one", CONFIG)] * 2, mine))
    assert result.done == 0
    assert "another kind of value" in str(result.stopped)


def test_a_look_cuts_what_is_huge(store: Store, direct: Direct) -> None:
    huge = b"x" * 5_000
    direct("HSET", CONFIGS, "one", CONFIG, "huge", huge)
    direct("HSET", KEYS.last_enqueued(), "one", "t" * 500, "file", "then")
    looked = store.run(schedules.stored_items(KEYS, max_bytes=1_000))
    assert looked.configs["one"] == whole(CONFIG)
    assert looked.configs["huge"].is_cut
    assert (looked.configs["huge"].size, looked.configs["huge"].sha) == (5_000, whole(huge).sha)
    assert looked.last == {"one": b"t" * 64, "file": b"then"}


def test_the_next_runs_follow_one_another() -> None:
    cron = from_json("c", CONFIG)
    found = plan.next_firings(cron, None, NOW, UTC, 3)
    assert found == [datetime(2026, 11, day, 3, tzinfo=UTC) for day in (24, 25, 26)]
    every = read("e", {"every": "90s", "class": "A"})
    last = NOW - timedelta(seconds=100)
    ahead = [(at - NOW).total_seconds() for at in plan.next_firings(every, last, NOW, UTC, 3)]
    assert ahead == [80, 170, 260]
    assert plan.next_firings(every, None, NOW, UTC, 3) == []
