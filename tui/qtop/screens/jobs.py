"""The jobs that wait in a queue, and what was set aside from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Final

from qtop.actions.request import PutBack
from qtop.keymap.keymap import Where
from qtop.model.job import JobRow, JobSource
from qtop.monitor.state import ViewState
from qtop.screens import details
from qtop.screens.job_details import JobDetailsScreen
from qtop.screens.job_list import ARGS, CLASS, JobListScreen, class_tone, size_of
from qtop.search.selection import JobQuery
from qtop.text import format
from qtop.text.safe import safe
from qtop.widgets.columns import Column, figure
from qtop.widgets.text_lines import TextLine


def _place(row: JobRow) -> str:
    return format.number(None if row.job.place is None else row.job.place + 1)


COLUMNS: Final[tuple[Column[JobRow], ...]] = (
    figure(
        *("place", "place", 8, lambda row: row.job.place),
        priority=90,
        cell=_place,
        style="dim",
        descends=False,
    ),
    replace(CLASS, width=18, flex=1, style=lambda r: None if r.job.item.is_cut else class_tone(r)),
    replace(ARGS, width=30, flex=3),
    figure("size", "bytes", 8, size_of, priority=50, style="dim"),
    Column("id", "id", 12, lambda row: row.job.id[:12], priority=20, style="dim"),
)

_MARKS_GONE: Final = "the marked jobs have already left the queue: nothing was changed"


class JobScreen(JobDetailsScreen):
    """A waiting job, or an item that was set aside."""

    PLACES: ClassVar[tuple[Where, ...]] = ("job", "texts")
    TAB: ClassVar[Where] = "queues"
    NAME = "one job"
    GONE = "the rest of the job: already gone, or far from its last position"

    # These keys have other ids than those of failures.
    action_delete_jobs = JobDetailsScreen.action_delete
    action_move_jobs = JobDetailsScreen.action_move
    action_edit_job = JobDetailsScreen.action_edit
    action_export_jobs = JobDetailsScreen.action_export

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        return details.job_lines(self.job, view.policy.redactor)


class JobsScreen(JobListScreen):
    """The jobs of a queue; `place` is the label of its place, where there are several."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "jobs")
    TAB: ClassVar[Where] = "queues"
    STOP = "stop_looking"
    LIST_COLUMNS = COLUMNS
    DETAILS = JobScreen
    NOTHING = "No waiting jobs in this queue."
    MARKS_GONE = _MARKS_GONE

    def __init__(self, queue: str, place: str = "") -> None:
        super().__init__(JobQuery(JobSource("queue", queue, place)))
        self.is_of_one = True

    @property
    def name(self) -> str:
        return safe(self.within.source.name) or "(no name)"

    def action_show_aside(self) -> None:
        source = self.within.source
        self.app.push_screen(SetAsideScreen(source.name, source.place))


class QuarantineScreen(JobListScreen):
    """The jobs of a queue that are in quarantine."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "aside")
    TAB: ClassVar[Where] = "failed"
    STOP = "stop_looking"
    LIST_COLUMNS = COLUMNS
    DETAILS = JobScreen
    NOTHING = "No quarantined jobs."
    MARKS_GONE = _MARKS_GONE

    def __init__(self, source: JobSource) -> None:
        super().__init__(JobQuery(source))
        self.is_of_one = True

    def action_put_back(self) -> None:
        self.act(PutBack)

    def action_put_back_matching(self) -> None:
        self.act(PutBack, chosen=self.wanted)


class SetAsideScreen(JobListScreen):
    """What workers set aside from a queue because they could not read it; `place` is the label of
    its place, where there are several."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "aside")
    TAB: ClassVar[Where] = "queues"
    STOP = "stop_looking"
    NAME = "unreadable"
    LIST_COLUMNS = COLUMNS
    DETAILS = JobScreen
    NOTHING = "No unreadable items of this queue."
    MARKS_GONE = _MARKS_GONE

    def __init__(self, queue: str, place: str = "") -> None:
        super().__init__(JobQuery(JobSource("unreadable", queue, place)))
        self.is_of_one = True

    def action_put_back(self) -> None:
        self.act(PutBack)

    def action_put_back_matching(self) -> None:
        self.act(PutBack, chosen=self.wanted)
