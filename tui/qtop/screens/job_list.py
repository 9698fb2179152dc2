"""A list of jobs of any length: its pages as they are needed, or what a filter finds in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Final

from qtop.actions.request import (
    Clear,
    Delete,
    Edit,
    JobRequest,
    Kill,
    Move,
    Request,
    Requeue,
    Reschedule,
)
from qtop.model.job import FAILED, Job, JobRow, JobSource, failure_rows, job_rows
from qtop.model.job_list import JobList, JobPage
from qtop.monitor import row_text
from qtop.monitor.incidents.incident import to_serving
from qtop.monitor.state import ALL, ViewState
from qtop.screens import details, frame, list_bars
from qtop.screens.base import ConsoleScreen, listed_in
from qtop.screens.bulk_edit import ChangeDialog, whole_jobs
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.job_details import JobDetailsScreen, quarantine
from qtop.screens.payload_editor import edit_job
from qtop.screens.preview import RowLook
from qtop.search.fields import Subject, of_job
from qtop.search.joint_search import AnySearch, JointSearch
from qtop.search.list_search import BACKGROUND_SHARE, FoundT, ListSearch
from qtop.search.selection import (
    JobQuery,
    JobSearch,
    Matches,
    Selection,
    chosen_of,
    nothing_refused,
    slim_failure,
    slim_waiting,
)
from qtop.text import format
from qtop.text.progress import ProgressMeter
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column, ToneOf, text_column
from qtop.widgets.list_pane import MARKS_GONE, ListPane, marks_spans
from qtop.widgets.table import Table
from queuecore.errors import StoreError
from queuecore.exchange import Operation


def class_name(row: JobRow) -> str:
    return row_text.class_of(row.job)


def class_tone(row: JobRow) -> ToneOf | None:
    return "warn" if row.job.problem else None


def _queue(row: JobRow) -> str:
    return format.optional(row.job.queue)


def size_of(row: JobRow) -> int | None:
    return None if row.job.ref is None else row.job.item.size


CLASS: Final = text_column("class", "class", 14, class_name, flex=2, priority=100, style=class_tone)
ARGS: Final[Column[JobRow]] = Column(
    "args", "args", 14, lambda row: row_text.args_or_bytes(row.job), 4, priority=95
)
QUEUE: Final = replace(
    text_column("queue", "queue", 8, _queue, flex=1, priority=80),
    sort_key=lambda row: row.job.queue,
)


@dataclass(frozen=True, slots=True)
class ListTraits:
    """How a kind of list is read and shown.

    Attributes:
        page: Jobs of one page.
        most_bytes: Of longer jobs a page has only the beginning.
        most_found: Matches that are listed; all are counted.
        keep: What is kept of a match.
        newest_first: From the end of the list; what is listed stays until a filter finds something.
            Other lists are read from the front, in a window that stays on its jobs as the list
            drains.
        typing_s: A filter that is being typed is not looked for yet.
    """

    page: int
    most_bytes: int
    most_found: int
    keep: Callable[[Job], Job]
    newest_first: bool = False
    typing_s: float = 0.15


_FAILURES: Final = ListTraits(500, 16_384, 10_000, slim_failure, newest_first=True, typing_s=0)
_WAITING: Final = ListTraits(200, 4_096, 2_000, slim_waiting)
_DELAYED: Final = ListTraits(200, 4_096, 1_000, lambda job: job)
#: The poll brings the newest jobs of this list along.
_POLLED: Final = JobSource("failed", FAILED)
#: Rows made at once: a step that no key has to wait for.
_ROWS_AT_ONCE: Final = 2_000
#: Lines about a job in a preview: more than fit on most terminals.
_MOST_LOOKED_AT: Final = 80


class JobListScreen(ConsoleScreen):
    """A list of jobs. Without a filter or a group its pages are read as they are needed; with one
    the whole list is looked through, in the background."""

    LIST_COLUMNS: ClassVar[Sequence[Column[JobRow]]]
    #: The keys of columns that are shown once a job has something there, and of those that are then
    #: left out; unless the settings name the columns.
    IF_STATED: ClassVar[frozenset[str]] = frozenset()
    UNLESS_STATED: ClassVar[frozenset[str]] = frozenset()
    #: What is opened from it.
    DETAILS: ClassVar[type[JobDetailsScreen]]
    #: What the list says when it is empty.
    NOTHING: ClassVar[str]
    MARKS_GONE: ClassVar[str] = MARKS_GONE
    LOOKING: ClassVar[str] = "Searching the whole list …"
    #: The action that stops a search.
    STOP: ClassVar[str] = "stop"
    pane: ListPane

    def __init__(self, within: JobQuery) -> None:
        super().__init__()
        self.within = self._first_list = within
        #: Whose jobs are listed: another one where other systems are shown.
        self._listed_of = self.app.system
        self.jobs = self._listed_of.jobs(within.source)
        self.traits = {"failed": _FAILURES, "delayed": _DELAYED}.get(within.source.kind, _WAITING)
        self.service = Bar(id="service")
        self.bars = [self.service] if within.source.queue else []
        table = Table(self.LIST_COLUMNS, key=lambda row: row.key, clock=self.app.clock)
        table.pages = self
        self._shows_states: bool | None = None
        self._list_table = table
        self.pane = self.new_pane(table, self.MARKS_GONE)
        self._show_states(False)
        self.pane.filter = within.filter
        #: What is looked for in the whole list.
        self.search: AnySearch | None = None
        #: The search of which all that was found is listed: what comes now can wait.
        self.settled: AnySearch | None = None
        self.page: JobPage | None = None
        self.start: Hashable = None
        self._lands_last: bool | None = None
        self._is_unread = False

    @property
    def table(self) -> Table[Any]:
        return self.pane.table

    @property
    def wanted(self) -> JobQuery:
        """What is listed: what the screen is about, as far as it matches the filter."""
        return replace(self.within, filter=self.pane.filter)

    @property
    def is_paged(self) -> bool:
        return self.wanted.is_everything

    @property
    def is_searched(self) -> bool:
        return not self.is_paged

    # The list

    def subject(self, row: Any) -> Subject:
        return of_job(row.job, self.now, self.app.system.name)

    def values_of(self, field: str) -> Iterable[str]:
        return self.pane.values_of(field)

    def shown_of(self) -> str:
        search = self.search
        if search is None or search.found is None:
            return self.pane.shown_of()
        return f"{search.found.count:,} of {search.of:,}"

    def look_at(self, row: Any) -> RowLook | None:
        """What is known of a job: as when it is opened, as far as it was listed."""
        job, view = row.job, self.app.state.view()
        redactor, kind = view.policy.redactor, self.within.source.kind
        if kind == "failed":
            lines = details.failure_lines(job, "", redactor, self.now)
        elif kind == "delayed":
            lines = details.delayed_lines(job, row.due_s or 0.0, redactor)
        else:
            lines = details.job_lines(job, redactor)
        title, *others = islice(lines, _MOST_LOOKED_AT)
        return RowLook(row.key, [Span(title.text, "strong", 90, least=8)], tuple(others))

    def on_table_opened(self, event: Table.Opened[Any]) -> None:
        event.stop()
        self.open(event.row)

    def open(self, row: Any) -> None:
        self.show_details(self.DETAILS(row.job, self.jobs))

    def show_details(self, screen: JobDetailsScreen) -> None:
        """Show one job, from which others of the list can be gone to."""
        screen.neighbour = self.neighbour
        self.app.push_screen(screen)

    def neighbour(self, step: int) -> Job | None:
        """Go to the next job (1), or the one before (-1); None where there is none."""
        before = self.table.cursor_key
        self.table.action_move(step)
        row = self.table.cursor_row
        if not isinstance(row, JobRow) or self.table.cursor_key == before:
            return None
        return row.job

    def on_table_marked(self) -> None:
        self.show_title()

    # Looking

    def show_view(self, view: ViewState) -> None:
        if view.fleet is None:
            self.table.empty_text = frame.empty_word(view, "", "")
        if self.app.system is not self._listed_of:
            self._list_anew()
        elif self.has_news(view):
            self.look()
        if self.within.source.queue:
            source = self.within.source
            served_by = partial(self.app.state.served_by, system=source.place)
            self.service.show(*list_bars.service_of(source, view, served_by))
        self.show_title()

    def _list_anew(self) -> None:
        """List the jobs of the systems that are shown now. What is marked stays marked, also where
        it is hidden now."""
        self._listed_of = self.app.system
        is_numbered = "lists" in self.PLACES
        if self.within.source.place and not is_numbered:
            # It was opened for one place, whatever is shown.
            return
        if any(not row.system for row in self.pane.meant()):
            # Rows from before others joined do not say whose they are.
            self.table.clear_marks()
        self.change_list(self._first_list if is_numbered else self.within)

    def change_list(self, within: JobQuery) -> None:
        """List other jobs, from their beginning."""
        self.within = within
        self.jobs = self.app.system.jobs(within.source)
        self.search = self.settled = self.page = self.start = None
        for group in ("search", "page", "rows"):
            self.workers.cancel_group(self, group)
        # What is marked may be hidden, and has not gone.
        none = self.LOOKING if self.is_searched else "Searching …"
        self.pane.show_matching((), none, is_all=False)
        self.look()
        self.show_title()

    def tell_late(self) -> None:
        """As usual; what the poll brought along is of its moment."""
        polled = self.polled()
        if polled is not None and polled.after is None:
            self.late = None
        else:
            super().tell_late()

    def look(self) -> None:
        if self.is_paged:
            self.load()
        else:
            self.search = self.renewed(self.search, self.new_search)
            self.go_on(self.search)

    def filter_changed(self) -> None:
        self.tell_late()
        self.workers.cancel_group(self, "search")
        self.search = self.settled = None
        if self.traits.newest_first:
            self.start = None
        else:
            self.table.clear_marks()
            # What is listed is no window any more, or not yet: nothing can have left at its front.
            self.pane.rows = ()
            if self.is_searched:
                self.put((), self.LOOKING)
        self.look()
        self.show_title()

    def polled(self) -> JobPage | None:
        """The first page, where the poll brought one along."""
        fleet = self.app.state.view().fleet
        if self.within.source != _POLLED or fleet is None or fleet.totals.failed_is_least:
            return None
        length, rows = fleet.totals.failed, fleet.failures
        if length is None or rows is None:
            return None
        return self.app.system.newest_failures(tuple(row.job for row in rows), length)

    # Pages

    def turn(self, pages: int) -> bool:
        """Go to the next jobs, or to those before; False when there are none."""
        page = self.page
        if not self.is_paged or page is None or not page.jobs:
            return False
        if pages > 0 and page.after is not None:
            self._go_to(page.after, lands_last=False)
        elif pages < 0 and self.start is not None:
            self._seek(self.jobs.before(page, self.traits.page))
        else:
            return False
        return True

    def turn_to_end(self, way: int) -> None:
        """Go to the first jobs of all, or to the last. Of failures the keys stay on the page."""
        page = self.page
        if not self.is_paged or page is None or self.traits.newest_first:
            return
        if way < 0 and self.start is not None:
            self._go_to(None, lands_last=False)
        elif way > 0 and page.after is not None:
            self._seek(self.jobs.last(page, self.traits.page))

    def _seek(self, start: Operation[Hashable]) -> None:
        async def seek() -> None:
            try:
                self._go_to(await self.app.read(start), lands_last=True)
            except StoreError as error:
                self.app.say(safe(str(error)), "bad")

        self.in_background("turn", seek)

    def _go_to(self, start: Hashable, *, lands_last: bool) -> None:
        self.tell_late()
        self.start, self._lands_last = start, lands_last
        self.load()

    def load(self) -> None:
        """Show the page that begins at `start`."""
        polled = self.polled() if self.start is None else None
        if polled is not None and len(polled.jobs) >= min(self.traits.page, polled.length):
            self.landed(polled, failure_rows(polled.jobs, self.now))
        else:
            self.in_background("page", self._read_page)

    async def _read_page(self) -> None:
        start, traits = self.start, self.traits
        shown = [row.job for row in self.pane.rows] if self._lands_last is None else ()
        operation = self.jobs.page(start, traits.page, most_bytes=traits.most_bytes, before=shown)
        try:
            page = await self.app.read(operation)
        except StoreError as error:
            self._could_not_read(str(error))
            return
        if not page.jobs and page.start is not None:
            # The list has shrunk below this page.
            self.start = None
            self.look()
            return
        rows = await self.rows_of(page.jobs)
        if self.is_paged and self.start == start:
            self.landed(page, rows)

    def landed(self, page: JobPage, rows: Sequence[JobRow]) -> None:
        """Show a page, and put the cursor where the key that asked for it leads."""
        self.page, self.start = page, page.start
        lands_last = True if page.is_gone else self._lands_last
        self._lands_last = None
        self.put(rows, list_bars.unknown_parts(page.unread) or self.NOTHING)
        if lands_last is not None:
            self.table.to_end(+1 if lands_last else -1)
        self.show_title()

    def _could_not_read(self, why: str) -> None:
        self.app.say(safe(why), "bad")
        self.table.stale = self._is_unread = True
        if self.page is None:
            self.put((), frame.unknown_word(why))
            self.show_title()

    async def rows_of(self, jobs: Sequence[Job]) -> Sequence[JobRow]:
        if not self.traits.newest_first:
            return job_rows(jobs, self.now)
        rows: list[JobRow] = []
        seen: Counter[str] = Counter()
        # From the oldest, as `failure_rows` counts: keys must not change for a newcomer.
        for end in range(len(jobs), 0, -_ROWS_AT_ONCE):
            rows[:0] = failure_rows(jobs[max(0, end - _ROWS_AT_ONCE) : end], self.now, seen)
            await asyncio.sleep(0)
        return rows

    # Searching

    def new_matches(self) -> Matches:
        """Finds what is wanted, in the order in which the list is shown."""
        traits, search = self.traits, self.search_for(self.wanted)
        last_first = traits.newest_first
        return Matches(search, traits.most_found, last_first=last_first, keep=traits.keep)

    def search_for(self, wanted: JobQuery) -> JobSearch:
        """Finds jobs of this list, as of now."""
        layout, system = self.jobs.layout(self.now), self.app.system.name
        return JobSearch(wanted, self.now, layout, system=system)

    def new_search(self) -> AnySearch:
        return self.search_for_all(self.wanted, self.new_matches, Matches.joined)

    def search_for_all(
        self,
        wanted: JobQuery,
        new: Callable[[], FoundT],
        join: Callable[[Sequence[FoundT]], FoundT],
        group: str = "search",
    ) -> AnySearch:
        """Looks through the whole list; see `ListSearch`, and `JointSearch` for several places.
        Where all of it is only counted, that takes little of Redis's time."""
        rest, meter = self.app.actions.precedence.rest, ProgressMeter(self.app.clock)
        share = BACKGROUND_SHARE if wanted.is_everything else 1.0
        lists = self._lists_apart()
        if not lists:
            return ListSearch(self.jobs, new, rest, group, meter=meter, share=share)
        parts = {
            place: ListSearch(jobs, new, rest, group, share=share) for place, jobs in lists.items()
        }
        return JointSearch(parts, join, group, meter)

    def _lists_apart(self) -> Mapping[str, JobList]:
        """The lists of each place where there are several; none otherwise."""
        if not self.app.state.view().parts:
            return {}
        # Imported here: one system alone does without it.
        from qtop.systems.merged_lists import MergedList

        jobs = self.jobs
        return jobs.apart() if isinstance(jobs, MergedList) and len(jobs.parts) > 1 else {}

    def renewed(self, search: AnySearch | None, new: Callable[[], AnySearch]) -> AnySearch:
        """A search, or another one where there is none yet or all of the list is known."""
        polled = self.polled()
        is_all = polled is not None and polled.after is None
        if search is None or is_all:
            search = new()
            if polled is not None:
                search.take(polled.jobs, is_all=is_all)
        search.is_known = is_all
        return search

    def go_on(self, search: AnySearch) -> None:
        """Look in the background for what a search has not seen, and show it."""
        if search.is_known:
            self.list_found()
        else:
            self.in_background(search.group, partial(self._follow, search), exclusive=False)

    async def _follow(self, search: AnySearch) -> None:
        if not search.of and not search.is_running:
            await asyncio.sleep(self.traits.typing_s)
        await search.follow(self.app.read, partial(self._found_more, search))
        if search is self.search:
            self.list_found()

    def _found_more(self, search: AnySearch) -> None:
        is_held = self.is_frozen and search is self.settled
        is_shown = not is_held and search.show_growth() and search is self.search
        if is_shown and self.table.row_count < self.traits.most_found:
            self.list_found()
        self.show_title()

    def list_found(self) -> None:
        """List in the background what the search has found by now."""
        self.in_background("rows", self._list_found)

    async def _list_found(self) -> None:
        search = self.search
        if search is None or search.found is None or (self.is_frozen and search is self.settled):
            return
        rows = await self.rows_of(search.found.listed())
        if search is self.search:
            self.put_found(search, rows, self.no_match)

    def put_found(
        self, search: AnySearch, rows: Sequence[Any], none: str, *, is_over: bool = False
    ) -> None:
        """Show the rows of what was found; the text `none` when that is nothing and the search
        `is_over`."""
        if search.is_complete:
            self.settled = search
        elif not is_over:
            none = self.LOOKING
        if search.unread:
            none = list_bars.unknown_parts(search.unread)
        if search.problem is not None and not search.is_current:
            none = frame.unknown_word(search.problem)
        self.put(rows, none)
        self.show_title()

    def action_stop(self) -> None:
        """Stop what is under way, or go on with it from the beginning."""
        search = self.search
        if self.app.actions.stop():
            return
        if search is None or search.is_idle:
            self.app.say("nothing running to stop", "dim")
            return
        search.is_stopped = not search.is_stopped
        if search.is_stopped:
            self.workers.cancel_group(self, search.group)
        else:
            self.look()
        self.show_title()

    # Showing

    def put(self, rows: Sequence[Any], none: str) -> None:
        """Show rows that match already, or the text `none`."""
        if rows and isinstance(rows[0], JobRow):
            # Where one system is listed, all of its jobs have states, or none.
            some = rows if rows[0].system else rows[:1]
            self._show_states(any(row.job.state is not None for row in some))
        has_more = self.start is not None or (self.page is not None and self.page.after is not None)
        # A job that a filter, or another system that is shown alone, hides has not gone.
        is_part = not self.pane.filter.is_empty or self.app.state.view().shown not in ("", ALL)
        hides_some = is_part and self.table is self._list_table
        is_all = not (self.is_paged and has_more) and not hides_some
        self.pane.show_matching(rows, none, is_all=is_all)

    def _show_states(self, has_states: bool) -> None:
        place = listed_in(type(self))
        is_chosen = place is not None and place in self.app.settings.columns
        if not self.IF_STATED or is_chosen or has_states is self._shows_states:
            return
        self._shows_states = has_states
        left_out = self.UNLESS_STATED if has_states else self.IF_STATED
        keys = [each.key for each in self.LIST_COLUMNS if each.key not in left_out]
        self._list_table.show_columns(keys)

    def heading(self) -> list[Span]:
        return list_bars.heading(self.within.source)

    def found_spans(self, found: Any) -> list[Span]:
        return list_bars.found(self.within.source, found, self.table.row_count)

    def show_title(self) -> None:
        if not self.is_mounted:
            return
        left, rows = [*self.opened_from(), *self.heading()], self.table.row_count
        if self.is_paged:
            is_unread = self._is_unread
            left += list_bars.page(self.within.source, self.page, rows, is_unread=is_unread)
            left += list_bars.unread(() if self.page is None else self.page.unread)
        elif self.search is not None and self.search.found is not None:
            left += self.found_spans(self.search.found)
            left += list_bars.unread(self.search.unread)
        left += marks_spans(self.table)
        key = self.app.state.policy.sign(self.STOP)
        self.pane.entitle(left, list_bars.progress(self.search, key))

    # Keys: the chosen jobs

    def chosen(self) -> list[Job] | JobQuery:
        """The marked jobs, else the one under the cursor; or a query that finds what is chosen."""
        return [row.job for row in self.pane.meant()]

    def act(
        self,
        make: Callable[..., Request],
        *,
        spares: bool = False,
        chosen: list[Job] | JobQuery | None = None,
    ) -> None:
        """Ask for an action on `chosen`, or on the chosen jobs, these very ones."""
        chosen = self.chosen() if chosen is None else chosen
        kind = make(self.within.source, Selection())
        says = self.app.system.refusal
        refusal = says(kind) if isinstance(kind, JobRequest) else nothing_refused
        if isinstance(chosen, JobQuery):
            make = partial(
                make, chosen.source, group=chosen.named, filter=chosen.filter.text, is_found=True
            )
            search = self.search_for(chosen)
            found = self.app.actions.request_found
            found(search, make, self.table, refusal=refusal, spares=spares)
        elif chosen:
            selection = chosen_of(self.jobs, chosen, refusal)
            self.app.actions.request(make(self.within.source, selection), self.table)

    def action_quarantine(self) -> None:
        """Put the job under the cursor into quarantine, its copies too."""
        row = self.table.cursor_row
        if isinstance(row, JobRow):
            quarantine(self.app, self.within.source, row.job)

    def ask_where(self, title: str, chosen: list[Job] | JobQuery) -> None:
        def move(queue: str) -> None:
            self.act(partial(Move, to=queue), chosen=chosen)

        if chosen:
            ask_for_queue(self.app, self.within.source, title, move)

    def action_requeue(self) -> None:
        self.act(Requeue, spares=True)

    def action_requeue_all(self) -> None:
        self.act(Requeue, spares=True, chosen=self.wanted)

    def action_delete(self) -> None:
        self.act(Delete)

    def action_delete_all(self) -> None:
        self.act(Delete, chosen=self.wanted)

    def action_kill(self) -> None:
        self.act(Kill)

    def action_kill_all(self) -> None:
        self.act(Kill, chosen=self.wanted)

    def action_postpone(self) -> None:
        self._ask_when(self.chosen())

    def action_postpone_all(self) -> None:
        self._ask_when(self.wanted)

    def _ask_when(self, chosen: list[Job] | JobQuery) -> None:
        """Ask for the time, then for jobs that are to be tried again then."""
        actions = self.app.actions
        if isinstance(chosen, JobQuery):
            actions.ask_when(
                "New time of the next try",
                lambda at: self.act(partial(Reschedule, at=at), chosen=chosen),
            )
        elif chosen:
            actions.ask_for_moment(self.jobs.source, chosen_of(self.jobs, chosen), self.table)

    def action_move(self) -> None:
        chosen, title = self.chosen(), "Requeue to which queue?"
        if self.within.source.kind != "failed" and isinstance(chosen, list):
            what = "the job" if len(chosen) == 1 else counted(len(chosen), "job")
            title = f"Move {what} to which queue?"
        self.ask_where(title, chosen)

    def action_move_all(self) -> None:
        every = "all" if self.pane.filter.is_empty else "all that match"
        verb = "Requeue" if self.within.source.kind == "failed" else "Move"
        self.ask_where(f"{verb} {every} to which queue?", self.wanted)

    def action_edit(self) -> None:
        row = self.table.cursor_row
        if row is not None and not self.app.actions.refuses():
            self.run_worker(edit_job(self.app, self.jobs, row.job, self.table), group="edit")

    def action_edit_all(self) -> None:
        if not self.app.actions.refuses():
            self.run_worker(self._edit_all(), group="edit")

    async def _edit_all(self) -> None:
        """Ask for a change of the arguments, and for its plan: of what is marked, of the groups
        under the cursor or marked, else of all that match."""
        chosen, what = self._edited()
        if not chosen:
            return
        sample = self.sample()
        args = None if sample is None else sample.unwrapped[1]
        change = await self.app.push_screen_wait(ChangeDialog(what, args))
        if change is None:
            return
        if isinstance(chosen, list):
            # What is listed may be only the beginning of a job.
            chosen = await whole_jobs(self.app, self.jobs, chosen)
        self.act(partial(Edit, change=change), chosen=chosen)

    def sample(self) -> Job | None:
        """The job under the cursor, or one of those that the row stands for; None: none is
        known."""
        row = self.table.cursor_row
        return row.job if isinstance(row, JobRow) else None

    def _edited(self) -> tuple[list[Job] | JobQuery, str]:
        """What the change of arguments is for, and that in words."""
        chosen = self.chosen()
        if isinstance(chosen, JobQuery):
            return chosen, f"all {self.within.source.noun}s of the group"
        if self.table.rows.marked_rows() or not chosen:
            return chosen, counted(len(chosen), self.within.source.noun)
        which = "" if self.wanted.is_everything else " that match"
        return self.wanted, f"all {self.within.source.noun}s{which}"

    def action_export(self) -> None:
        chosen, what = self.chosen(), "chosen" if self.within.source.kind == "failed" else ""
        if isinstance(chosen, JobQuery):
            what = "group"
        some = self.search_for(chosen) if isinstance(chosen, JobQuery) else chosen
        work = export(self.app, self.jobs, some, self.search_for(self.wanted), what)
        self.run_worker(work, group="export")

    def action_clear_failures(self) -> None:
        self.app.actions.request(Clear(self.within.source), looking="checking the failures")

    async def action_show_serving(self) -> None:
        fleet, source = self.app.state.view().fleet, self.within.source
        rows = (fleet.queues or ()) if fleet is not None else ()
        serving = next((row.serving for row in rows if list_bars.is_of(row, source)), None)
        await self.app.follow(to_serving(source.name, serving, source.place))

    # The same keys have other ids where jobs wait or were set aside.
    action_delete_jobs = action_delete
    action_delete_matching = action_delete_all
    action_move_jobs = action_move
    action_move_matching = action_move_all
    action_edit_job = action_edit
    action_edit_matching = action_edit_all
    action_export_jobs = action_export
    action_stop_looking = action_stop
