"""Delayed jobs, by time or by class, and recurring schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final, Literal, TypeVar

from qtop.actions.request import (
    Delete,
    DeleteSchedules,
    Kill,
    Request,
    Reschedule,
    RunNow,
    RunSchedules,
)
from qtop.keymap.keymap import Where
from qtop.model.fleet import ListedSchedule
from qtop.model.job import JobRow, JobSource, job_rows, moment_of
from qtop.model.job_list import JobPage
from qtop.monitor.state import ViewState
from qtop.screens import details, frame, list_bars
from qtop.screens.base import TextScreen
from qtop.screens.job_details import JobDetailsScreen
from qtop.screens.job_list import (
    ARGS,
    CLASS,
    QUEUE,
    JobListScreen,
    class_name,
    size_of,
)
from qtop.screens.list_bars import ScheduledLook
from qtop.screens.preview import RowLook
from qtop.search import filter_language
from qtop.search.fields import Subject, of_schedule
from qtop.search.filter_language import BadFilter, Filter
from qtop.search.joint_search import AnySearch
from qtop.search.selection import ClassCounts, ClassRow, JobQuery, Matches, chosen_of
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column, ToneOf, figure, text_column
from qtop.widgets.list_pane import marks_spans
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from queuecore.errors import Refused, StoreError
from queuecore.exchange import Operation

T = TypeVar("T")

_FIRINGS: Final = 5


class DelayedJobScreen(JobDetailsScreen):
    """A delayed job; how soon it is due goes on."""

    PLACES: ClassVar[tuple[Where, ...]] = ("delayed", "texts")
    TAB: ClassVar[Where] = "scheduled"
    NAME = "one delayed job"

    action_drop = JobDetailsScreen.action_delete
    action_kill_delayed = JobDetailsScreen.action_kill

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        due = self.job.due
        due_s = 0.0 if due is None else due.at - self.now.timestamp()
        return details.delayed_lines(self.job, due_s, view.policy.redactor)

    def action_run_now(self) -> None:
        self.act(RunNow)

    action_reschedule = JobDetailsScreen.action_postpone


class ScheduleScreen(TextScreen):
    """The schedule as it was when it was opened, and when it fires next."""

    PLACES: ClassVar[tuple[Where, ...]] = ("schedule", "texts")
    TAB: ClassVar[Where] = "scheduled"
    NAME = "one schedule"

    def __init__(self, row: ListedSchedule) -> None:
        super().__init__()
        self._row = row
        self._firings: list[datetime] = [] if row.next_at is None else [row.next_at]

    def on_mount(self) -> None:
        """Compute the next runs: absurd expressions take long."""
        super().on_mount()
        if self._row.is_usable and self._row.problem is None:
            self.run_worker(self._compute())

    async def _compute(self) -> None:
        now = self.now
        firings = self.app.system.firings
        self._firings = await asyncio.to_thread(firings, self._row, now, _FIRINGS)
        self.show_view(self.app.state.view())

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        now = self.now
        return details.schedule_lines(self._row, self._firings, now, view.policy.redactor)

    def action_run_now(self) -> None:
        self.app.actions.request(RunSchedules((self._row,)))

    def action_drop(self) -> None:
        self.app.actions.request(DeleteSchedules((self._row,)))


def _due_s(row: JobRow) -> float:
    return row.due_s or 0.0


def _due_at(row: JobRow) -> str:
    return format.due_at(None if row.job.due is None else row.job.due.moment, _due_s(row))


def _delayed_class(row: JobRow) -> str:
    return "(large)" if row.job.item.is_cut else class_name(row)


DELAYED_COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        *("due", "due", 14, lambda row: format.due_in(_due_s(row))),
        priority=98,
        style=lambda row: "warn" if _due_s(row) < 0 else None,
        sort_key=lambda row: row.job.due.at if row.job.due else None,
    ),
    Column("at", "at", 16, _due_at, priority=70, style="dim"),
    replace(CLASS, cell=_delayed_class, sort_key=_delayed_class),
    ARGS,
    replace(QUEUE, priority=85),
    figure("size", "bytes", 8, size_of, priority=30, style="dim"),
)


def _class_name(row: ClassRow) -> str:
    return format.job_class(row.name, None) if row.is_readable else "(unreadable or large)"


def _class_tone(row: ClassRow) -> ToneOf | None:
    return None if row.is_readable else "warn"


def _class_queues(row: ClassRow) -> str:
    return safe(", ".join(row.queues)) or format.NOTHING


def _when(epoch: float, now_s: float) -> str:
    return format.due_in(epoch - now_s)


CLASS_COLUMNS: Final[tuple[Column[ClassRow], ...]] = (
    text_column("class", "class", 16, _class_name, flex=3, priority=100, style=_class_tone),
    figure("jobs", "jobs", 8, lambda r: r.count, priority=99),
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
    Column("queues", "queues", 10, _class_queues, 1, priority=80),
)


def _timing(row: ListedSchedule) -> str:
    if row.problem is not None:
        return "not used" if row.is_usable else "unusable"
    return format.NOTHING if row.timing is None else safe(row.timing)


def _timing_tone(row: ListedSchedule) -> ToneOf | None:
    return "warn" if row.problem else None


def _schedule_class(row: ListedSchedule) -> str:
    if row.problem is not None:
        return safe(row.problem)
    return "not in Redis" if row.class_name is None else safe(row.class_name)


def _source(row: ListedSchedule) -> str:
    return "Redis" if row.source == "persistent" else row.source


def _source_tone(row: ListedSchedule) -> ToneOf | None:
    return "warn" if row.source == "unknown" else "dim"


SCHEDULE_COLUMNS: Final[tuple[Column[ListedSchedule], ...]] = (
    Column(
        *("name", "schedule", 12, lambda r: safe(r.name)),
        flex=2,
        priority=100,
        sort_key=lambda r: r.name,
    ),
    text_column("when", "when", 13, _timing, flex=1, priority=95, style=_timing_tone),
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
        style=lambda r: "warn" if r.problem else None if r.is_usable else "dim",
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
    text_column("source", "source", 7, _source, priority=70, style=_source_tone),
)


def _schedule_key(row: ListedSchedule) -> Hashable:
    """What makes it the same one at the next reading."""
    return (row.system, row.name) if row.system else row.name


SchedulePart = Literal["jobs", "classes", "schedules"]

#: The times ahead for which is counted what comes due: 5 minutes, an hour, a day.
_AHEAD_S: Final = (300, 3_600, 86_400)


class ScheduledScreen(JobListScreen):
    """What is to run later. A filter, and the classes, look through all delayed jobs; without
    one the jobs are read a page at a time."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "scheduled")
    TAB: ClassVar[Where] = "scheduled"
    LIST_COLUMNS = DELAYED_COLUMNS
    NOTHING = "No delayed jobs: add one with `qtop enqueue --in 10m`."
    LOOKING = "Searching all delayed jobs …"

    part: SchedulePart = "jobs"

    def __init__(self) -> None:
        super().__init__(JobQuery(JobSource("delayed", "")))
        clock, class_key = self.app.clock, lambda row: (row.name, row.is_readable)
        self._tables: dict[SchedulePart, Table[Any]] = {
            "jobs": self.table,
            # One is acted on at a time: what a mark means would be unclear.
            "classes": Table(CLASS_COLUMNS, key=class_key, markable=False, clock=clock),
            "schedules": Table(SCHEDULE_COLUMNS, key=_schedule_key, clock=clock),
        }
        for table in (*self._tables.values(), self._tables[self.part]):
            self.pane.bring_to_front(table)
        self.bars = [Bar(id="forecast"), Bar(id="retries"), Bar(id="scheduler")]
        self._glance: ScheduledLook | None = None
        self._schedules: Sequence[ListedSchedule] | None = None
        self._is_reading = self._reads_again = False
        #: The filter to go back to from the jobs of a class.
        self._before_class: str | None = None

    @property
    def is_paged(self) -> bool:
        return self.part == "jobs" and super().is_paged

    @property
    def is_searched(self) -> bool:
        return self.part != "schedules" and not self.is_paged

    # Looking

    def change_list(self, within: JobQuery) -> None:
        self._glance = self._schedules = self._before_class = None
        super().change_list(within)

    def look(self) -> None:
        self.load()
        if self.is_searched:
            super().look()

    def filter_changed(self) -> None:
        self.start = self.page = None
        super().filter_changed()
        self._refresh()

    def load(self) -> None:
        """Read the page that begins at `start`, what comes due, and the schedules."""
        if self._is_reading:
            # A slow Redis: the reading under way is not given up for the next one.
            self._reads_again = True
        else:
            self._is_reading = True
            self.in_background("glance", self._read, exclusive=False)

    async def _read(self) -> None:
        try:
            await self._read_once()
        except StoreError as error:
            self.app.say(f"what is scheduled: {safe(str(error))}", "bad")
            self.table.stale = True
            if self._glance is None:
                self.put((), frame.unknown_word(str(error)))
        finally:
            self._is_reading = False
        if self._reads_again:
            self._reads_again = False
            self.look()

    async def _read_once(self) -> None:
        now, start = self.now, self.start
        problems: dict[str, str] = {}
        page: JobPage | None = None
        if self.is_paged:
            operation = self.jobs.page(start, self.traits.page, most_bytes=self.traits.most_bytes)
            page = await self._attempt(operation, "delayed jobs", problems)
        outline = self.jobs.outline(now.timestamp(), _AHEAD_S)
        ahead = await self._attempt(outline, "what comes due", problems)
        read_schedules = await self.app.read(self.app.system.schedules_look(now))
        if page is not None and not page.jobs and start is not None:
            # What was here has been moved: back to what there is.
            self.start = self.page = None
            self._reads_again = True
            return
        schedules = await asyncio.to_thread(read_schedules)
        if schedules.listed is not None:
            self._schedules = schedules.listed
        self._glance = ScheduledLook(ahead, schedules, {**problems, **schedules.problems})
        if page is not None and self.is_paged and start == self.start:
            self.landed(page, job_rows(page.jobs, self.now))
        self._refresh()

    async def _attempt(self, work: Operation[T], what: str, problems: dict[str, str]) -> T | None:
        """The result; None when Redis refuses, as for a key of another kind: the rest is shown."""
        try:
            return await self.app.read(work)
        except Refused as error:
            problems[what] = str(error)
            return None

    # Searching

    def new_matches(self) -> Matches:
        """As for every list; the classes are counted, too."""
        matches = super().new_matches()
        matches.classes = ClassCounts()
        return matches

    def new_search(self) -> AnySearch:
        """As for every list; how many jobs were seen is shown from the beginning."""
        search = super().new_search()
        search.take((), is_all=False)
        return search

    def list_found(self) -> None:
        search = self.search
        if not self.is_searched or search is None or search.found is None:
            return
        found = search.found
        if search.problem is not None and not search.is_stopped:
            search.is_stopped = True
            self.app.say(f"searching the jobs: {safe(search.problem)}", "bad")
        none = "No delayed jobs." if self.pane.filter.is_empty else self.no_match
        if self.part == "classes":
            rows: Sequence[Any] = found.classes.rows(self.now)
        else:
            rows = job_rows(found.listed(), self.now)
        self.put_found(search, rows, none, is_over=search.is_stopped)

    # Showing

    def _refresh(self) -> None:
        self.list_found()
        seen, what = self._glance, "schedules" if self.part == "schedules" else "delayed jobs"
        why = None if seen is None or self.is_searched else seen.problems.get(what)
        if why is not None:
            self.table.stale = True
        if self.part == "schedules":
            none = list_bars.no_schedules(seen)
            self.table.empty_text = none if why is None else frame.unknown_word(why)
            self.pane.show_rows(self._schedules or ())
        elif why is not None and not self.table.row_count:
            self.put((), frame.unknown_word(why))
        self.show_title()

    def show_title(self) -> None:
        forecast, retries, scheduler = self.bars
        seen, rows, now = self._glance, self._schedules, self.now
        right = list_bars.due_times(self.page) if self.is_paged else []
        if self.is_searched:
            sign, is_by_class = self.app.state.policy.sign, self.part == "classes"
            right = list_bars.delayed_search(self.search, sign, is_by_class=is_by_class)
        self.pane.entitle([*list_bars.parts(self.part), *marks_spans(self.table)], right)
        outlook = None if seen is None else seen.outline
        forecast.show(*list_bars.forecast(outlook, rows, now))
        due = list_bars.retries_due(outlook)
        retries.display = bool(due)
        retries.show(due)
        scheduler.show(list_bars.scheduler(seen, now.timestamp(), bool(rows)))

    def subject(self, row: Any) -> Subject:
        if isinstance(row, ClassRow):
            return Subject(class_name=row.name, is_readable=row.is_readable)
        return of_schedule(row) if isinstance(row, ListedSchedule) else super().subject(row)

    def look_at(self, row: Any) -> RowLook | None:
        if isinstance(row, JobRow):
            return super().look_at(row)
        if isinstance(row, ClassRow):
            return None
        redactor, firings = self.app.state.policy.redactor, [row.next_at] if row.next_at else []
        title, *lines = details.schedule_lines(row, firings, self.now, redactor)
        return RowLook(_schedule_key(row), [Span(title.text, "strong", 90, least=8)], tuple(lines))

    def shown_of(self) -> str:
        if not self.is_searched or self.search is None or self.search.found is None:
            return self.pane.shown_of()
        return f"{self.search.found.count:,} of {self.search.found.seen:,}"

    # Keys

    def action_run_now(self) -> None:
        self._act(RunNow, RunSchedules)

    def action_drop(self) -> None:
        self._act(Delete, DeleteSchedules)

    def action_reschedule(self) -> None:
        if self.part == "schedules":
            self._only_for_jobs()
        elif self.part == "classes":
            key = self.app.state.policy.sign("table.open")
            self.app.say(f"{key} lists the jobs of the class: choose them there", "dim")
        elif rows := self.pane.meant():
            self._expect_change()
            chosen = chosen_of(self.jobs, (row.job for row in rows))
            self.app.actions.ask_for_moment(self.jobs.source, chosen, self.table)

    def action_reschedule_matching(self) -> None:
        if self.part == "schedules":
            self._only_for_jobs()
            return
        wanted = self.pane.filter
        every = "all" if wanted.is_empty else "all that match"
        self.app.actions.ask_when(
            f"Reschedule {every}: new run time",
            lambda at: self._act_on_all(wanted, partial(Reschedule, at=at)),
        )

    def action_kill_delayed(self) -> None:
        if self.part == "schedules":
            self._only_for_jobs()
        else:
            self._act(Kill, RunSchedules)

    def action_kill_matching(self) -> None:
        self._act_on_all(self.pane.filter, Kill)

    def action_run_matching(self) -> None:
        self._act_on_all(self.pane.filter, RunNow)

    def action_drop_matching(self) -> None:
        self._act_on_all(self.pane.filter, Delete)

    def _only_for_jobs(self) -> None:
        key = self.app.state.policy.sign("jobs_or_schedules")
        self.app.say(f"only for delayed jobs: {key} shows them", "dim")

    def _expect_change(self) -> None:
        if self.search is not None:
            self.search.expect_change()

    def _act(self, on_jobs: Callable[..., Request], on_schedules: Callable[..., Request]) -> None:
        if self.part == "classes":
            row: ClassRow | None = self.table.cursor_row
            if row is not None:
                self._act_on_class(row, on_jobs)
        elif self.part == "jobs":
            self._expect_change()
            self.act(on_jobs)
        elif rows := self.pane.meant():
            self.app.actions.request(on_schedules(tuple(rows)), self.table)

    def _act_on_class(self, row: ClassRow, on_jobs: Callable[..., Request]) -> None:
        try:
            wanted = filter_language.parse(row.filter_text(self.pane.filter.text))
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
            self.search_for(replace(self.within, filter=wanted)),
            partial(on_jobs, self.jobs.source, is_found=True),
            looking="searching all delayed jobs",
        )

    def action_jobs_or_schedules(self) -> None:
        self.action_show_part("jobs" if self.part == "schedules" else "schedules")

    def action_by_class(self) -> None:
        self.action_show_part("jobs" if self.part == "classes" else "classes")

    def action_show_part(self, part: SchedulePart) -> None:
        self.part, self._before_class = part, None
        self.pane.bring_to_front(self._tables[part])
        self.table.focus()
        self.look()
        self._refresh()
        self.show(self.app.state.view())

    def action_clear_filter(self) -> None:
        """Back to the classes; else take the filter away."""
        if self._before_class is None:
            super().action_clear_filter()
            return
        self.pane.set_filter(self._before_class)
        self.action_show_part("classes")

    def action_stop_search(self) -> None:
        """Stop the search, or begin it anew."""
        search = self.search
        if not self.is_searched:
            sign = self.app.state.policy.sign
            hint = f"{sign('filter')} filters, {sign('by_class')} counts by class"
            self.app.say(f"no search is running: {hint}", "dim")
        elif search is not None and (search.is_running or not search.is_over):
            search.is_stopped = True
            self.workers.cancel_group(self, "search")
            self.list_found()
        else:
            self.search = None
            super().look()
        self.show_title()

    def open(self, row: JobRow | ListedSchedule | ClassRow) -> None:
        if isinstance(row, JobRow):
            self.show_details(DelayedJobScreen(row.job, self.jobs))
        elif isinstance(row, ListedSchedule):
            self.app.push_screen(ScheduleScreen(row))
        else:
            before = self.pane.filter.text
            if self.pane.set_filter(row.filter_text(before)):
                self.action_show_part("jobs")
                self._before_class = before
