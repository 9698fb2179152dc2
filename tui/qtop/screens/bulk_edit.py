"""Editing the arguments of many jobs alike: what is to change, then the question with samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.text import Text
from textual import on
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label

from qtop.actions.argument_change import ArgumentChange, change_of, paths_of
from qtop.model.job import Job
from qtop.model.job_list import JobList
from qtop.screens.console import Console
from qtop.screens.dialogs import CANCEL, Dialog, DialogButton
from qtop.text.safe import safe
from qtop.widgets.filter_input import InputField
from queuecore.errors import BadOption, StoreError

_PLACE_HINT = "Place in the arguments, as in filters: args.0, args.1.currency"
_BEFORE_HINT = "Only where the value is (empty = any)"
_AFTER_HINT = 'New value (EUR is a text, 42 a number, "42" a text, null, true)'


class ChangeDialog(Dialog[ArgumentChange | None]):
    """Asks which value of the arguments is to become which. Says what that means while it is typed.

    Args:
        what: Which jobs are meant, in safe words.
        args: The arguments of one of them, whose places are offered.
    """

    AUTO_FOCUS = "#place"

    def __init__(self, what: str, args: Any) -> None:
        line = "Samples and counts are shown before anything is changed."
        yes = DialogButton("yes", "Search", "primary", is_locked=True)
        super().__init__(f"Edit the arguments of {what}", (line,), (CANCEL, yes))
        self._places = [place for place in paths_of(args) if safe(place) == place]

    def compose_fields(self) -> Iterable[Widget]:
        first = self._places[0] if len(self._places) == 1 else ""
        yield Label(_PLACE_HINT, classes="line")
        yield InputField(first, id="place", suggester=SuggestFromList(self._places))
        yield Label(_BEFORE_HINT, classes="line")
        yield InputField(id="before")
        yield Label(_AFTER_HINT, classes="line")
        yield InputField(id="after")
        yield Label(Text(", ".join(self._places[:8])), id="meaning", classes="line")

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value

    def _change(self) -> ArgumentChange:
        """What was typed. Raises BadOption."""
        before, after = self._value("before"), self._value("after")
        if not after:
            raise BadOption('the new value is missing (an empty text is "")')
        return change_of(self._value("place").strip(), after, before or None)

    @on(Input.Changed)
    def explain(self) -> None:
        """Say what is meant, or why nothing is."""
        try:
            meaning, is_bad = str(self._change()), False
        except BadOption as error:
            meaning, is_bad = safe(str(error)), True
        self.query_one("#meaning", Label).update(Text(meaning))
        self.query_one("#yes").disabled = is_bad

    @on(Input.Blurred, "#place")
    def complete(self) -> None:
        """Take over the place that is offered behind what was typed: it is shown as if it were
        there. What leads to a list or a mapping is a place itself."""
        typed = self._value("place").strip()
        offered = [each for each in self._places if each.startswith(typed)] if typed else []
        if offered and typed not in offered and not offered[0].startswith(f"{typed}."):
            self.query_one("#place", Input).value = offered[0]

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        """To the next field; from the last one to the question."""
        if event.input.id == "after":
            self.action_yes()
        else:
            self.focus_next()

    def action_yes(self) -> None:
        try:
            self.dismiss(self._change())
        except BadOption:
            self.query_one("#place").focus()


async def whole_jobs(app: Console, jobs: JobList, chosen: Iterable[Job]) -> list[Job]:
    """Jobs with all their bytes, without those that are gone; none where they cannot be read, which
    is said. A round trip for each that was listed cut."""
    try:
        read = await app.read(jobs.read(list(chosen)))
    except StoreError as error:
        app.say(safe(str(error)), "bad")
        return []
    return [job for job in read if job is not None]
