"""The rows of a table: their order, the cursor and the marks, all by row key. No widget.

Rows are replaced as a whole at every poll. The cursor stays on its row, and marks stay on theirs,
also on those of other pages of a long list. For a moment after the cursor has moved the order is
kept, so that no other row slips under it.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Generic

from qtop.widgets.columns import RowT

FREEZE_S: Final = 3.0
"""How long the order is kept after the cursor moved."""
MOST_ELSEWHERE: Final = 5_000
"""Marked rows that are kept besides those of the page; each may hold 16 KB of its entry."""


class TableRows(Generic[RowT]):
    """Rows in the order they are shown, with a cursor and marks; for the arguments see `Table`."""

    def __init__(self, key: Callable[[RowT], Hashable], clock: Callable[[], float]) -> None:
        self._key = key
        self._clock = clock
        self._given: Sequence[RowT] = ()
        self._shown: Sequence[RowT] = ()
        self._sort_key: Callable[[RowT], Any] | None = None
        self._reverse = False
        self._frozen_until_s = float("-inf")
        self._cursor_index = 0
        self._cursor_key: Hashable = None
        #: The keys of the marked rows of this page.
        self.marked: frozenset[Hashable] = frozenset()
        #: How many marked rows vanished since the marks were last cleared.
        self.dropped_marks = 0
        self._elsewhere: Mapping[Hashable, RowT] = {}
        self._anchor: tuple[Hashable] | None = None
        #: How often other rows, or another order, came to be shown.
        self.changes = 0

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, index: int) -> RowT:
        return self._shown[index]

    @property
    def cursor_index(self) -> int:
        """Where the cursor is; 0 when there are no rows."""
        return min(self._cursor_index, max(0, len(self._shown) - 1))

    @property
    def cursor_row(self) -> RowT | None:
        return self._shown[self.cursor_index] if self._shown else None

    @property
    def marked_elsewhere(self) -> int:
        """How many marked rows are not on this page; some may have left the list meanwhile."""
        return len(self._elsewhere)

    def key_of(self, row: RowT) -> Hashable:
        return self._key(row)

    def key_at(self, index: int) -> Hashable:
        return self._key(self._shown[index])

    def is_anchor(self, key: Hashable) -> bool:
        """Whether a range of marks was begun at this row."""
        return self._anchor == (key,)

    def marked_rows(self) -> list[RowT]:
        """The marked rows of this page in the order shown, then those of the others. O(n) in the
        rows when any is marked."""
        return [*self._marked_here(), *self._elsewhere.values()]

    def replace(
        self,
        rows: Sequence[RowT],
        *,
        is_all: bool = True,
        hidden: Callable[[RowT], RowT | None] = lambda row: None,
    ) -> None:
        """Show other rows, in their natural order; cursor and marks follow their keys. `is_all`
        says that there are no rows but these, and those that are `hidden`: it gives a row as it is
        now, None when it is not. What is marked and neither has gone.

        Soon after the cursor moved, rows keep their order and new ones come last. They are kept,
        not copied. Cost: O(1) without a sort, marks and a recent move of the cursor, if the row
        under the cursor has kept its index. Else one pass over the keys, and the sort.
        """
        marked = {**self._elsewhere, **{self._key(row): row for row in self._marked_here()}}
        self._given = rows
        self.changes += 1
        frozen = bool(self._shown) and self._clock() < self._frozen_until_s
        self._shown = self._in_shown_order(rows) if frozen else self._sorted(rows)
        self._follow_cursor()
        here = set(map(self._key, rows)) if marked else set()
        self.marked = frozenset(here & marked.keys())
        away = {key: row for key, row in marked.items() if key not in here}
        if is_all:
            found = ((key, hidden(row)) for key, row in away.items())
            away_now = {key: row for key, row in found if row is not None}
        else:
            away_now = away
        self._elsewhere = dict(islice(away_now.items(), MOST_ELSEWHERE))
        self.dropped_marks += len(away) - len(self._elsewhere)

    def sort(self, sort_key: Callable[[RowT], Any] | None, *, reverse: bool) -> None:
        """Show the rows in another order at once; equal rows keep their natural order, which is the
        order for None and is not reversed. `reverse` is the highest first."""
        self._sort_key = sort_key
        self._reverse = reverse
        self.changes += 1
        self._frozen_until_s = float("-inf")
        self._shown = self._sorted(self._given)
        self._follow_cursor()

    def move_to(self, index: int) -> None:
        """Put the cursor on the row nearest to an index, and freeze the order for a while."""
        if self._shown:
            self._cursor_index = max(0, min(index, len(self._shown) - 1))
            self._cursor_key = self.key_at(self._cursor_index)
            self._frozen_until_s = self._clock() + FREEZE_S

    def index_of(self, key: Hashable) -> int | None:
        """Where the row with this key is. O(n)."""
        return next((i for i, row in enumerate(self._shown) if self._key(row) == key), None)

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or take its mark away."""
        if self._shown:
            self.marked ^= {self.key_at(self.cursor_index)}

    def mark_range(self) -> None:
        """Begin a range at the cursor, or mark all rows from its beginning to the cursor."""
        if not self._shown:
            return
        start = self.index_of(self._anchor[0]) if self._anchor else None
        if start is None:
            key = self.key_at(self.cursor_index)
            self._anchor = (key,)
            self.marked |= {key}
            return
        first, last = sorted((start, self.cursor_index))
        self.marked |= {self.key_at(index) for index in range(first, last + 1)}
        self._anchor = None

    def mark_all(self) -> None:
        """Mark every row of this page; when all are marked already, none anywhere. O(n)."""
        every = frozenset(map(self._key, self._shown))
        if every and every == self.marked:
            self.clear_marks()
        else:
            self.marked = every
            self._anchor = None

    def clear_marks(self) -> None:
        """Forget all marks, the beginning of a range, and how many were dropped."""
        self.marked, self._elsewhere = frozenset(), {}
        self._anchor = None
        self.dropped_marks = 0

    def _marked_here(self) -> list[RowT]:
        if not self.marked:
            return []
        return [row for row in self._shown if self._key(row) in self.marked]

    def _sorted(self, rows: Sequence[RowT]) -> Sequence[RowT]:
        if self._sort_key is None:
            return rows
        values = [self._sort_key(row) for row in rows]
        known = [i for i, value in enumerate(values) if value is not None]
        known.sort(key=values.__getitem__, reverse=self._reverse)
        unknown = [i for i, value in enumerate(values) if value is None]
        return [rows[i] for i in (*known, *unknown)]

    def _in_shown_order(self, rows: Sequence[RowT]) -> Sequence[RowT]:
        coming = {self._key(row): row for row in rows}
        if len(coming) != len(rows):
            # Two rows have one key: another order for a moment is better than a lost row.
            return self._sorted(rows)
        keys = map(self._key, self._shown)
        staying = [coming.pop(key) for key in keys if key in coming]
        return [*staying, *self._sorted(list(coming.values()))]

    def _follow_cursor(self) -> None:
        # Without rows the cursor keeps its key: the filter that matches nothing may be cleared.
        if not self._shown:
            return
        index = self.cursor_index
        if self._cursor_key is not None and self.key_at(index) != self._cursor_key:
            found = self.index_of(self._cursor_key)
            index = index if found is None else found
        self._cursor_index = index
        self._cursor_key = self.key_at(index)
