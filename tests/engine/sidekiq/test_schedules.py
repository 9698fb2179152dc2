"""Recurring jobs of sidekiq-cron and sidekiq-scheduler, and which plug-ins there are."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.support.direct import Direct

from queuecore.stores import Store
from sidekiq.keys import SidekiqKeys
from sidekiq.store import plugins, schedules
from sidekiq.store.schedules import RecurringJob, RecurringJobs

KEYS = SidekiqKeys()


def read(store: Store, *groups: str, keys: SidekiqKeys = KEYS) -> RecurringJobs:
    return store.run(schedules.read(keys, groups=groups or ("default",)))


def cron(direct: Direct, index: str, key: str, prefix: str = "", **told: str) -> None:
    direct("SADD", prefix + index, key)
    if told:
        direct("HSET", prefix + key, *(part for pair in told.items() for part in pair))


NIGHTLY = {
    "name": "nightly",
    "klass": "CleanJob",
    "cron": "0 3 * * *",
    "args": '["all",{"days":7}]',
    "message": json.dumps({"retry": True, "queue": "low", "class": "CleanJob"}),
    "status": "enabled",
    "last_enqueue_time": "2026-11-23 03:00:00 +0000",
    "description": "tidies up",
}


@pytest.mark.parametrize("prefix", ["", "app:"])
def test_jobs_of_sidekiq_cron_are_read_in_both_spellings(
    direct: Direct, store: Store, prefix: str
) -> None:
    cron(direct, "cron_jobs", "cron_job:nightly", prefix, **NIGHTLY)
    other = {"name": "other", "status": "disabled", "args": "no json"}
    cron(direct, "cron_jobs:default", "cron_job:default:other", prefix, **other)
    keys = SidekiqKeys(prefix.removesuffix(":"))
    assert read(store, keys=keys) == RecurringJobs(
        (
            RecurringJob(
                source="sidekiq-cron",
                name="nightly",
                expression="0 3 * * *",
                class_name="CleanJob",
                queue="low",
                args=["all", {"days": 7}],
                is_on=True,
                last_at=datetime(2026, 11, 23, 3, tzinfo=UTC),
                description="tidies up",
            ),
            RecurringJob("sidekiq-cron", "other", "default", args=["no json"], is_on=False),
        ),
        {},
    )


def test_other_groups_of_sidekiq_cron_are_found(direct: Direct, store: Store) -> None:
    cron(direct, "cron_jobs:a:b", "cron_job:a:b:x", name="x")
    cron(direct, "cron_jobs:default", "cron_job:default:y", name="y")
    groups, is_complete = store.run(schedules.find_groups(KEYS))
    assert (groups, is_complete) == (("a:b", "default"), True)
    found = read(store, *groups).jobs
    assert [(each.name, each.group) for each in found] == [("x", "a:b"), ("y", "default")]


def test_a_job_of_sidekiq_cron_without_a_definition_is_a_problem(
    direct: Direct, store: Store
) -> None:
    cron(direct, "cron_jobs", "cron_job:gone")
    direct("SADD", "cron_jobs", "cron_job:odd")
    direct("SET", "cron_job:odd", "x")
    cron(direct, "cron_jobs", "cron_job:long", name="long", args="x" * 100_000, message="[1]")
    long, gone, odd = sorted(read(store).jobs, key=lambda each: bool(each.problem))
    assert (gone.name, odd.name) == ("gone", "odd")
    assert gone.problem
    assert odd.problem
    assert (long.args, long.queue, long.is_on, long.problem) == (None, None, None, None)


def test_a_set_of_another_kind_is_said(direct: Direct, store: Store) -> None:
    direct("SET", "cron_jobs", "x")
    found = read(store)
    assert found.jobs == ()
    assert {*found.problems} == {"sidekiq-cron"}


def scheduled(direct: Direct, **definitions: object) -> None:
    for name, told in definitions.items():
        direct("HSET", "schedules", name, told if isinstance(told, str) else json.dumps(told))


def test_jobs_of_sidekiq_scheduler_are_read(direct: Direct, store: Store) -> None:
    scheduled(
        direct,
        a={"cron": ["0 * * * *", {"first_in": "1s"}], "class": "A", "queue": "q", "args": [1]},
        b={"every": "5m", "class": "B", "enabled": False, "description": "often"},
        c={"in": "1h", "class": "C"},
        d="no json",
    )
    direct("HSET", "sidekiq-scheduler:states", "c", '{"enabled":false}', "a", "odd")
    direct("HSET", "sidekiq-scheduler:last_times", "a", "2026-11-23 03:00:00 UTC")
    direct("HSET", "sidekiq-scheduler:next_times", "a", "2026-11-23 04:00:00 UTC", "b", "soon")
    found = read(store).jobs
    assert [(each.name, each.expression, each.is_on) for each in found] == [
        ("a", "0 * * * *", True),
        ("b", "every 5m", False),
        ("c", "in 1h", False),
        ("d", None, None),
    ]
    a, b, _, d = found
    assert (a.class_name, a.queue, a.args) == ("A", "q", [1])
    assert a.last_at == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert a.next_at == datetime(2026, 11, 23, 4, tzinfo=UTC)
    assert (b.next_at, b.description) == (None, "often")
    assert d.problem


def test_the_schedules_of_resques_scheduler_are_not_sidekiqs(direct: Direct, store: Store) -> None:
    scheduled(direct, a={"cron": "* * * * *", "class": "A"})
    assert read(store).jobs == ()
    direct("SADD", "schedules_changed", "a")
    assert read(store).jobs == ()
    direct("DEL", "schedules_changed")
    direct("ZADD", "schedules_changed", 1, "a")
    assert [each.name for each in read(store).jobs] == ["a"]


def test_schedules_that_are_no_hash_are_said(direct: Direct, store: Store) -> None:
    direct("ZADD", "schedules_changed", 1, "a")
    direct("SET", "schedules", "x")
    assert {*read(store).problems} == {"sidekiq-scheduler"}


def test_plugins_show_by_their_keys(direct: Direct, store: Store) -> None:
    direct("ZADD", "failed", 1, "x")
    direct("SADD", "cron_jobs:default", "x")
    direct("SET", "dear-leader", "x")
    # Of another kind than the plug-in's.
    direct("SET", "uniquejobs:digests", "x")
    others = {
        "queue:sq|vm:1:ab|mail": "Pro: super_fetch",
        "queue:backup::node::mail": "Exq",
        "queue:mail:1:inprogress": "go-workers2",
        "working:queue:mail:vm:1:ab": "GitLab's reliable fetch",
        "loop-abc": "Enterprise: periodic jobs",
        "lmtr-x": "Enterprise: limiters",
        "b-Zm9vYmFyYmF6Cg": "Pro: batches",
        "sidekiq:status:abc": "sidekiq-status",
        "throttled:A:concurrency.v2": "sidekiq-throttled",
    }
    shown = {"sidekiq-failures", "sidekiq-cron", "Enterprise: leader"}
    for key in (*others, "b-short", "queue:mail", "it-abc", "anything"):
        direct("SET", key, "x")
    present = store.run(plugins.present(KEYS))
    assert {*present.keys} == shown
    assert (present.is_complete, present.problem) == (False, None)
    found = store.run(plugins.find(KEYS))
    assert {*found.keys} == shown | {*others.values()} | {"sidekiq-unique-jobs"}
    assert found.is_complete
    assert {found.keys[name]: name for name in others.values()} == others  # type: ignore[index]


def test_plugins_are_looked_for_under_the_namespace_alone(direct: Direct, store: Store) -> None:
    direct("SET", "app:loop-a", "x")
    direct("SET", "loop-b", "x")
    found = store.run(plugins.find(SidekiqKeys("app")))
    assert found.keys == {"Enterprise: periodic jobs": "app:loop-a"}
    assert store.run(plugins.find(SidekiqKeys("other"))).keys == {}
