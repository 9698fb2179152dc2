"""The keys of the one table."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding

TABLE_BINDINGS: Final[tuple[Binding, ...]] = (
    Binding("j,down", "cursor_down", "Down", show=False, id="table.down"),
    Binding("k,up", "cursor_up", "Up", show=False, id="table.up"),
    Binding("g,home", "cursor_first", "First row", show=False, id="table.first"),
    Binding("G,end", "cursor_last", "Last row", show=False, id="table.last"),
    Binding("pagedown", "page_down", "Page down", show=False, id="table.page_down"),
    Binding("pageup", "page_up", "Page up", show=False, id="table.page_up"),
    Binding("space", "toggle_mark", "Mark", show=False, id="table.mark"),
    Binding("v", "mark_range", "Mark a range", show=False, id="table.mark_range"),
    Binding("a", "mark_all", "Mark all", show=False, id="table.mark_all"),
    Binding("enter", "open", "Open", show=False, id="table.open"),
)
"""Every key the table answers, for the console's table of keys."""
