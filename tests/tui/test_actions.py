"""Actions touch what their plan named, one at a time, and say in figures what came of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

import pytest
from tests.tui.looks import FakeSource, failure, snapshot

from qtop import actions
from qtop.actions import Actions, Outcome, Plan
from qtop.source import RedisSource
from resque.errors import OutcomeUnknown, Unreachable
from resque.state import failures, pauses, queues
from resque.state.failures import Failure
from resque.state.windows import Extent
from resque.wire.address import parse_url
from resque.wire.codec import encode_job
from resque.wire.exchange import single
from resque.wire.keys import Keys

T = TypeVar("T")

KEYS = Keys("resque")


@dataclass
class Console:
    """Actions on a real server, and a way to look behind them."""

    actions: Actions
    source: RedisSource

    async def fail(self, *entries: bytes) -> list[Failure]:
        """Add entries to the failures; returns all, newest first."""
        await self.source.run(single(("RPUSH", KEYS.failed(), *entries), int, writes=True))
        _, seen = await self.source.run(failures.newest(KEYS, limit=100))
        return seen

    async def size(self, queue: str) -> int:
        return await self.source.run(queues.size(KEYS, queue))

    async def failed(self) -> int:
        return await self.source.run(failures.count(KEYS))

    async def push(self, queue: str, number: int) -> None:
        jobs = [encode_job("A", [index]) for index in range(number)]
        await self.source.run(queues.push(KEYS, queue, jobs))


@pytest.fixture
async def console(redis_url: str) -> AsyncIterator[Console]:
    source = RedisSource(parse_url(redis_url), KEYS)
    yield Console(Actions(source, read_only=False, trouble=lambda: None), source)
    await source.close()


def entry(number: int) -> bytes:
    return failure(number).item.raw


@pytest.mark.redis
async def test_requeue_says_how_many_went_were_gone_and_were_refused(console: Console) -> None:
    seen = await console.fail(entry(1), entry(2), entry(3), b"not JSON")
    gone = next(item for item in seen if item.args == [2])
    await console.actions.run(actions.requeue(KEYS, [gone]))
    outcome = await console.actions.run(actions.requeue(KEYS, seen))
    assert outcome.text.startswith("requeued 2, gone meanwhile 1, refused 1 (the entry cannot be")
    assert outcome.tone == "warn"
    assert (await console.size("mail"), await console.failed()) == (3, 1)


@pytest.mark.redis
async def test_requeue_touches_the_entries_of_the_plan_and_no_newcomers(console: Console) -> None:
    plan = actions.requeue(KEYS, await console.fail(entry(1), entry(2)))
    await console.fail(entry(3))
    assert (await console.actions.run(plan)).text == "requeued 2, gone meanwhile 0, refused 0"
    assert await console.failed() == 1


def test_one_failure_goes_at_once_and_several_or_a_retried_one_after_a_question() -> None:
    once, retried = failure(1), failure(2, retried_at="2026/11/23 12:20:00")
    assert actions.requeue(KEYS, [once]).danger == "none"
    assert actions.requeue(KEYS, [retried]).danger == "confirm"
    plan = actions.requeue(KEYS, [once, retried])
    assert plan.danger == "confirm"
    assert plan.what == "Requeue 2 failed jobs"
    assert "Classes: Mailers::Welcome (2)" in plan.details
    assert "Queues: mail" in plan.details
    assert any("1 were retried before" in line for line in plan.details)


@pytest.mark.redis
async def test_progress_is_told_before_each_job(console: Console) -> None:
    told: list[tuple[int, int]] = []
    plan = actions.requeue(KEYS, await console.fail(entry(1), entry(2)))
    await console.actions.run(plan, lambda done, of: told.append((done, of)))
    assert told == [(0, 2), (1, 2)]


@pytest.mark.redis
async def test_clearing_a_queue_leaves_what_came_after_the_preview(console: Console) -> None:
    await console.push("mail", 5)
    seen = await console.actions.preview("looking", queues.extent(KEYS, "mail"))
    assert not isinstance(seen, Outcome)
    plan = actions.clear_queue(KEYS, "mail", seen)
    await console.source.run(queues.push(KEYS, "mail", [encode_job("New", [])]))
    assert (plan.danger, plan.word) == ("typed", "mail")
    assert "5 jobs" in plan.details[0]
    assert (await console.actions.run(plan)).text == "deleted 5 jobs from mail"
    assert await console.size("mail") == 1


@pytest.mark.redis
async def test_a_queue_that_changed_too_much_is_not_cleared(console: Console) -> None:
    await console.push("mail", 2)
    seen = await console.source.run(queues.extent(KEYS, "mail"))
    await console.source.run(single(("DEL", KEYS.queue("mail")), int, writes=True))
    await console.source.run(queues.push(KEYS, "mail", [encode_job("New", [])]))
    outcome = await console.actions.run(actions.clear_queue(KEYS, "mail", seen))
    assert "nothing was deleted" in outcome.text
    assert await console.size("mail") == 1


@pytest.mark.redis
async def test_clearing_the_failures_leaves_newer_ones(console: Console) -> None:
    await console.fail(entry(1), entry(2))
    plan = actions.clear_failures(KEYS, await console.source.run(failures.extent(KEYS)))
    await console.fail(entry(3))
    assert (await console.actions.run(plan)).text == "deleted 2 jobs from the failures"
    assert await console.failed() == 1


@pytest.mark.parametrize(
    ("name", "word"),
    [("mail", "mail"), ("\x1b[2J", "clear"), ("paypaI\u202e", "clear"), ("x" * 41, "clear")],
)
def test_a_name_that_cannot_be_typed_is_not_asked_for(name: str, word: str) -> None:
    plan = actions.clear_queue(KEYS, name, Extent(1, "0" * 40))
    assert plan.word == word
    assert plan.what.isprintable()


@pytest.mark.redis
async def test_pausing_and_resuming_say_what_changed(console: Console) -> None:
    run = console.actions.run
    pause = actions.pause(KEYS, ["mail"], paused=True)
    assert (await run(pause)).text.startswith("paused mail")
    assert (await run(pause)).text == "mail: was paused already"
    assert (await run(actions.pause(KEYS, ["mail"], paused=False))).text == "resumed mail"
    several = actions.pause(KEYS, ["mail", "low"], paused=True)
    assert several.danger == "confirm"
    assert (await run(several)).text.startswith("paused 2 queues")


@pytest.mark.redis
async def test_everything_is_paused_and_resumed(console: Console) -> None:
    await console.actions.run(actions.pause_all(KEYS, paused=True))
    switch = single(("GET", KEYS.pause_all_workers()), pauses.means_paused)
    assert await console.source.run(switch)
    resumed = await console.actions.run(actions.pause_all(KEYS, paused=False))
    assert resumed.text.startswith("resumed everything")
    again = await console.actions.run(actions.pause_all(KEYS, paused=False))
    assert again.text == "nothing was paused"


def answering(*answers: object) -> FakeSource:
    """A source that answers operations with these."""
    source = FakeSource(snapshot())
    source.answers = list(answers)
    return source


def plan_of() -> Plan:
    return actions.requeue(KEYS, [failure(1), failure(2), failure(3)])


async def test_a_lost_answer_is_an_unknown_outcome_and_ends_a_bulk() -> None:
    done = failures.Requeued(done=True)
    source = answering(done, OutcomeUnknown("no answer"), done)
    outcome = await Actions(source, read_only=False, trouble=lambda: None).run(plan_of())
    assert outcome.text == (
        "requeued 1, gone meanwhile 0, refused 0; "
        "then outcome unknown: look before trying again; 1 not tried"
    )
    assert outcome.tone == "bad"


async def test_a_lost_answer_to_a_single_write_is_an_unknown_outcome() -> None:
    doing = Actions(answering(OutcomeUnknown("?")), read_only=False, trouble=lambda: None)
    outcome = await doing.run(actions.pause(KEYS, ["mail"], paused=True))
    assert outcome.text == "Pause mail: outcome unknown: look before trying again"


async def test_redis_refusing_is_told_in_its_words() -> None:
    doing = Actions(
        answering(Unreachable("no such \x1b host")), read_only=False, trouble=lambda: None
    )
    outcome = await doing.preview("looking", queues.extent(KEYS, "mail"))
    assert outcome == Outcome("looking: no such ␛ host", "bad")


async def test_read_only_refuses_every_plan_and_asks_redis_nothing() -> None:
    source = answering()
    doing = Actions(source, read_only=True, trouble=lambda: None)
    plans = [plan_of(), actions.pause_all(KEYS, paused=True)]
    outcomes = [await doing.run(plan) for plan in plans]
    seen = await doing.preview("looking", failures.extent(KEYS))
    assert isinstance(seen, Outcome)
    outcomes.append(seen)
    assert {outcome.text for outcome in outcomes} == {"read-only: nothing is changed"}
    assert source.operations == []


async def test_nothing_is_begun_while_redis_does_not_answer() -> None:
    doing = Actions(answering(), read_only=False, trouble=lambda: "connection refused")
    outcome = await doing.run(plan_of())
    assert outcome.text == "not now: no answer from Redis: connection refused"


async def test_a_second_action_is_refused_while_one_is_under_way() -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def slow(send: actions.Run, progress: actions.Progress) -> Outcome:
        begun.set()
        await go_on.wait()
        return Outcome("done")

    doing = Actions(answering(), read_only=False, trouble=lambda: None)
    first = asyncio.create_task(doing.run(Plan("Slow thing", "Do", (), "none", slow)))
    await begun.wait()
    second = await doing.run(plan_of())
    assert second.text == "one at a time: still busy with “Slow thing”"
    go_on.set()
    assert (await first).text == "done"
    assert doing.refusal() is None
