"""The columns of a table and the lines they make: pure layout, no widget.

A `Line` says what stands on one line of the screen. Two lines compared give the cells that have to
be painted again, which is what keeps a console over ssh quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar

from rich.style import Style

from qtop.text.safe import ELLIPSIS, Align, crop, pad, unknown

if TYPE_CHECKING:
    from textual.widget import Widget

RowT = TypeVar("RowT")

ToneOf = Literal["good", "warn", "bad", "dim", "accent"]

GAP: Final = 2
"""Blank cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column(Generic[RowT]):
    """One column: where it stands, what it shows of a row, how it sorts.

    Attributes:
        key: Its name in code, unique in a table.
        label: Its name on the screen.
        width: Cells it needs at least.
        cell: The text for a row. It must be safe already; it is called for visible rows only.
        flex: Its share of the cells that are left over; 0 keeps the column at `width`.
        priority: When the screen is narrow, columns with the lowest priority go first.
        align: Where the text stands in the column.
        style: The meaning that colours the cell, the same for all rows or found for each.
        sort_key: What to sort by: values comparable with each other, or None, which comes last in
            both directions. A column without it cannot be sorted by.
        descends: Sorting starts with the highest value.
        tail: Where the text is too long for the column, what stands from the last `tail` on is
            kept, as `crop` does.
    """

    key: str
    label: str
    width: int
    cell: Callable[[RowT], str]
    flex: int = 0
    priority: int = 0
    align: Align = "left"
    style: Callable[[RowT], ToneOf | None] | ToneOf | None = None
    sort_key: Callable[[RowT], Any] | None = None
    descends: bool = False
    tail: str = ""

    def tone(self, row: RowT) -> ToneOf | None:
        """The meaning that colours this column's cell of a row."""
        return self.style(row) if callable(self.style) else self.style


def figure(
    key: str,
    label: str,
    width: int,
    value: Callable[[RowT], Any],
    text: Callable[[Any], str],
    *,
    priority: int,
    style: Callable[[RowT], ToneOf | None] | ToneOf | None = None,
) -> Column[RowT]:
    """A column of figures: at the right, and sorted with the highest first. `value` finds the
    figure of a row, `text` writes it; for the rest see `Column`."""
    return Column(
        key,
        label,
        width,
        lambda row: text(value(row)),
        priority=priority,
        align="right",
        style=style,
        sort_key=value,
        descends=True,
    )


@dataclass(frozen=True, slots=True)
class PlacedColumn(Generic[RowT]):
    """A column that has a place on the screen: its first cell and how many it fills."""

    column: Column[RowT]
    x: int
    width: int


class Cell(NamedTuple):
    """Text that fills its column exactly, and what it means."""

    text: str
    tone: ToneOf | None = None


class TableLine(NamedTuple):
    """What one line of the table shows."""

    kind: Literal["header", "row", "notice", "blank"]
    cells: tuple[Cell, ...] = ()
    mark: str = ""
    marked: bool = False
    cursor: bool = False


class Sort(NamedTuple):
    """The column rows are sorted by; `reverse` is the highest first."""

    column_key: str
    reverse: bool


class SortMark(NamedTuple):
    """The column that has the sort mark, and the mark."""

    column_key: str
    mark: str


class SortSigns(NamedTuple):
    """Characters that mean something to the table, each one cell wide."""

    ascending: str
    descending: str
    marked: str
    range_begin: str
    ellipsis: str


UNICODE_SIGNS: Final = SortSigns("▲", "▼", "●", "◆", ELLIPSIS)
ASCII_SIGNS: Final = SortSigns("^", "v", "*", "#", "~")


def arranged(
    columns: Sequence[Column[RowT]], keys: Sequence[str] | None
) -> tuple[Column[RowT], ...]:
    """The columns with these keys, in their order; all as they are for None. Raises ValueError
    for a key that no column has."""
    if keys is None:
        return tuple(columns)
    known = {column.key: column for column in columns}
    for key in keys:
        if key not in known:
            raise ValueError(f"there is no column {key!r}{unknown(key, known)}")
    return tuple(known[key] for key in keys)


def fit(columns: Sequence[Column[RowT]], x: int, width: int) -> tuple[PlacedColumn[RowT], ...]:
    """Give as many columns as possible a place, and share out what is left.

    Args:
        columns: In the order of the screen.
        x: The first cell that is free.
        width: Cells there are from `x` on.

    Returns:
        The columns that stay, left to right; at least one when there is any, cut to what there is.
    """
    kept = list(range(len(columns)))
    while len(kept) > 1 and _needed([columns[i] for i in kept]) > width:
        kept.remove(min(kept, key=lambda i: (columns[i].priority, -i)))
    staying = [columns[i] for i in kept]
    spare = max(0, width - _needed(staying))
    shares = sum(column.flex for column in staying)
    placed: list[PlacedColumn[RowT]] = []
    taken = 0
    for column in staying:
        extra = 0
        if shares:
            # Shares are counted from the left edge, so that rounding never loses a cell.
            extra = spare * (taken + column.flex) // shares - spare * taken // shares
        taken += column.flex
        cells = max(0, min(column.width + extra, width))
        placed.append(PlacedColumn(column, x, cells))
        x += cells + GAP
    return tuple(placed)


def header_line(
    placed: Sequence[PlacedColumn[RowT]], sort: SortMark | None, ellipsis: str
) -> TableLine:
    """The line with the labels, and the sort mark beside the label of the sorted column."""

    def label(place: PlacedColumn[RowT]) -> str:
        text = place.column.label
        if sort is None or sort.column_key != place.column.key:
            return text
        # Where the mark costs a letter, one that says so would cost another.
        fits = len(text) < place.width
        return text + sort.mark if fits else crop(f"{text} ", place.width, ellipsis=sort.mark)

    return TableLine(
        "header",
        tuple(Cell(pad(label(p), p.width, p.column.align, ellipsis=ellipsis)) for p in placed),
    )


def row_line(
    row: RowT,
    placed: Sequence[PlacedColumn[RowT]],
    *,
    mark: str,
    marked: bool,
    cursor: bool,
    ellipsis: str,
    veil: Callable[[str], str] = str,
) -> TableLine:
    """The line of one row. Calls every placed column's `cell` once, and `veil`, which hides what is
    secret, with its text."""
    return TableLine(
        "row",
        tuple(
            Cell(
                pad(
                    veil(p.column.cell(row)),
                    p.width,
                    p.column.align,
                    ellipsis=ellipsis,
                    tail=p.column.tail,
                ),
                p.column.tone(row),
            )
            for p in placed
        ),
        mark,
        marked,
        cursor,
    )


def changed_spans(
    old: TableLine | None, new: TableLine, placed: Sequence[PlacedColumn[RowT]], width: int
) -> Iterator[tuple[int, int]]:
    """Compare a line with the one on the screen.

    Args:
        old: What was painted; None when nothing was.
        new: What should stand there.
        placed: The columns of both.
        width: Cells of a whole line.

    Yields:
        First cell and number of cells of each part to paint again: the cells that changed, or the
        whole line when its cursor, its mark or its kind did.
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


# What texts look like by what they mean: a name for each colour and attribute, on every widget.


class _Look(NamedTuple):
    """Attributes in Rich's words, and the theme's names of two colours; nothing keeps what is."""

    attributes: str
    color: str = ""
    background: str = ""


_LOOKS: Final[Mapping[str, _Look]] = {
    # What a text says.
    "good": _Look("", "text-success"),
    "warn": _Look("", "text-warning"),
    "bad": _Look("bold", "text-error"),
    "dim": _Look("dim"),
    "strong": _Look("bold"),
    "accent": _Look("", "text-accent"),
    "own": _Look("italic", "text-accent"),
    # What it is.
    "title": _Look("bold", "primary"),
    "key": _Look("bold", "primary"),
    "current": _Look("bold", "primary"),
    "label": _Look("dim"),
    "header": _Look("bold", background="panel"),
    "badge": _Look("bold reverse", "primary", "background"),
    "flag": _Look("bold reverse", "warning", "background"),
    "danger": _Look("bold reverse", "error", "background"),
    # What has come over it.
    "stale": _Look("dim"),
    "marked": _Look("bold", "text-accent"),
    "match": _Look("bold underline"),
    "cursor": _Look("bold underline"),
    "focused-cursor": _Look("bold reverse", "primary"),
    "here": _Look("reverse"),
}

TONES: Final = frozenset(_LOOKS)
"""Every name there is."""


def toned(widget: Widget, *tones: str) -> Style:
    """The style of a text on a widget: the widget's own, and over it that of each tone.

    Raises KeyError for a name that is none of `TONES`.
    """
    style = widget.rich_style
    variables = widget.app.theme_variables
    for tone in tones:
        look = _LOOKS[tone]
        style += _style(look, variables.get(look.color, ""), variables.get(look.background, ""))
    return style


@lru_cache(maxsize=256)
def _style(look: _Look, color: str, background: str) -> Style:
    # Imported here: the texts of cells are made without Textual.
    from textual.color import Color

    return Style.parse(look.attributes) + Style(
        color=Color.parse(color).rich_color if color else None,
        bgcolor=Color.parse(background).rich_color if background else None,
    )
