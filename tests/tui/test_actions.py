"""Actions touch only what their plan named, run one at a time, and report figures."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tests import words
from tests.support import list_actions
from tests.support.sample_data import NOW, FakeSystem, does_nothing, failed_job, prepared, snapshot

from qtop.actions.plan import Operator, Outcome, Plan, rest_of
from qtop.actions.request import (
    AnyRequest,
    Clear,
    Delete,
    Load,
    Move,
    Pause,
    PauseAll,
    Placed,
    Requeue,
    Several,
)
from qtop.actions.runner import ActionRunner
from qtop.actions.stopping import Stopped
from qtop.config.limits import UndoLimits
from qtop.model.job import Job, JobSource
from qtop.search.selection import Selection, chosen_of
from qtop.systems.resque.actions import ResqueActions
from qtop.systems.resque.job_lists import DelayedRefs, job_list
from qtop.systems.resque.job_reader import failure_job
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.runner import RedisRunner
from qtop.systems.sidekiq.system import SidekiqSystem
from qtop.systems.system import System
from queuecore import audit
from queuecore.action_record import DEFAULT_UNDO_BYTES, Actor
from queuecore.address import parse_url
from queuecore.bulk import JobRef, JobRefs
from queuecore.errors import OutOfMemory
from queuecore.exchange import Exchange, Operation, drive, single
from resque.codec import encode_job
from resque.errors import AuthRefused, OutcomeUnknown, ReadOnly, StoreError, Unreachable
from resque.keys import Keys
from resque.store import failures, pauses, queues
from resque.store.delayed_windows import DelayedRef
from sidekiq.keys import SidekiqKeys

KEYS = Keys("resque")
ADA = Actor("ada@example", "qtop test")
SYSTEM = ResqueActions(KEYS, Operator(ADA, UndoLimits()), ResqueSystem.abilities)
QUEUE = JobSource("queue", "mail")
ALL_FAILED = JobSource("failed", "failed")


def requeue(entries: Sequence[Job]) -> Plan:
    """The plan to requeue these."""
    return prepared(
        SYSTEM.prepare(Requeue(ALL_FAILED, chosen_of(job_list(KEYS, ALL_FAILED), entries)))
    )


def delete(entries: Sequence[Job], limits: UndoLimits | None = None) -> Plan:
    """The plan to delete these."""
    system = ResqueActions(KEYS, Operator(ADA, limits or UndoLimits()), ResqueSystem.abilities)
    chosen = chosen_of(job_list(KEYS, ALL_FAILED), entries)
    return prepared(system.prepare(Delete(ALL_FAILED, chosen)))


@dataclass
class Console:
    """Actions on a real server, with direct access to its data."""

    actions: ActionRunner
    source: RedisRunner

    async def fail(self, *entries: bytes) -> list[Job]:
        """Add entries to the failures; returns all, newest first."""
        if entries:
            await self.source.run(single(("RPUSH", KEYS.failed(), *entries), int, writes=True))
        _, seen = await self.source.run(failures.newest(KEYS, limit=100))
        return list(map(failure_job, seen))

    async def prepare(self, request: AnyRequest) -> Plan:
        """The plan of a request to the only system."""
        assert not isinstance(request, Placed | Several)
        plan = await self.actions.preview("looking", SYSTEM.prepare(request))
        assert isinstance(plan, Plan)
        return plan

    async def undo(self) -> Outcome:
        """Undo the last action."""
        return await self.actions.run(await self.prepare(self.actions.trails[-1].undo()))

    async def size(self, queue: str) -> int:
        return await self.source.run(queues.size(KEYS, queue))

    async def failed(self) -> int:
        return await self.source.run(list_actions.count_of_failures(KEYS))

    async def push(self, queue: str, number: int) -> None:
        jobs = [encode_job("A", [index]) for index in range(number)]
        await self.source.run(queues.push(KEYS, queue, jobs))


@pytest.fixture
async def console(redis_url: str) -> AsyncIterator[Console]:
    source = RedisRunner(ResqueSystem(KEYS), parse_url(redis_url))
    yield Console(ActionRunner(source.run, read_only=False, trouble=lambda: None), source)
    await source.close()


def clearing(source: JobSource, size_bytes: int, jobs: int = 9) -> Plan:
    """The plan to clear a list that is so long and so large."""
    return prepared(SYSTEM.prepare(Clear(source)), [[[jobs, [b"job"]]], [size_bytes]])


def entry(number: int) -> bytes:
    return failed_job(number).item.raw


@pytest.mark.redis
async def test_requeue_reports_how_many_were_requeued_gone_and_refused(console: Console) -> None:
    seen = await console.fail(entry(1), entry(2), entry(3), b"not JSON")
    gone = next(item for item in seen if item.args == [2])
    await console.actions.run(requeue([gone]))
    outcome = await console.actions.run(requeue(seen))
    counts = "requeued 2, skipped 1 (already gone), refused 1 (the entry cannot be"
    assert outcome.text.startswith(counts)
    assert outcome.tone == "warn"
    assert (await console.size("mail"), await console.failed()) == (3, 1)


@pytest.mark.redis
async def test_requeue_touches_the_entries_of_the_plan_and_no_newcomers(console: Console) -> None:
    plan = requeue(await console.fail(entry(1), entry(2)))
    await console.fail(entry(3))
    assert (await console.actions.run(plan)).text == words.outcome("requeued", 2)
    assert await console.failed() == 1


def test_one_failure_is_requeued_at_once_and_several_or_a_retried_one_after_a_question() -> None:
    once, retried = failed_job(1), failed_job(2, retried_at="2026/11/23 12:20:00")
    assert requeue([once]).danger == "undoable"
    assert requeue([retried]).danger == "confirm"
    plan = requeue([once, retried])
    assert plan.danger == "confirm"
    assert plan.what == "Requeue 2 failed jobs"
    assert "Classes: Mailers::Welcome (2)" in plan.details
    assert "Queues: mail" in plan.details
    assert any("Retried before: 1;" in line for line in plan.details)


@pytest.mark.redis
async def test_progress_is_reported_while_a_bulk_goes_on(console: Console) -> None:
    reported: list[tuple[int, int]] = []
    plan = requeue(await console.fail(*(entry(number) for number in range(450))))
    await console.actions.run(plan, lambda done, of: reported.append((done, of)))
    assert reported == [(0, 100)]
    assert await console.failed() == 350


@pytest.mark.redis
async def test_an_action_can_be_undone(console: Console) -> None:
    seen = await console.fail(entry(1), entry(2), entry(3))
    await console.actions.run(requeue(seen[:1]))
    await console.actions.run(delete(seen[1:]))
    assert await console.failed() == 0
    for text in (
        words.undone(2, "delete 2 failed jobs"),
        words.undone(1, "requeue 1 failed job"),
    ):
        assert (await console.undo()).text == text
    assert console.actions.trails == []
    assert await console.fail() == seen
    assert await console.size("mail") == 0
    entries = await console.source.run(audit.newest(KEYS, 9))
    assert [(entry.action, entry.planned, entry.done) for entry in entries] == [
        ("undo", 1, 1),
        ("undo", 2, 2),
        ("delete", 2, 2),
        ("requeue", 1, 1),
    ]


@pytest.mark.redis
async def test_an_undo_that_is_stopped_says_first_how_many_are_back_and_how_many_are_left(
    console: Console,
) -> None:
    await console.fail(*(entry(number) for number in range(250)))
    _, seen = await console.source.run(failures.newest(KEYS, limit=250))
    await console.actions.run(requeue(list(map(failure_job, seen))))
    undoing = await console.prepare(console.actions.trails[-1].undo())

    def stop_early(done: int, of: int) -> None:
        if done:
            console.actions.stop()

    outcome = await console.actions.run(undoing, stop_early)
    done = await console.failed()
    assert 0 < done < 250
    assert outcome.text == (
        f"undone {done} of 250; {250 - done} not changed: stopped: requeue 250 failed jobs"
    )
    assert (await console.undo()).text == words.undone(250 - done, "requeue 250 failed jobs")


@pytest.mark.redis
async def test_undo_cannot_bring_back_a_job_that_a_worker_took_meanwhile(console: Console) -> None:
    await console.actions.run(requeue(await console.fail(entry(1))))
    await console.source.run(single(("LPOP", KEYS.queue("mail")), bytes, writes=True))
    outcome = await console.undo()
    assert outcome.text == "undone 0 of 1, too late for 1: requeue 1 failed job"
    assert outcome.tone == "warn"


@pytest.mark.redis
async def test_an_action_that_another_operator_undid_meanwhile_is_not_undone_again(
    console: Console,
) -> None:
    await console.actions.run(delete(await console.fail(entry(1))))
    back = await console.prepare(console.actions.trails[-1].undo())
    assert (await console.actions.run(back)).text == words.undone(1, "delete 1 failed job")
    again = await console.actions.run(back)
    assert again.text == "delete 1 failed job: nothing to undo"
    assert again.tone == "warn"
    assert await console.failed() == 1


def test_a_clear_too_large_to_keep_says_that_it_cannot_be_undone() -> None:
    small, large = (
        clearing(ALL_FAILED, size) for size in (DEFAULT_UNDO_BYTES, DEFAULT_UNDO_BYTES + 1)
    )
    assert "Undo: u" in small.details[1]
    assert "cannot be undone" in large.details[1]


def places_from(first: int, number: int, size_bytes: int = 1) -> Selection:
    """So many items of a list, one after the other."""
    chosen = Selection(JobRefs())
    for place in range(first, first + number):
        chosen.refs.add(JobRef(place, "0" * 40), size_bytes)
    return chosen


def info(used_mib: int, most_mib: int) -> bytes:
    """What the server says of its memory."""
    return b"used_memory:%d\r\nmaxmemory:%d\r\n" % (used_mib << 20, most_mib << 20)


@pytest.mark.parametrize(
    ("reply", "keeps"),
    [
        (info(900, 1000), True),
        (info(990, 1000), False),
        (info(2000, 1000), False),
        (info(990, 0), True),
        (b"used_memory:x\r\nmaxmemory:" + b"9" * 5000, True),
        (AuthRefused("this user lacks a right"), True),
    ],
)
def test_nothing_is_kept_for_an_undo_where_the_server_has_no_room_for_it(
    reply: Any, keeps: bool
) -> None:
    chosen = places_from(0, 1, size_bytes=20 << 20)
    plan = prepared(SYSTEM.prepare(Requeue(ALL_FAILED, chosen)), [[reply]])
    assert plan.record is not None
    assert (plan.record.undo_s > 0, plan.no_undo is None) == (keeps, keeps)
    assert keeps or "maxmemory" in plan.details[-1]
    # What is deleted takes no more room when it is kept: the server is not asked.
    assert prepared(SYSTEM.prepare(Delete(ALL_FAILED, chosen))).no_undo is None


def test_a_question_says_what_others_see_while_a_long_list_is_turned() -> None:
    failures_, waiting = places_from(10_000, 21), places_from(10_000, 21)
    plan = prepared(SYSTEM.prepare(Requeue(ALL_FAILED, failures_)))
    assert plan.meanwhile in plan.details
    assert "retry or remove no single failure" in plan.meanwhile
    plan = prepared(SYSTEM.prepare(Move(QUEUE, waiting, to="low")))
    assert plan.meanwhile in plan.details
    assert "jobs of the queue" in plan.meanwhile
    delayed = Selection(
        DelayedRefs(DelayedRef("1", at, "0" * 40, 0) for at in range(9_980, 10_001))
    )
    plan = prepared(SYSTEM.prepare(Delete(JobSource("delayed", ""), delayed)))
    assert plan.meanwhile in plan.details
    assert "jobs of the same second" in plan.meanwhile
    for first, number in ((10_000, 20), (9_999, 21), (0, 1)):
        few = places_from(first, number)
        assert prepared(SYSTEM.prepare(Delete(ALL_FAILED, few))).meanwhile == ""


def test_with_undo_turned_off_a_plan_says_so_and_always_asks() -> None:
    plan = delete([failed_job(1)], UndoLimits(lifetime_s=0))
    assert plan.danger == "confirm"
    assert plan.details[-1] == "Undo is off (undo_hours is 0): cannot be undone."
    assert delete([failed_job(1)]).danger == "undoable"


@pytest.mark.redis
async def test_clearing_a_queue_leaves_jobs_that_came_after_the_preview(console: Console) -> None:
    await console.push("mail", 5)
    plan = await console.prepare(Clear(QUEUE))
    await console.source.run(queues.push(KEYS, "mail", [encode_job("New", [])]))
    assert (plan.danger, plan.word) == ("typed", "mail")
    assert "5 jobs" in plan.details[0]
    assert (await console.actions.run(plan)).text == words.deleted_from(5, "mail")
    assert await console.size("mail") == 1


@pytest.mark.redis
async def test_a_queue_that_changed_too_much_is_not_cleared(console: Console) -> None:
    await console.push("mail", 2)
    plan = await console.prepare(Clear(QUEUE))
    await console.source.run(single(("DEL", KEYS.queue("mail")), int, writes=True))
    await console.source.run(queues.push(KEYS, "mail", [encode_job("New", [])]))
    outcome = await console.actions.run(plan)
    assert "nothing was deleted" in outcome.text
    assert await console.size("mail") == 1


@pytest.mark.redis
async def test_clearing_the_failures_leaves_newer_ones(console: Console) -> None:
    await console.fail(entry(1), entry(2))
    plan = await console.prepare(Clear(ALL_FAILED))
    await console.fail(entry(3))
    assert (await console.actions.run(plan)).text == words.deleted_from(2, "the failures")
    assert await console.failed() == 1


@pytest.mark.parametrize(
    ("name", "word"),
    [("mail", "mail"), ("\x1b[2J", "clear"), ("paypaI\u202e", "clear"), ("x" * 41, "clear")],
)
def test_a_name_that_cannot_be_typed_is_not_asked_for(name: str, word: str) -> None:
    plan = clearing(JobSource("queue", name), 100, jobs=1)
    assert plan.word == word
    assert plan.what.isprintable()


@pytest.mark.redis
async def test_pausing_and_resuming_say_what_changed(console: Console) -> None:
    run = console.actions.run
    pause = await console.prepare(Pause(("mail",)))
    assert (await run(pause)).text.startswith(words.paused("mail"))
    assert (await run(pause)).text == "mail: already paused"
    assert (await run(await console.prepare(Pause(("mail",), pauses=False)))).text == words.resumed(
        "mail"
    )
    several = await console.prepare(Pause(("mail", "low")))
    assert several.danger == "confirm"
    assert (await run(several)).text.startswith("paused 2 queues")


def test_the_names_of_paused_queues_are_cut_on_record() -> None:
    plan = prepared(SYSTEM.prepare(Pause(tuple(f"queue_{number}" for number in range(90)))))
    assert plan.record is not None
    assert len(plan.record.subject) == 200


@pytest.mark.redis
async def test_everything_is_paused_and_resumed(console: Console) -> None:
    resume = await console.prepare(PauseAll(pauses=False))
    await console.actions.run(await console.prepare(PauseAll()))
    switch = single(("GET", KEYS.pause_all_workers()), pauses.means_paused)
    assert await console.source.run(switch)
    resumed = await console.actions.run(resume)
    assert resumed.text.startswith(words.resumed("everything"))
    again = await console.actions.run(resume)
    assert again.text == "everything: not paused"


def answering(*answers: object) -> FakeSystem:
    """A system that answers operations with these."""
    source = FakeSystem(snapshot())
    source.answers = list(answers)
    return source


def plan_of() -> Plan:
    return requeue([failed_job(1), failed_job(2), failed_job(3)])


async def test_an_interrupted_bulk_action_reports_what_is_known_and_what_is_not() -> None:
    # So large that each is taken by a script of its own.
    entries = [failed_job(number, error="x" * 600_000) for number in (3, 2, 1)]
    source = answering()
    seen = [[each.item.raw for each in entries], 3, 0]
    source.replies = [seen, [[1, [], []]], OutcomeUnknown("?")]
    doing = ActionRunner(source.run, read_only=False, trouble=lambda: None)
    outcome = await doing.run(requeue(entries))
    assert outcome.text == ("requeued 1; 2 unknown: check before you try again")
    assert outcome.tone == "bad"


async def test_a_lost_answer_to_a_single_write_is_an_unknown_outcome() -> None:
    doing = ActionRunner(answering(OutcomeUnknown("?")).run, read_only=False, trouble=lambda: None)
    outcome = await doing.run(prepared(SYSTEM.prepare(Pause(("mail",)))))
    assert outcome.text == "Pause mail: outcome unknown: check before you try again"


async def test_a_refusal_of_redis_is_reported_in_its_words() -> None:
    doing = ActionRunner(
        answering(Unreachable("no such \x1b host")).run, read_only=False, trouble=lambda: None
    )
    outcome = await doing.preview("looking", list_actions.extent(KEYS, "mail"))
    assert outcome == Outcome("looking: no such ␛ host", "bad")


async def test_a_read_only_console_refuses_every_plan_without_asking_redis() -> None:
    source = answering()
    doing = ActionRunner(source.run, read_only=True, trouble=lambda: None)
    plans = [plan_of(), prepared(SYSTEM.prepare(PauseAll()))]
    outcomes = [await doing.run(plan) for plan in plans]
    seen = await doing.preview("looking", list_actions.failures_extent(KEYS))
    assert isinstance(seen, Outcome)
    outcomes.append(seen)
    assert {outcome.text for outcome in outcomes} == {words.READ_ONLY}
    assert source.operations == []


async def test_no_action_starts_while_redis_does_not_answer() -> None:
    doing = ActionRunner(answering().run, read_only=False, trouble=lambda: "connection refused")
    outcome = await doing.run(plan_of())
    assert outcome.text == words.NOT_NOW_REFUSED


async def test_a_second_action_is_refused_while_one_is_under_way() -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def slow(operation: Operation[Any]) -> Any:
        begun.set()
        await go_on.wait()
        return Outcome("done")

    doing = ActionRunner(slow, read_only=False, trouble=lambda: None)
    first = asyncio.create_task(doing.run(Plan("Slow thing", "Do", (), "none", does_nothing)))
    await begun.wait()
    second = await doing.run(plan_of())
    assert second.text == "still running: “Slow thing”; one action at a time"
    go_on.set()
    assert (await first).text == "done"
    assert doing.refusal() is None


@pytest.mark.parametrize(
    ("stopped", "reported"),
    [
        (Stopped("stopped"), "; 1,200 not changed: stopped"),
        (ReadOnly("a replica"), "; 1,200 not changed: a replica"),
        (OutcomeUnknown("no answer"), "; 1,200 unknown: check before you try again"),
    ],
)
def test_jobs_that_an_action_did_not_reach_are_reported(stopped: Exception, reported: str) -> None:
    assert rest_of(1_200, stopped) == reported


@pytest.mark.parametrize("system", [ResqueSystem(KEYS), SidekiqSystem(SidekiqKeys())])
@pytest.mark.parametrize("problem", [OutOfMemory("maxmemory"), OutcomeUnknown("no answer")])
def test_a_load_that_fails_half_way_counts_what_was_loaded(
    system: System, problem: StoreError
) -> None:
    """Else whoever loads the file again has those twice."""
    items = [b'{"class":"A","args":[%d],"queue":"mail"}' % number for number in range(1_200)]
    request = Load(QUEUE, items, len(items))
    plan = prepared(system.prepare(request, Operator(ADA, UndoLimits())))
    written = 0

    def answer(step: Exchange[Any]) -> Any:
        nonlocal written
        if step.writes and written:
            raise problem
        written += 500 * step.writes
        return written or (NOW.timestamp() if step.commands else None)

    outcome: Outcome = drive(plan.run(), answer)
    assert (outcome.done, outcome.left, outcome.stopped) == (500, 700, problem)
    assert "loaded 500 items" in outcome.text
