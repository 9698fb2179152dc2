"""The jobs that wait in a queue, or what was set aside from it: a window of them at a time, or what
a filter finds in the whole list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from textual.widget import Widget
from textual.worker import WorkType

from qtop.keymap.keymap import Where
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts, queue_bars
from qtop.screens.base import bindings
from qtop.screens.job import JobScreen
from qtop.screens.job_actions import JobActions
from qtop.screens.jobs_table import JobsTable
from qtop.screens.paging import marks_spans
from qtop.search.fields import Subject
from qtop.search.following import Follower
from qtop.search.walker import Visit
from qtop.systems.resque.job_search import MOST_LISTED, JobMatches, JobSearch
from qtop.systems.resque.waiting import JobRow, rows_of, shifted
from qtop.text.safe import safe
from qtop.widgets.table import Table
from queuecore import windows
from resque.errors import StoreError

WINDOW: Final = 200
#: Of longer items only the beginning is listed; opening one fetches the whole.
_LISTED_BYTES: Final = 4_096
#: A filter that is being typed is not looked for yet.
_TYPING_S: Final = 0.15


class JobsScreen(JobActions):
    """A window on a queue, which stays on its jobs as the queue drains; with a filter, the jobs of
    the whole queue that match."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "jobs")
    BINDINGS = bindings(PLACES)
    nothing: ClassVar[str] = "Nothing waits in this queue."
    table: JobsTable

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self._start = 0
        self._lands_last: bool | None = None
        self._length: int | None = None
        self._is_unread = False
        self._matches: JobMatches | None = None
        self._counting: JobMatches | None = None
        self._follower: Follower | None = None

    def make_table(self) -> Table[Any]:
        """The table."""
        return JobsTable(self.turn, self.turn_to_end, self.app.clock)

    def compose_body(self) -> Iterable[Widget]:
        """A line that says which jobs, one that says who serves them, the table, the filter."""
        yield self.window
        yield self.service
        yield from super().compose_body()

    # Looking

    def show_board(self, view: ViewState) -> None:
        """Read again whenever there was a look."""
        self.table.stale = view.is_stale
        if self.has_news(view):
            self.look()
        self.show_service(view)
        self._show_title()

    def look(self) -> None:
        """Bring what is listed up to date."""
        if self.filter.is_empty:
            self._load()
            return
        if self._follower is None:
            self._begin_search()
        work: WorkType[None] = self._follow
        self.run_worker(work, group="search")

    def filter_changed(self) -> None:
        """Look for what matches now."""
        self.tell_late()
        self.workers.cancel_group(self, "search")
        self._matches = self._counting = self._follower = None
        self.table.clear_marks()
        # What is listed is no window any more, or not yet: nothing can have left at its front.
        self._all_rows = ()
        if not self.filter.is_empty:
            self._put((), "Looking through the whole list …")
        self.look()
        self._show_title()

    # Windows

    def turn(self, pages: int) -> None:
        """Go to the next jobs, or to those before."""
        at = max(0, self._start + pages * WINDOW)
        if pages < 0 or at < (self._length or 0):
            self._go_to(at, lands_last=pages < 0)

    def turn_to_end(self, way: int) -> None:
        """Go to the first jobs of all, or to the last."""
        self._go_to(0 if way < 0 else max(0, (self._length or 0) - WINDOW), lands_last=way > 0)

    def _go_to(self, start: int, *, lands_last: bool) -> None:
        if start != self._start and self.filter.is_empty:
            self.tell_late()
            self._start, self._lands_last = start, lands_last
            self._load()

    def _load(self) -> None:
        # Not a coroutine: one that is replaced before it began would never be awaited.
        work: WorkType[None] = self._read
        self.run_worker(work, exclusive=True, group="window")

    async def _read(self) -> None:
        start, before = self._start, self._all_rows if self._lands_last is None else ()
        window = await self._window(start)
        if window is not None and start and before:
            # Jobs left at the front: the window goes with those that it shows.
            left = shifted(before, window)
            if left:
                start = self._start = max(0, start - left)
                window = await self._window(start)
        if window is None or not self.filter.is_empty:
            return
        self._length = window.length
        if start and not window.items:
            # The queue has drained below this window.
            self._go_to(max(0, window.length - 1) // WINDOW * WINDOW, lands_last=True)
            return
        self._put(rows_of(window, start), self.nothing)
        if self._lands_last is not None:
            # Not the table's own keys: at the end of a window those turn to the next.
            last, self._lands_last = self._lands_last, None
            (Table.action_cursor_last if last else Table.action_cursor_first)(self.table)
        self._show_title()

    async def _window(self, start: int) -> windows.Window | None:
        key, last = self.source.key(self.app.keys), start + WINDOW - 1
        try:
            return await self.app.read(windows.window(key, start, last, max_bytes=_LISTED_BYTES))
        except StoreError as error:
            self.app.say(safe(str(error)), "bad")
            self.table.stale = self._is_unread = True
            if self._length is None:
                self._put((), frame_texts.unknown_word(str(error)))
                self._show_title()
            return None

    # Searching

    def _begin_search(self) -> None:
        search_for = self.filter

        def begin() -> Visit:
            self._counting = JobMatches(JobSearch(self.source, search_for))
            if self._matches is None:
                self._matches = self._counting
            return self._counting.visit

        def finish() -> None:
            self._matches = self._counting

        key, rest = self.source.key(self.app.keys), self.app.desk.precedence.rest
        self._follower = Follower(key, begin, finish, sleep=rest)

    async def _follow(self) -> None:
        follower = self._follower
        if follower is None:
            return
        if not follower.of and not follower.is_running:
            await asyncio.sleep(_TYPING_S)
        await follower.follow(self.app.read, self._found_more)
        if follower is self._follower:
            self._show_matches()

    def _found_more(self) -> None:
        self._show_title()
        if self._matches is self._counting and self.table.row_count < MOST_LISTED:
            self._show_matches()

    def _show_matches(self) -> None:
        follower = self._follower
        if self._matches is not None and follower is not None:
            none = self.no_match if follower.is_complete else "Looking through the whole list …"
            if follower.problem is not None and not follower.is_complete:
                none = frame_texts.unknown_word(follower.problem)
            self._put(self._matches.listed(), none)
        self._show_title()

    def action_stop_looking(self) -> None:
        """Stop an action over many jobs, or the look through the list; once more goes on."""
        follower = self._follower
        if self.app.desk.stop():
            return
        if follower is None or (follower.is_complete and not follower.is_stopped):
            self.app.say("nothing is under way here", "dim")
            return
        follower.is_stopped = not follower.is_stopped
        if follower.is_stopped:
            self.workers.cancel_group(self, "search")
        else:
            self.look()
        self._show_title()

    # Showing

    def _put(self, rows: Sequence[JobRow], none: str) -> None:
        """Show rows that match already."""
        self._all_rows = rows
        self.table.empty_text = none
        is_part = self.filter.is_empty and len(rows) < (self._length or 0)
        self.table.set_page(rows, is_all=not is_part)
        self._show_filter()

    def _show_title(self) -> None:
        rows = self.table.row_count
        if self._follower is not None:
            found = queue_bars.matches(self.source, self._matches, rows)
            progress = queue_bars.progress(self._follower, self.app.stage.manner.sign)
            self.window.show(found + marks_spans(self.table), progress)
        else:
            at, unread = self._start, self._is_unread
            which = queue_bars.window(self.source, at, rows, self._length, is_unread=unread)
            self.window.show(which + marks_spans(self.table))

    def action_show_aside(self) -> None:
        """Show what was set aside from the queue."""
        self.app.push_screen(SetAsideScreen(self.source.name))

    def shown_of(self) -> str:
        """How many match, of how many."""
        found, follower = self._matches, self._follower
        if found is None or follower is None:
            return super().shown_of()
        return f"{found.count:,} of {follower.of:,}"

    def subject(self, row: JobRow) -> Subject:
        """A job as filters see it."""
        return Subject(class_name=row.class_name, queue=self.source.name, id=row.item.sha)

    def on_table_marked(self) -> None:
        """Say how many are marked."""
        self._show_title()

    def on_table_opened(self, event: Table.Opened[JobRow]) -> None:
        """Show the whole job."""
        event.stop()
        self.app.push_screen(JobScreen(event.row, self.source))


class SetAsideScreen(JobsScreen):
    """What workers set aside from a queue because they could not read it."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "aside")
    BINDINGS = bindings(PLACES)
    is_set_aside = True
    nothing = "Nothing is set aside from this queue."
