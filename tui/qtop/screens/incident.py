"""One verdict: the whole sentence, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from qtop.keymap.keymap import Where
from qtop.monitor.incidents.incident import Incident
from qtop.monitor.state import ViewState
from qtop.screens.base import TextScreen, bindings
from qtop.text.format import both_times
from qtop.text.safe import safe
from qtop.widgets.text_lines import TextLine


class IncidentScreen(TextScreen):
    """A verdict that no other screen tells more about; when it no longer holds, as it was."""

    PLACES: ClassVar[tuple[Where, ...]] = ("texts",)
    TAB: ClassVar[Where] = "overview"
    BINDINGS = bindings(PLACES)

    def __init__(self, verdict: Incident) -> None:
        super().__init__()
        self._verdict = verdict

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The verdict as it is now."""
        key = self._verdict.key
        now = next((each for each in view.glance.verdicts if each.key == key), None)
        self._verdict = verdict = now or self._verdict
        if now is None or now.is_over:
            yield TextLine("This is no longer so.", "dim")
        yield TextLine(safe(verdict.text))
        yield TextLine("")
        yield TextLine(verdict.severity, "bad" if verdict.severity == "bad" else "", "severity")
        since = both_times(verdict.since)
        yield TextLine(f"before {since}" if verdict.is_older else since, "", "since")
        if verdict.remedy:
            yield TextLine(safe(verdict.remedy), "", "what to do")
