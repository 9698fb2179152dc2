"""Failed jobs one by one: pages of a list of any length, or what a filter finds in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Final

from textual.widget import Widget

from qtop.actions.request import Clear, Delete, Move, Request, Requeue
from qtop.keymap.keymap import Sign
from qtop.model.job import FAILED, Job, JobRow, failure_rows
from qtop.model.job_list import JobPage
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.screens.base import RowsScreen
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.failed_columns import COLUMNS
from qtop.screens.payload_editor import edit_and_requeue
from qtop.search.failure_groups import KeyMaker, KnownEntry
from qtop.search.fields import Subject, of_job
from qtop.search.follower import Follower, Visit
from qtop.search.job_search import JobQuery, JobSearch, Matches, slim_failure
from qtop.search.selection import chosen_of
from qtop.text.safe import count, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column
from qtop.widgets.paged_table import PagedTable, marks_spans
from qtop.widgets.table import Table
from queuecore.errors import StoreError

#: Entries of one page that is read from Redis.
PAGE: Final = 500
#: Matches that are listed; all are counted.
MOST_LISTED: Final = 10_000
_LISTED_BYTES: Final = 16_384
#: Rows made at once: a step that no key has to wait for.
_ROWS_AT_ONCE: Final = 2_000


class EntriesScreen(RowsScreen):
    """A list of failures. Without a filter or a group its pages are read as they are needed; with
    one the whole list is looked through, in the background."""

    ENTRY_COLUMNS: ClassVar[Sequence[Column[JobRow]]] = COLUMNS

    def __init__(self, within: JobQuery) -> None:
        super().__init__()
        self.within = within
        self.jobs = self.app.system.jobs(within.source)
        self.window = Bar(id="window")
        self.matches: Matches | None = None
        self._counting: Matches
        self._follower: Follower | None = None
        #: All that the follower found at first was shown: what comes now can wait.
        self._is_shown = False
        self._start: Hashable = None
        self._page: JobPage | None = None

    def in_background(
        self, group: str, work: Callable[[], Coroutine[Any, Any, None]], *, exclusive: bool = True
    ) -> None:
        """Begin some work; with `exclusive` instead of what is under way in its group."""
        # A function and not a coroutine: what is given up before it began leaves nothing behind.
        self.run_worker(work, exclusive=exclusive, group=group)  # type: ignore[arg-type]

    @property
    def is_frozen(self) -> bool:
        """Whether what is found in the background is not to be shown now."""
        return self.app.state.view().frozen_since_mono is not None

    @property
    def wanted(self) -> JobQuery:
        """What is listed: what the screen is about, as far as it matches the filter."""
        return replace(self.within, filter=self.filter)

    def chosen_groups(self) -> JobQuery | None:
        """The groups that were chosen, where groups are listed."""
        return None

    def show_matching(self, rows: Sequence[Any], none: str, *, is_all: bool = True) -> None:
        """Show rows that match already; `is_all` says that there are no others."""
        self.pane.show_matching(rows, none, is_all=is_all)

    def title_spans(self) -> list[Span]:
        """What the screen is about."""
        return [Span(f" {safe(self.within.source.name)}", "current", 100)]

    def _entries(self) -> list[Job]:
        return [row.job for row in self.meant() if isinstance(row, JobRow)]

    # One entry, or the chosen ones

    def action_requeue(self) -> None:
        """Requeue the chosen entries, these very ones, or those of the chosen groups."""
        self._act(Requeue, spares=True)

    def action_delete(self) -> None:
        """Delete the chosen entries, these very ones, or those of the chosen groups."""
        self._act(Delete)

    def action_move(self) -> None:
        """Requeue the chosen entries, or those of the chosen groups, to another queue."""
        if self.table.cursor_row is not None:
            ask_for_queue(
                self.app,
                self.within.source,
                "Requeue to which queue?",
                lambda queue: self._act(partial(Move, to=queue)),
            )

    def action_edit(self) -> None:
        """Edit the payload of the entry under the cursor and requeue it."""
        row = self.table.cursor_row
        if isinstance(row, JobRow) and not self.app.actions.refuses():
            self.run_worker(edit_and_requeue(self.app, self.jobs, row.job, self.table))
        elif row is not None:
            sign = self.app.state.policy.sign
            how = f"{sign('table.open')} opens the group, {sign('toggle_groups')} lists them all"
            self.app.say(f"one entry at a time: {how}", "dim")

    def action_export(self) -> None:
        """Write the chosen entries, or all that match, to a file."""
        groups, now = self.chosen_groups(), self.now
        chosen = self._entries() if groups is None else JobSearch(groups, now)
        what = "group" if groups is not None else "chosen"
        everything = JobSearch(self.wanted, now)
        self.run_worker(export(self.app, self.jobs, chosen, everything, what))

    def _act(self, make: Callable[..., Request], *, spares: bool = False) -> None:
        groups = self.chosen_groups()
        if groups is not None:
            self._act_on_all(groups, make, spares=spares)
        elif entries := self._entries():
            self.app.actions.request(
                make(self.within.source, chosen_of(self.jobs, entries)), self.table
            )

    # All that match

    def action_requeue_all(self) -> None:
        """Requeue all that match."""
        self._act_on_all(self.wanted, Requeue, spares=True)

    def action_delete_all(self) -> None:
        """Delete all that match."""
        self._act_on_all(self.wanted, Delete)

    def _act_on_all(
        self, wanted: JobQuery, make: Callable[..., Request], *, spares: bool = False
    ) -> None:
        make = partial(
            make, wanted.source, group=wanted.named, filter=wanted.filter.text, is_found=True
        )
        search = JobSearch(wanted, self.now)
        self.app.actions.request_found(search, make, self.table, spares=spares)

    def action_clear_failures(self) -> None:
        """Ask whether to delete all failures of the list."""
        self.app.actions.request(Clear(self.within.source), looking="looking at the failures")

    def make_table(self) -> Table[Any]:
        """The table of the entries."""
        clock = self.app.clock
        return PagedTable(self.ENTRY_COLUMNS, key=lambda row: row.key, clock=clock, pages=self)

    def compose_body(self) -> Iterable[Widget]:
        """A line that says which entries, the table, the filter."""
        yield self.window
        yield from super().compose_body()

    @property
    def now(self) -> datetime:
        """The server's clock at the look that is shown, or when what is listed was read."""
        if self.late is not None:
            return self.late
        fleet = self.app.state.view().fleet
        return datetime.now(UTC) if fleet is None else fleet.server_time

    def subject(self, row: Any) -> Subject:
        """A failure as filters see it."""
        return of_job(row.job, self.now)

    def shown_of(self) -> str:
        """How many match, of how many."""
        if self.matches is None:
            return super().shown_of()
        fleet, follower = self.app.state.view().fleet, self._follower
        total = fleet.totals.failed if follower is None and fleet else 0
        return f"{self.matches.count:,} of {count(follower.of if follower else total)}"

    # Looking

    def show_view(self, view: ViewState) -> None:
        """Look for what is new whenever there was a look at everything."""
        self.table.stale = view.is_stale
        if self._seen is None:
            self.table.empty_text = frame_texts.empty_word(view, "failed jobs", "")
        if self.has_news(view):
            self.look()
        self.show_title()

    def tell_late(self) -> None:
        """As usual; what the look brought along is of its moment."""
        if self._is_all_in_look():
            self.late = None
        else:
            super().tell_late()

    def look(self) -> None:
        """Bring what is shown up to date."""
        if self.wanted.is_everything:
            if not self._show_newest():
                self.in_background("page", self._read_page)
        elif self._is_all_in_look():
            self.matches, self._follower = self._among_newest(), None
            self.in_background("rows", self._show_matches)
        elif self._follower is None:
            self.begin_search()
        else:
            self.in_background("search", partial(self._follow, self._follower), exclusive=False)

    def _is_all_in_look(self) -> bool:
        """Whether the look at everything brought the whole list along."""
        fleet = self.app.state.view().fleet
        if self.wanted.source.name != FAILED or fleet is None:
            return False
        failed, rows = fleet.totals.failed, fleet.failures
        return failed is not None and rows is not None and failed <= len(rows)

    def _among_newest(self) -> Matches | None:
        """What is wanted of the newest failures; None when another list is wanted."""
        fleet = self.app.state.view().fleet
        if self.wanted.source.name != FAILED or fleet is None:
            return None
        matches = self._new_matches()
        maker = KeyMaker()
        for row in fleet.failures or ():
            matches.visit(KnownEntry(row.job, maker))
        return matches

    def _new_matches(self) -> Matches:
        search = JobSearch(self.wanted, self.now)
        return Matches(search, MOST_LISTED, last_first=True, keep=slim_failure)

    def filter_changed(self) -> None:
        """Look for what matches now."""
        self.tell_late()
        self.matches = self._follower = None
        self._start = None
        self.workers.cancel_group(self, "search")
        self.look()
        self.show_title()

    def begin_search(self) -> None:
        """Look through the whole list for what is wanted."""

        def begin() -> Visit:
            self._counting = self._new_matches()
            return self._counting.visit

        def finish() -> None:
            self.matches = self._counting

        self.matches = self._among_newest()
        self._is_shown = False
        rest = self.app.actions.precedence.rest
        follower = self._follower = Follower(self.jobs, begin, finish, sleep=rest)
        self.in_background("search", partial(self._follow, follower))

    async def _follow(self, follower: Follower) -> None:
        await follower.follow(self.app.read, self._found_more)
        if follower is self._follower and not (self.is_frozen and self._is_shown):
            await self._show_matches()
            self._is_shown = follower.is_complete

    def _found_more(self) -> None:
        # The first time it is shown as it grows; later, when it is complete.
        if self.matches is None or self._counting.count >= self.matches.count:
            self.matches = self._counting
        self.show_title()
        if self.table.row_count < MOST_LISTED and not (self.is_frozen and self._is_shown):
            self.in_background("rows", self._show_matches)

    async def _show_matches(self) -> None:
        matches = self.matches
        if matches is None:
            return
        listed, now = list(matches.listed()), self.now
        rows: list[JobRow] = []
        seen: Counter[str] = Counter()
        # From the oldest, as `failure_rows` counts: keys must not change for a newcomer.
        for end in range(len(listed), 0, -_ROWS_AT_ONCE):
            rows[:0] = failure_rows(listed[max(0, end - _ROWS_AT_ONCE) : end], now, seen)
            await asyncio.sleep(0)
        follower = self._follower
        why = None if follower is None or follower.is_complete else follower.problem
        self.show_entries(rows, self.no_match if why is None else frame_texts.unknown_word(why))

    def _show_newest(self) -> bool:
        """Show the newest failures, where the look has brought a page of them along."""
        fleet = self.app.state.view().fleet
        is_main = self.wanted.source.name == FAILED and self._start is None
        if not is_main or fleet is None:
            return False
        failed, rows = fleet.totals.failed, fleet.failures
        if failed is None or rows is None or len(rows) < min(PAGE, failed):
            return False
        jobs, after = tuple(row.job for row in rows), failed - len(rows)
        self._page = JobPage(jobs, None, after or None, 1, len(rows), failed)
        self.show_entries(rows)
        return True

    async def _read_page(self) -> None:
        start = self._start
        try:
            page = await self.app.read(self.jobs.page(start, PAGE, most_bytes=_LISTED_BYTES))
        except StoreError as error:
            self._could_not_read(str(error))
            return
        if not page.jobs and start is not None:
            # The list has shrunk below this page.
            self._start = None
            self.look()
            return
        self._page = page
        self.show_entries(failure_rows(page.jobs, self.now))

    def _could_not_read(self, why: str) -> None:
        self.app.say(safe(why), "bad")
        self.table.stale = True
        if self._page is None:
            self.show_matching((), frame_texts.unknown_word(why))

    def turn(self, pages: int) -> bool:
        """Go to older failures, or to newer ones; False when there are none."""
        page = self._page
        if not self.wanted.is_everything or page is None or not page.jobs:
            return False
        if (page.after if pages > 0 else self._start) is None:
            return False
        self.tell_late()
        self.in_background("page", partial(self._turn, page, pages))
        return True

    def turn_to_end(self, way: int) -> None:
        """The keys for it stay on the page."""

    async def _turn(self, page: JobPage, pages: int) -> None:
        self._start = page.after
        if pages < 0:
            self._start = await self.app.read(self.jobs.before(page, PAGE))
        if not self._show_newest():
            await self._read_page()
        table = self.table
        (table.action_cursor_first if pages > 0 else table.action_cursor_last)()

    def stop_or_go_on(self, follower: Follower | None, group: str) -> None:
        """Stop looking through the list, or go on with it from the beginning."""
        if follower is None or (follower.is_complete and not follower.is_stopped):
            self.app.say("nothing is under way here", "dim")
            return
        follower.is_stopped = not follower.is_stopped
        if follower.is_stopped:
            self.workers.cancel_group(self, group)
        else:
            self.look()
        self.show_title()

    # Showing

    def show_entries(self, rows: Sequence[JobRow], none: str = "No failed jobs.") -> None:
        """Show rows that match already."""
        length = 0 if self._page is None else self._page.length
        is_part = self.matches is None and len(rows) < length
        self.show_matching(rows, none, is_all=not is_part)
        self.show_title()

    def on_table_marked(self) -> None:
        """Say how many are marked."""
        self.show_title()

    def show_title(self) -> None:
        """Say which entries these are, and how far the search is."""
        if not self.is_mounted:
            return
        follower, rows = self._follower, self.table.row_count
        left = self.title_spans()
        if self.matches is not None:
            listed = f", the newest {rows:,} listed" if rows < self.matches.count else ""
            left.append(Span(f"   {self.matches.count:,} match{listed}", "dim", 90))
            large = self.matches.search.too_large
            if large:
                left.append(Span(f"; {large:,} too large to look into", "warn", 70))
        elif self._page is not None and rows and self._page.jobs:
            page = self._page
            which = f"{page.first:,} to {page.first + rows - 1:,} of {page.length:,}"
            left.append(Span(f"   entries {which}", "dim", 90))
            left.append(Span(", newest first", "dim", 60))
        left += marks_spans(self.table)
        self.window.show(left, progress_spans(follower, self.app.state.policy.sign))


def progress_spans(follower: Follower | None, sign: Sign) -> list[Span]:
    """How far a walk through a list is."""
    if follower is None:
        return []
    if follower.problem is not None:
        return [Span(f"looking stopped: {safe(follower.problem)} ", "warn", 80)]
    if follower.of == 0 or (follower.is_complete and not follower.is_stopped):
        return []
    share = follower.done * 100 // follower.of
    text = f"scanned {follower.done:,} of {follower.of:,}, {share} %"
    how = f"stopped, {sign('stop')} goes on" if follower.is_stopped else f"{sign('stop')} stops"
    tone = "warn" if follower.is_stopped else "accent"
    return [Span(f"{text}; {how} ", tone, 80)]
