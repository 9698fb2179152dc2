"""From one screen to where more is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtop.finding.filters import term
from qtop.screens.rows import RowsScreen
from qtop.verdicts import Lead

if TYPE_CHECKING:
    from qtop.app import QtopApp


async def follow(app: QtopApp, lead: Lead) -> None:
    """Show a numbered screen with the cursor on a row; where there is no such row, with the filter
    set."""
    await app.switch_mode(lead.place)
    while len(app.screen_stack) > 1:
        await app.pop_screen()
    screen = app.screen
    if not isinstance(screen, RowsScreen):
        return
    screen.show(app.stage.view())
    screen.set_filter("")
    if lead.key is not None and screen.table.move_to(lead.key):
        return
    screen.set_filter(lead.filter)
    if lead.key is not None and not lead.filter:
        app.say("it is no longer there", "dim")


def to_serving(queue: str) -> Lead:
    """The workers that serve a queue."""
    return Lead("workers", filter=term("serves", queue))
