"""The failed jobs: groups of those that are alike, or one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

from qtop.actions.plan import count_of
from qtop.keymap.keymap import Where
from qtop.model.job import FAILED, Job, JobRow, JobSource, age_at
from qtop.model.job_list import Entry
from qtop.screens.base import bindings
from qtop.screens.job_columns import FAILED_COLUMNS, GROUP_ENTRY_COLUMNS
from qtop.screens.job_details import FailureScreen
from qtop.screens.job_list import JobListScreen, ListSearch, large_spans
from qtop.search.failure_groups import (
    OTHER,
    TREND_HOURS,
    FailureGroup,
    FailureGroups,
    title,
)
from qtop.search.job_search import JobQuery, JobSearch
from qtop.text import format
from qtop.text.safe import counted, safe, spark
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, figure
from qtop.widgets.paged_table import marks_spans
from qtop.widgets.table import Table
from queuecore.errors import StoreError

# The entries of one group of failures.


class GroupScreen(JobListScreen):
    """What is in a group, newest first; found by looking through the whole list."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "group")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)
    # Without what the title says of all of them.
    LIST_COLUMNS = GROUP_ENTRY_COLUMNS
    NOTHING = "No failed jobs."

    def __init__(self, wanted: JobQuery, group: FailureGroup, groups: FailureGroups | None) -> None:
        super().__init__(wanted)
        self._group = group
        self._groups = groups

    def heading(self) -> list[Span]:
        """Which group."""
        name = title(self._group.fingerprint)
        return [*super().heading(), Span(f"   {name}", "bad", 89, least=8)]

    def values_of(self, field: str) -> Iterable[str]:
        """Values to complete a field with."""
        names = [name for name, _ in self._group.queues]
        return names if field == "queue" else super().values_of(field)

    def open(self, row: JobRow) -> None:
        """Show the whole entry."""
        self.app.push_screen(FailureScreen(row.job, self.jobs, self._groups))

    def action_toggle_groups(self) -> None:
        """Back to the groups."""
        self.dismiss()

    def action_back(self) -> None:
        """Stop an action that is under way; else take the filter away, then leave."""
        if not self.app.actions.stop():
            super().action_back()


# The columns of groups.


@dataclass(frozen=True, slots=True)
class FailureGroupRow:
    """A group and how long ago its first and its last failure were."""

    group: FailureGroup
    first_s: float | None
    last_s: float | None


def group_row(group: FailureGroup, now: datetime) -> FailureGroupRow:
    """A group at a moment, by the server's clock."""
    return FailureGroupRow(group, age_at(now, group.first), age_at(now, group.last))


def _class(row: FailureGroupRow) -> str:
    mark = row.group.fingerprint
    if mark.problem is not None:
        return safe(mark.problem.partition(":")[0])
    return safe(mark.class_name) if mark.class_name else "(no class)"


def _message(row: FailureGroupRow) -> str:
    mark = row.group.fingerprint
    return safe(mark.message if mark.problem is None else mark.problem.partition(":")[2].strip())


def _queues(row: FailureGroupRow) -> str:
    names = [safe(name) for name, _ in row.group.queues]
    return ", ".join(names) or format.NOTHING


def _trend(row: FailureGroupRow) -> str:
    return spark(row.group.trend, TREND_HOURS) if any(row.group.trend) else ""


GROUP_COLUMNS: Final[tuple[Column[FailureGroupRow], ...]] = (
    figure("count", "count", 8, lambda r: r.group.count, format.number, priority=100),
    Column(
        *("last", "last", 6, lambda r: format.duration(r.last_s)),
        priority=97,
        align="right",
        sort_key=lambda r: r.last_s,
    ),
    figure("first", "since", 6, lambda r: r.first_s, format.duration, priority=60, style="dim"),
    Column(
        *("trend", f"{TREND_HOURS} h", TREND_HOURS, _trend),
        priority=70,
        style="accent",
        sort_key=lambda r: r.group.trend[-1],
        descends=True,
    ),
    Column(
        *("class", "class", 14, _class),
        flex=2,
        priority=99,
        style=lambda r: "warn" if r.group.fingerprint.problem else None,
        sort_key=_class,
    ),
    Column(
        *("exception", "exception", 12),
        lambda r: format.exception_name(r.group.fingerprint.exception),
        flex=2,
        priority=95,
        style="bad",
        sort_key=lambda r: r.group.fingerprint.exception,
    ),
    Column("message", "error", 14, _message, flex=4, priority=92, sort_key=_message),
    Column("queues", "queues", 10, _queues, flex=1, priority=55, sort_key=_queues),
    Column(
        *("frame", "raised in", 28, lambda r: safe(r.group.fingerprint.frame)),
        flex=2,
        priority=30,
        style="dim",
    ),
    Column(
        *("retried", "retried", 7),
        lambda r: format.number(r.group.retried) if r.group.retried else "",
        priority=20,
        align="right",
        style="dim",
    ),
)

# The lists of failures.

COLUMNS: Final = FAILED_COLUMNS


class WantedGroups(FailureGroups):
    """The groups of the failures that are wanted. `now` is the server's clock."""

    def __init__(self, wanted: JobQuery, now: datetime) -> None:
        super().__init__(now)
        self.search = JobSearch(wanted, now)

    @property
    def count(self) -> int:
        """How many failures were counted."""
        return self.total

    def visit(self, entry: Entry) -> None:
        """Count an entry that is wanted. Without a filter no entry is read for it."""
        if self.search.wanted.filter.is_empty or self.search.find(entry) is not None:
            self.add(entry)


class FailedScreen(JobListScreen):
    """One list of failures. Its groups are counted from the newest entries at once, and from the
    whole list in the background."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "failed")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)
    LIST_COLUMNS = COLUMNS
    NOTHING = "No failed jobs."

    def __init__(self) -> None:
        super().__init__(JobQuery(JobSource("failed", FAILED)))
        self._entries_table = self.table
        self._groups_table: Table[FailureGroupRow] = Table(
            GROUP_COLUMNS, key=lambda row: row.group.id, clock=self.app.clock, id="groups"
        )
        self.pane.bring_to_front(self._groups_table)
        #: Of all that is in the list, and of what matches the filter while there is one.
        self._census: ListSearch[WantedGroups] | None = None
        self._matching: ListSearch[WantedGroups] | None = None
        self._list_names: list[str] = [FAILED]

    @property
    def shows_groups(self) -> bool:
        """Whether groups are listed."""
        return self.table is self._groups_table

    @property
    def _groups(self) -> WantedGroups | None:
        return None if self._census is None else self._census.found

    @property
    def _counted(self) -> ListSearch[WantedGroups] | None:
        """The groups that are listed, or would be."""
        return self._census if self.pane.filter.is_empty else self._matching

    # Looking

    def look(self) -> None:
        """Bring what is listed up to date."""
        self._count()
        if not self.shows_groups:
            super().look()

    def _count(self) -> None:
        if self.app.state.view().fleet is None:
            return
        polled = self.polled()
        is_all = polled is not None and polled.after is None
        if self._census is None or is_all:
            self._census = self._new_count(self.within)
        has_filter = not self.pane.filter.is_empty
        if has_filter and self.shows_groups and (self._matching is None or is_all):
            self._matching = self._new_count(self.wanted)
        for group, search in (("census", self._census), ("matching", self._matching)):
            if search is None:
                continue
            if search.found is None and polled is not None:
                search.take(polled.jobs, is_all=is_all)
            if not is_all:
                self.in_background(group, partial(self._follow_count, search), exclusive=False)
        self._show_groups()

    def _new_count(self, wanted: JobQuery) -> ListSearch[WantedGroups]:
        rest = self.app.actions.precedence.rest
        return ListSearch(self.jobs, lambda: WantedGroups(wanted, self.now), rest)

    async def _follow_count(self, search: ListSearch[WantedGroups]) -> None:
        await search.follower.follow(self.app.read, partial(self._counted_more, search))
        if search is self._counted:
            if search.found is not None:
                search.found.now_is(self.now)
            self._show_groups()

    def _counted_more(self, search: ListSearch[WantedGroups]) -> None:
        if not self.is_frozen and search.show_growth():
            self._show_groups()
        self.show_title()

    def _show_groups(self) -> None:
        search = self._counted
        if not self.shows_groups or search is None:
            return
        if self.is_frozen and search is self.settled:
            return
        now, groups = self.now, search.found
        rows = [] if groups is None else [group_row(group, now) for group in groups.groups()]
        is_over = search.is_complete
        self.settled = search if is_over else None
        is_empty = is_over and self.pane.filter.is_empty
        self.put(rows, self.NOTHING if is_empty else self.none_of(search))
        self.show_title()

    def filter_changed(self) -> None:
        """Show what matches now."""
        self._matching = None
        self.workers.cancel_group(self, "matching")
        super().filter_changed()

    # Showing

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
            left, search = self.heading(), self._counted
            groups = None if search is None else search.found
            if groups is not None:
                of = f" of {count_of(groups.total, 'failed job')}" if groups.total else ""
                left.append(Span(f"   {count_of(len(groups), 'group')}{of}", "dim", 90))
                left += large_spans(groups.search)
            self.window.show(left + marks_spans(self.table), self.progress(search))

    # Keys

    def open(self, row: FailureGroupRow | JobRow) -> None:
        """Show the entries of a group, or the whole of an entry."""
        if isinstance(row, FailureGroupRow):
            self.app.push_screen(GroupScreen(self._of_groups([row]), row.group, self._groups))
        else:
            self.app.push_screen(FailureScreen(row.job, self.jobs, self._groups))

    def action_toggle_groups(self) -> None:
        """List the groups, or the entries one by one."""
        table = self._entries_table if self.shows_groups else self._groups_table
        self.pane.bring_to_front(table)
        table.focus()
        self.pane.rows = ()
        self.filter_changed()

    def chosen(self) -> list[Job] | JobQuery:
        """The chosen entries; where groups are listed, a query that finds those of the groups."""
        rows: list[Any] = self.pane.meant() if self.shows_groups else []
        return self._of_groups(rows) if rows else super().chosen()

    def _of_groups(self, rows: list[FailureGroupRow]) -> JobQuery:
        """The entries of groups, as far as they match the filter."""
        marks = {row.group.fingerprint for row in rows}
        named = ", ".join(f"{row.group.id} ({title(row.group.fingerprint)})" for row in rows)
        if OTHER not in marks:
            return replace(self.wanted, groups=frozenset(marks), named=named)
        shown = None if self._counted is None else self._counted.found
        known = frozenset(() if shown is None else shown.fingerprints())
        return replace(self.wanted, groups=known - marks, but=True, named=named)

    def action_edit(self) -> None:
        """Edit the payload of the entry under the cursor and requeue it."""
        if not self.shows_groups:
            super().action_edit()
        elif self.table.cursor_row is not None:
            sign = self.app.state.policy.sign
            how = f"{sign('table.open')} opens the group, {sign('toggle_groups')} lists them all"
            self.app.say(f"one entry at a time: {how}", "dim")

    def action_clear_filter(self) -> None:
        """Stop an action that is under way; else show everything again."""
        if not self.app.actions.stop():
            super().action_clear_filter()

    def action_stop(self) -> None:
        """Stop what is under way, or let it go on."""
        if not self.shows_groups:
            super().action_stop()
        elif not self.app.actions.stop():
            group = "census" if self.pane.filter.is_empty else "matching"
            self.stop_or_go_on(self._counted, group)

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
        self.put((), "Looking …")
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
