"""One job of a list with everything in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from qtop.actions.plan import count_of
from qtop.actions.request import Delete, Move, Request, Requeue
from qtop.keymap.keymap import Where
from qtop.model.job import Job
from qtop.model.job_list import JobList
from qtop.monitor.state import ViewState
from qtop.screens import details
from qtop.screens.base import ConsoleScreen, bindings
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.payload_editor import edit_job
from qtop.search.failure_groups import FailureGroups, KeyMaker
from qtop.search.selection import chosen_of
from qtop.text.safe import safe
from qtop.widgets.text_lines import TextLine
from qtop.widgets.text_view import TextView
from queuecore.errors import StoreError


class JobDetailsScreen(ConsoleScreen):
    """A job as it was when it was opened.

    Args:
        job: The job, perhaps only what a list shows of it.
        jobs: The list it is in.
    """

    #: What the rest of it is called, and what is said when that is gone.
    REST: ClassVar[str] = "the rest of the job"
    GONE: ClassVar[str] = "the rest of the job: it is gone"

    def __init__(self, job: Job, jobs: JobList) -> None:
        super().__init__()
        self.job, self.jobs = job, jobs
        self.text = TextView()

    def show_view(self, view: ViewState) -> None:
        """Show the lines as they are now."""
        self.show_lines(view, self.lines(view))

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The job."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Fetch the rest of a job that was listed cut."""
        super().on_mount()
        if self.job.item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        try:
            [whole] = await self.app.read(self.jobs.read([self.job]))
        except StoreError as error:
            self.app.say(f"{self.REST}: {safe(str(error))}", "bad")
            return
        if whole is None:
            self.app.say(self.GONE, "warn")
            return
        self.job = whole
        self.show_view(self.app.state.view())

    # Keys of jobs that failed, wait or were set aside

    def act(self, make: Callable[..., Request]) -> None:
        """Ask for an action on this very job."""
        self.app.actions.request(make(self.jobs.source, chosen_of(self.jobs, [self.job])))

    def action_requeue(self) -> None:
        self.act(Requeue)

    def action_delete(self) -> None:
        self.act(Delete)

    def action_move(self) -> None:
        is_failed = self.jobs.source.kind == "failed"
        title = "Requeue to which queue?" if is_failed else "Move the job to which queue?"
        ask_for_queue(
            self.app, self.jobs.source, title, lambda queue: self.act(partial(Move, to=queue))
        )

    def action_edit(self) -> None:
        """Edit this very job; a failure is requeued then."""
        if not self.app.actions.refuses():
            work = edit_job(self.app, self.jobs, self.job)
            self.run_worker(work, exclusive=True, group="edit")

    def action_export(self) -> None:
        self.run_worker(export(self.app, self.jobs, [self.job], None), group="export")


class FailureScreen(JobDetailsScreen):
    """A failed job; its age goes on. `groups` is what is known of failures that are alike."""

    PLACES: ClassVar[tuple[Where, ...]] = ("failure", "texts")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)
    REST = "the rest of the entry"
    GONE = "this entry is not in the list any more"

    def __init__(self, job: Job, jobs: JobList, groups: FailureGroups | None = None) -> None:
        super().__init__(job, jobs)
        self._groups = groups

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        now = None if view.fleet is None else view.fleet.server_time
        payload = self.jobs.payload(self.job)
        return details.failure_lines(self.job, payload, view.policy.redactor, now, self._alike())

    def _alike(self) -> str:
        if self._groups is None or not self.job.item.raw:
            return ""
        count = self._groups.count_of(KeyMaker().key_of(self.job))
        if count is None:
            return ""
        so_far = "" if self._groups.is_complete else " so far"
        return f"{count_of(count, 'failure')}{so_far}"


class JobScreen(JobDetailsScreen):
    """A waiting job, or an item that was set aside."""

    PLACES: ClassVar[tuple[Where, ...]] = ("job", "texts")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)
    GONE = "the rest of the job: it is gone, or far from where it was seen"

    # These keys have other ids than those of failures.
    action_delete_jobs = JobDetailsScreen.action_delete
    action_move_jobs = JobDetailsScreen.action_move
    action_edit_job = JobDetailsScreen.action_edit
    action_export_jobs = JobDetailsScreen.action_export

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The job; it never changes."""
        return details.job_lines(self.job, view.policy.redactor)
