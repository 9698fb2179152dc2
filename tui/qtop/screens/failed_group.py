"""The entries of one group of failures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from qtop.keymap.keymap import Where
from qtop.monitor.rows import FailureRow
from qtop.screens.base import bindings
from qtop.screens.failed_columns import ENTRY_COLUMNS_OF_GROUP
from qtop.screens.failed_entries import EntriesScreen
from qtop.screens.failed_table import EntriesTable
from qtop.screens.failure import FailureScreen
from qtop.search.groups import FailureGroup, FailureGroups
from qtop.systems.resque.failure_search import FailureQuery, title
from qtop.widgets.bars import Span
from qtop.widgets.table import Table


class GroupScreen(EntriesScreen):
    """What is in a group, newest first; found by looking through the whole list."""

    PLACES: ClassVar[tuple[Where, ...]] = ("tables", "rows", "group")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)

    def __init__(
        self, wanted: FailureQuery, group: FailureGroup, groups: FailureGroups | None
    ) -> None:
        super().__init__(wanted)
        self.filter = wanted.filter
        self._group = group
        self._groups = groups

    def make_table(self) -> Table[Any]:
        """The table of the entries, without what the title says of all of them."""
        return EntriesTable(self.turn, self.app.clock, ENTRY_COLUMNS_OF_GROUP)

    def title_spans(self) -> list[Span]:
        """Which group."""
        name = title(self._group.fingerprint)
        return [*super().title_spans(), Span(f"   {name}", "bad", 89, least=8)]

    def values_of(self, field: str) -> Iterable[str]:
        """Values to complete a field with."""
        names = [name for name, _ in self._group.queues]
        return names if field == "queue" else super().values_of(field)

    def on_table_opened(self, event: Table.Opened[FailureRow]) -> None:
        """Show the whole entry."""
        event.stop()
        self.app.push_screen(FailureScreen(event.row.failure, self.within.list_name, self._groups))

    def action_toggle_groups(self) -> None:
        """Back to the groups."""
        self.dismiss()

    def action_back(self) -> None:
        """Stop an action that is under way; else take the filter away, then leave."""
        if not self.app.desk.stop():
            super().action_back()

    def action_stop(self) -> None:
        """Stop what is under way, or let it go on."""
        if not self.app.desk.stop():
            self.stop_or_go_on(self._follower, "search")
