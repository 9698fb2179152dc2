"""All jobs that run now, of all machines and systems, the oldest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Final

from qtop.keymap.keymap import Where
from qtop.monitor import row_text
from qtop.monitor.rows import NOT_ALIVE, TROUBLED, RunningRow, WorkerRow, running_rows
from qtop.monitor.state import ViewState
from qtop.screens import frame
from qtop.screens.base import RowsScreen
from qtop.search.fields import Subject, of_running
from qtop.text import format
from qtop.text.safe import counted
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, ToneOf, figure, text_column
from qtop.widgets.table import Table
from queuecore import values


def _state_tone(row: RunningRow) -> ToneOf:
    condition = row.worker.condition
    return "bad" if condition in NOT_ALIVE else "warn" if condition in TROUBLED else "dim"


COLUMNS: Final[tuple[Column[RunningRow], ...]] = (
    figure("elapsed", "for", 6, lambda r: r.elapsed_s, format.duration, priority=100),
    # What is usual, only the screen knows: see `make_table`.
    Column("usual", "usual", 6, lambda r: "", priority=60, align="right", style="dim"),
    text_column("job", "job", 22, lambda r: row_text.running_job(r.job), flex=4, priority=98),
    text_column("queue", "queue", 10, lambda r: format.optional(r.job.queue), flex=1, priority=80),
    Column(
        "worker",
        "worker",
        14,
        lambda r: row_text.worker_place(r.worker),
        flex=1,
        priority=90,
        sort_key=lambda r: r.worker.id,
        tail=":",
    ),
    text_column("state", "state", 12, lambda r: r.worker.condition, priority=70, style=_state_tone),
)


class RunningScreen(RowsScreen):
    """All running jobs; opening one shows the worker that has it.

    Args:
        on_chosen: Called with the worker of the job that was opened.
    """

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "running")
    TAB: ClassVar[Where] = "workers"
    NAME = "running jobs"

    def __init__(self, on_chosen: Callable[[WorkerRow], None]) -> None:
        super().__init__()
        self._on_chosen = on_chosen
        self._unread, self._is_late = 0, False

    def make_table(self) -> Table[Any]:
        usual = self._usual
        columns = [replace(c, cell=usual) if c.key == "usual" else c for c in COLUMNS]
        return Table(columns, key=lambda row: row.key, clock=self.app.clock, markable=False)

    def _usual(self, row: RunningRow) -> str:
        usual_s = self.app.state.usual_s(row.job, row.system)
        return format.duration(None if usual_s is None else max(1.0, usual_s))

    def show_view(self, view: ViewState) -> None:
        workers = (view.fleet.workers or ()) if view.fleet else ()
        rows = running_rows((*workers, *view.insights.unregistered))
        self._unread = sum(row.jobs is None and row.condition not in NOT_ALIVE for row in workers)
        self._is_late = any(row.process.facts is not None for row in workers)
        self.table.empty_text = frame.none_runs(view)
        self.pane.show_rows(rows)

    def figures(self) -> list[Span]:
        spans: list[Span] = []
        if self._unread:
            what = f"; jobs of {counted(self._unread, 'worker')} unknown"
            spans.append(Span(what, "warn", 92))
        if self._is_late:
            note = "   jobs of processes with threads appear up to one beat late"
            spans.append(Span(note, "dim", 50))
        return spans

    def subject(self, row: RunningRow) -> Subject:
        """A job as filters see it: by itself, its worker, how long it has run."""
        system = row.system or self.app.system.name
        seen = of_running(row.job, row.worker.id)
        words = (*seen.words, row.worker.id, row.worker.condition)
        return values.replace(seen, age_s=row.elapsed_s, words=words, system=system)

    def on_table_opened(self, event: Table.Opened[RunningRow]) -> None:
        event.stop()
        self._on_chosen(event.row.worker)

    def action_hosts(self) -> None:
        self.dismiss()
