"""The workers: what each does, for how long, and whether it still lives."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from qtop import cells
from qtop.condition import CONDITIONS
from qtop.filter_terms import Subject
from qtop.keymap import Where
from qtop.model import WorkerRow
from qtop.screens.base import bindings
from qtop.screens.rows import MainScreen
from qtop.screens.worker import WorkerScreen
from qtop.stage import View
from qtop.widgets import chrome
from qtop.widgets.columns import Column, Tone
from qtop.widgets.vtable import VTable

_TONES: Final[dict[str, Tone]] = {
    "dead?": "bad",
    "silent": "warn",
    "working": "good",
    "no heartbeat": "warn",
    "idle": "dim",
}


def _heartbeat_tone(row: WorkerRow) -> Tone | None:
    return _TONES[row.condition] if row.condition in ("dead?", "silent") else "dim"


def _place(row: WorkerRow) -> str:
    return f"{'●' if row.is_local else ' '} {cells.worker_place(row)}"


COLUMNS: Final[tuple[Column[WorkerRow], ...]] = (
    Column(
        "state",
        "state",
        12,
        lambda r: r.condition,
        priority=100,
        style=lambda r: _TONES[r.condition],
        sort_key=lambda r: (CONDITIONS.index(r.condition), -(r.elapsed_s or 0)),
    ),
    Column("job", "job", 22, cells.worker_job, flex=4, priority=95, sort_key=cells.worker_job),
    Column(
        "elapsed",
        "for",
        6,
        cells.worker_elapsed,
        priority=90,
        align="right",
        sort_key=lambda r: r.elapsed_s,
        descends=True,
    ),
    Column(
        "beat",
        "beat",
        6,
        cells.heartbeat,
        priority=80,
        align="right",
        style=_heartbeat_tone,
        sort_key=lambda r: r.heartbeat_age_s,
        descends=True,
    ),
    Column(
        "worker", "  worker", 16, _place, flex=1, priority=85, sort_key=lambda r: r.identity.text
    ),
    Column(
        "queues",
        "queues",
        8,
        cells.worker_queues,
        flex=1,
        priority=60,
        sort_key=lambda r: r.identity.queues,
    ),
    Column(
        "processed",
        "processed",
        9,
        lambda r: cells.number(r.processed),
        priority=50,
        align="right",
        style="dim",
        sort_key=lambda r: r.processed,
        descends=True,
    ),
    Column(
        "failed",
        "failed",
        7,
        lambda r: cells.number(r.failed),
        priority=45,
        align="right",
        style=lambda r: "bad" if r.failed else "dim",
        sort_key=lambda r: r.failed,
        descends=True,
    ),
)


class WorkersScreen(MainScreen):
    """All registered workers, troubles first."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "workers")
    TAB: ClassVar[Where] = "workers"
    BINDINGS = bindings(PLACES)

    def make_table(self) -> VTable[Any]:
        """The table."""
        return VTable(
            COLUMNS,
            key=lambda row: row.identity.text,
            sort="state",
            clock=self.app.clock,
        )

    def show_board(self, view: View) -> None:
        """Show the workers."""
        table: VTable[WorkerRow] = self.table
        table.empty_text = chrome.empty_word(view, "workers", "press s to start one here.")
        table.stale = view.is_stale
        self.show_rows(view.board.workers if view.board else ())

    def subject(self, row: WorkerRow) -> Subject:
        """A worker as filters see it: by its job, its id, its state; its age is the job's."""
        record = row.record
        job = (None, None) if record is None else cells.unwrapped(record.class_name, record.args)
        return Subject(
            class_name=job[0],
            args=job[1],
            queue=None if record is None else record.queue,
            worker=row.identity.text,
            age_s=row.elapsed_s,
            words=(row.identity.text, row.condition),
            is_readable=record is None or record.problem is None,
        )

    def on_vtable_opened(self, event: VTable.Opened[WorkerRow]) -> None:
        """Show the worker's record."""
        self.app.push_screen(WorkerScreen(event.row))

    def action_stop_worker(self) -> None:
        """Stop the chosen workers, those of them that were started here."""
        for row in self.chosen():
            self.app.desk.stop_worker(row)
