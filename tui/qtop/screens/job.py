"""One waiting job, or one item that was set aside, with everything in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from qtop.keymap.keymap import Where
from qtop.monitor.state import ViewState
from qtop.screens import details
from qtop.screens.base import TextScreen, bindings
from qtop.screens.export import export
from qtop.screens.job_editor import edit_job
from qtop.screens.queue_choice import ask_for_queue
from qtop.search.selection import JobSource
from qtop.systems.resque import waiting
from qtop.systems.resque.job_search import chosen_of
from qtop.systems.resque.waiting import JobRow
from qtop.text.safe import safe
from qtop.widgets.text_lines import TextLine
from queuecore import windows
from resque.errors import StoreError


class JobScreen(TextScreen):
    """The job as it was when it was opened."""

    PLACES: ClassVar[tuple[Where, ...]] = ("job", "texts")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)

    def __init__(self, row: JobRow, source: JobSource) -> None:
        super().__init__()
        self._row, self._source = row, source
        self._item = row.item

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The job; it never changes."""
        redactor = view.manner.redactor
        return details.job_lines(self._item, self._source.name, self._row.place, redactor)

    def on_mount(self) -> None:
        """Fetch the rest of a job that was listed cut."""
        super().on_mount()
        if self._item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        try:
            raw = await self.app.read(waiting.fetch(self._source.key(self.app.keys), self._row))
        except StoreError as error:
            self.app.say(f"the rest of the job: {safe(str(error))}", "bad")
            return
        if raw is None:
            self.app.say("the rest of the job: it is gone, or far from where it was seen", "warn")
            return
        self._item = windows.whole(raw)
        self.show_board(self.app.stage.view())

    def action_delete_jobs(self) -> None:
        """Delete this very job."""
        desk = self.app.desk
        desk.begin(desk.job_plans.delete(self._source, chosen_of([self._row], self._source)))

    def action_move_jobs(self) -> None:
        """Move this very job to another queue."""
        desk, source = self.app.desk, self._source
        chosen = chosen_of([self._row], source)
        ask_for_queue(
            self.app,
            source,
            "Move the job to which queue?",
            lambda queue: desk.begin(desk.job_plans.move(source, chosen, queue)),
        )

    def action_edit_job(self) -> None:
        """Edit this very job."""
        if not self.app.desk.refuses():
            self.run_worker(edit_job(self.app, self._row, self._source), group="edit")

    def action_export_jobs(self) -> None:
        """Write this job to a file."""
        self.run_worker(export(self.app, [self._row], None, self._source), group="export")
