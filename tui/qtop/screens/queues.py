"""The queues: what waits, how fast it comes and goes, who serves it, what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from qtop.actions.plan import ClearPreview, Plan, look_at
from qtop.keymap.keymap import Where
from qtop.monitor.drops import Drop
from qtop.monitor.rows import QueueRow
from qtop.monitor.state import ViewState
from qtop.screens import frame_texts
from qtop.screens.base import bindings
from qtop.screens.jobs import JobsScreen, SetAsideScreen
from qtop.screens.links import follow, to_serving
from qtop.screens.queue_columns import COLUMNS
from qtop.screens.rows import MainScreen
from qtop.search.fields import Subject
from qtop.text import format
from qtop.text.safe import counted, safe
from qtop.widgets.table import Table
from resque.store import queues


class QueuesScreen(MainScreen):
    """All queues, the longest first."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "lists", "queues")
    TAB: ClassVar[Where] = "queues"
    BINDINGS = bindings(PLACES)

    def make_table(self) -> Table[Any]:
        """The table."""
        return Table(COLUMNS, key=lambda row: row.name, sort="depth", clock=self.app.clock)

    def __init__(self) -> None:
        super().__init__()
        # A column that stays empty in most fleets.
        self._without_waits = "queues" not in self.app.settings.columns
        if self._without_waits:
            self.table.show_columns([each.key for each in COLUMNS if each.key != "next_waits"])

    def show_board(self, view: ViewState) -> None:
        """Show the queues."""
        table: Table[QueueRow] = self.table
        rows = (view.board.queues or ()) if view.board else ()
        if self._without_waits and any(row.next_waits_s is not None for row in rows):
            self._without_waits = False
            table.show_columns(None)
        advice = "they appear with the first job, as from `qtop enqueue Sleep 5 --queue sleep`."
        gone = view.board.totals.falls.gone if view.board else ()
        word = frame_texts.empty_word(view, "queues", advice, "queues")
        table.empty_text = _gone(gone) if gone and _is_known(view) else word
        table.stale = view.is_stale
        table.label("failed", format.failed_label(view.board))
        self.show_rows(rows)

    def subject(self, row: QueueRow) -> Subject:
        """A queue as filters see it: words also find its state."""
        return Subject(queue=row.name, words=(format.queue_state(row),))

    def on_table_opened(self, event: Table.Opened[QueueRow]) -> None:
        """Show the jobs that wait in the queue."""
        self.app.push_screen(JobsScreen(event.row.name))

    def action_pause(self) -> None:
        """Pause the chosen queues; resume them when all of them are paused."""
        rows: list[QueueRow] = self.meant()
        if any(row.is_paused is None for row in rows):
            self.app.say("whether they are paused is unknown: nothing was changed", "warn")
        elif rows:
            names = [row.name for row in rows]
            paused = not all(row.is_paused for row in rows)
            self.app.desk.begin(self.app.desk.plans.pause(names, paused=paused), self.table)

    def action_clear_queue(self) -> None:
        """Ask whether to delete what waits in the queue under the cursor."""
        self._begin_after_look(self.app.desk.plans.clear_queue)

    def action_remove_queue(self) -> None:
        """Ask whether to remove the queue under the cursor with what waits in it."""
        self._begin_after_look(self.app.desk.job_plans.remove_queue)

    def _begin_after_look(self, plan: Callable[[str, ClearPreview], Plan]) -> None:
        row: QueueRow | None = self.table.cursor_row
        if row is None:
            return
        name, keys = row.name, self.app.keys
        self.app.desk.begin_after(
            f"looking at {safe(name)}",
            look_at(queues.extent(keys, name), keys.queue(name)),
            lambda seen: plan(name, seen),
        )

    def action_show_aside(self) -> None:
        """Show what was set aside from the queue under the cursor."""
        row: QueueRow | None = self.table.cursor_row
        if row is None:
            return
        # Of what is unknown the screen tells why.
        if row.unreadable != 0:
            self.app.push_screen(SetAsideScreen(row.name))
        else:
            self.app.say(f"nothing is set aside from {safe(row.name)}", "dim")

    async def action_show_serving(self) -> None:
        """Show the workers that serve the queue under the cursor."""
        row: QueueRow | None = self.table.cursor_row
        if row is not None:
            await follow(self.app, to_serving(row.name, row.serving))

    def action_start_workers(self) -> None:
        """Ask which workers to start here, for the chosen queues in this order."""
        self.app.desk.local.ask([row.name for row in self.chosen()] or ["*"])


def _is_known(view: ViewState) -> bool:
    return view.board is not None and view.board.queues is not None


def _gone(gone: Sequence[tuple[str, Drop]]) -> str:
    """What an emptied list of queues says."""
    jobs, queues = sum(fall.was for _, fall in gone), counted(len(gone), "queue")
    at = f"{gone[0][1].at.astimezone():%H:%M:%S}"
    return f"No queues any more: until {at} {counted(jobs, 'job')} waited in {queues}."
