"""The failed jobs, newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from qtop import cells
from qtop.filter_terms import Subject, of_failure
from qtop.keymap import Where
from qtop.model import FailureRow
from qtop.plans import look_at
from qtop.screens.base import bindings
from qtop.screens.failure import FailureScreen
from qtop.screens.rows import MainScreen
from qtop.stage import View
from qtop.widgets import chrome
from qtop.widgets.columns import Column
from qtop.widgets.vtable import VTable
from resque.state import failures
from resque.state.failures import Failure

COLUMNS: Final[tuple[Column[FailureRow], ...]] = (
    Column(
        "when",
        "age",
        6,
        lambda r: cells.duration(r.age_s),
        priority=90,
        align="right",
        sort_key=lambda r: r.age_s,
    ),
    Column("time", "failed", 10, cells.failed_at, priority=30, style="dim"),
    Column(
        "class",
        "class",
        16,
        lambda r: cells.failure_class(r.failure),
        flex=2,
        priority=100,
        style=lambda r: "warn" if r.failure.problem else None,
        sort_key=lambda r: cells.failure_class(r.failure),
    ),
    Column(
        "exception",
        "exception",
        14,
        lambda r: cells.exception_name(r.failure.exception),
        flex=2,
        priority=95,
        style="bad",
        sort_key=lambda r: r.failure.exception,
    ),
    Column(
        "error",
        "error",
        14,
        lambda r: cells.failure_error(r.failure),
        flex=4,
        priority=85,
        sort_key=lambda r: cells.failure_error(r.failure),
    ),
    Column(
        "queue",
        "queue",
        8,
        lambda r: cells.optional(r.failure.queue),
        flex=1,
        priority=80,
        sort_key=lambda r: r.failure.queue,
    ),
    Column(
        "retried",
        "retried",
        7,
        lambda r: "yes" if r.failure.retried_at else "",
        priority=40,
        style="dim",
        sort_key=lambda r: r.failure.retried_at,
    ),
)


class FailedScreen(MainScreen):
    """The newest failures, and what to do about them."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "failed")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)

    def make_table(self) -> VTable[Any]:
        """The table."""
        return VTable(COLUMNS, key=lambda row: row.key, clock=self.app.clock)

    def show_board(self, view: View) -> None:
        """Show the failures."""
        table: VTable[FailureRow] = self.table
        table.empty_text = chrome.empty_word(view, "failed jobs", "")
        table.stale = view.is_stale
        self.show_rows(view.board.failures if view.board else ())

    def subject(self, row: FailureRow) -> Subject:
        """A failure as filters see it."""
        board = self.app.stage.view().board
        now = datetime.now(UTC) if board is None else board.server_time
        return of_failure(row.failure, now)

    def on_vtable_opened(self, event: VTable.Opened[FailureRow]) -> None:
        """Show the whole entry."""
        self.app.push_screen(FailureScreen(event.row.failure))

    def action_requeue(self) -> None:
        """Requeue the chosen entries, these very ones."""
        if entries := self._entries():
            self.app.desk.begin(self.app.desk.plans.requeue(entries), self.table)

    def action_delete(self) -> None:
        """Delete the chosen entries, these very ones."""
        if entries := self._entries():
            self.app.desk.begin(self.app.desk.plans.delete(entries), self.table)

    def _entries(self) -> list[Failure]:
        rows: list[FailureRow] = self.chosen()
        return [row.failure for row in rows]

    def action_clear_failures(self) -> None:
        """Ask whether to delete all failures."""
        keys = self.app.keys
        self.app.desk.begin_after(
            "looking at the failures",
            look_at(failures.extent(keys), keys.failed()),
            self.app.desk.plans.clear_failures,
        )
