"""The jobs that wait in a queue, or what was set aside from it: a window of them at a time, or what
a filter finds in the whole list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, Final

from textual.widget import Widget
from textual.worker import WorkType

from qtop.actions.request import Delete, Move, PutBack, Request
from qtop.keymap.keymap import Where
from qtop.model.job import Job, JobRow, JobSource, SourceKind, job_rows
from qtop.model.job_list import JobList, JobPage
from qtop.monitor import row_text
from qtop.monitor.incidents.incident import to_serving
from qtop.monitor.state import ViewState
from qtop.screens import details, frame_texts, queue_bars
from qtop.screens.base import RowsScreen, TextScreen, bindings
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.payload_editor import edit_job
from qtop.search.fields import Subject
from qtop.search.follower import Follower, Visit
from qtop.search.job_search import JobQuery, JobSearch, Matches, slim_waiting
from qtop.search.selection import RefusalCheck, Selection, chosen_of, nothing_refused
from qtop.text import format
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column, figure
from qtop.widgets.paged_table import PagedTable, marks_spans
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from queuecore.errors import StoreError
from queuecore.exchange import Operation

# One waiting job, or one item that was set aside, with everything in it.


class JobScreen(TextScreen):
    """The job as it was when it was opened."""

    PLACES: ClassVar[tuple[Where, ...]] = ("job", "texts")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)

    def __init__(self, job: Job, jobs: JobList) -> None:
        super().__init__()
        self._job, self._jobs = job, jobs

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The job; it never changes."""
        return details.job_lines(self._job, view.policy.redactor)

    def on_mount(self) -> None:
        """Fetch the rest of a job that was listed cut."""
        super().on_mount()
        if self._job.item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        try:
            [whole] = await self.app.read(self._jobs.read([self._job]))
        except StoreError as error:
            self.app.say(f"the rest of the job: {safe(str(error))}", "bad")
            return
        if whole is None:
            self.app.say("the rest of the job: it is gone, or far from where it was seen", "warn")
            return
        self._job = whole
        self.show_view(self.app.state.view())

    def action_delete_jobs(self) -> None:
        """Delete this very job."""
        self.app.actions.request(Delete(self._jobs.source, chosen_of(self._jobs, [self._job])))

    def action_move_jobs(self) -> None:
        """Move this very job to another queue."""
        source = self._jobs.source
        chosen = chosen_of(self._jobs, [self._job])
        ask_for_queue(
            self.app,
            source,
            "Move the job to which queue?",
            lambda queue: self.app.actions.request(Move(source, chosen, queue)),
        )

    def action_edit_job(self) -> None:
        """Edit this very job."""
        if not self.app.actions.refuses():
            self.run_worker(edit_job(self.app, self._jobs, self._job), group="edit")

    def action_export_jobs(self) -> None:
        """Write this job to a file."""
        self.run_worker(export(self.app, self._jobs, [self._job], None), group="export")


# The columns of waiting jobs, and their table.


COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        "place",
        "place",
        8,
        lambda r: format.number(None if r.job.place is None else r.job.place + 1),
        priority=90,
        align="right",
        style="dim",
        sort_key=lambda r: r.job.place,
    ),
    Column(
        "class",
        "class",
        18,
        lambda r: row_text.class_of(r.job),
        flex=1,
        priority=100,
        style=lambda r: "warn" if r.job.problem and not r.job.item.is_cut else None,
        sort_key=lambda r: row_text.class_of(r.job),
    ),
    Column("args", "args", 30, lambda r: row_text.args_or_bytes(r.job), flex=3, priority=95),
    figure("size", "bytes", 8, lambda r: r.job.item.size, format.number, priority=50, style="dim"),
    Column("id", "id", 12, lambda r: r.job.id[:12], priority=20, style="dim"),
)


# The jobs of a queue, or what was set aside from it.


def _jobs(number: int) -> str:
    return "the job" if number == 1 else counted(number, "job")


WINDOW: Final = 200
#: Matches that are listed, those nearest the front; all are counted.
MOST_LISTED: Final = 2_000
#: Of longer items only the beginning is listed; opening one fetches the whole.
_LISTED_BYTES: Final = 4_096
#: A filter that is being typed is not looked for yet.
_TYPING_S: Final = 0.15


class JobsScreen(RowsScreen):
    """A window on a queue, which stays on its jobs as the queue drains; with a filter, the jobs of
    the whole queue that match."""

    TAB: ClassVar[Where] = "queues"
    is_set_aside: ClassVar[bool] = False
    marks_gone = "the marked jobs have left the queue: nothing was done"

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "jobs")
    BINDINGS = bindings(PLACES)
    nothing: ClassVar[str] = "Nothing waits in this queue."

    def __init__(self, queue: str) -> None:
        kind: SourceKind = "unreadable" if self.is_set_aside else "queue"
        self.source = JobSource(kind, queue)
        self.jobs = self.app.system.jobs(self.source)
        self.window, self.service = Bar(id="window"), Bar(id="service")
        super().__init__()
        self._start: Hashable = None
        self._lands_last: bool | None = None
        self._page: JobPage | None = None
        self._is_unread = False
        self._matches: Matches | None = None
        self._counting: Matches | None = None
        self._follower: Follower | None = None

    def show_service(self, view: ViewState) -> None:
        """Say who serves the queue."""
        fleet, name = view.fleet, self.source.name
        if fleet is not None:
            if fleet.queues is None:
                why = fleet.totals.problems.get("queues", "")
                self.service.show([Span(f" {frame_texts.unknown_word(why)}", "warn")])
                return
            row = next((row for row in fleet.queues if row.name == name), None)
            served_by, workers = self.app.state.served_by, fleet.workers
            serving = None if workers is None else queue_bars.serving(name, workers, served_by)
            if row is not None and self.is_set_aside:
                row = row._replace(unreadable=0)
            self.service.show(*queue_bars.service(row, serving, view.policy.sign))

    async def action_show_serving(self) -> None:
        """Show the workers that serve the queue."""
        fleet, name = self.app.state.view().fleet, self.source.name
        rows = (fleet.queues or ()) if fleet is not None else ()
        serving = next((row.serving for row in rows if row.name == name), None)
        await self.app.follow(to_serving(name, serving))

    # The chosen ones

    def chosen_jobs(self) -> list[Job]:
        """The marked jobs, or the one under the cursor."""
        return [row.job for row in self.meant()]

    def action_delete_jobs(self) -> None:
        """Delete the chosen jobs, these very ones."""
        self._act(Delete)

    def action_put_back(self) -> None:
        """Put the chosen items back onto their queue, these very ones."""
        self._act(PutBack, self._refusal())

    def action_move_jobs(self) -> None:
        """Move the chosen jobs, these very ones, to another queue."""
        jobs = self.chosen_jobs()
        if not jobs:
            return
        chosen = chosen_of(self.jobs, jobs)
        self._ask_where(
            f"Move {_jobs(len(jobs))} to which queue?",
            lambda queue: self.app.actions.request(Move(self.source, chosen, queue), self.table),
        )

    def action_edit_job(self) -> None:
        """Edit the job under the cursor."""
        row: JobRow | None = self.table.cursor_row
        if row is not None and not self.app.actions.refuses():
            self.run_worker(edit_job(self.app, self.jobs, row.job, self.table), group="edit")

    def action_export_jobs(self) -> None:
        """Write the chosen jobs, or all that match, to a file."""
        work = export(self.app, self.jobs, self.chosen_jobs(), self.new_search())
        self.run_worker(work, group="export")

    def _act(self, make: Callable[..., Request], refusal: RefusalCheck = nothing_refused) -> None:
        if jobs := self.chosen_jobs():
            self.app.actions.request(
                make(self.source, chosen_of(self.jobs, jobs, refusal)), self.table
            )

    def _refusal(self) -> RefusalCheck:
        return self.app.system.refusal(PutBack(self.source, Selection()))

    # All that match

    @property
    def now(self) -> datetime:
        """The server's clock at the look that is shown."""
        fleet = self.app.state.view().fleet
        return datetime.now(UTC) if fleet is None else fleet.server_time

    def new_search(self) -> JobSearch:
        """Tells what matches."""
        return JobSearch(JobQuery(self.source, self.filter), self.now)

    def action_delete_matching(self) -> None:
        """Delete all that match."""
        self._act_on_all(Delete)

    def action_put_back_matching(self) -> None:
        """Put all that match back onto their queue."""
        self._act_on_all(PutBack, self._refusal())

    def action_move_matching(self) -> None:
        """Move all that match to another queue."""
        every = "all" if self.filter.is_empty else "all that match"
        self._ask_where(
            f"Move {every} to which queue?", lambda queue: self._act_on_all(partial(Move, to=queue))
        )

    def _ask_where(self, title: str, move: Callable[[str], None]) -> None:
        ask_for_queue(self.app, self.source, title, move)

    def _act_on_all(
        self, make: Callable[..., Request], refusal: RefusalCheck = nothing_refused
    ) -> None:
        make = partial(make, self.source, filter=self.filter.text, is_found=True)
        self.app.actions.request_found(self.new_search(), make, self.table, refusal=refusal)

    def make_table(self) -> Table[Any]:
        """The table."""
        return PagedTable(COLUMNS, key=lambda row: row.key, clock=self.app.clock, pages=self)

    def compose_body(self) -> Iterable[Widget]:
        """A line that says which jobs, one that says who serves them, the table, the filter."""
        yield self.window
        yield self.service
        yield from super().compose_body()

    # Looking

    def show_view(self, view: ViewState) -> None:
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
        self.pane.rows = ()
        if not self.filter.is_empty:
            self._put((), "Looking through the whole list …")
        self.look()
        self._show_title()

    # Windows

    def turn(self, pages: int) -> bool:
        """Go to the next jobs, or to those before."""
        page = self._page
        if page is None or (pages > 0 and page.after is None):
            return False
        if pages < 0:
            self._seek(self.jobs.before(page, WINDOW), lands_last=True)
        else:
            self._go_to(page.after, lands_last=False)
        return True

    def turn_to_end(self, way: int) -> None:
        """Go to the first jobs of all, or to the last."""
        if way < 0:
            self._go_to(None, lands_last=False)
        elif self._page is not None:
            self._seek(self.jobs.last(self._page, WINDOW), lands_last=True)

    def _seek(self, start: Operation[Hashable], *, lands_last: bool) -> None:
        async def seek() -> None:
            try:
                self._go_to(await self.app.read(start), lands_last=lands_last)
            except StoreError as error:
                self.app.say(safe(str(error)), "bad")

        work: WorkType[None] = seek
        self.run_worker(work, exclusive=True, group="turn")

    def _go_to(self, start: Hashable, *, lands_last: bool) -> None:
        if start != self._start and self.filter.is_empty:
            self.tell_late()
            self._start, self._lands_last = start, lands_last
            self._load()

    def _load(self) -> None:
        # Not a coroutine: one that is replaced before it began would never be awaited.
        work: WorkType[None] = self._read
        self.run_worker(work, exclusive=True, group="window")

    async def _read(self) -> None:
        before = [row.job for row in self.pane.rows] if self._lands_last is None else ()
        look = self.jobs.page(self._start, WINDOW, most_bytes=_LISTED_BYTES, before=before)
        try:
            page = await self.app.read(look)
        except StoreError as error:
            self._could_not_read(str(error))
            return
        if not self.filter.is_empty:
            return
        self._page, self._start = page, page.start
        if page.is_gone:
            self._lands_last = True
        self._put(job_rows(page.jobs, self.now), self.nothing)
        if self._lands_last is not None:
            # Not the table's own keys: at the end of a window those turn to the next.
            last, self._lands_last = self._lands_last, None
            (Table.action_cursor_last if last else Table.action_cursor_first)(self.table)
        self._show_title()

    def _could_not_read(self, why: str) -> None:
        self.app.say(safe(why), "bad")
        self.table.stale = self._is_unread = True
        if self._page is None:
            self._put((), frame_texts.unknown_word(why))
            self._show_title()

    # Searching

    def _begin_search(self) -> None:
        def begin() -> Visit:
            self._counting = Matches(
                self.new_search(), MOST_LISTED, last_first=False, keep=slim_waiting
            )
            if self._matches is None:
                self._matches = self._counting
            return self._counting.visit

        def finish() -> None:
            self._matches = self._counting

        rest = self.app.actions.precedence.rest
        self._follower = Follower(self.jobs, begin, finish, sleep=rest)

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
            self._put(job_rows(self._matches.listed(), self.now), none)
        self._show_title()

    def action_stop_looking(self) -> None:
        """Stop an action over many jobs, or the look through the list; once more goes on."""
        follower = self._follower
        if self.app.actions.stop():
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
        length = 0 if self._page is None else self._page.length
        is_part = self.filter.is_empty and len(rows) < length
        self.pane.show_matching(rows, none, is_all=not is_part)

    def _show_title(self) -> None:
        rows = self.table.row_count
        if self._follower is not None:
            found = queue_bars.matches(self.source, self._matches, rows)
            progress = queue_bars.progress(self._follower, self.app.state.policy.sign)
            self.window.show(found + marks_spans(self.table), progress)
        else:
            unread = self._is_unread
            which = queue_bars.window(self.source, self._page, rows, is_unread=unread)
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
        return Subject(class_name=row.job.unwrapped[0], queue=self.source.name, id=row.job.id)

    def on_table_marked(self) -> None:
        """Say how many are marked."""
        self._show_title()

    def on_table_opened(self, event: Table.Opened[JobRow]) -> None:
        """Show the whole job."""
        event.stop()
        self.app.push_screen(JobScreen(event.row.job, self.jobs))


class SetAsideScreen(JobsScreen):
    """What workers set aside from a queue because they could not read it."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "aside")
    BINDINGS = bindings(PLACES)
    is_set_aside = True
    nothing = "Nothing is set aside from this queue."
