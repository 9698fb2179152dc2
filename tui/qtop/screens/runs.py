"""What was run: processed and failed jobs day by day, and what each class did in the last hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, ClassVar, Final, TypeVar

from textual import events

from qtop.keymap.keymap import Where
from qtop.model.run_counts import (
    SPANS_H,
    ClassHistory,
    ClassRuns,
    DayRuns,
    DeployMark,
    DurationLimit,
    RunHistory,
)
from qtop.monitor.incidents.incident import Link
from qtop.monitor.rows import keyed
from qtop.monitor.series import fewer
from qtop.monitor.state import ViewState
from qtop.screens import frame
from qtop.screens.base import RowsScreen
from qtop.search.fields import Subject
from qtop.search.filter_language import term
from qtop.text import format
from qtop.text.safe import area, counted, safe
from qtop.widgets.bars import Bar, Span
from qtop.widgets.columns import Column, ToneOf, figure
from qtop.widgets.table import Table
from queuecore.errors import StoreError

T = TypeVar("T")

_HIGHEST_CELLS: Final = 13
#: Of the frame around them.
_FRAME_CELLS: Final = 2
#: How many deploys are named in one line.
_DEPLOYS: Final = 8


def _percent(failures: int | None, runs: int | None) -> str:
    if not runs or failures is None:
        return format.NOTHING
    part = 100 * failures / runs
    return f"{part:.1f} %" if 0 < part < 10 else f"{part:.0f} %"


def _failed_part(row: DayRuns | ClassRuns) -> float | None:
    return None if not row.runs or row.failures is None else row.failures / row.runs


def _failed_tone(row: DayRuns | ClassRuns) -> ToneOf | None:
    return None if row.failures else "dim"


def took(seconds: float | None) -> str:
    """How long something took: `138 ms`, `5.8 s`, `3 min`; a dash when unknown."""
    if seconds is None:
        return format.NOTHING
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else format.duration(seconds)


def _limit(found: DurationLimit | None) -> str:
    if found is None:
        return format.NOTHING
    exact = f"{found.seconds:g} s" if found.seconds >= 1 else f"{found.seconds * 1_000:g} ms"
    return f"{'>' if found.is_over else '<='}{exact}"


def _limit_key(found: DurationLimit | None) -> tuple[float, bool] | None:
    return None if found is None else (found.seconds, found.is_over)


DAY_COLUMNS: Final[tuple[Column[DayRuns], ...]] = (
    Column("day", "day (UTC)", 10, lambda r: f"{r.day}", priority=100, sort_key=lambda r: r.day),
    figure("runs", "processed", 10, lambda r: r.runs, priority=98),
    figure("failures", "failed", 9, lambda r: r.failures, priority=97, style=_failed_tone),
    figure(
        *("part", "failed %", 8, _failed_part),
        priority=90,
        cell=lambda r: _percent(r.failures, r.runs),
        style=_failed_tone,
    ),
    Column("deploys", "deploys", 10, lambda r: safe(", ".join(r.deploys)), flex=1, priority=80),
)


def _percentile(key: str, priority: int) -> Column[ClassRuns]:
    def value(row: ClassRuns) -> DurationLimit | None:
        found: DurationLimit | None = getattr(row, key)
        return found

    return Column(
        *(key, key, 8, lambda row: _limit(value(row))),
        priority=priority,
        align="right",
        sort_key=lambda row: _limit_key(value(row)),
        descends=True,
    )


CLASS_COLUMNS: Final[tuple[Column[ClassRuns], ...]] = (
    Column(
        *("class", "class", 16, lambda r: safe(r.class_name)),
        flex=1,
        priority=100,
        sort_key=lambda r: r.class_name,
    ),
    figure("runs", "runs", 8, lambda r: r.runs, priority=99),
    figure("failures", "failed", 8, lambda r: r.failures, priority=98, style=_failed_tone),
    figure(
        *("part", "failed %", 8, _failed_part),
        priority=60,
        cell=lambda r: _percent(r.failures, r.runs),
        style=_failed_tone,
    ),
    figure("mean", "mean", 8, lambda r: r.mean_s, priority=95, cell=lambda r: took(r.mean_s)),
    _percentile("p50", 85),
    _percentile("p95", 94),
    _percentile("p99", 86),
)


def day_lines(found: RunHistory | None, width: int) -> list[tuple[list[Span], list[Span]]]:
    """The course of what was processed and what failed, a bar for each day or for some days, and
    the highest there was. A day of several places has one bar: the sum of all of them. A day of
    which that is unknown of any has none."""
    room = max(1, width - frame.HEAD_CELLS - _HIGHEST_CELLS)
    of_day: dict[date, list[DayRuns]] = {}
    for each in () if found is None else found.days[::-1]:
        of_day.setdefault(each.day, []).append(each)
    days = list(of_day.values())
    lines: list[tuple[list[Span], list[Span]]] = []
    for label, tone, counts in (
        ("processed", "good", [_sum(each.runs for each in rows) for rows in days]),
        ("failed", "bad", [_sum(each.failures for each in rows) for rows in days]),
    ):
        bars, together = fewer(tuple(counts), room)
        highest = max((each for each in counts if each is not None), default=None)
        head = f" {label}".ljust(frame.HEAD_CELLS)
        left = [Span(head, "dim", 90), Span(area(bars, room)[0], tone, 80)]
        lines.append((left, [Span(f"  max {format.number(highest):>6} ", "dim", 70)]))
        if len(lines) == 2 and together > 1:
            step = f" each bar the highest of {counted(together, 'day')}"
            lines.append(([Span(step, "dim", 50)], []))
    return lines


def _mark(deploy: DeployMark) -> str:
    """One deploy in words."""
    moment = "?" if deploy.at is None else f"{deploy.at:%m-%d %H:%M}"
    place = f"{safe(deploy.system)} " if deploy.system else ""
    return f"{moment} {place}{safe(deploy.label)}"


def _sum(counts: Iterable[int | None]) -> int | None:
    """None where any is unknown."""
    total = 0
    for each in counts:
        if each is None:
            return None
        total += each
    return total


class RunsScreen(RowsScreen):
    """The runs of the last 90 days, or those of each class in the last hours; read once a
    minute."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "runs")
    TAB: ClassVar[Where] = "history"
    NAME = "what was run"

    def __init__(self) -> None:
        super().__init__()
        clock = self.app.clock
        self._day_table: Table[Any] = self.table
        self._class_table: Table[Any] = Table(
            CLASS_COLUMNS,
            key=lambda r: keyed(r.system, r.class_name),
            markable=False,
            clock=clock,
        )
        for table in (self._class_table, self._day_table):
            self.pane.bring_to_front(table)
        self.bars = [Bar() for _ in range(4)]
        #: Of so many hours the classes are shown; None shows the days.
        self._hours: int | None = None
        self._seen: RunHistory | ClassHistory | None = None
        self._read_at: datetime | None = None

    def make_table(self) -> Table[Any]:
        return Table(
            DAY_COLUMNS,
            key=lambda r: keyed(r.system, r.day),
            markable=False,
            clock=self.app.clock,
        )

    def subject(self, row: Any) -> Subject:
        """A day by its date and deploys, a class by its name."""
        system = row.system or self.app.system.name
        if isinstance(row, ClassRuns):
            return Subject(class_name=row.class_name, system=system)
        return Subject(words=(f"{row.day}", *row.deploys), system=system)

    def on_resize(self, event: events.Resize) -> None:
        """The course has as many bars as there is room for."""
        self._show_bars(event.size.width)

    def show_view(self, view: ViewState) -> None:
        if view.fleet is not None and self._is_due(view.fleet.server_time):
            self._read_at = view.fleet.server_time
            self.in_background("runs", self._read)
        self._show_bars(self.app.size.width)

    def place_changed(self) -> None:
        """A place has joined, or left: what was read is not that of all of them."""
        self._seen, self._read_at = None, None
        self.pane.show_rows(())

    def _is_due(self, now: datetime) -> bool:
        """Sidekiq's figures are those of minutes."""
        at = self._read_at
        return at is None or at.replace(second=0, microsecond=0) != now.replace(
            second=0, microsecond=0
        )

    async def _read(self) -> None:
        hours = self._hours
        try:
            found = await self._asked(hours)
        except StoreError as error:
            self.app.say(f"what was run: {safe(str(error))}", "bad")
            self.table.stale = True
            if self._seen is None:
                self.table.empty_text = frame.unknown_word(str(error))
                self.pane.show_rows(())
            return
        if hours != self._hours:
            return  # Another span is asked for by now.
        self._seen = found
        self.table.stale = False
        self.table.empty_text = self._nothing()
        self.pane.show_rows(found.classes if isinstance(found, ClassHistory) else found.days)
        self._show_bars(self.app.size.width)

    async def _asked(self, hours: int | None) -> RunHistory | ClassHistory:
        """The days (None), or the classes over so many hours."""
        if hours is None:
            return await self.app.read(self.app.system.days(self.now))
        return await self.app.read(self.app.system.classes(self.now, hours))

    def _nothing(self) -> str:
        if isinstance(self._seen, ClassHistory) and self._seen.problem is not None:
            return frame.unknown_word(self._seen.problem)
        return "No runs recorded in this time."

    # The lines above the list.

    def _show_bars(self, width: int) -> None:
        self.show_title()
        seen = self._seen
        lines = self._class_lines() if self._hours is not None else []
        if self._hours is None:
            days = seen if isinstance(seen, RunHistory) else None
            lines = day_lines(days, width - _FRAME_CELLS)
            if days is not None and days.problem is not None:
                lines.append(([Span(f" ⚠ unknown: {safe(days.problem)}", "warn", 90)], []))
        for at, bar in enumerate(self.bars):
            bar.display = at < len(lines)
            if at < len(lines):
                bar.show(*lines[at])

    def show_title(self) -> None:
        self.pane.entitle([*self.opened_from(), *self._parts()], self._said())

    def _parts(self) -> list[Span]:
        spans: list[Span] = []
        for hours in (None, *SPANS_H):
            label = "Days" if hours is None else f"Classes, {hours} h"
            here = hours == self._hours
            action = f"screen.show_span({hours})"
            text = f"{'▌' if here else ' '}{label} "
            spans.append(Span(text, "current" if here else "dim", 99 if here else 80, action))
        return spans

    def _said(self) -> list[Span]:
        seen = self._seen
        if seen is None:
            return [Span("reading … ", "dim", 70)]
        # What is not of all places must not read as the sum of all.
        labels = safe(", ".join(seen.only))
        place = [Span(f"{labels} only ", "warn", 95, least=8)] if labels else []
        if isinstance(seen, ClassHistory):
            said = f"{seen.since:%m-%d %H:%M} to {seen.until:%H:%M} UTC "
        else:
            days = len({each.day for each in seen.days})
            said = f"{counted(days, 'day')} in UTC, today so far "
        return [*place, Span(said, "dim", 60)]

    def _class_lines(self) -> list[tuple[list[Span], list[Span]]]:
        seen = self._seen
        if not isinstance(seen, ClassHistory):
            return []
        lines: list[tuple[list[Span], list[Span]]] = []
        if seen.problem is not None:
            text = f" ⚠ at least these: {safe(seen.problem)}"
            lines.append(([Span(text, "warn", 90)], []))
        if seen.note:
            lines.append(([Span(f" {safe(seen.note)}", "dim", 60, least=20)], []))
        marks = [_mark(each) for each in seen.deploys[:_DEPLOYS]]
        if marks:
            lines.append(([Span(f" deploys: {', '.join(marks)}", "accent", 80, least=20)], []))
        return lines

    # Keys

    async def on_table_opened(self, event: Table.Opened[Any]) -> None:
        """The failed jobs of a class; of a day nothing more is kept."""
        if isinstance(event.row, ClassRuns):
            where = term("class", event.row.class_name)
            await self.app.follow(Link("failed", filter=where, system=event.row.system))
        else:
            key = self.app.state.policy.sign("next_span")
            self.app.say(f"a day has only these figures; {key} shows the classes", "dim")

    def action_next_span(self) -> None:
        spans: Sequence[int | None] = (None, *SPANS_H)
        self.action_show_span(spans[(spans.index(self._hours) + 1) % len(spans)])

    def action_show_span(self, hours: int | None) -> None:
        """Show the days (None), or the classes over so many hours."""
        self._hours, self._seen, self._read_at = hours, None, None
        table = self._day_table if hours is None else self._class_table
        self.pane.bring_to_front(table)
        table.empty_text = "Reading …"
        self.pane.show_rows(())
        table.focus()
        self.show(self.app.state.view())
