"""Resque and Sidekiq asked as one system: lists, actions, undo, a place that does not answer."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import pytest
from tests.support.both_systems import (
    ALL_FAILED,
    DELAYED,
    NOON,
    RESQUE,
    SIDEKIQ,
    Both,
    fill,
    resque_failure,
    sidekiq_failure,
)
from tests.support.direct import Direct
from tests.support.own_redis import OwnRedis
from tests.support.sidekiq_sets import payload

from qtop.actions.plan import Plan, Refusal
from qtop.actions.request import (
    Clear,
    Delete,
    JobRequest,
    Kill,
    Move,
    PauseAll,
    Placed,
    PutBack,
    Requeue,
    Reschedule,
    RunNow,
    Several,
    Undo,
)
from qtop.actions.stopping import reined
from qtop.model.job import JobSource
from qtop.screens.failed import WantedGroups
from qtop.search.failure_groups import FailureGroups
from qtop.search.filter_language import parse
from qtop.search.joint_search import JointSearch
from qtop.search.list_search import ListSearch
from qtop.search.list_walk import scan, through
from qtop.search.selection import JobQuery, JobSearch, chosen_of
from qtop.systems.routing import NoPlace, PlacesRunner, at, to_place
from qtop.systems.runner import RedisRunner
from qtop.systems.together import failure_sources
from qtop.text.progress import ProgressMeter
from queuecore.address import parse_url
from queuecore.errors import StoreError, Unreachable
from queuecore.exchange import Exchange, Steps, single
from queuecore.reading import ReadingOnly
from queuecore.server import Binary
from queuecore.times import utc_now

LATER = datetime.fromtimestamp(NOON + 86_400, UTC)
KEYS = (RESQUE.failed(), SIDEKIQ.jobs("retry"), SIDEKIQ.jobs("dead"))


@pytest.fixture
async def both(redis_url: str) -> AsyncIterator[Both]:
    """Both systems in one empty database."""
    systems = Both(redis_url)
    yield systems
    await systems.close()


def contents(direct: Direct) -> dict[str, object]:
    """What is in all lists of jobs, to compare it later."""
    retries, dead = (direct("ZRANGE", key, 0, -1, "WITHSCORES") for key in KEYS[1:])
    failed = direct("LRANGE", RESQUE.failed(), 0, -1)
    queues = {key: direct("LRANGE", key, 0, -1) for key in sorted(direct("KEYS", "*queue:*"))}
    return {"failed": failed, "retry": retries, "dead": dead, "queues": queues}


# Lists


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_pages_of_both_have_each_job_once_and_the_newest_first(
    direct: Direct, both: Both, size: int
) -> None:
    fill(direct, resque=9, retries=8)
    pages = await both.pages(ALL_FAILED, size)
    jobs = [job for page in pages for job in page.jobs]
    assert Counter(job.system for job in jobs) == {"resque": 9, "sidekiq": 8}
    assert len({(job.system, job.id) for job in jobs}) == 17
    times = [job.failed_at for job in jobs if job.failed_at is not None]
    assert times == sorted(times, reverse=True), "they failed in turn"
    assert [page.first for page in pages] == list(range(1, 18, size))
    assert {page.length for page in pages} == {17}
    assert pages[-1].last == 17


async def test_a_set_in_no_order_of_time_hides_no_newer_jobs_of_the_other(
    direct: Direct, both: Both
) -> None:
    fill(direct, resque=20, retries=0)
    # What is tried again last failed longest ago.
    for number in range(20):
        entry = sidekiq_failure(number, 3_000 - number)
        direct("ZADD", SIDEKIQ.jobs("retry"), NOON + 9_000 - number, entry)
    direct("ZADD", SIDEKIQ.jobs("retry"), f"{NOON + 8_995.5}", sidekiq_failure(99, 1))
    pages = await both.pages(ALL_FAILED, 10)
    first = pages[0].jobs
    assert first[0].args == [99]
    assert {job.system for job in first} == {"resque", "sidekiq"}
    assert sum(len(page.jobs) for page in pages) == 41


async def test_the_way_back_leads_to_the_pages_that_were_shown(direct: Direct, both: Both) -> None:
    fill(direct, resque=9, retries=8)
    jobs, pages = both.together.jobs(ALL_FAILED), await both.pages(ALL_FAILED, 5)
    for before, page in pairwise(pages):
        start = await both.do(jobs.before(page, 5))
        again = await both.do(jobs.page(start, 5))
        assert [job.ref for job in again.jobs] == [job.ref for job in before.jobs]


async def test_the_last_page_of_delayed_jobs_has_the_last_of_both(
    direct: Direct, both: Both
) -> None:
    for number in range(10):
        stamp = str(NOON + 10 * number)
        direct("ZADD", RESQUE.delayed_schedule(), stamp, stamp)
        direct("RPUSH", RESQUE.delayed(stamp), b'{"class":"Mail","args":[],"queue":"mail"}')
        direct("ZADD", SIDEKIQ.jobs("schedule"), NOON + 10 * number + 5, payload(number))
    direct("ZADD", SIDEKIQ.jobs("retry"), NOON + 60, sidekiq_failure(1, 5))
    jobs, pages = both.together.jobs(DELAYED), await both.pages(DELAYED, 6)
    due = [job.due.at for page in pages for job in page.jobs if job.due is not None]
    assert due == [NOON + 5 * number for number in range(20)]
    start = await both.do(jobs.last(pages[0], 6))
    last = await both.do(jobs.page(start, 6))
    assert [job.due.at for job in last.jobs if job.due] == due[-6:]
    assert last.after is None
    assert (last.first, last.last, last.length) == (15, 20, 20)
    before = await both.do(jobs.page(await both.do(jobs.before(last, 6)), 6))
    assert [job.due.at for job in before.jobs if job.due] == due[-12:-6]
    outline = await both.do(jobs.outline(NOON + 27.0, (60, 3_600, 86_400)))
    assert [share.jobs for share in outline.shares] == [6, 12, 2, 0, 0]
    assert (outline.length, outline.first_at) == (20, NOON)
    assert outline.retries is not None
    assert [share.jobs for share in outline.retries] == [0, 1, 0, 0, 0]


async def test_a_walk_and_a_scan_meet_each_job_of_both_once(direct: Direct, both: Both) -> None:
    fill(direct, resque=400, retries=350, dead=50)
    walked = await both.walked()
    assert len({(job.system, job.id) for job in walked}) == len(walked) == 800
    found: list[str] = []
    jobs = both.together.jobs(ALL_FAILED)
    seen = await both.do(scan(jobs, parse("class:Report"), utc_now(), lambda j: found.append(j.id)))
    assert (len(set(found)), len(found), seen.length) == (400, 400, 800)


async def test_failures_of_both_are_in_one_set_of_groups(direct: Direct, both: Both) -> None:
    direct("RPUSH", RESQUE.failed(), resque_failure(1, 10, payload={"class": "Same", "args": []}))
    direct("ZADD", SIDEKIQ.jobs("retry"), NOON, sidekiq_failure(2, 5, **{"class": "Same"}))
    groups = FailureGroups(utc_now())

    def visit(entry: object) -> bool:
        groups.add(entry)  # type: ignore[arg-type]
        return True

    await both.do(through(both.together.jobs(ALL_FAILED).walk(), visit))
    [group] = groups.groups()
    assert (group.count, dict(group.queues)) == (2, {"mail": 1, "default": 1})


async def test_a_filter_for_one_system_finds_its_jobs_only(direct: Direct, both: Both) -> None:
    fill(direct, resque=3, retries=2, dead=1)
    for text, expected in (
        ("system:sidekiq", {"sidekiq": 3}),
        ("!system:sidekiq", {"resque": 3}),
        ("class:Mail", {"resque": 3}),
        ("exception:Timeout", {"resque": 3, "sidekiq": 3}),
    ):
        chosen = await both.chosen(Requeue, text)
        parts = chosen.refs.parts  # type: ignore[attr-defined]
        counts = {place: len(part.refs) for place, part in parts.items() if part.refs}
        assert counts == expected, text


async def test_the_lists_of_failures_are_all_together_and_those_of_each(both: Both) -> None:
    assert await both.do(failure_sources(both.together)) == [
        ALL_FAILED,
        JobSource("failed", "failed", "resque"),
        JobSource("failed", "retry", "sidekiq"),
        JobSource("failed", "dead", "sidekiq"),
    ]


async def test_the_list_of_one_place_has_its_own_jobs_in_its_own_order(
    direct: Direct, both: Both
) -> None:
    fill(direct, resque=3, retries=2, dead=2)
    dead = JobSource("failed", "dead", "sidekiq")
    [page] = await both.pages(dead, 10)
    assert [(job.system, job.args) for job in page.jobs] == [("sidekiq", [3]), ("sidekiq", [2])]
    [read] = await both.do(both.together.jobs(dead).read(page.jobs[:1]))
    assert read == page.jobs[0]


# Actions


async def test_jobs_of_both_are_requeued_by_their_own_rules_and_all_come_back(
    direct: Direct, both: Both
) -> None:
    fill(direct, resque=5, retries=4, dead=2)
    before = contents(direct)
    plan = await both.prepare(Requeue(ALL_FAILED, await both.chosen(Requeue), is_found=True))
    assert (plan.many, plan.danger) == (11, "confirm")
    assert "resque 5" in plan.what
    assert "sidekiq 6" in plan.what
    outcome = await both.actions.run(plan)
    assert (outcome.done, outcome.gone, outcome.refused) == (11, 0, ())
    assert {place: part.done for place, part in outcome.parts} == {"resque": 5, "sidekiq": 6}
    assert direct("LLEN", RESQUE.queue("mail")) == 5
    assert direct("LLEN", SIDEKIQ.queue("default")) == 6
    assert [direct("EXISTS", key) for key in KEYS] == [0, 0, 0]
    undone = await both.undo()
    assert (undone.done, undone.tone, both.actions.trails) == (11, "good", [])
    assert contents(direct) == before


async def test_what_was_pointed_at_is_touched_and_nothing_else(direct: Direct, both: Both) -> None:
    fill(direct, resque=4, retries=4)
    [page] = await both.pages(ALL_FAILED, 100)
    marked = [page.jobs[0], page.jobs[3]]
    chosen = chosen_of(both.together.jobs(ALL_FAILED), marked)
    plan = await both.prepare(Delete(ALL_FAILED, chosen))
    assert plan.danger == "confirm", "as of several jobs of one system"
    assert (await both.actions.run(plan)).done == 2
    left = {(job.system, job.id) for job in await both.walked()}
    assert left == {(job.system, job.id) for job in page.jobs if job not in marked}
    assert (await both.undo()).done == 2
    assert len(await both.walked()) == 8


@pytest.mark.parametrize(
    "make",
    [Kill, Requeue, partial(Reschedule, at=LATER), partial(Move, to="other"), PutBack],
)
async def test_each_request_about_failed_jobs_is_planned_or_refused_in_each_system(
    direct: Direct, both: Both, make: Callable[..., JobRequest]
) -> None:
    fill(direct, resque=2, retries=2)
    chosen = await both.chosen(make)
    before = contents(direct)
    made = await both.do(both.together.prepare(make(ALL_FAILED, chosen), both.operator))
    assert contents(direct) == before, "a plan changes nothing"
    if isinstance(made, Plan):
        outcome = await both.actions.run(made)
        assert outcome.done == made.many
        assert (await both.undo()).done == made.many
        assert contents(direct) == before
    else:
        assert isinstance(made, Refusal)
        assert "resque" in made.text
        assert "sidekiq" in made.text


@pytest.mark.parametrize("make", [RunNow, Delete, partial(Reschedule, at=LATER), Kill])
async def test_each_request_about_delayed_jobs_is_carried_out_where_it_can_be(
    direct: Direct, both: Both, make: Callable[..., JobRequest]
) -> None:
    for number in range(2):
        stamp = str(NOON + number)
        direct("ZADD", RESQUE.delayed_schedule(), stamp, stamp)
        direct("RPUSH", RESQUE.delayed(stamp), b'{"class":"Mail","args":[],"queue":"mail"}')
        direct("ZADD", SIDEKIQ.jobs("schedule"), NOON + number, payload(number))
    before = len(await both.walked(DELAYED))
    plan = await both.prepare(make(DELAYED, await both.chosen(make, source=DELAYED)))
    assert plan.many == (2 if make is Kill else 4)
    outcome = await both.actions.run(plan)
    assert outcome.done == plan.many
    assert (await both.undo()).done == plan.many
    assert len(await both.walked(DELAYED)) == before


async def test_equal_bytes_in_both_are_two_jobs(direct: Direct, both: Both) -> None:
    raw = sidekiq_failure(1, 5)
    direct("RPUSH", RESQUE.failed(), raw)
    direct("ZADD", SIDEKIQ.jobs("dead"), NOON, raw)
    [page] = await both.pages(ALL_FAILED, 10)
    [of_resque] = [job for job in page.jobs if job.system == "resque"]
    chosen = chosen_of(both.together.jobs(ALL_FAILED), [of_resque])
    assert (await both.act(Delete(ALL_FAILED, chosen))).done == 1
    assert [direct("EXISTS", key) for key in KEYS] == [0, 0, 1]


async def test_what_one_system_cannot_do_is_left_out_and_said(direct: Direct, both: Both) -> None:
    fill(direct, resque=3, retries=2)
    plan = await both.prepare(Kill(ALL_FAILED, await both.chosen(Kill), is_found=True))
    assert plan.many == 2
    assert any("resque" in line for line in plan.details)
    before = direct("LRANGE", RESQUE.failed(), 0, -1)
    assert (await both.actions.run(plan)).done == 2
    assert direct("LRANGE", RESQUE.failed(), 0, -1) == before
    assert direct("ZCARD", SIDEKIQ.jobs("dead")) == 2


async def test_clearing_all_failures_clears_both_after_a_word(direct: Direct, both: Both) -> None:
    fill(direct, resque=3, retries=2, dead=1)
    before = contents(direct)
    plan = await both.prepare(Clear(ALL_FAILED))
    assert (plan.danger, plan.word) == ("typed", "failed")
    assert (await both.actions.run(plan)).done == 6
    assert [direct("EXISTS", key) for key in KEYS] == [0, 0, 0]
    assert (await both.undo()).done == 6
    assert contents(direct) == before


async def test_clearing_the_list_of_one_place_leaves_the_other(direct: Direct, both: Both) -> None:
    fill(direct, resque=3, retries=2)
    outcome = await both.act(Clear(JobSource("failed", "failed", "resque")))
    assert (outcome.done, direct("ZCARD", SIDEKIQ.jobs("retry"))) == (3, 2)


async def test_requests_to_several_places_are_one_action(direct: Direct, both: Both) -> None:
    direct("SADD", RESQUE.queues(), "same")
    direct("RPUSH", RESQUE.queue("same"), b'{"class":"Mail","args":[1]}')
    direct("SADD", SIDEKIQ.queues(), "same")
    direct("LPUSH", SIDEKIQ.queue("same"), payload(1, queue="same"))
    queue = Clear(JobSource("queue", "same"))
    one = await both.prepare(Placed("sidekiq", queue))
    assert "sidekiq" in one.what
    await both.actions.run(one)
    assert (direct("LLEN", RESQUE.queue("same")), direct("LLEN", SIDEKIQ.queue("same"))) == (1, 0)
    await both.undo()
    outcome = await both.act(Several((Placed("resque", queue), Placed("sidekiq", queue))))
    assert outcome.done == 2
    assert (await both.undo()).done == 2


async def test_pausing_everything_pauses_what_can_be_paused(direct: Direct, both: Both) -> None:
    plan = await both.prepare(PauseAll())
    assert any("Sidekiq" in line for line in plan.details)
    await both.actions.run(plan)
    assert direct("EXISTS", RESQUE.pause_all_workers()) == 1


async def test_an_undo_that_names_no_place_is_refused(both: Both) -> None:
    made = await both.do(both.together.prepare(Undo("0" * 16), both.operator))
    assert "which system" in made.text  # type: ignore[union-attr]


async def test_the_actions_of_all_are_one_history(direct: Direct, both: Both) -> None:
    fill(direct, resque=1, retries=1)
    for place in ("resque", "sidekiq"):
        chosen = await both.chosen(Delete, f"system:{place}")
        await both.act(Delete(ALL_FAILED, chosen))
    entries = await both.do(both.together.history(10))
    assert sorted(entry.system for entry in entries) == ["resque", "sidekiq"]
    assert {both.together.source_of(entry) for entry in entries} == {
        JobSource("failed", "failed", "resque"),
        JobSource("failed", "failed", "sidekiq"),
    }


async def test_a_rate_holds_for_each_part_and_progress_counts_all(
    direct: Direct, both: Both
) -> None:
    fill(direct, resque=4, retries=4)
    plan = await both.prepare(Delete(ALL_FAILED, await both.chosen(Delete), is_found=True))
    assert plan.pace is not None
    # Steps of two jobs, four of them a second.
    plan.pace.jobs_per_s = 8
    seen: list[tuple[int, int]] = []
    steps = reined(plan.run(), plan.pace, lambda done, of: seen.append((done, of)))
    assert (await both.runner.run(steps)).done == 8
    assert {of for _, of in seen} == {8}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {0, 2, 4, 6} <= {done for done, _ in seen}


# Looking through both lists


def groups_of(both: Both) -> JointSearch[WantedGroups]:
    """Counts the groups of all failed jobs."""
    jobs = both.together.jobs(ALL_FAILED)

    def new() -> WantedGroups:
        return WantedGroups(JobSearch(JobQuery(ALL_FAILED), utc_now(), jobs.layout(utc_now())))

    async def rest(seconds: float) -> None:
        del seconds

    parts = {place: ListSearch(part, new, rest) for place, part in jobs.apart().items()}
    return JointSearch(parts, WantedGroups.joined, "search", ProgressMeter(lambda: 0.0))


async def test_what_is_new_in_one_list_is_counted_without_looking_through_it_again(
    direct: Direct, both: Both
) -> None:
    # A set does not tell what is new in it: it is read again, and is short.
    fill(direct, resque=1_000, retries=0)
    direct("ZADD", SIDEKIQ.jobs("retry"), NOON, sidekiq_failure(1, 5))
    search = groups_of(both)
    assert await search.follow(both.do)
    assert search.is_complete
    assert (search.of, search.found.count if search.found else None) == (1_001, 1_001)
    direct("RPUSH", RESQUE.failed(), resque_failure(7_000, 1))
    direct("ZADD", SIDEKIQ.jobs("retry"), NOON, sidekiq_failure(2, 4))
    before = int(direct("INFO", "stats").split(b"total_net_output_bytes:")[1].split()[0])
    await search.follow(both.do)
    after = int(direct("INFO", "stats").split(b"total_net_output_bytes:")[1].split()[0])
    assert after - before < 100_000, "1,000 failures are more"
    assert search.found is not None
    counts = {group.systems: group.count for group in search.found.groups()}
    assert counts == {frozenset({"resque"}): 1_001, frozenset({"sidekiq"}): 2}


async def test_a_list_that_cannot_be_read_leaves_what_was_found_in_the_other(
    direct: Direct, both: Both
) -> None:
    fill(direct, resque=3, retries=2)
    search = groups_of(both)
    both.trouble["sidekiq"] = "no answer for 3 s"
    await search.follow(both.do)
    assert search.found is not None
    assert (search.found.count, search.is_complete, search.problem) == (3, False, None)
    [unread] = search.unread
    assert (unread.place, unread.why) == ("sidekiq", "no answer for 3 s")
    both.trouble.clear()
    await search.follow(both.do)
    assert (search.found.count, search.is_complete, search.unread) == (5, True, ())
    both.trouble |= {"resque": "no answer", "sidekiq": "no answer"}
    await search.follow(both.do)
    assert search.problem == "no answer"


# Data that cannot be trusted


async def test_what_cannot_be_read_is_listed_deleted_and_comes_back(
    direct: Direct, both: Both
) -> None:
    for raw in (b"\xff\x1b[2J", b"[]", b"{}", b"null", b'{"class":5}'):
        direct("RPUSH", RESQUE.failed(), raw)
        direct("ZADD", SIDEKIQ.jobs("dead"), "inf", raw)
        direct("ZADD", SIDEKIQ.jobs("retry"), "-inf", raw)
    before = contents(direct)
    assert len([job for page in await both.pages(ALL_FAILED, 4) for job in page.jobs]) == 15
    outcome = await both.act(Delete(ALL_FAILED, await both.chosen(Delete), is_found=True))
    assert outcome.done == 15
    assert (await both.undo()).done == 15
    assert contents(direct) == before


async def test_a_key_of_another_kind_is_unknown_in_its_place_only(
    direct: Direct, both: Both
) -> None:
    fill(direct, resque=2, retries=0)
    direct("SET", SIDEKIQ.jobs("retry"), "no set")
    [page] = await both.pages(ALL_FAILED, 10)
    assert len(page.jobs) == 2
    assert [each.place for each in page.unread] == ["sidekiq"]
    assert page.after is None


# A place that does not answer


@pytest.fixture
def frozen(redis_binary: Binary) -> Iterator[OwnRedis]:
    """Another server, which a test may freeze."""
    server = OwnRedis(redis_binary.path)
    server.start()
    yield server
    server.send(signal.SIGCONT)
    server.end()


async def test_a_place_that_does_not_answer_leaves_the_others_as_they_are(
    direct: Direct, redis_url: str, frozen: OwnRedis
) -> None:
    fill(direct, resque=3, retries=0)
    with frozen.direct() as other:
        fill(other, resque=0, retries=2)
    both = Both(redis_url, sidekiq=frozen.url)
    try:
        assert len(await both.walked()) == 5
        frozen.send(signal.SIGSTOP)
        both.trouble["sidekiq"] = "no answer for 3 s"
        page = await both.do(both.together.jobs(ALL_FAILED).page(None, 10))
        assert ([job.system for job in page.jobs], page.length) == (["resque"] * 3, 3)
        [unread] = page.unread
        assert (unread.place, unread.why) == ("sidekiq", "no answer for 3 s")
        outline = await both.do(both.together.jobs(ALL_FAILED).outline())
        assert (outline.length, outline.unread) == (3, (unread,))
        chosen = await both.chosen(Delete)
        assert [each.place for each in chosen.unread] == ["sidekiq"]
        plan = await both.prepare(Delete(ALL_FAILED, chosen, is_found=True))
        assert any("sidekiq" in line and "could not be read" in line for line in plan.details)
        assert (await both.actions.run(plan)).done == 3
        frozen.send(signal.SIGCONT)
        both.trouble.clear()
        assert [job.system for job in await both.walked()] == ["sidekiq"] * 2
        assert (await both.undo()).done == 3
    finally:
        await both.close()


async def test_a_part_that_fails_holds_up_no_other_and_is_said(direct: Direct, both: Both) -> None:
    fill(direct, resque=2, retries=2)
    plan = await both.prepare(Delete(ALL_FAILED, await both.chosen(Delete), is_found=True))
    both.trouble["resque"] = "no answer for 3 s"
    outcome = await both.actions.run(plan)
    parts = dict(outcome.parts)
    assert (outcome.done, outcome.tone, outcome.left) == (2, "bad", 2)
    assert "no answer for 3 s" in parts["resque"].text
    assert isinstance(outcome.stopped, StoreError)
    assert direct("LLEN", RESQUE.failed()) == 2
    both.trouble.clear()
    assert (await both.undo()).done == 2
    assert direct("ZCARD", SIDEKIQ.jobs("retry")) == 2


async def test_where_no_place_answers_the_list_is_unknown(both: Both) -> None:
    both.trouble |= {"resque": "no answer", "sidekiq": "no answer"}
    with pytest.raises(Unreachable):
        await both.do(both.together.jobs(ALL_FAILED).page(None, 10))
    with pytest.raises(Unreachable):
        await both.walked()


async def test_work_that_says_no_place_is_sent_nowhere(both: Both) -> None:
    with pytest.raises(NoPlace):
        await both.do(single(("FLUSHALL",), bytes))
    assert await both.do(Exchange((), lambda _: 7)) == 7


async def test_a_console_that_only_reads_sends_no_write_to_any_place(
    direct: Direct, redis_url: str, both: Both
) -> None:
    fill(direct, resque=1, retries=0)
    plan = await both.prepare(Delete(ALL_FAILED, await both.chosen(Delete)))
    address = parse_url(redis_url)
    runners = {
        place: RedisRunner(system, address, read_only=True)
        for place, system in both.together.parts.items()
    }
    reading = PlacesRunner(runners)
    outcome = await reading.run(plan.run())
    await reading.close()
    assert isinstance(outcome.stopped, ReadingOnly)
    assert (outcome.done, direct("LLEN", RESQUE.failed())) == (0, 1)


async def test_what_has_begun_to_write_in_a_place_is_tried_to_its_end(
    direct: Direct, both: Both
) -> None:
    def steps() -> Steps[int]:
        yield to_place("resque", single(("SET", "a", 1), bool, writes=True))
        both.trouble["resque"] = "no answer for 3 s"
        answer: int = yield to_place("resque", single(("INCR", "a"), int, writes=True))
        return answer

    assert await both.runner.run(steps()) == 2
    with pytest.raises(Unreachable):
        await both.runner.run(at("resque", single(("INCR", "a"), int, writes=True)))
    assert direct("GET", "a") == b"2"


async def test_an_action_that_is_stopped_does_not_begin_its_next_part(
    direct: Direct, both: Both
) -> None:
    fill(direct, resque=3, retries=2)
    plan = await both.prepare(Delete(ALL_FAILED, await both.chosen(Delete), is_found=True))

    def stop(done: int, of: int) -> None:
        both.actions.stop()

    outcome = await both.actions.run(plan, stop)
    assert outcome.done + outcome.left == 5
    assert dict(outcome.parts)["sidekiq"].done == 0
    assert direct("ZCARD", SIDEKIQ.jobs("retry")) == 2
