"""The jobs that wait in a queue, and what was set aside from it."""

from __future__ import annotations

from typing import ClassVar, Final

from qtop.actions.request import PutBack
from qtop.keymap.keymap import Where
from qtop.model.job import JobSource
from qtop.screens.base import bindings
from qtop.screens.job_columns import WAITING_COLUMNS
from qtop.screens.job_list import JobListScreen
from qtop.search.selection import JobQuery, RefusalCheck, Selection

COLUMNS: Final = WAITING_COLUMNS
_MARKS_GONE: Final = "the marked jobs have left the queue: nothing was done"


class JobsScreen(JobListScreen):
    """The jobs of a queue."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "jobs")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)
    STOP = "stop_looking"
    LIST_COLUMNS = COLUMNS
    NOTHING = "Nothing waits in this queue."
    MARKS_GONE = _MARKS_GONE

    def __init__(self, queue: str) -> None:
        super().__init__(JobQuery(JobSource("queue", queue)))

    def action_show_aside(self) -> None:
        self.app.push_screen(SetAsideScreen(self.within.source.name))


class SetAsideScreen(JobListScreen):
    """What workers set aside from a queue because they could not read it."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "aside")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)
    STOP = "stop_looking"
    LIST_COLUMNS = COLUMNS
    NOTHING = "Nothing is set aside from this queue."
    MARKS_GONE = _MARKS_GONE

    def __init__(self, queue: str) -> None:
        super().__init__(JobQuery(JobSource("unreadable", queue)))

    def _refusal(self) -> RefusalCheck:
        return self.app.system.refusal(PutBack(self.within.source, Selection()))

    def action_put_back(self) -> None:
        self.act(PutBack, refusal=self._refusal())

    def action_put_back_matching(self) -> None:
        self.act(PutBack, refusal=self._refusal(), chosen=self.wanted)
