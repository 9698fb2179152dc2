"""One failed job with everything in its entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from qtop.details import failure_lines
from qtop.keymap import Where
from qtop.screens.base import TextScreen, bindings
from qtop.stage import View
from qtop.widgets.text_lines import TextLine
from resque.errors import StoreError
from resque.state import failures, windows
from resque.state.failures import Failure


class FailureScreen(TextScreen):
    """The entry as it was when it was opened."""

    PLACES: ClassVar[tuple[Where, ...]] = ("failure", "texts")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self._failure = failure

    def lines(self, view: View) -> Iterable[TextLine]:
        """The entry; it never changes."""
        return failure_lines(self._failure)

    def on_mount(self) -> None:
        """Fetch the rest of an entry that was listed cut."""
        if self._failure.item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        item = self._failure.item
        find = windows.find(self.app.keys.failed(), item.sha, self._failure.place)
        try:
            raw = await self.app.read(find)
        except StoreError as error:
            self.app.say(f"the rest of the entry: {error}", "bad")
            return
        if raw is not None:
            self._failure = failures.read(windows.whole(raw), self._failure.place)
            self.show_board(self.app.stage.view())

    def action_requeue(self) -> None:
        """Requeue this very entry."""
        self.app.desk.begin(self.app.desk.plans.requeue([self._failure]))

    def action_delete(self) -> None:
        """Delete this very entry."""
        self.app.desk.begin(self.app.desk.plans.delete([self._failure]))
