"""The workers by machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from qtop.keymap.keymap import Where
from qtop.monitor.hosts import HostRow, host_rows
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.screens.base import bindings
from qtop.screens.rows import RowsScreen
from qtop.search.fields import Subject
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.columns import Column, figure
from qtop.widgets.table import Table


def _name(row: HostRow) -> str:
    return "(ids of another shape)" if row.name is None else safe(row.name)


HOST_COLUMNS: Final[tuple[Column[HostRow], ...]] = (
    Column("host", "host", 16, _name, flex=3, priority=100, sort_key=_name),
    figure("workers", "workers", 8, lambda r: r.workers, format.number, priority=95),
    figure(
        "working",
        "working",
        8,
        lambda r: r.working,
        format.number,
        priority=90,
        style=lambda r: "good" if r.working else "dim",
    ),
    figure(
        "troubled",
        "silent",
        7,
        lambda r: r.troubled,
        format.number,
        priority=92,
        style=lambda r: "bad" if r.troubled else "dim",
    ),
    figure("longest", "longest", 8, lambda r: r.longest_s, format.duration, priority=70),
    figure("beat", "last beat", 9, lambda r: r.beat_age_s, format.duration, priority=80),
    figure(
        "processed", "processed", 9, lambda r: r.processed, format.number, priority=50, style="dim"
    ),
    figure(
        "failed",
        "failed",
        7,
        lambda r: r.failed,
        format.number,
        priority=55,
        style=lambda r: "bad" if r.failed else "dim",
    ),
)


class HostsScreen(RowsScreen):
    """All machines; opening one shows its workers.

    Args:
        on_chosen: Called with the name of the machine that was opened.
    """

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "hosts")
    TAB: ClassVar[Where] = "workers"
    BINDINGS = bindings(PLACES)

    def __init__(self, on_chosen: Callable[[str | None], None]) -> None:
        super().__init__()
        self._on_chosen = on_chosen

    def make_table(self) -> Table[Any]:
        """The table, machines in trouble first."""
        return Table(HOST_COLUMNS, key=lambda row: row.name, sort="troubled", clock=self.app.clock)

    def show_board(self, view: ViewState) -> None:
        """Show the machines."""
        self.table.stale = view.is_stale
        self.table.empty_text = frame_texts.empty_word(
            view, "machines", "workers bring them.", "workers"
        )
        self.show_rows(host_rows(view.board.workers or ()) if view.board else ())

    def subject(self, row: HostRow) -> Subject:
        """A machine as filters see it: by its name."""
        return Subject(worker=row.name, words=(row.name or "",))

    def on_table_opened(self, event: Table.Opened[HostRow]) -> None:
        """Show the workers of the machine."""
        event.stop()
        self.dismiss()
        self._on_chosen(event.row.name)

    def action_hosts(self) -> None:
        """Back to the workers."""
        self.dismiss()
