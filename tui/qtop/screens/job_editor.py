"""Editing a waiting job where it is, or an item that was set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtop.screens.payload_editor import edited
from qtop.search.selection import JobSource
from qtop.systems.resque import waiting
from qtop.systems.resque.waiting import JobRow
from qtop.text.safe import safe
from qtop.widgets.table import Table
from resque.errors import StoreError

if TYPE_CHECKING:
    from qtop.app.app import QtopApp


async def edit_job(
    app: QtopApp, row: JobRow, source: JobSource, table: Table[Any] | None = None
) -> None:
    """Let a person edit a job, show what changes, and put it in the place of the job, or, when it
    was set aside, back onto its queue."""
    try:
        raw = await app.read(waiting.fetch(source.key(app.keys), row))
    except StoreError as error:
        app.say(safe(str(error)), "bad")
        return
    if raw is None:
        app.say("cannot be edited: it is gone, or far from where it was seen", "warn")
        return
    queue = safe(source.name)
    if source.kind == "queue":
        title, consequence, verb = "Change this job?", f"It keeps its place in {queue}.", "Change"
    else:
        title, consequence = f"Requeue to {queue} with this payload?", "It goes to the queue's end."
        verb = "Requeue"
    undo = app.stage.manner.sign("undo")
    after = await edited(app, raw, title, f"{consequence} {undo} takes it back.", verb)
    if after is not None:
        app.desk.begin(app.desk.job_plans.edit(source, row.place, raw, after), table)
