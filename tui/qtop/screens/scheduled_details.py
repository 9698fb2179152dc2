"""One delayed job, and one recurring schedule, with everything that is known of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar, Final

from qtop.actions.request import Delete, DeleteSchedules, RunNow, RunSchedules
from qtop.keymap.keymap import Where
from qtop.model.job import Job
from qtop.model.job_list import JobList
from qtop.model.schedule import ListedSchedule
from qtop.monitor.state import ViewState
from qtop.screens import details
from qtop.screens.base import TextScreen, bindings
from qtop.search.selection import Selection, chosen_of
from qtop.text.safe import safe
from qtop.widgets.text_lines import TextLine
from queuecore.errors import StoreError

_FIRINGS: Final = 5


def server_now(view: ViewState) -> datetime:
    """The server's clock at the look that is shown."""
    return datetime.now(UTC) if view.fleet is None else view.fleet.server_time


class DelayedJobScreen(TextScreen):
    """The job as it was when it was opened; how soon it is due goes on."""

    PLACES: ClassVar[tuple[Where, ...]] = ("delayed", "texts")
    TAB: ClassVar[Where] = "scheduled"
    BINDINGS = bindings(PLACES)

    def __init__(self, job: Job, jobs: JobList) -> None:
        super().__init__()
        self._job, self._jobs = job, jobs

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The job."""
        due = self._job.due
        due_s = 0.0 if due is None else due.at - server_now(view).timestamp()
        return details.delayed_lines(self._job, due_s, view.policy.redactor)

    def on_mount(self) -> None:
        """Fetch the rest of a job that was listed cut."""
        super().on_mount()
        if self._job.item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        try:
            [whole] = await self.app.read(self._jobs.read([self._job]))
        except StoreError as error:
            self.app.say(f"the rest of the job: {safe(str(error))}", "bad")
            return
        if whole is None:
            self.app.say("the rest of the job: it is gone", "warn")
            return
        self._job = whole
        self.show_view(self.app.state.view())

    def _chosen(self) -> Selection:
        return chosen_of(self._jobs, [self._job])

    def action_run_now(self) -> None:
        """Run this very job now."""
        self.app.actions.request(RunNow(self._jobs.source, self._chosen()))

    def action_drop(self) -> None:
        """Delete this very job."""
        self.app.actions.request(Delete(self._jobs.source, self._chosen()))

    def action_reschedule(self) -> None:
        """Ask until when to delay this very job instead."""
        self.app.actions.ask_for_moment(self._jobs.source, self._chosen())


class ScheduleScreen(TextScreen):
    """The schedule as it was when it was opened, and when it fires next."""

    PLACES: ClassVar[tuple[Where, ...]] = ("schedule", "texts")
    TAB: ClassVar[Where] = "scheduled"
    BINDINGS = bindings(PLACES)

    def __init__(self, row: ListedSchedule) -> None:
        super().__init__()
        self._row = row
        self._firings: list[datetime] = [] if row.next_at is None else [row.next_at]

    def on_mount(self) -> None:
        """Reckon the next runs: absurd expressions take long."""
        super().on_mount()
        if self._row.is_usable and self._row.problem is None:
            self.run_worker(self._reckon())

    async def _reckon(self) -> None:
        now = server_now(self.app.state.view())
        firings = self.app.system.firings
        self._firings = await asyncio.to_thread(firings, self._row, now, _FIRINGS)
        self.show_view(self.app.state.view())

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The schedule."""
        now = server_now(view)
        return details.schedule_lines(self._row, self._firings, now, view.policy.redactor)

    def action_run_now(self) -> None:
        """Queue the schedule's job now."""
        self.app.actions.request(RunSchedules((self._row,)))

    def action_drop(self) -> None:
        """Delete the schedule."""
        self.app.actions.request(DeleteSchedules((self._row,)))
