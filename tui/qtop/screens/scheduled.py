"""Delayed jobs, by time or by class, and recurring schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final, Literal, TypeVar

from textual.widget import Widget
from textual.worker import WorkType

from qtop.actions.request import Delete, DeleteSchedules, Request, RunNow, RunSchedules
from qtop.keymap.keymap import Where
from qtop.model.job import JobRow, JobSource, job_rows, moment_of
from qtop.model.job_list import JobList, JobPage
from qtop.model.schedule import ListedSchedule
from qtop.monitor import row_text
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts, scheduled_bars
from qtop.screens.base import RowsScreen, bindings
from qtop.screens.paging import Pager
from qtop.screens.scheduled_bars import ScheduledLook
from qtop.screens.scheduled_details import DelayedJobScreen, ScheduleScreen, server_now
from qtop.search import filter_language
from qtop.search.fields import Subject, of_job, of_schedule
from qtop.search.filter_language import BadFilter, Filter
from qtop.search.follower import Follower, Visit
from qtop.search.job_search import ClassCounts, ClassRow, JobQuery, JobSearch, Matches
from qtop.search.selection import chosen_of
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.bars import Bar
from qtop.widgets.columns import Column, figure
from qtop.widgets.paged_table import PagedTable, marks_spans
from qtop.widgets.table import Table
from queuecore.errors import Refused, StoreError
from queuecore.exchange import Operation

T = TypeVar("T")

# The columns of the scheduled screen's three lists, and its paged table.


def _at(row: JobRow) -> str:
    moment = None if row.job.due is None else row.job.due.moment
    return format.due_at(moment, row.due_s or 0.0)


def _class(row: JobRow) -> str:
    return "(large)" if row.job.item.is_cut else row_text.class_of(row.job)


JOB_COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        *("due", "due", 14, lambda r: format.due_in(r.due_s or 0.0)),
        priority=98,
        style=lambda r: "warn" if (r.due_s or 0.0) < 0 else None,
        sort_key=lambda r: r.job.due.at if r.job.due else None,
    ),
    Column("at", "at", 16, _at, priority=70, style="dim"),
    Column(
        *("class", "class", 14, _class),
        flex=2,
        priority=100,
        style=lambda r: "warn" if r.job.problem else None,
        sort_key=_class,
    ),
    Column("args", "args", 14, lambda r: row_text.args_or_bytes(r.job), flex=4, priority=95),
    Column(
        *("queue", "queue", 8, lambda r: format.optional(r.job.queue)),
        flex=1,
        priority=85,
        sort_key=lambda r: r.job.queue,
    ),
    figure(
        "size",
        "bytes",
        8,
        lambda r: None if r.job.ref is None else r.job.item.size,
        format.number,
        priority=30,
        style="dim",
    ),
)


def _class_name(row: ClassRow) -> str:
    return format.job_class(row.name, None) if row.is_readable else "(unreadable or large)"


def _when(epoch: float, now_s: float) -> str:
    return format.due_in(epoch - now_s)


CLASS_COLUMNS: Final[tuple[Column[ClassRow], ...]] = (
    Column(
        *("class", "class", 16, _class_name),
        flex=3,
        priority=100,
        style=lambda r: None if r.is_readable else "warn",
        sort_key=_class_name,
    ),
    figure("jobs", "jobs", 8, lambda r: r.count, format.number, priority=99),
    Column(
        *("first", "first due", 14, lambda r: _when(r.first_at, r.now_s)),
        priority=95,
        style=lambda r: "warn" if r.first_at < r.now_s else None,
        sort_key=lambda r: r.first_at,
    ),
    Column(
        *("last", "last due", 14, lambda r: _when(r.last_at, r.now_s)),
        priority=90,
        sort_key=lambda r: r.last_at,
    ),
    Column(
        *("until", "until", 16),
        lambda r: format.due_at(moment_of(r.last_at), r.last_at - r.now_s),
        priority=50,
        style="dim",
    ),
    Column(
        *("queues", "queues", 10, lambda r: safe(", ".join(r.queues)) or format.NOTHING),
        flex=1,
        priority=80,
    ),
)


def _timing(row: ListedSchedule) -> str:
    if row.problem is not None:
        return "not used" if row.is_usable else "unusable"
    return format.NOTHING if row.timing is None else safe(row.timing)


def _schedule_class(row: ListedSchedule) -> str:
    if row.problem is not None:
        return safe(row.problem)
    return "not in Redis" if row.class_name is None else safe(row.class_name)


def _source(row: ListedSchedule) -> str:
    return "Redis" if row.source == "persistent" else row.source


SCHEDULE_COLUMNS: Final[tuple[Column[ListedSchedule], ...]] = (
    Column(
        *("name", "schedule", 12, lambda r: safe(r.name)),
        flex=2,
        priority=100,
        sort_key=lambda r: r.name,
    ),
    Column(
        *("when", "when", 13, _timing),
        flex=1,
        priority=95,
        style=lambda r: "bad" if r.problem else None,
        sort_key=_timing,
    ),
    Column(
        *("next", "next run", 13),
        lambda r: format.NOTHING if r.next_s is None else format.due_in(r.next_s),
        priority=90,
        sort_key=lambda r: r.next_at,
    ),
    Column(
        *("at", "at", 16, lambda r: format.short_moment(r.next_at)),
        priority=45,
        style="dim",
        sort_key=lambda r: r.next_at,
    ),
    Column(
        *("last", "last queued", 16, lambda r: format.short_moment(r.last_at)),
        priority=60,
        style="dim",
        sort_key=lambda r: r.last_at,
        descends=True,
    ),
    Column(
        *("class", "class", 12, _schedule_class),
        flex=3,
        priority=97,
        style=lambda r: "bad" if r.problem else None if r.is_usable else "dim",
    ),
    Column(
        *("args", "args", 10, lambda r: format.short_json(r.args) if r.is_usable else ""),
        flex=2,
        priority=50,
    ),
    Column(
        *("queue", "queue", 8),
        lambda r: format.optional(r.queue) if r.is_usable else "",
        flex=1,
        priority=80,
        sort_key=lambda r: r.queue,
    ),
    Column(
        *("source", "source", 7, _source),
        priority=70,
        style=lambda r: "warn" if r.source == "unknown" else "dim",
        sort_key=_source,
    ),
)


def classes(clock: Callable[[], float]) -> Table[ClassRow]:
    """The table of the classes. One is acted on at a time: what a mark means would be unclear."""
    return Table(
        CLASS_COLUMNS, key=lambda row: (row.name, row.is_readable), markable=False, clock=clock
    )


def schedules(clock: Callable[[], float]) -> Table[ListedSchedule]:
    """The table of the schedules."""
    return Table(SCHEDULE_COLUMNS, key=lambda row: row.name, clock=clock)


# What the keys of the scheduled screen do to jobs and schedules.

SchedulePart = Literal["jobs", "classes", "schedules"]

#: Jobs of one page.
PAGE: Final = 200
#: Matches that are listed; all are counted.
MOST_LISTED: Final = 1_000
#: Of longer jobs only the beginning is listed.
_LISTED_BYTES: Final = 4_096
#: The times ahead for which is counted what comes due: 5 minutes, an hour, a day.
_AHEAD_S: Final = (300, 3_600, 86_400)
#: A filter that is being typed is not searched for yet.
_TYPING_S: Final = 0.15

_EMPTY: Final[dict[SchedulePart, str]] = {
    "jobs": "No delayed jobs: they come with a delay, as from `qtop enqueue --in 10m`.",
    "classes": "No delayed jobs.",
}


class ScheduledScreen(RowsScreen):
    """What is to run later. A filter, and the classes, look through all delayed jobs; without
    one the jobs are read a page at a time."""

    part: SchedulePart = "jobs"
    jobs: JobList

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "scheduled")
    TAB: ClassVar[Where] = "scheduled"
    BINDINGS = bindings(PLACES)

    def __init__(self) -> None:
        self.jobs = self.app.system.jobs(JobSource("delayed", ""))
        super().__init__()
        self._tables: dict[SchedulePart, Table[Any]] = {
            "jobs": self.table,
            "classes": classes(self.app.clock),
            "schedules": schedules(self.app.clock),
        }
        for table in (*self._tables.values(), self._tables[self.part]):
            self.pane.bring_to_front(table)
        self._bars = [Bar(id=name) for name in ("window", "forecast", "scheduler")]
        self._glance: ScheduledLook | None = None
        self._schedules: Sequence[ListedSchedule] | None = None
        #: The last search of the filter that came to its end, and the one that goes on.
        self._matches: Matches | None = None
        self._counting: Matches | None = None
        self._follower: Follower | None = None
        self._is_reading = self._reads_again = False
        #: The filter to go back to from the jobs of a class.
        self._before_class: str | None = None

    @property
    def now(self) -> datetime:
        """The server's clock."""
        return server_now(self.app.state.view())

    def action_run_now(self) -> None:
        """Run the chosen jobs now, or queue the jobs of the chosen schedules."""
        self._act(RunNow, RunSchedules)

    def action_drop(self) -> None:
        """Delete the chosen jobs or schedules."""
        self._act(Delete, DeleteSchedules)

    def action_reschedule(self) -> None:
        """Ask until when to delay the chosen jobs instead."""
        if self.part == "schedules":
            self._only_for_jobs()
        elif self.part == "classes":
            key = self.app.state.policy.sign("table.open")
            self.app.say(f"{key} lists the jobs of the class: choose there what to move", "dim")
        elif rows := self.meant():
            self._expect_change()
            chosen = chosen_of(self.jobs, (row.job for row in rows))
            self.app.actions.ask_for_moment(self.jobs.source, chosen, self.table)

    def action_run_matching(self) -> None:
        """Ask whether to run all jobs that match now."""
        self._act_on_all(self.filter, RunNow)

    def action_drop_matching(self) -> None:
        """Ask whether to delete all jobs that match."""
        self._act_on_all(self.filter, Delete)

    def _only_for_jobs(self) -> None:
        key = self.app.state.policy.sign("jobs_or_schedules")
        self.app.say(f"that is for delayed jobs: {key} shows them", "dim")

    def _expect_change(self) -> None:
        if self._follower is not None:
            self._follower.expect_change()

    def _act(self, on_jobs: Callable[..., Request], on_schedules: Callable[..., Request]) -> None:
        table: Table[Any] = self.table
        if self.part == "classes":
            row: ClassRow | None = table.cursor_row
            if row is not None:
                self._act_on_class(row, on_jobs)
        elif not (rows := self.meant()):
            return
        elif self.part == "schedules":
            self.app.actions.request(on_schedules(tuple(rows)), table)
        else:
            self._expect_change()
            chosen = chosen_of(self.jobs, (row.job for row in rows))
            self.app.actions.request(on_jobs(self.jobs.source, chosen), table)

    def _act_on_class(self, row: ClassRow, on_jobs: Callable[..., Request]) -> None:
        try:
            wanted = filter_language.parse(row.filter_text(self.filter.text))
        except BadFilter as error:
            self.app.say(safe(str(error)), "warn")
        else:
            self._act_on_all(wanted, on_jobs)

    def _act_on_all(self, wanted: Filter, on_jobs: Callable[..., Request]) -> None:
        if self.part == "schedules":
            self._only_for_jobs()
            return
        self._expect_change()
        self.app.actions.request_found(
            self._search_of(wanted),
            partial(on_jobs, self.jobs.source, is_found=True),
            looking="looking through all delayed jobs",
        )

    def make_table(self) -> Table[Any]:
        """The table of the delayed jobs."""
        self._pager = Pager(self, self.jobs, PAGE, self._load)
        clock, key = self.app.clock, lambda row: row.key
        return PagedTable(JOB_COLUMNS, key=key, clock=clock, pages=self._pager)

    def compose_body(self) -> Iterable[Widget]:
        """Lines that say what comes due and who moves it, the lists, the filter."""
        yield from self._bars
        yield self.pane

    # Looking

    @property
    def _wants_search(self) -> bool:
        return self.part == "classes" or (self.part == "jobs" and not self.filter.is_empty)

    def show_view(self, view: ViewState) -> None:
        """Read anew whenever there was a look."""
        for table in self._tables.values():
            table.stale = view.is_stale
        if self.has_news(view):
            self._load()
        if self._glance is None and view.fleet is None:
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
            self._search()

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
        now, start = server_now(self.app.state.view()), self._pager.start
        problems: dict[str, str] = {}
        page: JobPage | None = None
        if self.part == "jobs" and not self._wants_search:
            look = self.jobs.page(start, PAGE, most_bytes=_LISTED_BYTES)
            page = await self._attempt(look, "delayed jobs", problems)
        outline = self.jobs.outline(now.timestamp(), _AHEAD_S)
        ahead = await self._attempt(outline, "what comes due", problems)
        read_schedules = await self.app.read(self.app.system.schedules_look(now))
        if page is not None and not page.jobs and start is not None:
            # What was here has been moved: back to what there is.
            self._pager.reset()
            self._reads_again = True
            return
        schedules = await asyncio.to_thread(read_schedules)
        if schedules.listed is not None:
            self._schedules = schedules.listed
        self._glance = ScheduledLook(page, ahead, schedules, {**problems, **schedules.problems})
        self._refresh()

    async def _attempt(self, work: Operation[T], what: str, problems: dict[str, str]) -> T | None:
        """The result; None when Redis refuses, as for a key of another kind: the rest is shown."""
        try:
            return await self.app.read(work)
        except Refused as error:
            problems[what] = str(error)
            return None

    # Searching

    def _search_of(self, wanted: Filter) -> JobSearch:
        return JobSearch(JobQuery(self.jobs.source, wanted), self.now)

    def _search(self) -> None:
        """Go on looking through all delayed jobs, or begin to."""
        follower = self._follower
        if follower is None:
            rest = self.app.actions.precedence.rest
            follower = Follower(self.jobs, self._begin, self._finish, sleep=rest)
            self._follower, self._counting = follower, self._new_matches()
        work: WorkType[None] = partial(self._follow, follower)
        self.run_worker(work, group="search")

    def _new_matches(self) -> Matches:
        search = self._search_of(self.filter)
        return Matches(search, MOST_LISTED, last_first=False, classes=ClassCounts())

    def _begin(self) -> Visit:
        self._counting = matches = self._new_matches()
        return matches.visit

    def _finish(self) -> None:
        self._matches = self._counting

    async def _follow(self, follower: Follower) -> None:
        if not follower.of and not follower.is_running:
            await asyncio.sleep(_TYPING_S)
        await follower.follow(self.app.read, self._refresh)
        if follower is not self._follower:
            return
        if follower.problem is not None and not follower.is_stopped:
            follower.is_stopped = True
            self.app.say(f"looking through the jobs: {safe(follower.problem)}", "bad")
        self._refresh()

    def _forget_search(self) -> None:
        self.workers.cancel_group(self, "search")
        self._follower = self._matches = self._counting = None

    @property
    def _found(self) -> Matches | None:
        """What is shown of the search: the last one, until the next one is through."""
        if not self._wants_search:
            return None
        return self._counting if self._matches is None else self._matches

    @property
    def _is_over(self) -> bool:
        """Whether the search that is shown is over."""
        is_stopped = self._follower is not None and self._follower.is_stopped
        return self._matches is not None or is_stopped

    # Showing

    def _refresh(self) -> None:
        """Show in the list in front what is known by now."""
        found, follower = self._found, self._follower
        if self.part == "schedules":
            self.table.empty_text = self._none("schedules")
            self.table.stale = self._is_stale("schedules")
            self.show_rows(self._schedules or ())
        elif found is not None and found.classes is not None:
            none = _EMPTY[self.part] if self.filter.is_empty else self.no_match
            if follower is not None and follower.problem is not None:
                none = frame_texts.unknown_word(follower.problem)
            word = none if self._is_over else "Looking through all delayed jobs …"
            rows: Sequence[Any] = found.classes.rows(self.now)
            if self.part != "classes":
                rows = job_rows(found.listed(), self.now)
            self._put(rows, word)
        elif not self._wants_search and self._glance is not None and self._glance.page is not None:
            self._put(job_rows(self._glance.page.jobs, self.now), _EMPTY["jobs"])
            self._pager.landed(self.table, self._glance.page)
        elif not self._wants_search and self._glance is not None:
            self.table.stale = self._is_stale("delayed jobs")
            if not self.table.row_count:
                self._put((), self._none("delayed jobs"))
        self._show_bars()

    def _is_stale(self, what: str) -> bool:
        """Whether a list was not read at the last look."""
        is_unread = self._glance is not None and what in self._glance.problems
        return is_unread or self.app.state.view().is_stale

    def _none(self, what: str) -> str:
        """What one of the lists says when it has no rows."""
        why = None if self._glance is None else self._glance.problems.get(what)
        if why is not None:
            return frame_texts.unknown_word(why)
        return _EMPTY["jobs"] if what != "schedules" else scheduled_bars.no_schedules(self._glance)

    def _put(self, rows: Sequence[Any], empty_text: str) -> None:
        """Show rows that match already."""
        page = self._glance.page if self._glance is not None else None
        is_paged = self.part == "jobs" and not self._wants_search and page is not None
        has_more = page is not None and (page.after is not None or self._pager.is_turned)
        self.pane.show_matching(rows, empty_text, is_all=not (is_paged and has_more))

    def _show_bars(self) -> None:
        window, forecast, scheduler = self._bars
        seen, rows = self._glance, self._schedules
        now = server_now(self.app.state.view())
        right = scheduled_bars.page(seen.page) if seen is not None and self.part == "jobs" else []
        if self._wants_search:
            right = scheduled_bars.search(
                *(self._found, self._follower, self.app.state.policy.sign),
                is_over=self._is_over,
                is_by_class=self.part == "classes",
            )
        window.show([*scheduled_bars.parts(self.part), *marks_spans(self.table)], right)
        outlook = None if seen is None else seen.outline
        forecast.show(*scheduled_bars.forecast(outlook, rows, now))
        scheduler.show(scheduled_bars.scheduler(seen, now.timestamp(), bool(rows)))

    def on_table_marked(self) -> None:
        """Say how many are marked."""
        self._show_bars()

    def subject(self, row: Any) -> Subject:
        """A row as filters see it."""
        if isinstance(row, JobRow):
            return of_job(row.job, self.now)
        if isinstance(row, ClassRow):
            return Subject(class_name=row.name, is_readable=row.is_readable)
        return of_schedule(row)

    def shown_of(self) -> str:
        """How many match."""
        found = self._found
        return super().shown_of() if found is None else f"{found.count:,} of {found.seen:,}"

    def filter_changed(self) -> None:
        """Look for what matches now."""
        self.tell_late()
        self._forget_search()
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
        self.pane.bring_to_front(self._tables[part])
        self.table.focus()
        self._load()
        self._refresh()
        self.show(self.app.state.view())

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
            sign = self.app.state.policy.sign
            hint = f"{sign('filter')} filters, {sign('by_class')} counts by class"
            self.app.say(f"nothing is being looked for: {hint}", "dim")
        elif self._follower is not None and (self._follower.is_running or not self._is_over):
            self._follower.is_stopped = True
            self.workers.cancel_group(self, "search")
        else:
            self._forget_search()
            self._search()
        self._refresh()

    def on_table_opened(self, event: Table.Opened[Any]) -> None:
        """Show the whole job or schedule, or the jobs of a class."""
        event.stop()
        row = event.row
        if isinstance(row, JobRow):
            self.app.push_screen(DelayedJobScreen(row.job, self.jobs))
        elif isinstance(row, ListedSchedule):
            self.app.push_screen(ScheduleScreen(row))
        else:
            before = self.filter.text
            if self.set_filter(row.filter_text(before)):
                self.action_show_part("jobs")
                self._before_class = before
