"""One worker: its record, and whether it lives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from qtop.keymap.keymap import Where
from qtop.monitor.rows import WorkerRow
from qtop.monitor.state import ViewState
from qtop.screens.base import TextScreen, bindings
from qtop.screens.details import worker_lines
from qtop.text.safe import safe
from qtop.widgets.text_lines import TextLine


class WorkerScreen(TextScreen):
    """The worker as it is now; when it has left, as it was last seen."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts", "worker")
    TAB: ClassVar[Where] = "workers"
    BINDINGS = bindings(PLACES)

    def __init__(self, row: WorkerRow) -> None:
        super().__init__()
        self._row = row

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The worker's newest row."""
        workers = (view.board.workers or ()) if view.board else ()
        text = self._row.identity.text
        now = next((row for row in workers if row.identity.text == text), None)
        self._row = now or self._row
        if view.board is not None and view.board.workers is None:
            why = view.board.totals.problems.get("workers", "")
            yield TextLine(f"Whether it is still registered is unknown: {safe(why)}", "warn")
        elif now is None:
            yield TextLine("This worker is no longer registered.", "bad")
        local = self.app.local.get(self._row.identity.pid) if self._row.is_local else None
        log = None if local is None else str(local.log)
        usual_s = self.app.stage.usual_s(self._row.record)
        yield from worker_lines(self._row, log, view.manner.redactor, usual_s)

    def action_log(self) -> None:
        """Show what it prints."""
        self.app.desk.local.show_log(self._row)
