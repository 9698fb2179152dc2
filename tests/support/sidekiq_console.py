"""The console's Sidekiq on recordings, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from tests.support.direct import Direct
from tests.support.sidekiq_recordings import namespace_of, restore

from qtop.model.fleet import Snapshot
from qtop.model.job import Job, JobSource
from qtop.model.job_list import JobPage
from qtop.systems.sidekiq.system import SidekiqSystem
from qtop.systems.system import Work
from queuecore.address import parse_url
from queuecore.cooperative import at_once
from queuecore.exchange import Exchange, drive, steps_of
from queuecore.stores import Store
from queuecore.values import replace
from sidekiq.keys import SidekiqKeys

T = TypeVar("T")

#: Two seconds after the last beat of the state that is shown: 8.1.7 with two jobs running.
SHOWN = "v8.1.7-2-running"
NOW = datetime.fromtimestamp(1795436206, UTC)


class StillSystem:
    """Carries out the work of a Sidekiq whose server's clock stands still: see `SystemRunner`."""

    def __init__(self, url: str, namespace: str = "", now: datetime = NOW) -> None:
        self.system = SidekiqSystem(SidekiqKeys(namespace), parse_url(url))
        self._store = Store(url)
        self._clock = [b"%d" % now.timestamp(), b"0"]

    def do(self, work: Work[T]) -> T:
        """Carry out work, at once."""
        return drive(work, self._one)

    def _one(self, exchange: Exchange[Any]) -> Any:
        still = [at for at, each in enumerate(exchange.commands) if each == ("TIME",)]

        def parse(replies: list[Any]) -> Any:
            for at in still:
                replies[at] = self._clock
            return exchange.parse(replies)

        return self._store.run(replace(exchange, parse=parse) if still else exchange)

    def snapshot(self) -> Snapshot:
        """A look at everything."""
        return at_once(self.do(self.system.snapshot()))

    def pages(self, source: JobSource, size: int) -> list[JobPage]:
        """All pages of a list, one after the other."""
        jobs, start = self.system.jobs(source), None
        found: list[JobPage] = []
        while not found or start is not None:
            found.append(self.do(jobs.page(start, size)))
            start = found[-1].after
        return found

    def walked(self, source: JobSource) -> list[Job]:
        """The jobs of a list as a walk meets them."""
        way = self.system.jobs(source).walk()
        found: list[Job] = []
        while (window := way.window()) is not None:
            found += [each.job for each in self.do(steps_of(window))]
        return found

    def open(self) -> None:
        """Nothing was waited for."""

    async def watch(self, work: Work[T]) -> T:
        """As `do`."""
        return self.do(work)

    async def run(self, work: Work[T]) -> T:
        """As `do`."""
        return self.do(work)

    async def send(self, exchange: Exchange[T]) -> T:
        """As `do`."""
        return self.do(exchange)

    async def close(self) -> None:
        """Close the connection."""
        self.shut()

    def shut(self) -> None:
        """Close the connection."""
        self._store.close()


def restored(direct: Direct, url: str, name: str) -> StillSystem:
    """A recording on the server, as it was when it was made; its processes do not expire."""
    restore(direct, name)
    for key in direct("KEYS", "*"):
        direct("PERSIST", key)
    return StillSystem(url, namespace_of(name))


def raws(jobs: Sequence[Job]) -> list[str]:
    """The bytes of jobs as texts."""
    return [job.item.raw.decode() for job in jobs]
