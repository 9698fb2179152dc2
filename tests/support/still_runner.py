"""Carries out the work of a queue system whose server's clock only a test moves."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from qtop.model.fleet import Snapshot
from qtop.model.job import Job, JobSource
from qtop.model.job_list import JobPage
from qtop.systems.system import System, Work
from queuecore.cooperative import at_once
from queuecore.errors import StoreError
from queuecore.exchange import Exchange, drive, steps_of
from queuecore.stores import Store
from queuecore.values import replace

T = TypeVar("T")
SystemT = TypeVar("SystemT", bound=System)


class StillRunner(Generic[SystemT]):
    """A runner of one system: see `SystemRunner`. It answers at once.

    Args:
        system: Whose work it carries out.
        url: The server.
        now_s: What its clock says (epoch); scripts read its own clock.

    Attributes:
        trouble: Why nothing is answered; None when it is.
    """

    def __init__(self, system: SystemT, url: str, now_s: float) -> None:
        self.system = system
        self.now_s = now_s
        self.trouble: StoreError | None = None
        self._store = Store(url)

    def do(self, work: Work[T]) -> T:
        """Carry out work, at once."""
        return drive(work, self._one)

    def _one(self, exchange: Exchange[Any]) -> Any:
        if self.trouble is not None:
            raise self.trouble
        clock = [b"%d" % self.now_s, b"0"]
        still = [at for at, each in enumerate(exchange.commands) if each == ("TIME",)]

        def parse(replies: list[Any]) -> Any:
            for at in still:
                replies[at] = clock
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
