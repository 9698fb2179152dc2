"""One failed job with everything in its entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from qtop.actions.plan import count_of
from qtop.actions.request import Delete, Move, Requeue
from qtop.keymap.keymap import Where
from qtop.monitor.state import ViewState
from qtop.screens.base import TextScreen, bindings
from qtop.screens.details import failure_lines
from qtop.screens.dialogs import ask_for_queue
from qtop.screens.export import export
from qtop.screens.payload_editor import edit_and_requeue
from qtop.search import failure_groups
from qtop.search.failure_groups import FailureGroups
from qtop.search.selection import JobSource
from qtop.systems.resque.failures import chosen_of
from qtop.text.safe import safe
from qtop.widgets.text_lines import TextLine
from queuecore import windows
from queuecore.errors import StoreError
from resque.store import failures
from resque.store.failures import FAILED, Failure


class FailureScreen(TextScreen):
    """The entry as it was when it was opened; its age goes on.

    Args:
        failure: The entry, perhaps only what a list shows of it.
        list_name: The list it is in.
        groups: What is known of failures that are alike.
    """

    PLACES: ClassVar[tuple[Where, ...]] = ("failure", "texts")
    TAB: ClassVar[Where] = "failed"
    BINDINGS = bindings(PLACES)

    def __init__(
        self, failure: Failure, list_name: str = FAILED, groups: FailureGroups | None = None
    ) -> None:
        super().__init__()
        self._failure = failure
        self._source = JobSource("failed", list_name)
        self._groups = groups

    def lines(self, view: ViewState) -> Iterable[TextLine]:
        """The entry."""
        now = None if view.fleet is None else view.fleet.server_time
        return failure_lines(self._failure, view.policy.redactor, now, self._alike())

    def _alike(self) -> str:
        item = self._failure.item
        if self._groups is None or not item.raw:
            return ""
        cut: list[bytes | int] = [item.raw, item.size, item.sha.encode()]
        count = self._groups.count_of(failure_groups.of(cut if item.is_cut else item.raw))
        if count is None:
            return ""
        so_far = "" if self._groups.is_complete else " so far"
        return f"{count_of(count, 'failure')}{so_far}"

    def on_mount(self) -> None:
        """Fetch the rest of an entry that was listed cut."""
        super().on_mount()
        if self._failure.item.is_cut:
            self.run_worker(self._fetch())

    async def _fetch(self) -> None:
        item = self._failure.item
        key = failures.list_key(self.app.keys, self._source.name)
        try:
            raw = await self.app.read(windows.find(key, item.sha, self._failure.place))
        except StoreError as error:
            self.app.say(f"the rest of the entry: {safe(str(error))}", "bad")
            return
        if raw is None:
            self.app.say("this entry is not in the list any more", "warn")
            return
        self._failure = failures.read(windows.whole(raw), self._failure.place)
        self.show_view(self.app.state.view())

    def action_requeue(self) -> None:
        """Requeue this very entry."""
        self.app.actions.request(Requeue(self._source, chosen_of([self._failure])))

    def action_delete(self) -> None:
        """Delete this very entry."""
        self.app.actions.request(Delete(self._source, chosen_of([self._failure])))

    def action_move(self) -> None:
        """Requeue this very entry to another queue."""

        def move(queue: str) -> None:
            self.app.actions.request(Move(self._source, chosen_of([self._failure]), queue))

        ask_for_queue(self.app, self._source, "Requeue to which queue?", move)

    def action_edit(self) -> None:
        """Edit the payload of this very entry and requeue it."""
        if not self.app.actions.refuses():
            edit = edit_and_requeue(self.app, self._failure, self._source.name)
            self.run_worker(edit, exclusive=True, group="edit")

    def action_export(self) -> None:
        """Write this entry to a file."""
        chosen = [self._failure]
        self.run_worker(export(self.app, chosen, None, self._source))
