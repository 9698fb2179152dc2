"""What commands print: tables and JSON to stdout, messages to stderr.

On a terminal a table has aligned columns, and long ones are cut to fit. Elsewhere (a pipe, a file)
nothing is cut: the first line names the columns, then follows one line a row, with tabs between the
columns. A tab or newline in the data is shown as a symbol, so that each line is one row.

JSON is one object a line, in ASCII. A byte that is not UTF-8 becomes a lone surrogate, U+DC80 and
up, as by Python's `surrogateescape`. The bytes of a `raw` field are
`json.loads(line)["raw"].encode("utf-8", "surrogateescape")`.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, NoReturn, TypeVar

import click
from rich.cells import cell_len

from qtop.text.redact import OPEN, Redactor
from qtop.text.safe import Align, crop, pad, safe
from qtop.text.safe import counted as counted

T = TypeVar("T")

_GAP: Final = "  "
_NARROWEST: Final = 8
_DEEPEST: Final = 100


@dataclass(frozen=True, slots=True)
class OutputColumn(Generic[T]):
    """A column of a table; `cell` is its safe text of an item. One that `may_shrink` is cut when
    the terminal is too narrow."""

    title: str
    cell: Callable[[T], str]
    align: Align = "left"
    may_shrink: bool = False


_Column = OutputColumn[Any]


def pick(columns: Sequence[OutputColumn[T]], *titles: str) -> list[OutputColumn[T]]:
    named = {column.title: column for column in columns}
    return [named[title] for title in titles]


class Listing(Generic[T]):
    """Prints items as they come: as a table of `columns`, or as JSON of `fields`. Secrets in both
    are hidden by `redactor`.

    An item is printed when it is added, and not kept; of more than `limit` no more are, 0: all. A
    listing of several systems has a part for each, which `begin_part` begins: so many of each.
    Only a table on a terminal is printed at `end`, since its columns are as wide as their cells; of
    each cell as much is kept as fits on a line.
    """

    def __init__(
        self,
        columns: Sequence[OutputColumn[T]],
        fields: Callable[[T], Mapping[str, Any]],
        *,
        as_json: bool,
        redactor: Redactor = OPEN,
        limit: int = 0,
    ) -> None:
        self._columns, self._fields, self._limit = columns, fields, limit
        self._as_json, self._redactor = as_json, redactor
        self._is_aligned = not as_json and sys.stdout.isatty()
        self._room = shutil.get_terminal_size().columns if self._is_aligned else 0
        self._rows: list[list[str]] = []
        self._count = self._before = 0
        self._rest: list[tuple[int, int, str]] = []
        #: There was no room for an item: in this part, and in any.
        self.is_full = self.is_partial = False

    def __len__(self) -> int:
        return self._count

    @property
    def in_part(self) -> int:
        """How many this part has."""
        return self._count - self._before

    def begin_part(self) -> None:
        """Begin the next part, with as much room as the one before."""
        self._before, self.is_full = self._count, False

    def add(self, item: T) -> bool:
        """Print an item, or keep its row for the table; whether there was room for it. O(item)."""
        self.is_full = 0 < self._limit <= self.in_part
        self.is_partial |= self.is_full
        if not self.is_full:
            self._count += 1
            self._print(item)
        return not self.is_full

    def add_all(self, items: Sequence[T], noun: str = "") -> None:
        """Print these items as the next part; `end` says how many of them were left out.
        O(items)."""
        self.begin_part()
        for item in items:
            self.add(item)
        self._rest.append((self.in_part, len(items), noun))

    def _print(self, item: T) -> None:
        if self._as_json:
            line(json_line(self._redactor.value(self._fields(item))))
            return
        row = [self._redactor.text(column.cell(item)) for column in self._columns]
        if self._is_aligned:
            self._rows.append([crop(cell, self._room) for cell in row])
            return
        if self._count == 1:
            self._print_titles()
        line("\t".join(row))

    def end(self, *, is_filtered: bool = False) -> None:
        """Print the rows that were kept; the titles of a table without rows. When a filter matched
        nothing, exit with status 1. Says how many were left out of what `add_all` got. O(rows)."""
        if is_filtered and not self._count:
            leave("nothing matches the filter")
        self._print_rows()
        for each in self._rest:
            tell_rest(*each)

    def _print_rows(self) -> None:
        if self._as_json or (self._count and not self._is_aligned):
            return
        if not self._is_aligned:
            self._print_titles()
            return
        titles = [column.title for column in self._columns]
        widths = _widths(self._columns, [titles, *self._rows], self._room)
        line(click.style(_aligned(self._columns, widths, titles), bold=True))
        for row in self._rows:
            line(_aligned(self._columns, widths, row))

    def print_all(self, items: Sequence[T], noun: str = "", *, is_filtered: bool = False) -> None:
        """Print these items, and say how many of them were left out. Exits as `end`. O(items)."""
        self.add_all(items, noun)
        self.end(is_filtered=is_filtered)

    def _print_titles(self) -> None:
        line("\t".join(column.title for column in self._columns))


def _widths(columns: Sequence[_Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(columns))]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    while over > 0:
        shrinkable = [i for i, c in enumerate(columns) if c.may_shrink and widths[i] > _NARROWEST]
        if not shrinkable:
            break
        widest = max(shrinkable, key=lambda i: widths[i])
        widths[widest] -= 1
        over -= 1
    return widths


def _aligned(columns: Sequence[_Column], widths: Sequence[int], row: Sequence[str]) -> str:
    parts = zip(row, widths, columns, strict=True)
    return _GAP.join(pad(text, width, column.align) for text, width, column in parts).rstrip()


def line(text: str) -> None:
    """Print a line of safe text, whatever the terminal's encoding."""
    try:
        click.echo(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding))


def message(text: str) -> None:
    """Say something on stderr; it is made safe."""
    click.echo(safe(text), err=True)


def leave(text: str) -> NoReturn:
    """Say why nothing was done, and exit with status 1."""
    message(text)
    sys.exit(1)


def json_line(fields: Mapping[str, Any]) -> str:
    """An object as JSON in one line of ASCII, without control characters. Moments are ISO 8601 in
    UTC. What JSON does not have, such as NaN, becomes a text."""
    text = json.dumps({key: _plain(value, 0) for key, value in fields.items()}, allow_nan=False)
    # The one control character that `json.dumps` leaves.
    return text.replace("\x7f", "\\u007f")


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping | list | tuple) and depth > _DEEPEST:
        return "nested too deeply to show"
    if isinstance(value, Mapping):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return value


def plain(figure: int | None) -> str:
    """A figure in digits only, for programs that read tables."""
    return "unknown" if figure is None else str(figure)


def moment(value: datetime | None, otherwise: str = "unknown") -> str:
    """A moment in local time; `otherwise` for None."""
    return otherwise if value is None else value.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def tell_rest(shown: int, total: int, noun: str) -> None:
    """Say how many items were left out, if any were."""
    if shown < total:
        message(f"{shown:,} of {counted(total, noun)} shown: --limit 0 shows all")


#: Said where a search lost its place in a list.
CHANGED: Final = (
    "the list changed so much meanwhile that some may be missing or listed twice: run it again"
)


def tell_too_large(count: int) -> None:
    """Say how many items a filter did not look into, if there are any."""
    if count:
        message(f"{counted(count, 'item')} over 8 MiB not searched")
