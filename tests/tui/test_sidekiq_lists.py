"""What the console makes of every recorded state of real Sidekiq: queues, processes and lists of
jobs, compared with what the recordings hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.direct import Direct
from tests.support.sidekiq_console import NOW, StillSystem, raws, restored, still_sidekiq
from tests.support.sidekiq_recordings import NAMES, VERSIONS, values
from tests.support.sidekiq_sets import KEYS, add, payload
from tests.support.soak import IS_SOAK

from qtop.model.job import Job, JobSource
from qtop.monitor.row_builder import RowBuilder
from qtop.monitor.row_text import busy
from qtop.monitor.rows import WorkerRow
from qtop.search.fields import of_job
from qtop.search.filter_language import parse
from qtop.search.list_walk import choose, scan
from qtop.text.format import NOTHING
from queuecore.errors import BadOption

STATES = [name for name in NAMES if "-api-" not in name]
FAILED, RETRY, DEAD = (JobSource("failed", name) for name in ("failed", "retry", "dead"))
COPIES, SCHEDULED = JobSource("failed", "copies"), JobSource("delayed", "")


def entries(name: str, key: str) -> list[tuple[str, float]]:
    """The members of a recorded set, those with the highest scores first."""
    found = [(member, float(score)) for member, score in values(name).get(key, ())]
    return sorted(found, key=lambda each: (each[1], each[0].encode()), reverse=True)


@pytest.fixture
def still(direct: Direct, redis_url: str) -> Iterator[StillSystem]:
    """A Sidekiq on the empty server."""
    system = still_sidekiq(redis_url)
    yield system
    system.shut()


@pytest.mark.parametrize("name", NAMES if IS_SOAK else STATES)
def test_each_list_has_the_jobs_of_its_recording_in_its_order(
    direct: Direct, redis_url: str, name: str
) -> None:
    still = restored(direct, redis_url, name)
    retries, dead = entries(name, "retry"), entries(name, "dead")
    assert raws(still.walked(RETRY)) == [raw for raw, _ in retries]
    assert raws(still.walked(FAILED)) == [raw for raw, _ in (*retries, *dead)]
    scheduled = entries(name, "schedule")[::-1]
    assert raws(still.walked(SCHEDULED)) == [raw for raw, _ in scheduled]
    assert [job.due.at for job in still.walked(SCHEDULED) if job.due] == [at for _, at in scheduled]
    for queue in values(name).get("queues", ()):
        source = JobSource("queue", queue)
        [page] = still.pages(source, 100)
        waiting = values(name).get(f"queue:{queue}", [])
        assert raws(page.jobs) == waiting[::-1], "the next job is the last item"
        assert raws(still.walked(source)) == waiting
    still.shut()


def check_failures(still: StillSystem) -> None:
    for job in still.walked(FAILED):
        told: dict[str, Any] = json.loads(job.item.raw)
        assert (job.exception, job.error) == (told.get("error_class"), told.get("error_message"))
        assert (job.jid, job.queue, job.problem) == (told["jid"], told["queue"], None)
        written = told.get("retried_at", told["failed_at"])
        failed_s = written / 1000 if isinstance(written, int) else written
        assert job.failed_at is not None
        assert job.failed_at.timestamp() == pytest.approx(failed_s, abs=0.001)
        assert bool(job.backtrace) == ("error_backtrace" in told)
        tries = {True: 25, "true": 25}.get(told["retry"], told["retry"])
        expected = f"retry {told['retry_count'] + 1} of {tries}" if job.due else "dead"
        if job.due and told["retry_count"] + 1 >= tries:
            expected = "last try"
        assert job.state == expected


@pytest.mark.parametrize("name", STATES)
def test_the_rows_of_queues_processes_and_failures_have_the_recorded_figures(
    direct: Direct, redis_url: str, name: str
) -> None:
    still = restored(direct, redis_url, name)
    check_failures(still)
    seen, recorded = still.snapshot(), values(name)
    fleet = RowBuilder(still.system).add(seen, 0.0)
    assert fleet.totals.problems == {}
    depths = {row.name: row.depth for row in fleet.queues or ()}
    queues = recorded.get("queues", ())
    assert depths == {queue: len(recorded.get(f"queue:{queue}", ())) for queue in queues}
    for row in fleet.queues or ():
        waits = [json.loads(raw) for raw in recorded.get(f"queue:{row.name}", [])[-1:]]
        assert (row.latency_s is None) == (not waits)
        assert row.next_waits_s == row.latency_s
    retries, dead = entries(name, "retry"), entries(name, "dead")
    assert fleet.totals.failed == len(retries) + len(dead)
    assert {row.job.id for row in fleet.failures or ()} == {j.id for j in still.walked(FAILED)}
    identities = sorted(recorded.get("processes", ()))
    assert [row.id for row in fleet.workers or ()] == identities
    for worker in fleet.workers or ():
        check_process(worker, recorded)
    still.shut()


def check_process(row: WorkerRow, recorded: dict[str, Any]) -> None:
    told = recorded.get(row.id)
    if told is None:
        assert (row.condition, busy(row)) == ("gone", NOTHING)
        return
    work = recorded.get(f"{row.id}:work") or recorded.get(f"{row.id}:workers") or {}
    info = json.loads(told["info"])
    assert len(row.jobs or ()) == len(work)
    threads = told.get("concurrency", info.get("concurrency", row.process.threads))
    assert busy(row) == f"{told['busy']}/{threads}"
    is_quiet = told["quiet"] == "true"
    assert row.condition == ("quiet" if is_quiet else "working" if work else "idle")
    assert list(row.process.listed) == info["queues"]


def test_every_version_is_among_the_recordings() -> None:
    assert all(any(name.startswith(f"{version}-") for name in STATES) for version in VERSIONS)


# Pages, over both sets.


def fill(direct: Direct, retries: int, dead: int, *, score: float | None = None) -> None:
    for key, first, many in ((KEYS.jobs("retry"), 0, retries), (KEYS.jobs("dead"), 1_000, dead)):
        numbers = range(first, first + many)
        add(direct, key, [(score or 1e9 + number, payload(number)) for number in numbers])


@pytest.mark.parametrize("size", [1, 3, 7, 10, 17, 100])
@pytest.mark.parametrize("score", [None, 5.5])
def test_pages_go_through_retries_and_then_the_dead_and_back(
    direct: Direct, still: StillSystem, size: int, score: float | None
) -> None:
    fill(direct, 10, 7, score=score)
    pages = still.pages(FAILED, size)
    listed = [job.id for page in pages for job in page.jobs]
    assert listed == [job.id for job in still.walked(FAILED)]
    assert [page.first for page in pages] == list(range(1, 18, size))
    assert all(page.length == 17 for page in pages)
    jobs = still.system.jobs(FAILED)
    # Back from the end, page by page, nothing is left out or there twice.
    start, back = still.do(jobs.last(pages[0], size)), []
    while True:
        page = still.do(jobs.page(start, size))
        back.append([job.id for job in page.jobs])
        if start is None:
            break
        start = still.do(jobs.before(page, size))
    assert len(back[0]) == min(size, 17)
    whole = [name for page in reversed(back) for name in page]
    assert list(dict.fromkeys(whole)) == listed
    # Only the first page, which begins at the top, may have some of the next one.
    assert len(whole) - 17 < size


def test_pages_of_what_is_scheduled_come_the_next_first(direct: Direct, still: StillSystem) -> None:
    add(direct, KEYS.jobs("schedule"), [(100.5 + n // 3, payload(n)) for n in range(20)])
    pages = still.pages(SCHEDULED, 6)
    dues = [job.due.at for page in pages for job in page.jobs if job.due]
    assert dues == sorted(dues)
    assert len(dues) == 20
    jobs = still.system.jobs(SCHEDULED)
    first = still.do(jobs.before(pages[1], 6))
    assert still.do(jobs.page(first, 6)).jobs == pages[0].jobs


def test_what_a_poller_takes_meanwhile_moves_no_other_job_out_of_a_page(
    direct: Direct, still: StillSystem
) -> None:
    add(direct, KEYS.jobs("schedule"), [(float(n), payload(n)) for n in range(20)])
    jobs = still.system.jobs(SCHEDULED)
    page = still.do(jobs.page(None, 6))
    direct("ZREMRANGEBYRANK", KEYS.jobs("schedule"), 0, 9)
    following = still.do(jobs.page(page.after, 6))
    assert [job.args for job in following.jobs] == [[n] for n in range(10, 16)]


def test_a_page_of_a_queue_stays_on_its_jobs_while_workers_take_some(
    direct: Direct, still: StillSystem
) -> None:
    direct("SADD", "queues", "mail")
    direct("LPUSH", "queue:mail", *(payload(n) for n in range(20)))
    jobs = still.system.jobs(JobSource("queue", "mail"))
    page = still.do(jobs.page(5, 5))
    assert [job.args for job in page.jobs] == [[n] for n in range(5, 10)]
    direct("RPOP", "queue:mail", 3)
    again = still.do(jobs.page(5, 5, before=page.jobs))
    assert [job.args for job in again.jobs] == [[n] for n in range(8, 13)] or [
        job.args for job in again.jobs
    ] == [[n] for n in range(5, 10)]


# Huge and hostile entries.


def test_a_huge_job_is_listed_cut_and_read_whole(direct: Direct, still: StillSystem) -> None:
    huge = payload(1, args=["x" * 200_000], error_class="KeyError")
    add(direct, KEYS.jobs("retry"), [(1.5, huge), (2.5, payload(2))])
    add(direct, KEYS.copies_of_failures(), [(1.5, huge)])
    direct("SADD", "queues", "mail")
    direct("LPUSH", "queue:mail", huge)
    for source in (RETRY, FAILED, COPIES, JobSource("queue", "mail")):
        jobs = still.system.jobs(source)
        [page] = still.pages(source, 10)
        cut = page.jobs[-1]
        assert cut.item.is_cut
        assert cut.item.size == len(huge)
        [whole] = still.do(jobs.read([cut]))
        assert whole is not None
        assert whole.item.raw == huge


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"\xff\xfe\x00",
    b"[" * 3_000,
    b'{"class":7,"args":{}}',
    b'{"class":"NoArgs"}',
    b'{"class":"A","args":[],"retry_count":-1,"retry":"x","failed_at":"soon","jid":7}',
    b'{"class":"A","args":[],"retry_count":1e9,"error_backtrace":"!!","tags":[1,"a"]}',
    b'{"class":"\\u001b[2J","args":["\\u202e"],"error_message":"\\u0007","jid":"\\u0000"}',
    b'{"class":"Sidekiq::ActiveJob::Wrapper","wrapped":"Inner","args":7}',
]
SCORES = ["-inf", "inf", "0", "1e300", "-1"]


def test_hostile_entries_are_listed_and_grouped_and_nothing_fails(
    direct: Direct, still: StillSystem
) -> None:
    for key in (KEYS.jobs("retry"), KEYS.jobs("dead"), KEYS.jobs("schedule")):
        add(direct, key, [(SCORES[at % 5], raw) for at, raw in enumerate(HOSTILE)])
    direct("SADD", "queues", "q")
    direct("LPUSH", "queue:q", *HOSTILE)
    direct("SADD", "processes", "", "\x1b[2J", "host:1:" + "0" * 12)
    still.snapshot()
    for source in (FAILED, SCHEDULED, JobSource("queue", "q")):
        walked = still.walked(source)
        assert len(walked) == len(HOSTILE) * (2 if source == FAILED else 1)
        way = still.system.jobs(source).walk()
        while (window := way.window()) is not None:
            assert all(entry.group is not None for entry in still.do(window))
        inner = [job for job in walked if job.unwrapped[0] == "Inner"]
        assert inner, "the class within the wrapper, where only `wrapped` tells it"
    report = still.do(still.system.health(["q"]))
    assert report.problems == {}


# Filters look at bytes first.

FILTERS = (
    *("class:Job1", "!class:Job1", "class:Inner", "args.0:4", "args:4", "queue:default"),
    *("!queue:low", "exception:KeyError", "error:boom", "!error:boom", "age<1h", "age>1h"),
    *("failed:2026-11-23", "after:2026-11-23T11:30Z", "!due:2026-11-23"),
    *("due<10m", "due>1h", "retried:no", "readable:no", "worker:x", "!worker:x", "needle"),
    *("/job[12]/", "id:a", "000000000000000000000004", "urgent", "!urgent"),
)
LATE_S = 1795430000.0
SOME = [
    *HOSTILE,
    payload(1, error_class="KeyError", error_message="boom", failed_at=LATE_S),
    payload(2, failed_at=int(LATE_S * 1000), retried_at=1795436205000, retry_count=3),
    payload(4, queue="low", tags=["urgent"], error_message="needle \\u00e4"),
    payload(5, args=[{"class": "Job1", "queue": "low", "failed_at": LATE_S}]),
    b'{"args":[],"class":"Job1","class":"Job2","queue":"default"}',
    b'{"class":"Job\\u0031","args":[4],"error_message":"bo\\u006fm","failed_at":"2026-11-23"}',
    b'{"class":"Sidekiq::ActiveJob::Wrapper","wrapped":"Inner","queue":"low","args":'
    b'[{"job_class":"Job1","arguments":[4]}]}',
    b'{"class":"Other","wrapped":"Inner","args":[4]}',
]


def test_filters_find_the_same_jobs_whether_they_look_at_the_bytes_first_or_not(
    direct: Direct, still: StillSystem
) -> None:

    for at, key in enumerate((KEYS.jobs("retry"), KEYS.jobs("dead"), KEYS.jobs("schedule"))):
        add(direct, key, [(LATE_S + 4_000 * n + at, raw) for n, raw in enumerate(SOME)])
    direct("SADD", "queues", "low")
    direct("LPUSH", "queue:low", *SOME)
    for source in (FAILED, RETRY, DEAD, SCHEDULED, JobSource("queue", "low")):
        jobs = still.system.jobs(source)
        every = still.walked(source)
        for text in FILTERS:
            wanted = parse(text)
            expected = sorted(job.id for job in every if wanted.matches(of_job(job, NOW)))
            for look in (scan, choose):
                found: list[Job] = []
                still.do(look(jobs, wanted, NOW, lambda job, *_, found=found: found.append(job)))
                assert sorted(job.id for job in found) == expected, (look.__name__, source, text)


def test_a_list_of_failures_that_is_not_there_is_refused_by_its_name(still: StillSystem) -> None:
    with pytest.raises(BadOption, match="mail_failed"):
        still.system.jobs(JobSource("failed", "mail_failed"))
    assert still.pages(JobSource("unreadable", "mail"), 10)[0].length == 0


def test_copies_of_failures_are_a_list_only_where_there_are_some(
    direct: Direct, still: StillSystem
) -> None:
    assert still.do(still.system.failure_lists()) == ["failed", "retry", "dead"]
    add(direct, KEYS.copies_of_failures(), [(1.5, payload(1))])
    assert still.do(still.system.failure_lists())[-1] == "copies"
    assert still.do(still.system.failure_lists(apart=True)) == ["retry", "dead", "copies"]
    [copy] = still.walked(COPIES)
    assert (copy.ref, copy.state) == (None, "failed")


def test_what_comes_due_has_the_retries_beside_it(direct: Direct, still: StillSystem) -> None:
    now_s = NOW.timestamp()
    add(direct, KEYS.jobs("schedule"), [(now_s - 5, payload(1)), (now_s + 100, payload(2))])
    add(direct, KEYS.jobs("retry"), [(now_s + 200, payload(n)) for n in (3, 4)])
    jobs = still.system.jobs(SCHEDULED)
    outline = still.do(jobs.outline(now_s, (300, 3_600)))
    assert [each.jobs for each in outline.shares] == [1, 1, 0, 0]
    assert outline.retries is not None
    assert [each.jobs for each in outline.retries] == [0, 2, 0, 0]
    direct("DEL", "retry")
    direct("SET", "retry", "no set")
    outline = still.do(jobs.outline(now_s, (300, 3_600)))
    assert (outline.length, outline.retries) == (2, None)


def test_periodic_jobs_of_enterprise_are_said_to_be_there(
    direct: Direct, still: StillSystem
) -> None:
    assert still.do(still.system.schedules(NOW)).hidden is None
    direct("SET", "dear-leader", "host:1:ab")
    assert still.do(still.system.schedules(NOW)).hidden is not None
