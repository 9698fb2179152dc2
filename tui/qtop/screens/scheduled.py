"""Delayed jobs, by time or by class, and recurring schedules."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Any, ClassVar, Final

from textual.widget import Widget

from qtop.keymap.keymap import Where
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts, scheduled_bars, scheduled_tables
from qtop.screens.base import bindings
from qtop.screens.pager import Pager
from qtop.screens.paging import PagedTable, marks_spans
from qtop.screens.scheduled_actions import ScheduledActions, SchedulePart
from qtop.screens.scheduled_details import DelayedJobScreen, ScheduleScreen, server_now
from qtop.screens.searcher import Searcher
from qtop.search.fields import Subject
from qtop.systems.resque.scheduled_page import ScheduledPage, glance
from qtop.systems.resque.scheduled_rows import (
    ClassRow,
    DueRow,
    ScheduleRow,
    class_filter,
    due_rows,
    schedule_rows,
    schedule_subject,
)
from qtop.systems.resque.scheduled_search import subject
from qtop.text.safe import safe
from qtop.widgets.bars import Bar
from qtop.widgets.table import Table
from resque.errors import StoreError
from resque.scheduler.zones import local_zone
from resque.store.delayed_windows import Position

_EMPTY: Final[dict[SchedulePart, str]] = {
    "jobs": "No delayed jobs: they come with a delay, as from `qtop enqueue --in 10m`.",
    "classes": "No delayed jobs.",
}


class ScheduledScreen(ScheduledActions):
    """What is to run later. A filter, and the classes, look through all delayed jobs; without
    one the jobs are read a page at a time."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "scheduled")
    TAB: ClassVar[Where] = "scheduled"
    BINDINGS = bindings(PLACES)

    def __init__(self) -> None:
        super().__init__()
        self.searcher = Searcher(self, self._refresh)
        self._tables: dict[SchedulePart, Table[Any]] = {
            "jobs": self.table,
            "classes": scheduled_tables.classes(self.app.clock),
            "schedules": scheduled_tables.schedules(self.app.clock),
        }
        self._bars = [Bar(id=name) for name in ("window", "forecast", "scheduler")]
        self._glance: ScheduledPage | None = None
        self._schedules: dict[str, ScheduleRow] | None = None
        self._is_reading = self._reads_again = False
        #: The filter to go back to from the jobs of a class.
        self._before_class: str | None = None
        self._zone = _zone()
        self._prefix = os.environ.get("RESQUE_SCHEDULER_MASTER_LOCK_PREFIX", "")

    def make_table(self) -> Table[Any]:
        """The table of the delayed jobs."""
        self._pager = Pager(self, self._load)
        return scheduled_tables.DelayedTable(self._pager, self.app.clock)

    def compose_body(self) -> Iterable[Widget]:
        """Lines that say what comes due and who moves it, the lists, the filter."""
        yield from self._bars
        for part, table in self._tables.items():
            table.display = part == self.part
            yield table
        yield self._filter_line
        yield self._filter_bar

    # Looking

    @property
    def _wants_search(self) -> bool:
        return self.part == "classes" or (self.part == "jobs" and not self.filter.is_empty)

    def show_board(self, view: ViewState) -> None:
        """Read anew whenever there was a look."""
        for table in self._tables.values():
            table.stale = view.is_stale
        if self.has_news(view):
            self._load()
        if self._glance is None and view.board is None:
            self.table.empty_text = frame_texts.empty_word(view, "delayed jobs", "")
        self._show_bars()

    def _load(self) -> None:
        if self._is_reading:
            # A slow Redis: the look under way is not given up for the next one.
            self._reads_again = True
        else:
            self._is_reading = True
            self.run_worker(self._read(), group="glance")
        if self._wants_search:
            self.searcher.follow(self.filter, self.now_s)

    async def _read(self) -> None:
        try:
            await self._read_once()
        except StoreError as error:
            self.app.say(f"what is scheduled: {safe(str(error))}", "bad")
            self.table.stale = True
            if self._glance is None:
                self._put((), frame_texts.unknown_word(str(error)))
        finally:
            self._is_reading = False
        if self._reads_again:
            self._reads_again = False
            self._load()

    async def _read_once(self) -> None:
        now, start = server_now(self.app.stage.view()), self._pager.start
        paged = start if self.part == "jobs" and not self._wants_search else None
        seen = await self.app.read(glance(self.app.keys, self._prefix, now.timestamp(), paged))
        if seen.page is not None and not seen.page.jobs and start != Position():
            # What was here has been moved: back to what there is.
            self._pager.reset()
            self._reads_again = True
            return
        if seen.looked is not None:
            before = self._schedules or {}
            rows = await asyncio.to_thread(
                schedule_rows, seen.looked, now, self._zone, before, seen.of_file
            )
            self._schedules = {row.name: row for row in rows}
        self._glance = seen
        self._refresh()

    # Showing

    def _refresh(self) -> None:
        """Show in the list in front what is known by now."""
        run = self.searcher.shown if self._wants_search else None
        if self.part == "schedules":
            self.table.empty_text = self._none("schedules")
            self.table.stale = self._is_stale("schedules")
            self.show_rows([] if self._schedules is None else list(self._schedules.values()))
        elif run is not None:
            none = _EMPTY[self.part] if self.filter.is_empty else self.no_match
            if run.problem is not None:
                none = frame_texts.unknown_word(run.problem)
            word = none if run.is_over else "Looking through all delayed jobs …"
            is_by_class = self.part == "classes"
            self._put(run.classes() if is_by_class else due_rows(run.found, self.now_s), word)
        elif not self._wants_search and self._glance is not None and self._glance.page is not None:
            self._put(due_rows(self._glance.page.jobs, self.now_s), _EMPTY["jobs"])
            self._pager.landed(self.table, self._glance.page, self._glance.start)
        elif not self._wants_search and self._glance is not None:
            self.table.stale = self._is_stale("delayed jobs")
            if not self.table.row_count:
                self._put((), self._none("delayed jobs"))
        self._show_bars()

    def _is_stale(self, what: str) -> bool:
        """Whether a list was not read at the last look."""
        is_unread = self._glance is not None and what in self._glance.problems
        return is_unread or self.app.stage.view().is_stale

    def _none(self, what: str) -> str:
        """What one of the lists says when it has no rows."""
        why = None if self._glance is None else self._glance.problems.get(what)
        if why is not None:
            return frame_texts.unknown_word(why)
        return _EMPTY["jobs"] if what != "schedules" else scheduled_bars.no_schedules(self._glance)

    def _put(self, rows: Sequence[Any], empty_text: str) -> None:
        """Show rows that match already."""
        self._all_rows = rows
        self.table.empty_text = empty_text
        page = self._glance.page if self._glance is not None else None
        is_paged = self.part == "jobs" and not self._wants_search and page is not None
        if isinstance(self.table, PagedTable):
            has_more = page is not None and (page.after is not None or self._pager.is_turned)
            self.table.set_page(rows, is_all=not (is_paged and has_more))
        else:
            self.table.set_rows(rows)
        self._show_filter()

    def _show_bars(self) -> None:
        window, forecast, scheduler = self._bars
        seen, rows = self._glance, self._schedules
        now = server_now(self.app.stage.view())
        right = scheduled_bars.page(seen.page) if seen is not None and self.part == "jobs" else []
        if self._wants_search:
            running = self.searcher.is_running
            is_by_class = self.part == "classes"
            right = scheduled_bars.search(
                self.searcher.shown,
                self.app.stage.manner.sign,
                is_running=running,
                is_by_class=is_by_class,
            )
        window.show([*scheduled_bars.parts(self.part), *marks_spans(self.table)], right)
        outlook = None if seen is None else seen.outlook
        schedules = None if rows is None else list(rows.values())
        forecast.show(*scheduled_bars.forecast(outlook, schedules, now))
        scheduler.show(scheduled_bars.scheduler(seen, now.timestamp(), bool(rows)))

    def on_table_marked(self) -> None:
        """Say how many are marked."""
        self._show_bars()

    def subject(self, row: Any) -> Subject:
        """A row as filters see it."""
        if isinstance(row, DueRow):
            return subject(row.seen, row.now_s)
        if isinstance(row, ClassRow):
            return Subject(class_name=row.name, is_readable=row.is_readable)
        return schedule_subject(row)

    def shown_of(self) -> str:
        """How many match."""
        run = self.searcher.shown if self._wants_search else None
        return super().shown_of() if run is None else f"{run.matches:,} of {run.seen:,}"

    def filter_changed(self) -> None:
        """Look for what matches now."""
        self.tell_late()
        self._pager.reset()
        self.table.clear_marks()
        self._load()
        self._refresh()

    # Going about

    def action_jobs_or_schedules(self) -> None:
        """Delayed jobs, or schedules."""
        self.action_show_part("jobs" if self.part == "schedules" else "schedules")

    def action_by_class(self) -> None:
        """Delayed jobs by class, or by time."""
        self.action_show_part("jobs" if self.part == "classes" else "classes")

    def action_show_part(self, part: SchedulePart) -> None:
        """Show one of the lists."""
        self.part, self._before_class = part, None
        for name, table in self._tables.items():
            table.display = name == part
        self.table = self._tables[part]
        self.table.focus()
        self._load()
        self._refresh()
        self.show(self.app.stage.view())

    def action_clear_filter(self) -> None:
        """Back to the classes; else take the filter away."""
        if self._before_class is None:
            super().action_clear_filter()
            return
        self.set_filter(self._before_class)
        self.action_show_part("classes")

    def action_stop_search(self) -> None:
        """Stop the search, or begin it anew."""
        if not self._wants_search:
            sign = self.app.stage.manner.sign
            hint = f"{sign('filter')} filters, {sign('by_class')} counts by class"
            self.app.say(f"nothing is being looked for: {hint}", "dim")
        elif not self.searcher.stop():
            self.searcher.begin(self.filter, self.now_s)
        self._refresh()

    def on_table_opened(self, event: Table.Opened[Any]) -> None:
        """Show the whole job or schedule, or the jobs of a class."""
        event.stop()
        row = event.row
        if isinstance(row, DueRow):
            self.app.push_screen(DelayedJobScreen(row))
        elif isinstance(row, ScheduleRow):
            self.app.push_screen(ScheduleScreen(row, self._zone))
        else:
            before = self.filter.text
            if self.set_filter(class_filter(row, before)):
                self.action_show_part("jobs")
                self._before_class = before


def _zone() -> tzinfo:
    try:
        return local_zone(os.environ)
    except ValueError:
        return UTC
