"""A table that shows a part of a long list at a time, and keeps the marks on the other parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from qtop.actions.plan import Plan
from qtop.model.job_list import JobList, JobPage
from qtop.search.filter_language import Filter
from qtop.systems.resque.scheduled_search import PAGE, DelayedSearch
from qtop.text.safe import safe
from qtop.widgets.paged_table import PagedTable
from qtop.widgets.table import Table
from queuecore.errors import StoreError
from queuecore.exchange import Operation

if TYPE_CHECKING:
    from qtop.screens.base import ConsoleScreen


def with_marks(plan: Plan, table: Table[Any]) -> Plan:
    """A plan for what is chosen in a table. What nobody sees now is never touched without a
    question, which says how many of them there are."""
    away = table.marked_elsewhere if isinstance(table, PagedTable) else 0
    if not away:
        return plan
    are = "1 of them is" if away == 1 else f"{away:,} of them are"
    details = (*plan.details, f"{are} not on the page in front.")
    return replace(
        plan, details=details, danger="confirm" if plan.danger == "undoable" else plan.danger
    )


# Going through delayed jobs a page at a time.


class Pager:
    """Knows which page is shown.

    Args:
        screen: Reads for it, and is told what went wrong.
        jobs: The list.
        load: Reads the page at `start`; `landed` is called when it is shown.
    """

    def __init__(self, screen: ConsoleScreen, jobs: JobList, load: Callable[[], None]) -> None:
        self._screen = screen
        self._jobs = jobs
        self._load = load
        self._page: JobPage | None = None
        self._lands_last: bool | None = None
        self.start: Hashable = None

    def landed(self, table: Table[Any], page: JobPage) -> None:
        """A page is shown: put the cursor where the key that asked for it leads."""
        self._page = page
        if page.start == self.start and self._lands_last is not None:
            # Not the table's own keys: at the end of a page those turn to the next.
            (Table.action_cursor_last if self._lands_last else Table.action_cursor_first)(table)
            self._lands_last = None

    @property
    def is_turned(self) -> bool:
        """Whether there are pages before the one that is shown."""
        return self.start is not None

    def turn(self, pages: int) -> bool:
        """Go to the next jobs, or to those before; False when there are none."""
        page = self._page
        if page is None:
            return False
        if pages > 0 and page.after is not None:
            self._go_to(page.after, is_back=False)
        elif pages < 0 and self.is_turned:
            self._seek(self._jobs.before(page, PAGE))
        else:
            return False
        return True

    def turn_to_end(self, way: int) -> None:
        """Go to the first jobs of all, or to the last."""
        if way < 0 and self.is_turned:
            self._go_to(None, is_back=False)
        elif way > 0 and self._page is not None and self._page.after is not None:
            self._seek(self._jobs.last(self._page, PAGE))

    def reset(self) -> None:
        """Back to the first jobs, without a look."""
        self.start, self._page, self._lands_last = None, None, None

    def _go_to(self, start: Hashable, *, is_back: bool) -> None:
        self.start, self._lands_last = start, is_back
        self._load()

    def _seek(self, start: Operation[Hashable]) -> None:
        async def seek() -> None:
            try:
                self._go_to(await self._screen.app.read(start), is_back=True)
            except StoreError as error:
                self._screen.app.say(safe(str(error)), "bad")

        self._screen.run_worker(seek(), exclusive=True, group="turn")


# Runs searches through all delayed jobs for a screen: in the background, one at a time.

#: A search through more jobs than this is not begun again by itself.
_QUICK: Final = 5_000
#: A filter that is being typed is not searched for yet.
_TYPING_S: Final = 0.15
_PROGRESS_S: Final = 0.25


class Searcher:
    """Keeps the last search of a filter on show while the next one of the same filter runs.

    Args:
        screen: Reads for it, and is told of results in words.
        jobs: The list.
        on_change: Called when there is more to show.
    """

    def __init__(self, screen: ConsoleScreen, jobs: JobList, on_change: Callable[[], None]) -> None:
        self._screen = screen
        self._jobs = jobs
        self._on_change = on_change
        self._last: DelayedSearch | None = None
        self._running: DelayedSearch | None = None
        self._again = 0

    @property
    def shown(self) -> DelayedSearch | None:
        """The search whose results are to be shown."""
        return self._last if self._last is not None else self._running

    @property
    def is_running(self) -> bool:
        """Whether the search that is shown goes on."""
        return self._running is not None and self._running is self.shown

    def begin(self, wanted: Filter, now: datetime) -> None:
        """Look through all delayed jobs, by the server's clock `now`."""
        if self._last is not None and self._last.wanted.text != wanted.text:
            self._last = None
        run = self._running = DelayedSearch(wanted, now)
        self._screen.run_worker(self._run(run), exclusive=True, group="search")

    def follow(self, wanted: Filter, now: datetime) -> None:
        """As `begin`, where that is worth it: there is no search of this filter yet, or it was a
        short one, or something was done meanwhile."""
        current = self._running or self._last
        if current is None or current.wanted.text != wanted.text:
            self.begin(wanted, now)
        elif self._running is None:
            is_short = current.seen <= _QUICK and not current.is_stopped
            if self._again or is_short:
                self._again = max(0, self._again - 1)
                self.begin(wanted, now)

    def expect_change(self) -> None:
        """Something is about to be done to the jobs: look again at the next two looks."""
        self._again = 2

    def stop(self) -> bool:
        """Stop the search that is running; False when there is none."""
        if self._running is None:
            return False
        self._running.stop()
        return True

    async def _run(self, run: DelayedSearch) -> None:
        ticking = self._screen.set_interval(_PROGRESS_S, self._on_change)
        try:
            await asyncio.sleep(_TYPING_S)
            await self._screen.app.read(run.run(self._jobs.walk()))
        except StoreError as error:
            run.stop()
            run.problem = str(error)
            self._screen.app.say(f"looking through the jobs: {safe(str(error))}", "bad")
        finally:
            ticking.stop()
            if self._running is run:
                self._running = None
        run.is_over = True
        self._last = run
        self._on_change()
