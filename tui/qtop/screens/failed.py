"""The failed jobs: groups of those that are alike, or one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

from qtop.actions.plan import count_of
from qtop.keymap.keymap import Where
from qtop.model.job import FAILED, Job, JobRow, JobSource
from qtop.model.job_list import Entry, JobList
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.screens.base import bindings
from qtop.screens.failed_columns import (
    COLUMNS,
    ENTRY_COLUMNS_OF_GROUP,
    GROUP_COLUMNS,
    FailureGroupRow,
    group_row,
)
from qtop.screens.failed_entries import EntriesScreen, progress_spans
from qtop.screens.failure import FailureScreen
from qtop.search.failure_groups import (
    OTHER,
    FailureGroup,
    FailureGroups,
    KeyMaker,
    KnownEntry,
    title,
)
from qtop.search.follower import Follower, Visit
from qtop.search.job_search import JobQuery, JobSearch
from qtop.text.safe import counted, safe
from qtop.widgets.bars import Span
from qtop.widgets.paged_table import marks_spans
from qtop.widgets.table import Table
from queuecore.errors import StoreError

# The entries of one group of failures.


class GroupScreen(EntriesScreen):
    """What is in a group, newest first; found by looking through the whole list."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "group")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)
    # Without what the title says of all of them.
    ENTRY_COLUMNS = ENTRY_COLUMNS_OF_GROUP

    def __init__(self, wanted: JobQuery, group: FailureGroup, groups: FailureGroups | None) -> None:
        super().__init__(wanted)
        self.pane.filter = wanted.filter
        self._group = group
        self._groups = groups

    def title_spans(self) -> list[Span]:
        """Which group."""
        name = title(self._group.fingerprint)
        return [*super().title_spans(), Span(f"   {name}", "bad", 89, least=8)]

    def values_of(self, field: str) -> Iterable[str]:
        """Values to complete a field with."""
        names = [name for name, _ in self._group.queues]
        return names if field == "queue" else super().values_of(field)

    def on_table_opened(self, event: Table.Opened[JobRow]) -> None:
        """Show the whole entry."""
        event.stop()
        self.app.push_screen(FailureScreen(event.row.job, self.jobs, self._groups))

    def action_toggle_groups(self) -> None:
        """Back to the groups."""
        self.dismiss()

    def action_back(self) -> None:
        """Stop an action that is under way; else take the filter away, then leave."""
        if not self.app.actions.stop():
            super().action_back()

    def action_stop(self) -> None:
        """Stop what is under way, or let it go on."""
        if not self.app.actions.stop():
            self.stop_or_go_on(self._follower, "search")


# The groups of the failures that are wanted, counted in the background.


class GroupCounter:
    """Counts failures by group: the newest at once, then the whole list, then what is new.

    Args:
        jobs: The list.
        wanted: Which of its entries count.
        now: Tells the server's clock.
        on_groups: Called when a count is over.
        rest: As for `Follower`.
    """

    def __init__(
        self,
        jobs: JobList,
        wanted: JobQuery,
        now: Callable[[], datetime],
        on_groups: Callable[[], None],
        rest: Callable[[float], Awaitable[None]],
    ) -> None:
        self._wanted = wanted
        self._now = now
        self._on_groups = on_groups
        self._counting: FailureGroups | None = None
        self._search = JobSearch(wanted, now())
        #: What to show; None when there is nothing yet.
        self.groups: FailureGroups | None = None
        self.follower: Final = Follower(jobs, self._begin, self._finish, sleep=rest)

    @property
    def too_large(self) -> int:
        """How many entries were too long to be looked into, where that would have mattered."""
        return self._search.too_large

    def take_newest(self, newest: Iterable[Job], *, is_all: bool) -> None:
        """Count the newest entries, which are `is_all` there are, or what is shown at first."""
        groups = FailureGroups(self._now())
        visit = self._visit_for(groups)
        maker = KeyMaker()
        for job in newest:
            visit(KnownEntry(job, maker))
        groups.is_complete = is_all
        self.groups = groups

    def show_growth(self) -> bool:
        """Show a first count as it grows; a later one is shown when it is complete. Returns
        whether there is more to show."""
        shown, counting = self.groups, self._counting
        if counting is None or (shown is not None and counting.total < shown.total):
            return False
        self.groups = counting
        return True

    def _begin(self) -> Visit:
        self._counting = FailureGroups(self._now())
        return self._visit_for(self._counting)

    def _finish(self) -> None:
        if self._counting is not None:
            self._counting.is_complete = True
            self.groups = self._counting
            self._on_groups()

    def _visit_for(self, groups: FailureGroups) -> Visit:
        if self._wanted.filter.is_empty:
            return groups.add
        search = self._search = JobSearch(self._wanted, self._now())

        def visit(entry: Entry) -> None:
            if search.find(entry) is not None:
                groups.add(entry)

        return visit


_LOOKING = "Looking through the whole list …"

__all__ = ["COLUMNS", "FailedScreen"]


class FailedScreen(EntriesScreen):
    """One list of failures. Its groups are counted from the newest entries at once, and from the
    whole list in the background."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "failed")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)

    def __init__(self) -> None:
        super().__init__(JobQuery(JobSource("failed", FAILED)))
        self._entries_table = self.table
        self._groups_table: Table[FailureGroupRow] = Table(
            GROUP_COLUMNS, key=lambda row: row.group.id, clock=self.app.clock, id="groups"
        )
        self.pane.bring_to_front(self._groups_table)
        #: Of all that is in the list, and of what matches the filter while there is one.
        self._census: GroupCounter | None = None
        self._matching: GroupCounter | None = None
        #: What is listed, where that is complete: then it stays while the display is frozen.
        self._complete: GroupCounter | None = None
        self._list_names: list[str] = [FAILED]

    @property
    def shows_groups(self) -> bool:
        """Whether groups are listed."""
        return self.table is self._groups_table

    @property
    def _groups(self) -> FailureGroups | None:
        return None if self._census is None else self._census.groups

    @property
    def _shown(self) -> GroupCounter | None:
        return self._census if self.filter.is_empty else self._matching

    def show(self, view: ViewState) -> None:
        """Show the state of the console; secrets in the rows of both tables are hidden."""
        self._groups_table.redact_with(view.policy.redactor.text)
        self._entries_table.redact_with(view.policy.redactor.text)
        super().show(view)

    # Looking

    def look(self) -> None:
        """Bring what is listed up to date."""
        self._count()
        if not self.shows_groups:
            super().look()

    def _count(self) -> None:
        snapshot = self.app.state.view().look.snapshot
        if snapshot is None:
            return
        is_main = self.within.source.name == FAILED
        failed, newest = snapshot.failed, snapshot.failures
        is_all = is_main and failed is not None and failed <= len(newest or ())
        if self._census is None or is_all:
            self._census = self._begun(self.within)
        if not self.filter.is_empty and self.shows_groups and (self._matching is None or is_all):
            self._matching = self._begun(self.wanted)
        for group, counter in (("census", self._census), ("matching", self._matching)):
            if counter is None:
                continue
            if counter.groups is None and is_main and newest is not None:
                counter.take_newest(newest, is_all=is_all)
            if not is_all:
                self.in_background(group, partial(self._follow_census, counter), exclusive=False)
        self._show_groups()

    def _begun(self, wanted: JobQuery) -> GroupCounter:
        rest = self.app.actions.precedence.rest
        return GroupCounter(self.jobs, wanted, lambda: self.now, self._show_groups, rest)

    async def _follow_census(self, counter: GroupCounter) -> None:
        more = partial(self._counted_more, counter)
        has_news = await counter.follower.follow(self.app.read, more)
        if counter is not self._shown:
            return
        if counter.groups is not None:
            counter.groups.now_is(self.now)
        if has_news or self.shows_groups:
            self._show_groups()

    def _counted_more(self, counter: GroupCounter) -> None:
        if not self.is_frozen and counter.show_growth():
            self._show_groups()
        self.show_title()

    def _show_groups(self) -> None:
        counter = self._shown
        if not self.shows_groups or counter is None:
            return
        if self.is_frozen and counter is self._complete:
            return
        now, groups = self.now, counter.groups
        rows = [] if groups is None else [group_row(group, now) for group in groups.groups()]
        none = "No failed jobs." if self.filter.is_empty else self.no_match
        is_over = groups is not None and groups.is_complete
        self._complete = counter if is_over else None
        if not is_over:
            why = counter.follower.problem
            none = _LOOKING if why is None else frame_texts.unknown_word(why)
        self.show_matching(rows, none)
        self.show_title()

    def show_view(self, view: ViewState) -> None:
        """Show what is new."""
        is_main, fleet = self.within.source.name == FAILED, view.fleet
        is_unread = is_main and fleet is not None and fleet.failures is None
        self._groups_table.stale = self._entries_table.stale = view.is_stale or is_unread
        if self._seen is None:
            self.table.empty_text = frame_texts.empty_word(view, "failed jobs", "")
        super().show_view(view)

    # Showing

    def filter_changed(self) -> None:
        """Show what matches now."""
        self._matching = self._complete = None
        self.workers.cancel_group(self, "matching")
        super().filter_changed()

    def shown_of(self) -> str:
        """How many match, of how many."""
        if not self.shows_groups:
            return super().shown_of()
        return f"{self.table.row_count:,} of {counted(len(self._groups or ()), 'group')}"

    def values_of(self, field: str) -> Iterable[str]:
        """Values to complete a field with: those of all groups."""
        return group_values(self._groups, field)

    def show_title(self) -> None:
        """Say what is listed, and how far the count is."""
        if not self.shows_groups:
            super().show_title()
        elif self.is_mounted:
            left, counter = self.title_spans(), self._shown
            groups = None if counter is None else counter.groups
            if counter is not None and groups is not None:
                of = f" of {count_of(groups.total, 'failed job')}" if groups.total else ""
                left.append(Span(f"   {count_of(len(groups), 'group')}{of}", "dim", 90))
                if counter.too_large:
                    left.append(Span(f"; {counter.too_large:,} too large to look into", "warn", 70))
            left += marks_spans(self.table)
            follower = None if counter is None else counter.follower
            self.window.show(left, progress_spans(follower, self.app.state.policy.sign))

    # Keys

    def on_table_opened(self, event: Table.Opened[Any]) -> None:
        """Show the entries of a group, or the whole of an entry."""
        event.stop()
        if isinstance(event.row, FailureGroupRow):
            wanted = self._of_groups([event.row])
            self.app.push_screen(GroupScreen(wanted, event.row.group, self._groups))
        elif isinstance(event.row, JobRow):
            self.app.push_screen(FailureScreen(event.row.job, self.jobs, self._groups))

    def action_toggle_groups(self) -> None:
        """List the groups, or the entries one by one."""
        table = self._entries_table if self.shows_groups else self._groups_table
        self.pane.bring_to_front(table)
        table.focus()
        self.pane.rows = ()
        self.filter_changed()
        if not self.shows_groups:
            self.look()
        self.show_title()

    def chosen_groups(self) -> JobQuery | None:
        """The marked groups, or the one under the cursor; None where entries are listed."""
        rows = self.meant() if self.shows_groups else []
        return self._of_groups(rows) if rows else None

    def _of_groups(self, rows: list[FailureGroupRow]) -> JobQuery:
        """The entries of groups, as far as they match the filter."""
        marks = {row.group.fingerprint for row in rows}
        named = ", ".join(f"{row.group.id} ({title(row.group.fingerprint)})" for row in rows)
        if OTHER not in marks:
            return replace(self.wanted, groups=frozenset(marks), named=named)
        shown = None if self._shown is None else self._shown.groups
        known = frozenset(() if shown is None else shown.fingerprints())
        return replace(self.wanted, groups=known - marks, but=True, named=named)

    def action_clear_filter(self) -> None:
        """Stop an action that is under way; else show everything again."""
        if not self.app.actions.stop():
            super().action_clear_filter()

    def action_stop(self) -> None:
        """Stop what is under way, or let it go on."""
        if self.app.actions.stop():
            return
        if not self.shows_groups:
            self.stop_or_go_on(self._follower, "search")
            return
        follower = None if self._shown is None else self._shown.follower
        self.stop_or_go_on(follower, "census" if self.filter.is_empty else "matching")

    def action_next_list(self) -> None:
        """Show the next list of failures."""
        self.in_background("lists", self._next_list)

    async def _next_list(self) -> None:
        try:
            self._list_names = await self.app.read(self.app.system.failure_lists())
        except StoreError as error:
            self.app.say(f"the lists of failures: {safe(str(error))}", "bad")
            return
        names = self._list_names
        if len(names) == 1:
            self.app.say("there is only one list of failures", "dim")
            return
        here = self.within.source.name
        at = names.index(here) + 1 if here in names else 0
        self.within = JobQuery(JobSource("failed", names[at % len(names)]))
        self.jobs = self.app.system.jobs(self.within.source)
        self.workers.cancel_group(self, "census")
        self._census = None
        self._groups_table.clear_marks()
        self._entries_table.clear_marks()
        self.filter_changed()
        self.show_matching((), "Looking …")
        self.look()
        self.show_title()


def group_values(groups: FailureGroups | None, field: str) -> Iterable[str]:
    """The classes, exceptions or queues of groups, as safe texts."""
    found: set[str] = set()
    for group in () if groups is None else groups.groups():
        values: list[str | None] = []
        if field == "class":
            values = [group.fingerprint.class_name]
        elif field == "exception":
            values = [group.fingerprint.exception]
        elif field == "queue":
            values = [name for name, _ in group.queues]
        found.update(safe(value) for value in values if value)
    return found
