"""One job of a list on a screen of its own, with the keys that act on this very job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from qtop.actions.request import Delete, Kill, Move, Placed, Quarantine, Request, Requeue
from qtop.model.job import Job, JobSource
from qtop.model.job_list import JobList
from qtop.screens.base import ConsoleScreen
from qtop.screens.console import Console
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.payload_editor import edit_job
from qtop.search.fields import Subject, of_job
from qtop.search.selection import chosen_of
from qtop.text.safe import safe
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
    GONE: ClassVar[str] = "the rest of the job: already gone"

    def __init__(self, job: Job, jobs: JobList) -> None:
        super().__init__()
        self.job, self.jobs = job, jobs
        #: Gives another job of the list that this one was opened from; None: it was from none.
        self.neighbour: Callable[[int], Job | None] | None = None
        self.text = TextView()

    def on_mount(self) -> None:
        """Fetch the rest of a job that was listed cut."""
        super().on_mount()
        if self.job.item.is_cut:
            self.run_worker(self._fetch(), exclusive=True, group="fetch")

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

    def own_row(self) -> Subject | None:
        now, name = self.now, self.app.system.name
        return of_job(self.job, now, self.jobs.source.place or name)

    def action_next_job(self) -> None:
        self._go_to_neighbour(1)

    def action_previous_job(self) -> None:
        self._go_to_neighbour(-1)

    def _go_to_neighbour(self, step: int) -> None:
        job = None if self.neighbour is None else self.neighbour(step)
        if job is None:
            self.app.say(f"no {'next' if step > 0 else 'previous'} job is listed", "dim")
            return
        self.job = job
        if self.text is not None:
            self.text.action_scroll_home()
        self.show_view(self.app.state.view())
        if job.item.is_cut:
            self.run_worker(self._fetch(), exclusive=True, group="fetch")

    # Keys of jobs that failed, wait or were set aside

    def act(self, make: Callable[..., Request]) -> None:
        self.app.actions.request(make(self.jobs.source, chosen_of(self.jobs, [self.job])))

    def action_requeue(self) -> None:
        self.act(Requeue)

    def action_quarantine(self) -> None:
        """Put this job into quarantine, its copies too."""
        quarantine(self.app, self.jobs.source, self.job)

    def action_delete(self) -> None:
        self.act(Delete)

    def action_kill(self) -> None:
        self.act(Kill)

    def action_postpone(self) -> None:
        self.app.actions.ask_for_moment(self.jobs.source, chosen_of(self.jobs, [self.job]))

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


def quarantine(app: Console, source: JobSource, job: Job) -> None:
    """Ask whether to put a job of a list into quarantine, its copies too."""
    request = Quarantine(replace(source, place=""), job)
    placed = Placed(job.system, request) if job.system else request
    app.actions.request(placed, looking="searching for copies of this job")
