"""Asks to which queue jobs are to go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtop.screens.queue_dialog import QueueDialog
from qtop.search.selection import JobSource
from qtop.text.safe import safe

if TYPE_CHECKING:
    from qtop.app.app import QtopApp


def ask_for_queue(app: QtopApp, source: JobSource, title: str, move: Callable[[str], None]) -> None:
    """Ask for a queue other than the one the jobs are in, and go on with its name."""

    def chosen(queue: str | None) -> None:
        if queue is None:
            app.say("nothing was changed", "dim")
        elif source.kind == "queue" and queue == source.name:
            app.say(f"they are in {safe(queue)}: nothing was moved", "warn")
        else:
            move(queue)

    if not app.desk.refuses():
        board = app.stage.view().board
        queues = None if board is None else board.queues
        names = None if queues is None else [row.name for row in queues]
        app.push_screen(QueueDialog(names, title), chosen)
