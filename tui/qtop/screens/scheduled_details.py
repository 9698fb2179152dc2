"""One delayed job, and one recurring schedule, with everything that is known of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar, Final

from qtop.actions.request import DeleteSchedules, RunNow, RunSchedules
from qtop.keymap.keymap import Where
from qtop.model.schedule import ListedSchedule
from qtop.monitor.state import ViewState
from qtop.screens import details
from qtop.screens.base import TextScreen, bindings
from qtop.screens.job_details import JobDetailsScreen
from qtop.search.selection import chosen_of
from qtop.widgets.text_lines import TextLine

_FIRINGS: Final = 5


def server_now(view: ViewState) -> datetime:
    """The server's clock at the look that is shown."""
    return datetime.now(UTC) if view.fleet is None else view.fleet.server_time


class DelayedJobScreen(JobDetailsScreen):
    """A delayed job; how soon it is due goes on."""

    PLACES: ClassVar[tuple[Where, ...]] = ("delayed", "texts")
    TAB: ClassVar[Where] = "scheduled"
    BINDINGS = bindings(PLACES)

    action_drop = JobDetailsScreen.action_delete

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The job."""
        due = self.job.due
        due_s = 0.0 if due is None else due.at - server_now(view).timestamp()
        return details.delayed_lines(self.job, due_s, view.policy.redactor)

    def action_run_now(self) -> None:
        """Run this very job now."""
        self.act(RunNow)

    def action_reschedule(self) -> None:
        """Ask until when to delay this very job instead."""
        self.app.actions.ask_for_moment(self.jobs.source, chosen_of(self.jobs, [self.job]))


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
