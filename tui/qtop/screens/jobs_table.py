"""The columns of waiting jobs, and their table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from qtop.screens.paging import PagedTable
from qtop.systems.resque.waiting import JobRow
from qtop.text import format
from qtop.widgets.columns import Column, figure


def _class(row: JobRow) -> str:
    if row.is_large:
        return "(large)"
    return "unreadable" if row.problem is not None else format.job_class(row.class_name, None)


COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    Column(
        "place",
        "place",
        8,
        lambda r: format.number(r.place + 1),
        priority=90,
        align="right",
        style="dim",
        sort_key=lambda r: r.place,
    ),
    Column(
        "class",
        "class",
        18,
        _class,
        flex=1,
        priority=100,
        style=lambda r: "warn" if r.problem and not r.is_large else None,
        sort_key=_class,
    ),
    Column("args", "args", 30, lambda r: r.args, flex=3, priority=95),
    figure("size", "bytes", 8, lambda r: r.item.size, format.number, priority=50, style="dim"),
    Column("id", "id", 12, lambda r: r.item.sha[:12], priority=20, style="dim"),
)


class JobsTable(PagedTable[JobRow]):
    """Asks for other jobs when a key meets its end.

    Args:
        turn: Goes to the next window (+1) or the one before (-1).
        turn_to_end: Goes to the first window of all (-1) or the last (+1).
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        turn: Callable[[int], None],
        turn_to_end: Callable[[int], None],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(COLUMNS, key=lambda row: row.key, clock=clock)
        self._turn, self._turn_to_end = turn, turn_to_end

    def action_page_down(self) -> None:
        """One page down, or the next jobs."""
        if self.cursor_index >= self.row_count - 1:
            self._turn(+1)
        else:
            super().action_page_down()

    def action_page_up(self) -> None:
        """One page up, or the jobs before."""
        if self.cursor_index == 0:
            self._turn(-1)
        else:
            super().action_page_up()

    def action_cursor_first(self) -> None:
        """To the first job here; from there, to the first of all."""
        if self.cursor_index == 0:
            self._turn_to_end(-1)
        super().action_cursor_first()

    def action_cursor_last(self) -> None:
        """To the last job here; from there, to the last of all."""
        if self.cursor_index >= self.row_count - 1:
            self._turn_to_end(+1)
        super().action_cursor_last()
