"""The engine's values of a Resque become the console's neutral values."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from tests.support.direct import Direct
from tests.support.known import known
from tests.support.sample_data import NOW, SYSTEM, worker

from qtop.actions.request import LaunchRequest, QueueClasses
from qtop.model import health
from qtop.model.fleet import Queue, Snapshot
from qtop.model.health import HealthPart, NextJob, SystemHealth, WaitingClasses
from qtop.model.job import JobSource
from qtop.systems.job_memory import JobMemory
from qtop.systems.resque.health import report_of
from qtop.systems.resque.job_reader import failure_job
from qtop.systems.resque.ownership import ownership
from qtop.systems.resque.system import ResqueSystem
from queuecore.action_record import Actor
from queuecore.address import parse_url
from queuecore.audit import AuditEntry
from queuecore.cooperative import at_once
from queuecore.stores import Store
from resque.keys import Keys
from resque.store import snapshot
from resque.store.ownership import KeyOwners

KEYS = Keys("resque")
WHY = "NOPERM get"
RECORD = b'{"queue":"q","run_at":"2026-11-23T12:00:00Z","payload":{"class":"A","args":[7]}}'


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    with Store(parse_url(redis_url)) as store:
        yield store


@pytest.mark.redis
def test_a_snapshot_says_the_same_in_neutral_values(store: Store, direct: Direct) -> None:
    direct("SADD", "resque:queues", "odd", "q")
    direct("RPUSH", "resque:queue:q", "1", "2")
    direct("RPUSH", "resque:unreadable:q", "x")
    direct("SET", "resque:queue:odd", "x")
    direct("RPUSH", "resque:failed", '{"payload":{"class":"A","args":[]}}')
    direct("SADD", "resque:workers", "web:7:a,b", "web:8:a", "web:9:a")
    direct("SET", "resque:worker:web:7:a,b", RECORD)
    direct("RPUSH", "resque:worker:web:9:a", "x")
    direct("SET", "resque:stat:processed:web:7:a,b", 9)
    found = at_once(store.run(ResqueSystem(KEYS).snapshot()))
    kind = "the key holds another kind of value than a list"
    assert found.queues == (Queue("odd", None, problem=kind), Queue("q", 2, unreadable=1))
    busy, idle, unread = known(found.processes)
    (job,) = known(busy.jobs)
    assert (busy.id, busy.host, busy.pid, busy.listed) == ("web:7:a,b", "web", 7, ("a", "b"))
    assert (busy.has_beat, busy.threads, busy.processed, busy.failed) == (False, 1, 9, 0)
    assert (job.queue, job.class_name, job.args, job.raw) == ("q", "A", [7], RECORD)
    assert (job.since, job.payload) == (
        datetime(2026, 11, 23, 12, tzinfo=UTC),
        b'{"class":"A","args":[7]}',
    )
    assert (idle.jobs, idle.is_busy, idle.problem) == ((), False, None)
    assert (unread.jobs, unread.is_busy) == (None, None)
    assert "another kind" in known(unread.problem)
    (failure,) = known(found.failures)
    assert (failure.class_name, found.failed) == ("A", 1)


@pytest.mark.redis
def test_what_waits_for_workers_to_be_started_is_told_by_class(
    store: Store, direct: Direct
) -> None:
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", '{"class":"A","args":[]}', '{"class":"B","args":[]}')
    look = ResqueSystem(KEYS).waiting_classes(LaunchRequest("mail,low"))
    assert store.run(look) == [QueueClasses("mail", ("A", "B")), QueueClasses("low")]


def test_unread_parts_stay_unknown() -> None:
    nothing = snapshot.EngineSnapshot(NOW, None, None, None, None, None, None, None)
    assert JobMemory(failure_job).snapshot_of(nothing) == Snapshot(
        NOW, None, None, None, None, None, None, None
    )


@pytest.mark.redis
def test_pushes_are_counted_from_one_snapshot_to_the_next(store: Store, direct: Direct) -> None:
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", "1", "2", "3")
    system = ResqueSystem(KEYS)
    first = at_once(store.run(system.snapshot()))
    direct("RPUSH", "resque:queue:mail", "4", "5")
    direct("LPOP", "resque:queue:mail")
    second = at_once(store.run(system.snapshot()))
    assert [known(each.queues)[0].pushed for each in (first, second)] == [None, 2]
    assert known(second.queues)[0].size == 4


@pytest.mark.parametrize(
    ("listed", "served"),
    [
        (("mail",), {"mail"}),
        (("gone",), {"gone"}),
        (("*",), {"mail", "low", "lower"}),
        (("low*", "!lower"), {"low"}),
        ((), set()),
        (("!mail",), set()),
    ],
)
def test_a_worker_serves_what_its_list_means(listed: tuple[str, ...], served: set[str]) -> None:
    assert set(SYSTEM.serves(listed, ["low", "lower", "mail"])) == served


@pytest.mark.redis
def test_the_classes_that_wait_for_workers_to_be_started_are_named(
    store: Store, direct: Direct
) -> None:
    direct("SADD", "resque:queues", "mail")
    direct("RPUSH", "resque:queue:mail", '{"class":"Mailers::Welcome","args":[7]}')
    found = store.run(ResqueSystem(KEYS).waiting_classes(LaunchRequest("mail")))
    assert found == [QueueClasses("mail", ("Mailers::Welcome",))]


def test_a_worker_under_a_numbered_host_may_be_of_this_machine() -> None:
    for name, is_here in (("web:1:q", True), ("web-2:1:q", True), ("web-b:1:q", False)):
        assert SYSTEM.may_run_on(worker(name), "web") is is_here


def entry(source: bytes) -> AuditEntry:
    return AuditEntry("1", NOW, Actor("a", "b"), "clear", "x", "", source, 1, None, None, None)


def test_an_action_on_record_names_the_list_that_it_took_from() -> None:
    assert SYSTEM.source_of(entry(KEYS.queue("mail"))) == JobSource("queue", "mail")
    assert SYSTEM.source_of(entry(KEYS.failed())) == JobSource("failed", "failed")
    assert SYSTEM.source_of(entry(KEYS.workers())) is None


def test_a_report_names_next_jobs_by_their_own_class_and_time() -> None:
    wrapped = (
        b'{"class":"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper","args":'
        b'[{"job_class":"Welcome","arguments":[],"enqueued_at":"2026-11-23T12:20:00Z"}]}'
    )
    fronts = {"mail": wrapped, "low": b'{"class":"Mail","args":[]}', "odd": b"\xff"}
    found = report_of(SystemHealth(problems={"aside": WHY}), fronts, KeyOwners("'resque'"), None)
    assert found.next_jobs == {
        "mail": NextJob("Welcome", NOW - timedelta(minutes=10)),
        "low": NextJob("Mail", None),
    }
    assert found.waiting["mail"] == WaitingClasses(("Welcome",), is_sampled=False)
    assert (found.problems, found.system.facts, found.notices) == ({"aside": WHY}, None, ())


def test_nothing_is_refused_where_only_resque_is() -> None:
    whose = ownership(KeyOwners("'resque'", of_resque=("x",), owners={"q": "resque"}))
    assert (whose.owner("q"), whose.refusal("q"), whose.refusal("new"), whose.refusal()) == (
        ("", None, None, None)
    )


def test_queues_of_sidekiq_are_refused_where_both_are() -> None:
    shared = KeyOwners(
        "'app'",
        level="strong",
        signs=("a job at an end of queue 'jobs' has a jid",),
        of_resque=("workers are registered",),
        owners={"jobs": "sidekiq", "both": "mixed", "ours": "resque", "empty": "unknown"},
    )
    whose = ownership(shared)
    owners = [whose.owner(each) for each in ("jobs", "both", "ours", "empty", "new")]
    assert owners == ["Sidekiq's", "Sidekiq's and Resque's", "", "", ""]
    for name in ("jobs", "both", "ours", "empty", "new"):
        assert whose.refusal(name) == shared.refusal(name)
    assert whose.refusal() is None
    (notice,) = report_of(SystemHealth(), {}, shared, None).notices
    assert (notice.severity, notice.kind, notice.place) == ("warn", "sidekiq", "queues")
    assert notice.text.endswith("; Resque's actions are refused on jobs, both")


def test_everything_is_refused_where_only_sidekiq_is() -> None:
    alone = KeyOwners("'app'", level="certain", signs=("its process 'x' runs",))
    whose = ownership(alone)
    assert whose.owner("any") == "Sidekiq's"
    assert whose.refusal("any") == alone.refusal("any")
    assert whose.refusal() == alone.refusal()


def test_a_failed_report_is_unknown_with_the_reason() -> None:
    found = health.failed("no answer")
    assert found.system == SystemHealth()
    assert set(found.problems.values()) == {"no answer"}
    assert set(found.problems) == set(get_args(HealthPart))
