"""Going through delayed jobs a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtop.systems.resque.scheduled_page import PAGE
from qtop.text.safe import safe
from qtop.widgets.table import Table
from resque.errors import StoreError
from resque.store import delayed_windows
from resque.store.delayed_windows import Page, Position

if TYPE_CHECKING:
    from qtop.screens.base import ConsoleScreen


class Pager:
    """Knows which page is shown.

    Args:
        screen: Reads for it, and is told what went wrong.
        load: Reads the page at `start`; `landed` is called when it is shown.
    """

    def __init__(self, screen: ConsoleScreen, load: Callable[[], None]) -> None:
        self._screen = screen
        self._load = load
        self._page: Page | None = None
        self._lands_last: bool | None = None
        self.start = Position()

    def landed(self, table: Table[Any], page: Page, start: Position | None) -> None:
        """A page is shown: put the cursor where the key that asked for it leads."""
        self._page = page
        if start == self.start and self._lands_last is not None:
            # Not the table's own keys: at the end of a page those turn to the next.
            (Table.action_cursor_last if self._lands_last else Table.action_cursor_first)(table)
            self._lands_last = None

    @property
    def is_turned(self) -> bool:
        """Whether there are pages before the one that is shown."""
        return self.start != Position()

    def turn(self, pages: int) -> None:
        """Go to the next jobs, or to those before."""
        after = None if self._page is None else self._page.after
        if pages > 0 and after is not None:
            self._go_to(after, is_back=False)
        elif pages < 0 and self.start != Position():
            self._go_before(self.start)

    def turn_to_end(self, way: int) -> None:
        """Go to the first jobs of all, or to the last."""
        if way < 0 and self.start != Position():
            self._go_to(Position(), is_back=False)
        elif way > 0 and self._page is not None and self._page.after is not None:
            self._go_before(Position(self._page.moments))

    def reset(self) -> None:
        """Back to the first jobs, without a look."""
        self.start, self._page, self._lands_last = Position(), None, None

    def _go_to(self, start: Position, *, is_back: bool) -> None:
        self.start, self._lands_last = start, is_back
        self._load()

    def _go_before(self, end: Position) -> None:
        self._screen.run_worker(self._seek(end), exclusive=True, group="turn")

    async def _seek(self, end: Position) -> None:
        try:
            before = delayed_windows.before(self._screen.app.keys, end, PAGE)
            self._go_to(await self._screen.app.read(before), is_back=True)
        except StoreError as error:
            self._screen.app.say(safe(str(error)), "bad")
