"""What the keys of the scheduled screen do to jobs and schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from qtop.actions.plan import Plan
from qtop.screens.paging import with_marks
from qtop.screens.rows import MainScreen
from qtop.screens.scheduled_details import server_now
from qtop.screens.searcher import Searcher
from qtop.search import filter_language
from qtop.search.filter_language import BadFilter, Filter
from qtop.systems.resque.scheduled_rows import ClassRow, DueRow, ScheduleRow, class_filter
from qtop.systems.resque.scheduled_search import DelayedSelection, choose, chosen
from qtop.text.safe import safe
from qtop.widgets.table import Table

SchedulePart = Literal["jobs", "classes", "schedules"]


class ScheduledActions(MainScreen):
    """`part` is the list in front."""

    part: SchedulePart = "jobs"
    searcher: Searcher

    @property
    def now_s(self) -> float:
        """The server's clock (epoch)."""
        return server_now(self.app.stage.view()).timestamp()

    def action_run_now(self) -> None:
        """Run the chosen jobs now, or queue the jobs of the chosen schedules."""
        plans = self.app.desk.delayed_plans
        self._act(plans.run_now, plans.run_schedules)

    def action_drop(self) -> None:
        """Delete the chosen jobs or schedules."""
        plans = self.app.desk.delayed_plans
        self._act(plans.delete, plans.delete_schedules)

    def action_reschedule(self) -> None:
        """Ask until when to delay the chosen jobs instead."""
        if self.part == "schedules":
            self._only_for_jobs()
        elif self.part == "classes":
            key = self.app.stage.manner.sign("table.open")
            self.app.say(f"{key} lists the jobs of the class: choose there what to move", "dim")
        elif jobs := self._jobs():
            self.searcher.expect_change()
            self.app.desk.ask_for_moment(jobs, self.table)

    def action_run_matching(self) -> None:
        """Ask whether to run all jobs that match now."""
        self._act_on_all(self.filter, self.app.desk.delayed_plans.run_now)

    def action_drop_matching(self) -> None:
        """Ask whether to delete all jobs that match."""
        self._act_on_all(self.filter, self.app.desk.delayed_plans.delete)

    def _only_for_jobs(self) -> None:
        key = self.app.stage.manner.sign("jobs_or_schedules")
        self.app.say(f"that is for delayed jobs: {key} shows them", "dim")

    def _jobs(self) -> DelayedSelection | None:
        rows: list[DueRow] = self.meant()
        return chosen([row.seen for row in rows]) if rows else None

    def _act(
        self,
        on_jobs: Callable[..., Plan],
        on_schedules: Callable[[list[ScheduleRow]], Plan],
    ) -> None:
        table: Table[Any] = self.table
        if self.part == "classes":
            row: ClassRow | None = table.cursor_row
            if row is not None:
                self._act_on_class(row, on_jobs)
        elif self.part == "schedules":
            if rows := self.meant():
                self.app.desk.begin(on_schedules(rows), table)
        elif jobs := self._jobs():
            self.searcher.expect_change()
            self.app.desk.begin(with_marks(on_jobs(jobs), table), table)

    def _act_on_class(self, row: ClassRow, on_jobs: Callable[..., Plan]) -> None:
        try:
            wanted = filter_language.parse(class_filter(row, self.filter.text))
        except BadFilter as error:
            self.app.say(safe(str(error)), "warn")
        else:
            self._act_on_all(wanted, on_jobs)

    def _act_on_all(self, wanted: Filter, on_jobs: Callable[..., Plan]) -> None:
        if self.part == "schedules":
            self._only_for_jobs()
            return
        self.searcher.expect_change()
        self.app.desk.begin_after(
            "looking through all delayed jobs",
            choose(self.app.keys, wanted, self.now_s),
            lambda choice: on_jobs(choice, asks=True),
        )
