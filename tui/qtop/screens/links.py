"""From one screen to where more is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtop.monitor.incidents.incident import Link
from qtop.screens.base import RowsScreen
from qtop.search.filter_language import term

if TYPE_CHECKING:
    from qtop.app.app import QtopApp


class Step(NamedTuple):
    """From which numbered screen to which one a lead went, and which filter it set there."""

    left: str
    reached: str
    filter: str


async def follow(app: QtopApp, lead: Link) -> None:
    """Show a numbered screen with the cursor on a row; where there is no such row, with the filter
    set. The way back is remembered."""
    left = app.current_mode
    await app.switch_mode(lead.place)
    while len(app.screen_stack) > 1:
        await app.pop_screen()
    screen = app.screen
    if not isinstance(screen, RowsScreen):
        return
    screen.show(app.state.view())
    screen.set_filter("")
    found = lead.key is not None and screen.table.move_to(lead.key)
    if not found:
        screen.set_filter(lead.filter)
    if left != lead.place:
        app.steps.append(Step(left, lead.place, screen.filter.text))
    if found:
        return
    if lead.key is not None and not lead.filter:
        app.say("it is no longer there", "dim")


def go_back(app: QtopApp, screen: RowsScreen) -> bool:
    """Leave a numbered screen for the one from which a lead came to it, and take the lead's filter
    away; False where none did, or where another filter was set since."""
    if not app.steps or app.steps[-1].reached != app.current_mode:
        return False
    if screen.filter.text not in ("", app.steps[-1].filter):
        return False
    step = app.steps.pop()
    screen.set_filter("")
    app.switch_mode(step.left)
    return True


def to_serving(queue: str, serving: int | None) -> Link:
    """The workers that serve a queue; where none does, the dead that would: they may be the
    reason. `serving` is how many do, None when that is unknown."""
    return Link("workers", filter=term("lists" if serving == 0 else "serves", queue))
