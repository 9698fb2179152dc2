"""The table of failures one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtop.monitor.rows import FailureRow
from qtop.screens.failed_columns import COLUMNS
from qtop.screens.paging import PagedTable
from qtop.widgets.columns import Column


class EntriesTable(PagedTable[FailureRow]):
    """Asks for other failures when a page key meets its end.

    Args:
        turn: Goes to older failures (+1) or newer ones (-1); False when there are none.
        clock: Monotonic seconds.
        columns: Those of all failures, or fewer.
    """

    def __init__(
        self,
        turn: Callable[[int], bool],
        clock: Callable[[], float],
        columns: Sequence[Column[FailureRow]] = COLUMNS,
    ) -> None:
        super().__init__(columns, key=lambda row: row.key, clock=clock)
        self._turn = turn

    def action_page_down(self) -> None:
        """One page down, or older failures."""
        if self.cursor_index < self.row_count - 1 or not self._turn(+1):
            super().action_page_down()

    def action_page_up(self) -> None:
        """One page up, or newer failures."""
        if self.cursor_index > 0 or not self._turn(-1):
            super().action_page_up()
