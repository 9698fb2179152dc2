"""Counts of Sidekiq's sets that no one waits for leave Redis to the jobs: by its own clock they
take 5 % of its time at most. A search that a person waits for goes on at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from operator import attrgetter

import pytest
from tests import words
from tests.support.console import console, until_polled, until_shown
from tests.support.direct import Direct
from tests.support.sidekiq_console import NOW, StillSystem, still_sidekiq
from tests.support.sidekiq_jobs import KEYS, failed_job, fill_set

from qtop.app.app import QtopApp
from qtop.model.job import JobSource
from qtop.search.filter_language import parse
from qtop.search.list_search import BACKGROUND_SHARE, walk
from qtop.search.selection import JobQuery, JobSearch, Matches
from qtop.systems.runner import RedisRunner
from qtop.systems.sidekiq.set_lists import SetWalk
from queuecore.address import parse_url

pytestmark = pytest.mark.redis
FAILED, SCHEDULED = JobSource("failed", "failed"), JobSource("delayed", "")
#: So long the windows of some tests take, in microseconds: longer than any of their rests.
ENDLESS_US = 3_600_000_000
AT_S = 4_000_000_000.0


@pytest.fixture
def still(direct: Direct, redis_url: str) -> Iterator[StillSystem]:
    """A Sidekiq with 2,400 retries, 300 dead jobs and 1,100 scheduled ones."""
    fill_set(direct, KEYS.jobs("retry"), {failed_job(n): AT_S + n for n in range(2_400)})
    fill_set(direct, KEYS.jobs("dead"), {failed_job(n): AT_S + n for n in range(3_000, 3_300)})
    fill_set(direct, KEYS.jobs("schedule"), {failed_job(n): AT_S + n for n in range(1_100)})
    system = still_sidekiq(redis_url)
    yield system
    system.shut()


@pytest.mark.parametrize(("source", "many"), [(FAILED, 2_700), (SCHEDULED, 1_100)])
async def test_after_each_window_redis_is_left_alone_for_19_times_as_long_as_it_took(
    still: StillSystem, source: JobSource, many: int
) -> None:
    way, rests = still.system.jobs(source).walk(), list[float]()
    owed = list[float]()

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        assert way.took_us is not None
        owed.append(19 * way.took_us / 1e6)

    seen = await walk(still.watch, way, attrgetter("raw"), rest=rest, share=BACKGROUND_SHARE)
    assert seen == many
    assert len(rests) >= many // 1_000
    assert all(owed)
    assert [rest >= each * 0.999 for rest, each in zip(rests, owed, strict=True)] == [True] * len(
        owed
    )


@pytest.fixture
def slow_walks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each window of a set keeps Redis busy for an hour, as it says."""
    monkeypatch.setattr(
        SetWalk, "took_us", property(lambda _: ENDLESS_US, lambda *_: None), raising=False
    )


@pytest.mark.usefixtures("slow_walks")
async def test_a_search_by_a_filter_does_not_wait_for_that(still: StillSystem) -> None:
    jobs, rests = still.system.jobs(FAILED), list[float]()
    search = JobSearch(JobQuery(FAILED, parse("class:HardJob")), NOW, jobs.layout(NOW))
    found = Matches(search, 10, last_first=True)

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    await walk(still.watch, jobs.walk(), found.visit, sieve=found.sieve, rest=rest)
    assert found.count == 2_700
    assert max(rests) < ENDLESS_US / 1e6


@pytest.fixture
async def app(still: StillSystem, redis_url: str) -> AsyncIterator[QtopApp]:
    """A console on it."""
    source = RedisRunner(still.system, parse_url(redis_url))
    yield console(source, url=redis_url, namespace="")
    await source.close()


@pytest.mark.usefixtures("slow_walks")
@pytest.mark.parametrize(
    ("keys", "begun", "found"),
    [("4", words.groups(1, 250), words.groups(1, 2_700)), ("5b", "250 jobs", "of 1,100 jobs")],
)
async def test_a_screen_searches_at_once_while_its_count_waits(
    app: QtopApp, keys: str, begun: str, found: str
) -> None:
    async with app.run_test(size=(140, 30)) as pilot:
        await until_polled(pilot)
        await pilot.press(*keys)
        await until_shown(pilot, begun)
        await pilot.press("slash", *"class:HardJob queue:default", "enter")
        await until_shown(pilot, found)
