"""The columns of the scheduled screen's three lists, and its paged table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from qtop.screens.pager import Pager
from qtop.screens.paging import PagedTable
from qtop.systems.resque.scheduled_rows import ClassRow, DueRow, ScheduleRow, moment_of, timing
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.columns import Column, ToneOf, figure
from qtop.widgets.table import Table


def _due_tone(row: DueRow) -> ToneOf | None:
    return "warn" if row.due_s < 0 else None


def _class(row: DueRow) -> str:
    job = row.seen.job
    if job is not None and job.item.is_cut:
        return "(large)"
    return "unreadable" if row.problem else format.job_class(row.class_name, None)


def _args(row: DueRow) -> str:
    job = row.seen.job
    if row.problem is None:
        return format.short_json(row.args)
    return safe(job.item.raw[:1_000]) if job is not None and job.item.is_cut else safe(row.problem)


JOB_COLUMNS: Final[tuple[Column[DueRow], ...]] = (
    Column(
        *("due", "due", 14, lambda r: format.due_in(r.due_s)),
        priority=98,
        style=_due_tone,
        sort_key=lambda r: r.seen.moment.at,
    ),
    Column("at", "at", 16, lambda r: format.due_at(r.at, r.due_s), priority=70, style="dim"),
    Column(
        *("class", "class", 14, _class),
        flex=2,
        priority=100,
        style=lambda r: "warn" if r.problem else None,
        sort_key=_class,
    ),
    Column("args", "args", 14, _args, flex=4, priority=95),
    Column(
        *("queue", "queue", 8, lambda r: format.optional(r.queue)),
        flex=1,
        priority=85,
        sort_key=lambda r: r.queue,
    ),
    figure(
        "size",
        "bytes",
        8,
        lambda r: None if r.seen.job is None else r.seen.job.item.size,
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


def _timing(row: ScheduleRow) -> str:
    if row.problem is not None:
        return "unusable" if row.schedule is None else "not used"
    return format.NOTHING if row.schedule is None else safe(timing(row.schedule))


def _schedule_class(row: ScheduleRow) -> str:
    if row.problem is not None:
        return safe(row.problem)
    return "not in Redis" if row.schedule is None else safe(row.schedule.class_name)


SCHEDULE_COLUMNS: Final[tuple[Column[ScheduleRow], ...]] = (
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
        style=lambda r: "bad" if r.problem else "dim" if r.schedule is None else None,
    ),
    Column(
        *("args", "args", 10, lambda r: "" if r.schedule is None else format.short_json(r.args)),
        flex=2,
        priority=50,
    ),
    Column(
        *("queue", "queue", 8),
        lambda r: "" if r.schedule is None else format.optional(r.schedule.queue),
        flex=1,
        priority=80,
        sort_key=lambda r: None if r.schedule is None else r.schedule.queue,
    ),
    Column(
        *("source", "source", 7, lambda r: r.source),
        priority=70,
        style=lambda r: "warn" if r.source == "unknown" else "dim",
        sort_key=lambda r: r.source,
    ),
)


def classes(clock: Callable[[], float]) -> Table[ClassRow]:
    """The table of the classes. One is acted on at a time: what a mark means would be unclear."""
    return Table(
        CLASS_COLUMNS, key=lambda row: (row.name, row.is_readable), markable=False, clock=clock
    )


def schedules(clock: Callable[[], float]) -> Table[ScheduleRow]:
    """The table of the schedules."""
    return Table(SCHEDULE_COLUMNS, key=lambda row: row.name, clock=clock)


class DelayedTable(PagedTable[DueRow]):
    """Asks for other jobs when a key meets its end."""

    def __init__(self, pager: Pager, clock: Callable[[], float]) -> None:
        super().__init__(JOB_COLUMNS, key=lambda row: row.key, clock=clock)
        self._pager = pager

    def action_page_down(self) -> None:
        """One page down, or the next jobs."""
        if self.cursor_index >= self.row_count - 1:
            self._pager.turn(+1)
        else:
            super().action_page_down()

    def action_page_up(self) -> None:
        """One page up, or the jobs before."""
        if self.cursor_index == 0:
            self._pager.turn(-1)
        else:
            super().action_page_up()

    def action_cursor_first(self) -> None:
        """To the first job here; from there, to the first of all."""
        if self.cursor_index == 0:
            self._pager.turn_to_end(-1)
        super().action_cursor_first()

    def action_cursor_last(self) -> None:
        """To the last job here; from there, to the last of all."""
        if self.cursor_index >= self.row_count - 1:
            self._pager.turn_to_end(+1)
        super().action_cursor_last()
