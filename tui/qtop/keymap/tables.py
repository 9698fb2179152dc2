"""Keys of every list."""

from __future__ import annotations

from typing import Final

from qtop.keymap.action import Action

OPENING: Final = (
    Action(
        "table.open",
        ("enter",),
        "open",
        "Open what is under the cursor: a queue's waiting jobs, a worker, a failure; on Overview, "
        "go where more is told about it.",
        ("tables",),
    ),
    Action(
        "back",
        ("escape",),
        "back",
        "Back to where you came from.",
        ("jobs", "aside", "hosts", "group", "texts"),
    ),
)

MOVING: Final = (
    Action("table.down", ("j", "down"), "", "One row down.", ("tables",)),
    Action("table.up", ("k", "up"), "", "One row up.", ("tables",)),
    Action("table.first", ("g", "home"), "", "To the first row.", ("tables",)),
    Action("table.last", ("G", "end"), "", "To the last row.", ("tables",)),
    Action(
        "table.page_down",
        ("pagedown",),
        "",
        "One page down; at the end of waiting jobs, the next ones.",
        ("tables",),
    ),
    Action(
        "table.page_up",
        ("pageup",),
        "",
        "One page up; at the beginning of waiting jobs, the ones before.",
        ("tables",),
    ),
)
