"""What the keys on failed jobs do, whichever way the jobs are listed."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from qtop.actions.plan import Plan, look_at
from qtop.monitor.rows import FailureRow
from qtop.screens.export import export
from qtop.screens.paging import PagedTable, with_marks
from qtop.screens.payload_editor import edit_and_requeue
from qtop.screens.queue_choice import ask_for_queue
from qtop.screens.rows import MainScreen
from qtop.search.chosen import Selection
from qtop.systems.resque.failure_search import FailureQuery, FailureSearch, choose
from qtop.text.safe import safe
from qtop.widgets.bars import Bar, Span
from resque.store import failures
from resque.store.failures import Failure

#: Makes the plan for what was found.
PlanFor = Callable[[Selection, FailureQuery], Plan]


class FailedActions(MainScreen):
    """The keys. `within` is what the screen is about: a list of failures, perhaps one group."""

    def __init__(self, within: FailureQuery) -> None:
        super().__init__()
        self.within = within
        self.window = Bar(id="window")

    def in_background(
        self, group: str, work: Callable[[], Coroutine[Any, Any, None]], *, exclusive: bool = True
    ) -> None:
        """Begin some work; with `exclusive` instead of what is under way in its group."""
        # A function and not a coroutine: what is given up before it began leaves nothing behind.
        self.run_worker(work, exclusive=exclusive, group=group)  # type: ignore[arg-type]

    @property
    def now(self) -> datetime:
        """The server's clock."""
        raise NotImplementedError

    @property
    def is_frozen(self) -> bool:
        """Whether what is found in the background is not to be shown now."""
        return self.app.stage.view().frozen_since_mono is not None

    @property
    def wanted(self) -> FailureQuery:
        """What is listed: what the screen is about, as far as it matches the filter."""
        return replace(self.within, filter=self.filter)

    def chosen_groups(self) -> FailureQuery | None:
        """The groups that were chosen, where groups are listed."""
        return None

    def show_matching(self, rows: Sequence[Any], none: str, *, is_all: bool = True) -> None:
        """Show rows that match already; `is_all` says that there are no others."""
        self._all_rows = rows
        self.table.empty_text = none
        if isinstance(self.table, PagedTable):
            self.table.set_page(rows, is_all=is_all)
        else:
            self.table.set_rows(rows)
        self._show_filter()

    def title_spans(self) -> list[Span]:
        """What the screen is about."""
        return [Span(f" {safe(self.within.list_name)}", "current", 100)]

    def _entries(self) -> list[Failure]:
        return [row.failure for row in self.meant() if isinstance(row, FailureRow)]

    # One entry, or the chosen ones

    def action_requeue(self) -> None:
        """Requeue the chosen entries, these very ones, or those of the chosen groups."""
        plans = self.app.desk.failure_plans
        self._act(plans.requeue, plans.requeue_all, spare=True)

    def action_delete(self) -> None:
        """Delete the chosen entries, these very ones, or those of the chosen groups."""
        plans = self.app.desk.failure_plans
        self._act(plans.delete, plans.delete_all)

    def action_move(self) -> None:
        """Requeue the chosen entries, or those of the chosen groups, to another queue."""
        plans = self.app.desk.failure_plans

        def move(queue: str) -> None:
            self._act(
                lambda entries, name: plans.requeue(entries, name, queue=queue),
                lambda chosen, wanted: plans.requeue_all(chosen, wanted, queue=queue),
            )

        if self.table.cursor_row is not None:
            ask_for_queue(self.app, self.within.source, "Requeue to which queue?", move)

    def action_edit(self) -> None:
        """Edit the payload of the entry under the cursor and requeue it."""
        row = self.table.cursor_row
        if isinstance(row, FailureRow) and not self.app.desk.refuses():
            name = self.within.list_name
            self.run_worker(edit_and_requeue(self.app, row.failure, name, self.table))
        elif row is not None:
            sign = self.app.stage.manner.sign
            how = f"{sign('table.open')} opens the group, {sign('toggle_groups')} lists them all"
            self.app.say(f"one entry at a time: {how}", "dim")

    def action_export(self) -> None:
        """Write the chosen entries, or all that match, to a file."""
        groups, now = self.chosen_groups(), self.now
        chosen = self._entries() if groups is None else FailureSearch(groups, now)
        what = "group" if groups is not None else "chosen"
        everything = FailureSearch(self.wanted, now)
        self.run_worker(export(self.app, chosen, everything, self.within.source, what))

    def _act(
        self,
        on_entries: Callable[[list[Failure], str], Plan],
        on_found: PlanFor,
        *,
        spare: bool = False,
    ) -> None:
        groups = self.chosen_groups()
        if groups is not None:
            self._act_on_all(groups, on_found, spare=spare)
        elif entries := self._entries():
            made = on_entries(entries, self.within.list_name)
            self.app.desk.begin(with_marks(made, self.table), self.table)

    # All that match

    def action_requeue_all(self) -> None:
        """Requeue all that match."""
        self._act_on_all(self.wanted, self.app.desk.failure_plans.requeue_all, spare=True)

    def action_delete_all(self) -> None:
        """Delete all that match."""
        self._act_on_all(self.wanted, self.app.desk.failure_plans.delete_all)

    def _act_on_all(self, wanted: FailureQuery, plan: PlanFor, *, spare: bool = False) -> None:
        app, now = self.app, self.now
        key = app.stage.manner.sign("requeue")

        async def search(tell: Callable[[int, int], None]) -> Selection:
            return await choose(
                app.read, app.keys, FailureSearch(wanted, now), tell, spare_poisoned=spare
            )

        def planned(chosen: Selection) -> Plan | str:
            if chosen.marks:
                return plan(chosen, wanted)
            if chosen.spared:
                return (
                    f"the {chosen.spared:,} that match killed their process repeatedly: use {key}"
                )
            return "nothing matches (any more)"

        app.desk.begin_after_search("looking for all that match", search, planned, self.table)

    def action_clear_failures(self) -> None:
        """Ask whether to delete all failures of the list."""
        keys, name = self.app.keys, self.within.list_name
        self.app.desk.begin_after(
            "looking at the failures",
            look_at(failures.extent(keys, name), failures.list_key(keys, name)),
            lambda seen: self.app.desk.failure_plans.clear(seen, name),
        )
