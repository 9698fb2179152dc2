"""The columns of a table, and the lines they make. No widget.

A `TableLine` holds what one line of the screen shows. The difference of two lines gives the cells
that have to be painted again, so that little is sent over ssh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from rich.cells import cell_len

from qtop.text.format import NOTHING, number
from qtop.text.safe import Align, crop, pad, safe, unknown

RowT = TypeVar("RowT")

ToneOf = Literal["good", "warn", "bad", "dim", "accent"]
#: The tone of a column's cells, the same for all rows or found for each.
ToneRule = Callable[[RowT], ToneOf | None] | ToneOf | None

GAP: Final = 2
"""Blank cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """One column: its place, what it shows of a row, how it sorts.

    Attributes:
        key: Its name in code, unique in a table.
        label: Its name on the screen.
        width: Cells it needs at least.
        cell: The text for a row. It must be safe already; it is called for visible rows only.
        flex: Its share of the cells that are left over; 0 keeps the column at `width`.
        priority: When the screen is narrow, columns with the lowest priority are left out first.
        align: On which side of the column the text is.
        style: The tone of the cell.
        sort_key: What to sort by: values comparable with each other, or None, which comes last in
            both directions. A column without it cannot be sorted by.
        descends: Sorting starts with the highest value.
        tail: Where the text is too long, its end from the last `tail` on is kept; see `crop`.
        is_steady: It keeps its width also where what it shows is shorter: that would change at
            every poll.
        whole: Up to so many cells its texts are not cut where columns of a lower priority can be
            left out instead; 0 for its width.
    """

    key: str
    label: str
    width: int
    cell: Callable[[RowT], str]
    flex: int = 0
    priority: int = 0
    align: Align = "left"
    style: ToneRule[RowT] = None
    sort_key: Callable[[RowT], Any] | None = None
    descends: bool = False
    tail: str = ""
    is_steady: bool = False
    whole: int = 0


def figure(
    key: str,
    label: str,
    width: int,
    value: Callable[[RowT], Any],
    text: Callable[[Any], str] = number,
    *,
    priority: int,
    cell: Callable[[RowT], str] | None = None,
    style: ToneRule[RowT] = None,
    zero: ToneOf | None = None,
    descends: bool = True,
) -> Column[RowT]:
    """A column of figures: aligned to the right, sorted with the highest first.

    Args:
        key: As of `Column`, like the others that are not named here.
        value: The figure of a row: what is sorted by. None is unknown.
        text: The text of a figure.
        cell: The text for a row, where the figure alone does not give it.
        zero: The tone of 0 and of unknown, in place of `style`.
    """

    def tone(row: RowT) -> ToneOf | None:
        return (style(row) if callable(style) else style) if value(row) else zero

    return Column(
        key,
        label,
        width,
        cell or (lambda row: text(value(row))),
        priority=priority,
        align="right",
        style=tone if zero else style,
        sort_key=value,
        descends=descends,
    )


def text_column(
    key: str,
    label: str,
    width: int,
    cell: Callable[[RowT], str],
    *,
    priority: int,
    flex: int = 0,
    style: ToneRule[RowT] = None,
) -> Column[RowT]:
    """A column that is sorted by the text that it shows; for the arguments see `Column`."""
    return Column(key, label, width, cell, flex, priority, style=style, sort_key=cell)


class Cell(NamedTuple):
    """Text that fills its column exactly, and its tone."""

    text: str
    tone: ToneOf | None = None


class Sort(NamedTuple):
    """The column rows are sorted by; `reverse` is the highest first."""

    column_key: str
    reverse: bool


@dataclass(frozen=True, slots=True)
class PlacedColumn(Generic[RowT]):
    """A column with its place on the screen: its first cell, and how many cells it fills."""

    column: Column[RowT]
    x: int
    width: int

    def header(self, sort: Sort | None) -> Cell:
        """Its label, with a mark when the rows are sorted by it."""
        label = self.column.label
        if sort is not None and sort.column_key == self.column.key:
            mark = DESCENDING if sort.reverse else ASCENDING
            # The mark takes the place of the ellipsis: both would cost two letters.
            fits = len(label) < self.width
            label = label + mark if fits else crop(f"{label} ", self.width, ellipsis=mark)
        return Cell(pad(label, self.width, self.column.align))

    def cell(self, row: RowT, redact: Callable[[str], str]) -> Cell:
        """What it shows of a row, without secrets. Calls `cell` of the column once."""
        column = self.column
        text = pad(redact(column.cell(row)), self.width, column.align, tail=column.tail)
        return Cell(text, column.style(row) if callable(column.style) else column.style)


class TableLine(NamedTuple):
    """What one line of the table shows."""

    kind: Literal["header", "row", "notice", "blank"]
    cells: tuple[Cell, ...] = ()
    mark: str = ""
    marked: bool = False
    cursor: bool = False
    stale: bool = False


# The signs that a table draws, each one cell wide.
ASCENDING: Final = "▲"
DESCENDING: Final = "▼"
MARKED: Final = "●"
RANGE_BEGIN: Final = "◆"


# Which of several systems a row is of: a column before the others.

#: From so many cells of the terminal on there is room for its whole label, below that a letter.
WIDE_CELLS: Final = 120
_LONGEST_LABEL: Final = 12


def letters_of(labels: Sequence[str]) -> dict[str, str]:
    """A letter or digit for each label, no two the same: its first letter that no other took."""
    found: dict[str, str] = {}
    for label in labels:
        free = (each for each in (*label.upper(), *_SPARE) if each.isalnum() and each.isascii())
        found[label] = next(each for each in free if each not in found.values())
    return found


_SPARE: Final = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@lru_cache(maxsize=8)
def system_column(labels: tuple[str, ...], *, is_wide: bool) -> Column[Any]:
    """The column that says of which of these systems a row is, by a letter or, where it `is_wide`,
    by its label: that is the `system` of the row."""
    if is_wide:
        width = min(_LONGEST_LABEL, max(6, *map(len, labels)))
        return Column("system", "system", width, _label, priority=200, sort_key=_label)
    letters = letters_of(labels)

    def letter(row: Any) -> str:
        return letters.get(_label_of(row), "")

    return Column("system", "", 1, letter, priority=200, sort_key=_label, style="dim")


def _label_of(row: Any) -> str:
    label: str = getattr(row, "system", "")
    return label


def _label(row: Any) -> str:
    return safe(_label_of(row))


def arranged(
    columns: Sequence[Column[RowT]], keys: Sequence[str] | None
) -> tuple[Column[RowT], ...]:
    """The columns with these keys, in the order of the keys; all for None. Raises ValueError for a
    key that no column has."""
    if keys is None:
        return tuple(columns)
    known = {column.key: column for column in columns}
    for key in keys:
        if key not in known:
            raise ValueError(f"there is no column {key!r}{unknown(key, known)}")
    return tuple(known[key] for key in keys)


#: How many cells the texts of each column fill that are on the screen, by the column's key: 0 for
#: one that shows nothing. A key that is missing is not known.
Contents = Mapping[str, int]
_UNKNOWN: Final[Contents] = {}


#: Columns of at least this priority say what a row is: up to so many cells they are not cut.
_WHOLE: Final = 99
_MOST_WHOLE: Final = 24
#: Longer texts are cut on any terminal.
_MOST_FILLED: Final = 200


def filled(column: Column[RowT], row: RowT) -> int:
    """How many cells a column's text for a row fills; 0 where it says nothing."""
    text = column.cell(row)[:_MOST_FILLED].rstrip()
    return 0 if text in ("", NOTHING) else cell_len(text)


def fit(
    columns: Sequence[Column[RowT]], x: int, width: int, contents: Contents = _UNKNOWN
) -> tuple[PlacedColumn[RowT], ...]:
    """Give as many columns as possible a place, and share out the cells that are left over.

    There are `width` cells from `x` on. Where they are too few, columns that show nothing are left
    out first. Each of the others is as wide as its `contents`, if there is room; then as its own
    width; the rest goes to the one that grows most. Returns the columns that fit, left to right; at
    least one when there is any, cut if need be.
    """
    least = [_least(column, contents) for column in columns]
    kept = list(range(len(columns)))

    def rank(at: int) -> tuple[bool, int, int]:
        return contents.get(columns[at].key, 1) > 0, columns[at].priority, -at

    while len(kept) > 1 and sum(least[at] for at in kept) + GAP * (len(kept) - 1) > width:
        kept.remove(min(kept, key=rank))
    staying = [columns[at] for at in kept]
    cells = [least[at] for at in kept]
    _grow(cells, staying, width - GAP * (len(kept) - 1), contents)
    placed: list[PlacedColumn[RowT]] = []
    for column, wanted in zip(staying, cells, strict=True):
        given = max(0, min(wanted, width))
        placed.append(PlacedColumn(column, x, given))
        x += given + GAP
    return tuple(placed)


def _least(column: Column[RowT], contents: Contents) -> int:
    """The cells without which a column is left out: its width, or less where its texts and its
    label, with the sign of a sort, are shorter; more where they are not to be cut."""
    known = contents.get(column.key)
    if known is None or column.is_steady:
        return column.width
    if column.flex and column.priority >= _WHOLE:
        # What a row is called: it is cut only where it is long.
        return max(column.width, min(known, _MOST_WHOLE))
    return min(max(column.width, column.whole), max(known, len(column.label) + 1))


def _grow(
    cells: list[int], columns: Sequence[Column[RowT]], width: int, contents: Contents
) -> None:
    """Share out what `cells` leave of the width."""
    spare = max(0, width - sum(cells))
    shares = sum(column.flex for column in columns)
    wanted = [
        contents.get(column.key, column.width + spare) if column.flex else 0 for column in columns
    ]
    taken = 0
    for at, column in enumerate(columns):
        # Shares are counted from the left edge, so that rounding never loses a cell.
        share = spare * (taken + column.flex) // max(1, shares) - spare * taken // max(1, shares)
        taken += column.flex
        cells[at] += max(0, min(share, wanted[at] - cells[at]))
    # What one does not need goes to those that need more, then to those that are too narrow.
    for ends in (wanted, [column.width for column in columns]):
        for at, end in enumerate(ends):
            cells[at] += max(0, min(end - cells[at], width - sum(cells)))
    if shares:
        # So those behind it stay where they are.
        last = max(range(len(columns)), key=lambda at: (columns[at].flex, at))
        cells[last] += max(0, width - sum(cells))


def fit_with(
    lead: Column[RowT] | None,
    columns: Sequence[Column[RowT]],
    x: int,
    width: int,
    contents: Contents = _UNKNOWN,
) -> tuple[PlacedColumn[RowT], ...]:
    """As `fit`, behind a column that takes no other's place: where one more would not fit, the
    widest of those that grow is narrower instead."""
    usual = fit(columns, x, width, contents)
    if lead is None:
        return usual
    # Where there is a letter only, one blank cell sets it apart.
    taken = lead.width + (1 if lead.width == 1 else GAP)
    kept = [place.column for place in usual]
    over = _needed(kept) + taken - width
    if over > 0:
        widest = max(kept, key=lambda column: (column.flex > 0, column.width))
        at = kept.index(widest)
        kept[at] = replace(widest, width=max(1, widest.width - over))
    behind = fit(kept, x + taken, max(0, width - taken), contents)
    return PlacedColumn(lead, x, lead.width), *behind


def changed_spans(
    old: TableLine | None, new: TableLine, placed: Sequence[PlacedColumn[RowT]], width: int
) -> Iterator[tuple[int, int]]:
    """Compare a line with `old`, which is on the screen; None when nothing is. `placed` are the
    columns of both, `width` the cells of a whole line.

    Yields the first cell and the number of cells of each part to paint again: the cells that
    changed, or the whole line when its cursor, its mark or its kind changed.
    """
    if old == new:
        return
    counts = {len(new.cells), len(placed), len(old.cells) if old else 0}
    if old is None or old._replace(cells=new.cells) != new or len(counts) > 1:
        yield 0, width
        return
    for place, before, after in zip(placed, old.cells, new.cells, strict=True):
        if before != after:
            yield place.x, place.width


def _needed(columns: Sequence[Column[RowT]]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)
