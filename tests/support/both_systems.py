"""Resque and Sidekiq in one database, each in a namespace of its own, and both asked together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from tests.support.direct import Direct
from tests.support.sidekiq_sets import payload

from qtop.actions.plan import Operator, Outcome, Plan
from qtop.actions.request import AnyRequest
from qtop.actions.runner import ActionRunner
from qtop.config.limits import UndoLimits
from qtop.model.job import FAILED, Job, JobSource
from qtop.model.job_list import JobPage
from qtop.search.filter_language import parse
from qtop.search.list_walk import through
from qtop.search.selection import JobQuery, JobSearch, Selection
from qtop.systems.resque.system import ResqueSystem
from qtop.systems.routing import PlacesRunner
from qtop.systems.runner import RedisRunner
from qtop.systems.sidekiq.system import SidekiqSystem
from qtop.systems.system import System, Work
from qtop.systems.together import Together
from queuecore.action_record import Actor
from queuecore.address import parse_url
from queuecore.times import utc_now
from resque.keys import Keys
from sidekiq.keys import SidekiqKeys

T = TypeVar("T")

RESQUE, SIDEKIQ = Keys("resque"), SidekiqKeys("app")
ALL_FAILED = JobSource("failed", FAILED)
DELAYED = JobSource("delayed", "")
ACTOR = Actor("ada@example", "qtop test")
#: 2026-11-23 12:00 UTC.
NOON = 1_795_435_200


def moment(seconds_ago: float) -> str:
    """As Resque writes the time of a failure."""
    minutes, seconds = divmod(int(seconds_ago), 60)
    hours, minutes = divmod(minutes, 60)
    return f"2026/11/23 {11 - hours:02}:{59 - minutes:02}:{59 - seconds:02} UTC"


def resque_failure(number: int, seconds_ago: float, **fields: Any) -> bytes:
    """A failure as Resque keeps it."""
    entry: dict[str, Any] = {
        "failed_at": moment(seconds_ago),
        "payload": {"class": "Mail", "args": [number]},
        "exception": "Timeout",
        "error": "no answer",
        "backtrace": [],
        "worker": "web1:1:mail",
        "queue": "mail",
    }
    return json.dumps(entry | fields).encode()


def sidekiq_failure(number: int, seconds_ago: float, **fields: Any) -> bytes:
    """A failed job as Sidekiq keeps it."""
    usual: dict[str, Any] = {
        "failed_at": NOON - seconds_ago,
        "retry_count": 0,
        "error_class": "Timeout",
        "error_message": "no answer",
        "class": "Report",
    }
    return payload(number, **(usual | fields))


def fill(direct: Direct, *, resque: int, retries: int, dead: int = 0) -> None:
    """Failures of both systems, one a second in turn: the first of each is the oldest."""
    for number in range(resque):
        direct("RPUSH", RESQUE.failed(), resque_failure(number, 2 * (resque - number)))
    direct("SADD", RESQUE.queues(), "mail")
    direct("SADD", SIDEKIQ.queues(), "default")
    for number in range(retries):
        entry = sidekiq_failure(number, 2 * (retries - number) + 1)
        direct("ZADD", SIDEKIQ.jobs("retry"), NOON + 100 + number, entry)
    for number in range(retries, retries + dead):
        entry = sidekiq_failure(number, 2 * (retries + dead - number) + 1)
        direct("ZADD", SIDEKIQ.jobs("dead"), NOON - 1_000 + number, entry)


class Both:
    """Both systems and what carries out their work. `urls` are those of other servers, by label;
    `trouble` is why a place is known not to answer, by label."""

    def __init__(self, url: str, **urls: str) -> None:
        systems: dict[str, System] = {
            "resque": ResqueSystem(RESQUE, parse_url(urls.get("resque", url))),
            "sidekiq": SidekiqSystem(SIDEKIQ, parse_url(urls.get("sidekiq", url))),
        }
        self.together = Together(systems)
        self.trouble: dict[str, str] = {}
        self._runners: Mapping[str, RedisRunner] = {
            place: RedisRunner(system, parse_url(urls.get(place, url)))
            for place, system in systems.items()
        }
        self.runner = PlacesRunner(self._runners, trouble=self.trouble.get)
        self.operator = Operator(ACTOR, UndoLimits())
        self.actions = ActionRunner(self.runner.run, read_only=False, trouble=lambda: None)

    async def do(self, work: Work[T]) -> T:
        """Carry out work that reads."""
        return await self.runner.watch(work)

    async def pages(self, source: JobSource, size: int) -> list[JobPage]:
        """All pages of a list, one after the other."""
        jobs, start = self.together.jobs(source), None
        found: list[JobPage] = []
        while not found or start is not None:
            found.append(await self.do(jobs.page(start, size)))
            start = found[-1].after
        return found

    async def walked(self, source: JobSource = ALL_FAILED) -> list[Job]:
        """The jobs of a list as a walk meets them."""
        found: list[Job] = []

        def visit(entry: Any) -> bool:
            found.append(entry.job)
            return True

        await self.do(through(self.together.jobs(source).walk(), visit))
        return found

    async def chosen(
        self, request: Any, text: str = "", source: JobSource = ALL_FAILED
    ) -> Selection:
        """All jobs of a list that a filter finds, for a request of this kind."""
        jobs, now = self.together.jobs(source), utc_now()
        refusal = self.together.refusal(request(source, Selection()))
        chooser = self.together.chooser(source, refusal)
        search = JobSearch(JobQuery(source, parse(text)), now, jobs.layout(now))
        way = jobs.walk()

        def visit(entry: Any) -> bool:
            job = search.find(entry)
            return job is None or chooser.take(job)

        await self.do(through(way, visit))
        chosen = await self.do(chooser.settle())
        chosen.unread = way.unread
        return chosen

    async def prepare(self, request: AnyRequest) -> Plan:
        """The plan of a request."""
        made = await self.do(self.together.prepare(request, self.operator))
        assert isinstance(made, Plan), made
        return made

    async def act(self, request: AnyRequest) -> Outcome:
        """Carry out a request."""
        return await self.actions.run(await self.prepare(request))

    async def undo(self) -> Outcome:
        """Take the last action back."""
        return await self.act(self.actions.trails[-1].undo())

    async def close(self) -> None:
        """Close the connections."""
        await self.runner.close()
