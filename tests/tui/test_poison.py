"""Jobs that kill their workers are incidents, and one key moves them to where no worker is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.support.derived import judged
from tests.support.direct import Direct
from tests.support.sample_data import NOW, failure, snapshot

from qtop.actions.plan import Operator, Outcome, Plan, Refusal
from qtop.actions.request import PutBack, Quarantine, Undo
from qtop.config.limits import UndoLimits
from qtop.model.fleet import RunningJob
from qtop.model.job import FAILED, JobSource
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.incidents.poison import MANY, PoisonWatch
from qtop.monitor.state import UiPolicy
from qtop.screens.incidents import keyed_remedies
from qtop.search.selection import Selection, chosen_of
from qtop.systems.resque.actions import ResqueActions
from qtop.systems.resque.job_reader import failed_job
from qtop.systems.resque.system import ResqueSystem
from queuecore.action_record import Actor
from queuecore.stores import Store
from queuecore.windows import whole
from resque.codec import encode
from resque.keys import Keys
from resque.store.failures import Failure

DIED = {
    "exception": "Resque::DirtyExit",
    "error": "Child process received unhandled signal pid 7 SIGKILL (signal 9)",
    "payload": {"class": "ExportCsv", "args": [4711]},
}


def poison(failures: Sequence[Failure]) -> list[Incident]:
    return [each for each in judged(snapshot(failures=failures)) if each.kind == "poison"]


def test_a_job_whose_process_died_often_is_an_incident_with_one_key() -> None:
    deaths = [failure(-at, worker=f"w{at % 2}:7:csv", **DIED) for at in range(1, MANY + 1)]
    [found] = poison([*deaths, failure(3)])
    assert (found.severity, found.text) == ("crit", "ExportCsv [4711] kills its worker")
    assert found.figures == "3 x SIGKILL, same arguments"
    assert "Of 4 failures 3 say" in found.cause
    assert {each.label: each.value for each in found.evidence}["workers"].startswith("2: ")
    assert found.job is not None
    [remedy] = [each for each in found.remedies if each.action == "quarantine"]
    assert remedy.command == f"qtop quarantine {found.job.id[:10]}"
    keys = {
        read_only: next(
            each.keys
            for each in keyed_remedies(found, UiPolicy(), read_only=read_only)
            if each.remedy == remedy
        )
        for read_only in (False, True)
    }
    assert keys == {False: ("X",), True: ()}


def test_deaths_of_different_jobs_and_other_errors_are_no_poison() -> None:
    others = [
        failure(-at, **{**DIED, "payload": {"class": "ExportCsv", "args": [at]}})
        for at in range(1, 9)
    ]
    assert not poison(others)
    assert not poison([failure(-at, payload=DIED["payload"]) for at in range(1, 9)])
    assert not poison([failure(-at, **DIED) for at in range(1, MANY)])


def test_a_job_that_ran_in_processes_that_went_is_one_as_far_as_a_console_watched() -> None:
    watch = PoisonWatch()
    job = RunningJob(b"{}", "csv", NOW, "ExportCsv", [4711])
    other = RunningJob(b"{}", "csv", NOW, "Mail", [1])
    for number in range(MANY - 1):
        watch.note_gone((job, *([other] if number else [])), NOW + timedelta(minutes=number))
    assert not list(watch.incidents((), 0))
    watch.note_gone((job,), NOW + timedelta(minutes=9))
    [found] = watch.incidents((), 0)
    assert found.text == "ExportCsv [4711] kills its worker"
    assert "seen by this console" in found.cause
    assert found.since == NOW


KEYS = Keys("resque")
ACTIONS = ResqueActions(
    KEYS, Operator(Actor("ann@desk", "qtop"), UndoLimits()), ResqueSystem.abilities
)
PAYLOAD = b'{"class":"ExportCsv","args":[4711]}'
APART = "resque:qtop:quarantine:csv"


def entry(at: int) -> bytes:
    head = encode({"failed_at": f"2026/11/23 12:00:{at:02} UTC", "queue": "csv"})[:-1]
    return b'%s,"payload":%s,"exception":"Resque::DirtyExit"}' % (head, PAYLOAD)


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    with Store(redis_url) as opened:
        yield opened


def prepared(store: Store, request: Any) -> Plan:
    plan = store.run(ACTIONS.prepare(request))
    assert isinstance(plan, Plan), plan
    return plan


def undo(store: Store, outcome: Outcome) -> None:
    trail = outcome.trail
    while trail is not None:
        request = trail.undo()
        assert isinstance(request, Undo)
        trail = trail.without(store.run(prepared(store, request).run()).undone)


@pytest.mark.redis
def test_the_preview_names_the_copies_and_the_action_moves_these(
    direct: Direct, store: Store
) -> None:
    direct("SADD", "resque:queues", "csv")
    direct("RPUSH", "resque:queue:csv", b'{"class":"Mail","args":[]}', PAYLOAD)
    entries = [entry(at) for at in range(3)]
    direct("RPUSH", "resque:failed", *entries)
    job = failed_job(whole(entries[0]), 0)
    plan = prepared(store, Quarantine(JobSource("failed", FAILED), job))
    assert (plan.many, plan.danger) == (4, "confirm")
    assert "3 failures and 1 waiting job" in plan.what
    outcome = store.run(plan.run())
    assert outcome.done == 4
    assert direct("LRANGE", APART, 0, -1) == [PAYLOAD] * 4
    assert direct("LLEN", "resque:failed") == 0
    undo(store, outcome)
    assert direct("LRANGE", "resque:failed", 0, -1) == entries
    assert direct("LRANGE", "resque:queue:csv", 1, 1) == [PAYLOAD]
    assert direct("EXISTS", APART) == 0
    gone = store.run(ACTIONS.prepare(Quarantine(JobSource("queue", "none"), job)))
    assert isinstance(gone, Refusal)


@pytest.mark.redis
def test_what_is_in_quarantine_goes_back_to_its_queue(direct: Direct, store: Store) -> None:
    direct("RPUSH", APART, PAYLOAD)
    source, system = JobSource("quarantine", "csv"), ResqueSystem(KEYS)
    listed = system.jobs(source)
    page = store.run(listed.page(None, 10))
    [job] = page.jobs
    assert job.class_name == "ExportCsv"
    chosen: Selection = chosen_of(listed, [job])
    store.run(prepared(store, PutBack(source, chosen)).run())
    assert direct("LRANGE", "resque:queue:csv", 0, -1) == [PAYLOAD]
    assert direct("EXISTS", APART) == 0
