"""What the keys on waiting jobs and on items set aside do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from qtop.actions.plan import Plan
from qtop.keymap.keymap import Where
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts, queue_bars
from qtop.screens.export import export
from qtop.screens.job_editor import edit_job
from qtop.screens.links import follow, to_serving
from qtop.screens.paging import with_marks
from qtop.screens.queue_choice import ask_for_queue
from qtop.screens.rows import RowsScreen
from qtop.search.chosen import Selection
from qtop.search.selection import JobSource
from qtop.systems.resque import job_search
from qtop.systems.resque.job_search import JobSearch, chosen_of
from qtop.systems.resque.queues import unusable
from qtop.systems.resque.waiting import JobRow, source_of
from qtop.text.safe import counted
from qtop.widgets.bars import Bar, Span

#: Says for an item's bytes why an action will refuse it, for its preview.
Refusal = Callable[[bytes], "str | None"]


def _none(raw: bytes) -> str | None:
    return None


class JobActions(RowsScreen):
    """The keys of a list of jobs; `source` is the list."""

    TAB: ClassVar[Where] = "queues"
    is_set_aside: ClassVar[bool] = False
    marks_gone = "the marked jobs have left the queue: nothing was done"

    def __init__(self, queue: str) -> None:
        self.source: JobSource = source_of(queue, is_set_aside=self.is_set_aside)
        self.window, self.service = Bar(id="window"), Bar(id="service")
        super().__init__()

    def show_service(self, view: ViewState) -> None:
        """Say who serves the queue."""
        board, name = view.board, self.source.name
        if board is not None:
            if board.queues is None:
                why = board.totals.problems.get("queues", "")
                self.service.show([Span(f" {frame_texts.unknown_word(why)}", "warn")])
                return
            row = next((row for row in board.queues if row.name == name), None)
            served_by, workers = self.app.stage.served_by, board.workers
            serving = None if workers is None else queue_bars.serving(name, workers, served_by)
            if row is not None and self.is_set_aside:
                row = row._replace(unreadable=0)
            self.service.show(*queue_bars.service(row, serving, view.manner.sign))

    async def action_show_serving(self) -> None:
        """Show the workers that serve the queue."""
        board, name = self.app.stage.view().board, self.source.name
        rows = (board.queues or ()) if board is not None else ()
        serving = next((row.serving for row in rows if row.name == name), None)
        await follow(self.app, to_serving(name, serving))

    # The chosen ones

    def chosen_rows(self) -> list[JobRow]:
        """The marked jobs, or the one under the cursor."""
        rows: list[JobRow] = self.meant()
        return rows

    def action_delete_jobs(self) -> None:
        """Delete the chosen jobs, these very ones."""
        self._act(lambda chosen: self.app.desk.job_plans.delete(self.source, chosen))

    def action_put_back(self) -> None:
        """Put the chosen items back onto their queue, these very ones."""
        plans = self.app.desk.job_plans
        self._act(lambda chosen: plans.put_back(self.source, chosen), unusable)

    def action_move_jobs(self) -> None:
        """Move the chosen jobs, these very ones, to another queue."""
        rows = self.chosen_rows()
        if not rows:
            return
        chosen = chosen_of(rows, self.source)
        self._ask_where(
            f"Move {_jobs(len(rows))} to which queue?",
            lambda queue: self.app.desk.begin(
                with_marks(self.app.desk.job_plans.move(self.source, chosen, queue), self.table),
                self.table,
            ),
        )

    def action_edit_job(self) -> None:
        """Edit the job under the cursor."""
        row: JobRow | None = self.table.cursor_row
        if row is not None and not self.app.desk.refuses():
            self.run_worker(edit_job(self.app, row, self.source, self.table), group="edit")

    def action_export_jobs(self) -> None:
        """Write the chosen jobs, or all that match, to a file."""
        search = JobSearch(self.source, self.filter)
        work = export(self.app, self.chosen_rows(), search, self.source)
        self.run_worker(work, group="export")

    def _act(self, plan: Callable[[Selection], Plan], refusal: Refusal = _none) -> None:
        if rows := self.chosen_rows():
            made = plan(chosen_of(rows, self.source, refusal))
            self.app.desk.begin(with_marks(made, self.table), self.table)

    # All that match

    def action_delete_matching(self) -> None:
        """Delete all that match."""
        plans, where = self.app.desk.job_plans, self.filter.text
        self._act_on_all(lambda chosen: plans.delete(self.source, chosen, where, asks=True))

    def action_put_back_matching(self) -> None:
        """Put all that match back onto their queue."""
        plans, where = self.app.desk.job_plans, self.filter.text
        self._act_on_all(
            lambda chosen: plans.put_back(self.source, chosen, where, asks=True), unusable
        )

    def action_move_matching(self) -> None:
        """Move all that match to another queue."""
        plans, where = self.app.desk.job_plans, self.filter.text

        def move(queue: str) -> None:
            self._act_on_all(
                lambda chosen: plans.move(self.source, chosen, queue, where, asks=True)
            )

        every = "all" if self.filter.is_empty else "all that match"
        self._ask_where(f"Move {every} to which queue?", move)

    def _ask_where(self, title: str, move: Callable[[str], None]) -> None:
        ask_for_queue(self.app, self.source, title, move)

    def _act_on_all(self, plan: Callable[[Selection], Plan], refusal: Refusal = _none) -> None:
        app, search = self.app, JobSearch(self.source, self.filter)

        async def look(tell: Callable[[int, int], None]) -> Selection:
            return await job_search.choose(app.read, app.keys, search, tell, refusal=refusal)

        def planned(chosen: Selection) -> Plan | str:
            if not chosen.marks:
                return "nothing matches (any more)"
            made = plan(chosen)
            if not search.too_large:
                return made
            left = f"Left alone: {search.too_large:,} too large to look into."
            return replace(made, details=(*made.details, left))

        app.desk.begin_after_search("looking for all that match", look, planned, self.table)


def _jobs(number: int) -> str:
    return "the job" if number == 1 else counted(number, "job")
