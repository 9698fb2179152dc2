"""The failed jobs: groups of those that are alike, or one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Final

from qtop.actions.plan import count_of
from qtop.keymap.keymap import Where
from qtop.model.job import FAILED, Job, JobRow, JobSource, age_at
from qtop.model.job_list import Entry, JobList
from qtop.monitor import row_text
from qtop.monitor.failure_census import CountedGroup, FailureCensus
from qtop.monitor.state import ViewState
from qtop.screens import details, list_bars, preview
from qtop.screens.job_details import JobDetailsScreen, quarantine
from qtop.screens.job_list import CLASS, QUEUE, JobListScreen
from qtop.screens.preview import RowLook
from qtop.screens.tickets import error_lines, failure_ticket, group_ticket
from qtop.search.byte_tests import Sieve
from qtop.search.failure_groups import (
    OTHER,
    TREND_HOURS,
    FailureGroup,
    FailureGroups,
    KeyMaker,
    title,
)
from qtop.search.fields import Subject
from qtop.search.joint_search import AnySearch, JointSearch
from qtop.search.selection import JobQuery, JobSearch
from qtop.text import format
from qtop.text.safe import counted, safe, spark
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, ToneOf, figure, text_column
from qtop.widgets.table import Table
from qtop.widgets.text_lines import TextLine
from queuecore.errors import StoreError


class FailureScreen(JobDetailsScreen):
    """A failed job; its age goes on. `groups` is what is known of failures that are alike."""

    PLACES: ClassVar[tuple[Where, ...]] = ("failure", "texts")
    TAB: ClassVar[Where] = "failed"
    NAME = "one failure"
    REST = "the rest of the entry"
    GONE = "this entry is no longer in the list"

    def __init__(self, job: Job, jobs: JobList, groups: FailureGroups | None = None) -> None:
        super().__init__(job, jobs)
        self._groups = groups

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        now = None if view.fleet is None else view.fleet.server_time
        payload = self.jobs.payload(self.job)
        return details.failure_lines(self.job, payload, view.policy.redactor, now, self._alike())

    def copied(self) -> list[str]:
        """The error alone: the rest is what a ticket is for."""
        return error_lines(self.job, self.app.state.policy.redactor.text)

    def ticket(self) -> list[str]:
        redact = self.app.state.policy.redactor.text
        return failure_ticket(self.job, self.app.state.view(), self._alike(), redact)

    def _alike(self) -> str:
        if self._groups is None or not self.job.item.raw:
            return ""
        count = self._groups.count_of(KeyMaker().key_of(self.job))
        if count is None:
            return ""
        so_far = "" if self._groups.is_complete else " so far"
        return f"{count_of(count, 'failure')}{so_far}"


# The entries, and those of one group.


def _state_tone(row: JobRow) -> ToneOf | None:
    return "warn" if row.job.due is None else "dim"


#: What only jobs that are tried again by themselves have, and what only others have.
_OF_STATES, _OF_OTHERS = frozenset({"state", "next"}), frozenset({"retried"})

COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    figure("when", "age", 6, lambda row: row.age_s, format.duration, priority=90, descends=False),
    Column(
        *("state", "state", 13, lambda row: safe(row.job.state or "")),
        priority=92,
        style=_state_tone,
        sort_key=lambda row: row.job.state,
    ),
    Column(
        *("next", "next", 13, lambda row: "" if row.due_s is None else format.due_in(row.due_s)),
        priority=70,
        style="dim",
        sort_key=lambda row: row.due_s,
    ),
    Column("time", "failed", 10, row_text.failed_at, priority=30, style="dim"),
    replace(CLASS, width=16),
    Column(
        *("exception", "exception", 14, lambda row: format.exception_name(row.job.exception), 2),
        priority=95,
        sort_key=lambda row: row.job.exception,
    ),
    text_column("error", "error", 14, lambda r: row_text.error_of(r.job), flex=4, priority=85),
    # What tells the failures of a group apart, more often than not.
    text_column("args", "args", 14, lambda r: row_text.args_of(r.job), flex=3, priority=35),
    QUEUE,
    Column(
        *("retried", "retried", 7, lambda row: "yes" if row.job.retried_at else ""),
        priority=40,
        style="dim",
        sort_key=lambda row: row.job.retried_at,
    ),
)

#: Without what all failures of a group have in common: more room for what tells them apart.
GROUP_ENTRY_COLUMNS: Final = tuple(
    replace(column, width=22, priority=85) if column.key in ("error", "args") else column
    for column in COLUMNS
    if column.key not in ("class", "exception")
)


class GroupScreen(JobListScreen):
    """What is in a group, newest first; found by looking through the whole list."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "group")
    TAB: ClassVar[Where] = "failed"
    # Without what the title says of all of them.
    LIST_COLUMNS = GROUP_ENTRY_COLUMNS
    IF_STATED, UNLESS_STATED = _OF_STATES, _OF_OTHERS
    NOTHING = "No failed jobs."

    def __init__(self, wanted: JobQuery, group: FailureGroup, groups: FailureGroups | None) -> None:
        super().__init__(wanted)
        self._group = group
        self._groups = groups

    @property
    def name(self) -> str:
        return title(self._group.fingerprint)

    def heading(self) -> list[Span]:
        return [Span(self.name, "strong", 95, least=8)]

    def values_of(self, field: str) -> Iterable[str]:
        names = [name for name, _ in self._group.queues]
        return names if field == "queue" else super().values_of(field)

    def open(self, row: JobRow) -> None:
        self.show_details(FailureScreen(row.job, self.jobs, self._groups))

    def ticket(self) -> list[str]:
        groups = () if self._groups is None else self._groups.groups()
        group = next((g for g in groups if g.id == self._group.id), self._group)
        is_complete = self._groups is not None and self._groups.is_complete
        return group_ticket(group, self.app.state.view(), is_complete=is_complete)

    def action_toggle_groups(self) -> None:
        self.dismiss()

    def action_back(self) -> None:
        """Stop an action that is under way; else take the filter away, then leave."""
        if not self.app.actions.stop():
            super().action_back()


@dataclass(frozen=True, slots=True)
class FailureGroupRow:
    """A group and how long ago its first and its last failure were."""

    group: FailureGroup
    first_s: float | None
    last_s: float | None

    @property
    def system(self) -> str:
        """The label of its place; empty where it has failures of several, or there is one."""
        [system] = self.group.systems if len(self.group.systems) == 1 else ("",)
        return system


def _class(row: FailureGroupRow) -> str:
    key = row.group.fingerprint
    if key.problem is not None:
        return safe(key.problem.partition(":")[0])
    return safe(key.class_name) if key.class_name else "(no class)"


def _message(row: FailureGroupRow) -> str:
    key = row.group.fingerprint
    return safe(key.message if key.problem is None else key.problem.partition(":")[2].strip())


def _queues(row: FailureGroupRow) -> str:
    names = [safe(name) for name, _ in row.group.queues]
    return ", ".join(names) or format.NOTHING


def _frame(row: FailureGroupRow) -> str:
    return safe(row.group.fingerprint.frame)


def _trend(row: FailureGroupRow) -> str:
    return spark(row.group.trend, TREND_HOURS) if any(row.group.trend) else ""


def _retried(row: FailureGroupRow) -> str:
    return format.number(row.group.retried) if row.group.retried else ""


def _part(many: int) -> str:
    return format.number(many) if many else ""


def _tone(row: FailureGroupRow) -> ToneOf | None:
    return "warn" if row.group.fingerprint.problem else None


GROUP_COLUMNS: Final[tuple[Column[FailureGroupRow], ...]] = (
    figure("count", "count", 8, lambda r: r.group.count, priority=100),
    Column(
        *("to_retry", "retry", 6, lambda r: _part(r.group.to_retry)),
        priority=94,
        align="right",
        sort_key=lambda r: r.group.to_retry,
        descends=True,
    ),
    Column(
        *("dead", "dead", 6, lambda r: _part(r.group.dead)),
        priority=94,
        align="right",
        style="warn",
        sort_key=lambda r: r.group.dead,
        descends=True,
    ),
    figure("last", "last", 6, lambda r: r.last_s, format.duration, priority=97, descends=False),
    figure("first", "since", 6, lambda r: r.first_s, format.duration, priority=60, style="dim"),
    Column(
        *("trend", f"{TREND_HOURS} h", TREND_HOURS, _trend),
        priority=70,
        style="accent",
        is_steady=True,
        sort_key=lambda r: r.group.trend[-1],
        descends=True,
    ),
    text_column("class", "class", 14, _class, flex=2, priority=99, style=_tone),
    Column(
        *("exception", "exception", 12),
        lambda r: format.exception_name(r.group.fingerprint.exception),
        flex=2,
        priority=95,
        sort_key=lambda r: r.group.fingerprint.exception,
    ),
    text_column("message", "error", 14, _message, flex=4, priority=92),
    text_column("queues", "queues", 10, _queues, flex=1, priority=55),
    Column("frame", "raised in", 28, _frame, 2, priority=30, style="dim"),
    Column("retried", "retried", 7, _retried, priority=20, align="right", style="dim"),
)


#: What only failures have that are tried again by themselves, or dead.
_OF_KEPT: Final = frozenset({"to_retry", "dead"})


class WantedGroups(FailureGroups):
    """The groups of the failures that a search finds."""

    def __init__(self, search: JobSearch) -> None:
        super().__init__(search.now)
        self.search = search

    @classmethod
    def joined(cls, parts: Sequence[WantedGroups]) -> WantedGroups:
        """The groups of several lists, as if they were one. O(groups)."""
        search = copy(parts[0].search)
        search.too_large = sum(each.search.too_large for each in parts)
        found = cls(search)
        for each in parts:
            found.take_in(each)
        return found

    @property
    def sieve(self) -> Sieve | None:
        """As `JobSearch.sieve`."""
        return self.search.sieve

    def visit(self, entry: Entry) -> None:
        """Count an entry that is wanted. Without a filter no entry is read for it."""
        if self.search.wanted.filter.is_empty or self.search.find(entry) is not None:
            self.add(entry)


def _census_of(found: WantedGroups, now: datetime) -> FailureCensus:
    groups, queues = found.groups(), Counter[str]()
    for group in groups:
        queues.update(dict(group.queues))
    counted_groups = tuple(CountedGroup(each.fingerprint, each.count, each.last) for each in groups)
    is_of_all = queues.total() == found.count
    return FailureCensus(counted_groups, queues, is_of_all, found.count, now)


class FailedScreen(JobListScreen):
    """One list of failures. Its groups are counted from the newest entries at once, and from the
    whole list in the background."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "failed")
    TAB: ClassVar[Where] = "failed"
    LIST_COLUMNS = COLUMNS
    IF_STATED, UNLESS_STATED = _OF_STATES, _OF_OTHERS
    NOTHING = "No failed jobs."

    def __init__(self) -> None:
        super().__init__(JobQuery(JobSource("failed", FAILED)))
        self._entries_table = self.table
        self._groups_table: Table[FailureGroupRow] = Table(
            GROUP_COLUMNS, key=lambda row: row.group.id, clock=self.app.clock, id="groups"
        )
        self.pane.bring_to_front(self._groups_table)
        self._tells_apart: bool | None = None
        self._tell_apart(False)
        #: The groups of all that is in the list, whatever is shown.
        self._census: AnySearch | None = None
        #: What was told of each place, by its label: what is counted, and how many.
        self._told: dict[str, tuple[int, int]] = {}
        #: How many queues' quarantines were shown after the last list.
        self._apart_shown = 0

    @property
    def shows_groups(self) -> bool:
        return self.table is self._groups_table

    @property
    def is_paged(self) -> bool:
        return not self.shows_groups and super().is_paged

    @property
    def _groups(self) -> WantedGroups | None:
        return None if self._census is None else self._census.found

    # Looking

    def look(self) -> None:
        if self.app.state.view().fleet is not None:
            self._census = self.renewed(self._census, partial(self._new_count, self.within))
            self.go_on(self._census)
        if self.shows_groups and self.pane.filter.is_empty:
            self.search = self._census
        else:
            super().look()
        if self.shows_groups:
            self.list_found()

    def new_search(self) -> AnySearch:
        wanted = self.wanted
        return self._new_count(wanted, "search") if self.shows_groups else super().new_search()

    def _new_count(self, wanted: JobQuery, group: str = "census") -> AnySearch:
        def new() -> WantedGroups:
            return WantedGroups(self.search_for(wanted))

        return self.search_for_all(wanted, new, WantedGroups.joined, group)

    def list_found(self) -> None:
        """List the groups that were counted by now, at once; entries in the background."""
        search = self.search
        self._tell_census()
        if not self.shows_groups:
            super().list_found()
        elif search is not None and not (self.is_frozen and search is self.settled):
            now, groups = self.now, search.found
            rows = []
            if groups is not None:
                groups.now_is(now)
                rows = [
                    FailureGroupRow(each, age_at(now, each.first), age_at(now, each.last))
                    for each in groups.groups()
                ]
            self._tell_apart(any(row.group.to_retry or row.group.dead for row in rows))
            none = self.NOTHING if self.pane.filter.is_empty else self.no_match
            self.put_found(search, rows, none)

    def _tell_census(self) -> None:
        """Tell the console what is in the whole list, once that is known: other screens have only
        the newest failures."""
        census = self._census
        is_usual = self.within.source == JobSource("failed", FAILED)
        if census is None or not census.is_complete or not is_usual or self.is_frozen:
            return
        parts = census.parts if isinstance(census, JointSearch) else {"": census}
        for label, part in parts.items():
            found = part.found
            if found is not None and self._told.get(label) != (id(found), found.count):
                self._told[label] = id(found), found.count
                self.app.state.take_failure_census(_census_of(found, self.now), label)

    def _tell_apart(self, has_kept: bool) -> None:
        """Show how many of each group are tried again, and how many are dead, where any are."""
        if has_kept is not self._tells_apart:
            self._tells_apart = has_kept
            keys = [each.key for each in GROUP_COLUMNS if has_kept or each.key not in _OF_KEPT]
            self._groups_table.show_columns(keys)

    # Showing

    def shown_of(self) -> str:
        if not self.shows_groups:
            return super().shown_of()
        return f"{self.table.row_count:,} of {counted(len(self._groups or ()), 'group')}"

    def values_of(self, field: str) -> Iterable[str]:
        groups = () if self._groups is None else self._groups.groups()
        values: Iterable[str | None] = ()
        if field == "class":
            values = (group.fingerprint.class_name for group in groups)
        elif field == "exception":
            values = (group.fingerprint.exception for group in groups)
        elif field == "queue":
            values = (name for group in groups for name, _ in group.queues)
        return {safe(value) for value in values if value}

    def found_spans(self, found: Any) -> list[Span]:
        if not isinstance(found, WantedGroups):
            return super().found_spans(found)
        of = f" of {count_of(found.count, 'failed job')}" if found.count else ""
        groups = Span(f"   {count_of(len(found), 'group')}{of}", "dim", 90)
        return [groups, *list_bars.too_large(found.search)]

    def look_at(self, row: Any) -> RowLook | None:
        if isinstance(row, JobRow):
            return super().look_at(row)
        view = self.app.state.view()
        lines = preview.group_lines(row.group, self._newest_of(row), self.now)
        wanted = ("table.open", "requeue", "requeue_all", "delete", "move", "export")
        last = preview.keys(view, self.PLACES, wanted)
        name = [Span(_class(row), "strong", 90, least=8)]
        return RowLook(row.group.id, name, tuple(lines), None, tuple(last))

    def _newest_of(self, row: FailureGroupRow) -> Job | None:
        """The newest failure of a group, where that is among the newest of all."""
        groups, key = self.app.state.view().insights.groups, row.group.fingerprint
        found = next((each.newest for each in groups if each.fingerprint == key), None)
        return None if found is None else found.job

    def sample(self) -> Job | None:
        row = self.table.cursor_row
        return self._newest_of(row) if isinstance(row, FailureGroupRow) else super().sample()

    # Keys

    def own_row(self) -> Subject | None:
        row = self.table.cursor_row
        if not isinstance(row, FailureGroupRow):
            return super().own_row()
        group = row.group
        queue = group.queues[0][0] if len(group.queues) == 1 else None
        return Subject(class_name=group.fingerprint.class_name, queue=queue, id=group.id)

    def open(self, row: FailureGroupRow | JobRow) -> None:
        if isinstance(row, FailureGroupRow):
            self.app.push_screen(GroupScreen(self._of_groups([row]), row.group, self._groups))
        else:
            self.show_details(FailureScreen(row.job, self.jobs, self._groups))

    def ticket(self) -> list[str]:
        """About the group or the failure under the cursor."""
        row, view = self.table.cursor_row, self.app.state.view()
        if isinstance(row, FailureGroupRow):
            is_complete = self._groups is not None and self._groups.is_complete
            return group_ticket(row.group, view, is_complete=is_complete)
        if row is None:
            return []
        redact = self.app.state.policy.redactor.text
        return failure_ticket(row.job, view, "", redact)

    def action_toggle_groups(self) -> None:
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
        keys = {row.group.fingerprint for row in rows}
        named = ", ".join(f"{row.group.id} ({title(row.group.fingerprint)})" for row in rows)
        if OTHER not in keys:
            return replace(self.wanted, groups=frozenset(keys), named=named)
        shown: WantedGroups | None = None if self.search is None else self.search.found
        known = frozenset(() if shown is None else shown.fingerprints())
        return replace(self.wanted, groups=known - keys, but=True, named=named)

    def action_quarantine(self) -> None:
        """Of a group its newest failure, where that is among the newest of all."""
        row = self.table.cursor_row
        if not isinstance(row, FailureGroupRow):
            super().action_quarantine()
            return
        newest = self._newest_of(row)
        if newest is None:
            key = self.app.state.policy.sign("table.open")
            self.app.say(f"{key} opens the group: choose a failure there", "dim")
        else:
            quarantine(self.app, self.within.source, newest)

    def action_edit(self) -> None:
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

    def change_list(self, within: JobQuery) -> None:
        self.workers.cancel_group(self, "census")
        self._census = None
        self._groups_table.clear_marks()
        super().change_list(within)

    def action_next_list(self) -> None:
        self.in_background("lists", self._next_list)

    async def _next_list(self) -> None:
        # Imported here: only this key needs it.
        from qtop.screens.jobs import QuarantineScreen
        from qtop.systems.together import failure_sources, quarantine_sources

        try:
            sources = await self.app.read(failure_sources(self.app.system))
            apart = await self.app.read(quarantine_sources(self.app.system))
        except StoreError as error:
            self.app.say(f"the lists of failures: {safe(str(error))}", "bad")
            return
        here = self.within.source
        if (here == sources[-1] or here not in sources) and self._apart_shown < len(apart):
            self._apart_shown += 1
            self.app.push_screen(QuarantineScreen(apart[self._apart_shown - 1]))
            return
        self._apart_shown = 0
        if len(sources) == 1:
            nothing = "" if apart else ", and nothing is in quarantine"
            self.app.say(f"there is only one list of failures{nothing}", "dim")
            return
        at = sources.index(here) + 1 if here in sources else 0
        self._entries_table.clear_marks()
        self.change_list(JobQuery(sources[at % len(sources)]))
