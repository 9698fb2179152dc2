"""The question before an incident is acknowledged: why, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from rich.text import Text
from textual import on
from textual.widget import Widget
from textual.widgets import Input, Label

from qtop.screens.dialogs import CANCEL, Dialog, DialogButton
from qtop.widgets.filter_input import InputField
from queuecore.acknowledging import MOST_REASON

#: How long it may be, by the id of its button; None: until it is resolved.
TIMES: Final[dict[str, tuple[str, int | None]]] = {
    "m15": ("15 min", 15 * 60),
    "h1": ("1 h", 3_600),
    "h8": ("8 h", 8 * 3_600),
    "d1": ("1 d", 24 * 3_600),
    "resolved": ("until resolved", None),
}


class Answer(NamedTuple):
    """Why, and for how many seconds; None: until it is resolved."""

    reason: str
    seconds: int | None


class AcknowledgeDialog(Dialog[Answer | None]):
    """Asks why and for how long an incident is acknowledged. Gives None when it is not. `what` says
    in safe words, without secrets, what is wrong."""

    AUTO_FOCUS = "#reason"

    def __init__(self, what: str) -> None:
        times = (DialogButton(id, label) for id, (label, _) in TIMES.items())
        lines = (
            what,
            "It is listed below the others until then, unless it gets worse.",
        )
        super().__init__("Acknowledge this incident for how long?", lines, (CANCEL, *times))

    def compose_fields(self) -> Iterable[Widget]:
        """A field for the reason."""
        yield Label(Text("Reason (others see it):"), classes="line")
        yield InputField(id="reason", max_length=MOST_REASON)

    @on(Input.Submitted, "#reason")
    def to_times(self) -> None:
        """Go on to the times: a reason is no answer yet."""
        self.set_focus(self.query_one(f"#{next(iter(TIMES))}"))

    def press(self, button: str | None) -> None:
        """Acknowledge it for the time of the button, or leave."""
        if button is None or button not in TIMES:
            self.action_no()
            return
        reason = self.query_one("#reason", Input).value.strip()
        self.dismiss(Answer(reason, TIMES[button][1]))
