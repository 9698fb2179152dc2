"""One failed job with everything in its entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from qtop.actions.plan import count_of
from qtop.actions.request import Delete, Move, Requeue
from qtop.keymap.keymap import Where
from qtop.model.job import Job
from qtop.model.job_list import JobList
from qtop.monitor.state import ViewState
from qtop.screens.base import TextScreen, bindings
from qtop.screens.details import failure_lines
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.payload_editor import edit_and_requeue
from qtop.search.failure_groups import FailureGroups, KeyMaker
from qtop.search.selection import chosen_of
from qtop.text.safe import safe
from qtop.widgets.text_lines import TextLine
from queuecore.errors import StoreError


class FailureScreen(TextScreen):
    """The entry as it was when it was opened; its age goes on.

    Args:
        job: The failure, perhaps only what a list shows of it.
        jobs: The list it is in.
        groups: What is known of failures that are alike.
    """

    PLACES: ClassVar[tuple[Where, ...]] = ("failure", "texts")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)

    def __init__(self, job: Job, jobs: JobList, groups: FailureGroups | None = None) -> None:
        super().__init__()
        self._job = job
        self._jobs = jobs
        self._groups = groups

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The entry."""
        now = None if view.fleet is None else view.fleet.server_time
        payload = self._jobs.payload(self._job)
        return failure_lines(self._job, payload, view.policy.redactor, now, self._alike())

    def _alike(self) -> str:
        if self._groups is None or not self._job.item.raw:
            return ""
        count = self._groups.count_of(KeyMaker().key_of(self._job))
        if count is None:
            return ""
        so_far = "" if self._groups.is_complete else " so far"
        return f"{count_of(count, 'failure')}{so_far}"

    def on_mount(self) -> None:
        """Fetch the rest of an entry that was listed cut."""
        super().on_mount()
        if self._job.item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        try:
            [whole] = await self.app.read(self._jobs.read([self._job]))
        except StoreError as error:
            self.app.say(f"the rest of the entry: {safe(str(error))}", "bad")
            return
        if whole is None:
            self.app.say("this entry is not in the list any more", "warn")
            return
        self._job = whole
        self.show_view(self.app.state.view())

    def action_requeue(self) -> None:
        """Requeue this very entry."""
        self.app.actions.request(Requeue(self._jobs.source, chosen_of(self._jobs, [self._job])))

    def action_delete(self) -> None:
        """Delete this very entry."""
        self.app.actions.request(Delete(self._jobs.source, chosen_of(self._jobs, [self._job])))

    def action_move(self) -> None:
        """Requeue this very entry to another queue."""
        source = self._jobs.source

        def move(queue: str) -> None:
            self.app.actions.request(Move(source, chosen_of(self._jobs, [self._job]), queue))

        ask_for_queue(self.app, source, "Requeue to which queue?", move)

    def action_edit(self) -> None:
        """Edit the payload of this very entry and requeue it."""
        if not self.app.actions.refuses():
            edit = edit_and_requeue(self.app, self._jobs, self._job)
            self.run_worker(edit, exclusive=True, group="edit")

    def action_export(self) -> None:
        """Write this entry to a file."""
        self.run_worker(export(self.app, self._jobs, [self._job], None))
