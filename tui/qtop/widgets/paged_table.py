"""A table that shows a part of a long list at a time, and keeps the marks on the other parts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, Final, Generic, Protocol

from qtop.actions.plan import Plan
from qtop.widgets.bars import Span
from qtop.widgets.columns import Column, RowT
from qtop.widgets.table import Table

#: Marked rows that are kept besides those of the page; each may hold 16 KB of its entry.
MOST_ELSEWHERE: Final = 5_000


class Pages(Protocol):
    """What reads another part of the list when a key meets the end of the page."""

    def turn(self, pages: int) -> bool:
        """Go to the next page (+1) or the one before (-1); False when there is none."""

    def turn_to_end(self, way: int) -> None:
        """Go to the first page of all (-1) or the last (+1), if it is another one."""


class PagedTable(Table[RowT], Generic[RowT]):
    """Rows that leave the page keep their marks, and are chosen with those on it.

    Args:
        columns: As of every table.
        key: As of every table: the same for a row on whichever page it is.
        clock: Monotonic seconds.
        pages: Turns the pages; without it the keys stay on this one.
    """

    def __init__(
        self,
        columns: Sequence[Column[RowT]],
        *,
        key: Callable[[RowT], Hashable],
        clock: Callable[[], float],
        pages: Pages | None = None,
    ) -> None:
        super().__init__(columns, key=key, clock=clock)
        self._key_of = key
        self._pages = pages
        self._elsewhere: dict[Hashable, RowT] = {}
        self._lost = 0

    @property
    def marked_elsewhere(self) -> int:
        """How many marked rows are not on this page; some may have left the list meanwhile."""
        return len(self._elsewhere)

    @property
    def dropped_marks(self) -> int:
        """How many marked rows vanished since the marks were last cleared."""
        return super().dropped_marks + self._lost

    def marked_rows(self) -> list[RowT]:
        """The marked rows of this page in the order shown, then those of the others. O(rows)."""
        return [*super().marked_rows(), *self._elsewhere.values()]

    def set_page(self, rows: Sequence[RowT], *, is_all: bool) -> None:
        """Show a page. `is_all` says that there are no rows but these: what is marked and not
        among them has gone. O(rows) when any is marked."""
        marked = super().marked_rows()
        here = set(map(self._key_of, rows)) if marked or self._elsewhere else set()
        back = here & self._elsewhere.keys()
        for key in back:
            del self._elsewhere[key]
        if is_all:
            self._lost += len(self._elsewhere)
            self._elsewhere.clear()
        else:
            leaving = {self._key_of(row): row for row in marked if self._key_of(row) not in here}
            room = max(0, MOST_ELSEWHERE - len(self._elsewhere))
            kept = list(leaving.items())[:room]
            self._elsewhere.update(kept)
            self._lost -= len(kept)  # the rows themselves take them for dropped
        self.set_rows(rows, back)

    def clear_marks(self) -> None:
        """Take all marks away, also those on other pages."""
        had_others, self._lost = bool(self._elsewhere), 0
        self._elsewhere.clear()
        super().clear_marks()
        if had_others:
            self.post_message(self.Marked(self, self.marked))

    def action_mark_all(self) -> None:
        """Mark every row of this page; when all are marked, none anywhere."""
        if self.row_count and len(self.marked) == self.row_count:
            self.clear_marks()
        else:
            super().action_mark_all()

    # Keys that meet the end of the page

    def action_page(self, pages: int) -> None:
        """One page down (1) or up (-1), or the next rows or those before."""
        is_at_end = self.cursor_index == (max(0, self.row_count - 1) if pages > 0 else 0)
        if not (is_at_end and self._pages is not None and self._pages.turn(pages)):
            super().action_page(pages)

    def action_cursor_first(self) -> None:
        """To the first row here; from there, to the first of all."""
        if self.cursor_index == 0 and self._pages is not None:
            self._pages.turn_to_end(-1)
        super().action_cursor_first()

    def action_cursor_last(self) -> None:
        """To the last row here; from there, to the last of all."""
        if self.cursor_index >= self.row_count - 1 and self._pages is not None:
            self._pages.turn_to_end(+1)
        super().action_cursor_last()


def marks_spans(table: Table[Any]) -> list[Span]:
    """How many rows are marked, and how many of them are not on this page."""
    away = table.marked_elsewhere if isinstance(table, PagedTable) else 0
    number = len(table.marked) + away
    if not number:
        return []
    where = f", {away:,} not on this page" if away else ""
    full = f" ({MOST_ELSEWHERE:,} at most)" if away >= MOST_ELSEWHERE else ""
    return [Span(f"   {number:,} marked{where}{full}", "accent", 96)]


def with_marks(plan: Plan, table: Table[Any]) -> Plan:
    """A plan for what is chosen in a table. Rows that are not on the page are never touched without
    a question, which says how many of them there are."""
    away = table.marked_elsewhere if isinstance(table, PagedTable) else 0
    if not away:
        return plan
    are = "1 of them is" if away == 1 else f"{away:,} of them are"
    details = (*plan.details, f"{are} not on the page in front.")
    return replace(
        plan, details=details, danger="confirm" if plan.danger == "undoable" else plan.danger
    )
