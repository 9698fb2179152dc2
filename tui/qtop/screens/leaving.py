"""Questions at the end, when workers that were started here are still there."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.text import Text
from textual import on
from textual.widgets import Button, Label

from qtop.screens.dialogs import Dialog
from qtop.text.safe import ago, counted


class QuitDialog(Dialog[str | None]):
    """Asks what becomes of the workers started here. Gives `finish`, `now`, `leave` or None to
    stay in the console.

    Args:
        alive: How many there are.
        are_to_stay: All of them were left running before: that is proposed again.
    """

    def __init__(self, alive: int, *, are_to_stay: bool) -> None:
        workers = counted(alive, "worker")
        super().__init__(
            f"Leave, with {workers} started here?",
            (
                "Finish: each ends its job first. Now: jobs in hand count as failed.",
                "Leave running: they go on without a console; the next one finds them again.",
            ),
        )
        self._are_to_stay = are_to_stay

    def on_mount(self) -> None:
        """What happens by pressing enter."""
        self.query_one("#leave" if self._are_to_stay else "#finish").focus()

    def compose_buttons(self) -> Iterable[Button]:
        """The ways out."""
        yield Button("Finish and stop", id="finish", variant="primary", compact=True)
        yield Button("Stop now", id="now", variant="error", compact=True)
        yield Button("Leave running", id="leave", compact=True)
        yield Button("Stay", id="no", compact=True)

    def action_yes(self) -> None:
        """Do what is proposed."""
        self.dismiss("leave" if self._are_to_stay else "finish")

    @on(Button.Pressed, "#finish")
    def finish(self) -> None:
        """Let them finish."""
        self.dismiss("finish")

    @on(Button.Pressed, "#now")
    def stop_now(self) -> None:
        """Stop them in the middle of their jobs."""
        self.dismiss("now")

    @on(Button.Pressed, "#leave")
    def leave_running(self) -> None:
        """Let them be."""
        self.dismiss("leave")

    @on(Button.Pressed, "#no")
    def action_no(self) -> None:
        """Stay."""
        self.dismiss(None)


class WaitingDialog(Dialog[None]):
    """Shows that workers are finishing their jobs; lets them be stopped instead, or finish by
    themselves."""

    AUTO_FOCUS = "#wait"

    def __init__(self, on_stop_now: Callable[[], None], on_no_wait: Callable[[], object]) -> None:
        super().__init__("Waiting for workers to finish their jobs", ("…",))
        self._on_stop_now, self._on_no_wait = on_stop_now, on_no_wait

    def compose_buttons(self) -> Iterable[Button]:
        """Patience, or none."""
        yield Button("Wait", id="wait", compact=True)
        yield Button("Stop now", id="now", variant="error", compact=True)
        yield Button("Do not wait", id="leave", compact=True)

    def tell(self, alive: int, waited_s: float) -> None:
        """Show how far it is."""
        workers = counted(alive, "worker")
        self.query_one(".line", Label).update(Text(f"{workers} at it, {ago(waited_s)}"))

    @on(Button.Pressed, "#now")
    def stop_now(self) -> None:
        """Stop them in the middle of their jobs."""
        self._on_stop_now()

    @on(Button.Pressed, "#leave")
    def do_not_wait(self) -> None:
        """Leave now; they finish their jobs without a console."""
        self._on_no_wait()

    def action_no(self) -> None:
        """Leaving has begun: there is no way back."""
