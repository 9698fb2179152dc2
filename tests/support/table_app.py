"""An app with one table, which records what the table painted and reported."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from qtop.text.safe import count, safe
from qtop.widgets.columns import Column
from qtop.widgets.table import Table
from qtop.widgets.themes import theme_named


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    depth: int | None = 0
    state: str = "ok"


COLUMNS: tuple[Column[Queue], ...] = (
    Column(
        "name", "Queue", 12, lambda q: safe(q.name), flex=1, priority=9, sort_key=lambda q: q.name
    ),
    Column(
        "depth",
        "Depth",
        9,
        lambda q: count(q.depth),
        priority=8,
        align="right",
        sort_key=lambda q: q.depth,
        descends=True,
        is_steady=True,
    ),
    Column(
        "state",
        "State",
        8,
        lambda q: q.state,
        priority=5,
        style=lambda q: "good" if q.state == "ok" else "bad",
        is_steady=True,
    ),
    Column("note", "Note", 30, lambda q: "§", priority=1, style="dim", is_steady=True),
)


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class WatchedTable(Table[Queue]):
    """A table that records what it was asked to paint."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.regions: list[Region] = []
        self.lines_painted: list[int] = []
        super().__init__(*args, **options)

    def refresh(self, *regions: Region, **options: Any) -> "WatchedTable":
        self.regions += regions or [self.size.region]
        super().refresh(*regions, **options)
        return self

    def render_line(self, y: int) -> Strip:
        self.lines_painted.append(y)
        return super().render_line(y)

    def forget(self) -> None:
        self.regions.clear()
        self.lines_painted.clear()


class TableApp(App[None]):
    """One table that fills the screen, and the messages that it sent."""

    def __init__(
        self, rows: Sequence[Queue], columns: Sequence[Column[Queue]] = COLUMNS, **options: Any
    ) -> None:
        super().__init__()
        dark = theme_named("dark", of_16=False)
        self.register_theme(dark)
        self.theme = dark.name
        self.clock = Clock()
        self.opened: list[str] = []
        self.pointed: list[str | None] = []
        self.marked: list[frozenset[Hashable]] = []
        self.table = WatchedTable(
            columns,
            key=lambda q: q.name,
            clock=self.clock,
            on_cursor=lambda row: self.pointed.append(row.name if row else None),
            **options,
        )
        self.table.set_rows(rows)

    def compose(self) -> ComposeResult:
        yield self.table

    def on_table_opened(self, event: Table.Opened[Queue]) -> None:
        self.opened.append(event.row.name)

    def on_table_marked(self, event: Table.Marked) -> None:
        self.marked.append(event.marked)

    def screen_lines(self) -> list[str]:
        """The screen as text. Reads the compositor: Textual has no public way."""
        return ["".join(s.text for s in strip) for strip in self.screen._compositor.render_strips()]

    def names(self) -> list[str]:
        """The first words of the body lines."""
        return [line[2:].split(" ")[0] for line in self.screen_lines()[1:] if line.strip()]


def queues(names: str) -> list[Queue]:
    return [Queue(name) for name in names.split()]


def numbered(total: int) -> list[Queue]:
    return [Queue(f"q{number}", number) for number in range(total)]


def cursor_name(app: TableApp) -> str | None:
    row = app.table.cursor_row
    return row.name if row else None
