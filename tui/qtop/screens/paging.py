"""A table that shows a part of a long list at a time, and keeps the marks on the other parts."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtop.actions.plan import Plan
from qtop.model.job_list import JobList, JobPage
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
        size: How many jobs a page has.
        load: Reads the page at `start`; `landed` is called when it is shown.
    """

    def __init__(
        self, screen: ConsoleScreen, jobs: JobList, size: int, load: Callable[[], None]
    ) -> None:
        self._screen = screen
        self._jobs, self._size = jobs, size
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
            self._seek(self._jobs.before(page, self._size))
        else:
            return False
        return True

    def turn_to_end(self, way: int) -> None:
        """Go to the first jobs of all, or to the last."""
        if way < 0 and self.is_turned:
            self._go_to(None, is_back=False)
        elif way > 0 and self._page is not None and self._page.after is not None:
            self._seek(self._jobs.last(self._page, self._size))

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
