"""Runs searches through all delayed jobs for a screen: in the background, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from qtop.search.filter_language import Filter
from qtop.systems.resque.scheduled_search import DelayedSearch
from qtop.text.safe import safe
from resque.errors import StoreError

if TYPE_CHECKING:
    from qtop.screens.base import ConsoleScreen

#: A search through more jobs than this is not begun again by itself.
_QUICK: Final = 5_000
#: A filter that is being typed is not searched for yet.
_TYPING_S: Final = 0.15
_PROGRESS_S: Final = 0.25


class Searcher:
    """Keeps the last search of a filter on show while the next one of the same filter runs.

    Args:
        screen: Reads for it, and is told of results in words.
        on_change: Called when there is more to show.
    """

    def __init__(self, screen: ConsoleScreen, on_change: Callable[[], None]) -> None:
        self._screen = screen
        self._on_change = on_change
        self._last: DelayedSearch | None = None
        self._running: DelayedSearch | None = None
        self._again = 0

    @property
    def shown(self) -> DelayedSearch | None:
        """The search whose results are to be shown."""
        return self._last if self._last is not None else self._running

    @property
    def is_running(self) -> bool:
        """Whether the search that is shown goes on."""
        return self._running is not None and self._running is self.shown

    def begin(self, wanted: Filter, now_s: float) -> None:
        """Look through all delayed jobs, by the server's clock `now_s` (epoch)."""
        if self._last is not None and self._last.wanted.text != wanted.text:
            self._last = None
        run = self._running = DelayedSearch(wanted, now_s)
        self._screen.run_worker(self._run(run), exclusive=True, group="search")

    def follow(self, wanted: Filter, now_s: float) -> None:
        """As `begin`, where that is worth it: there is no search of this filter yet, or it was a
        short one, or something was done meanwhile."""
        current = self._running or self._last
        if current is None or current.wanted.text != wanted.text:
            self.begin(wanted, now_s)
        elif self._running is None:
            is_short = current.seen <= _QUICK and not current.is_stopped
            if self._again or is_short:
                self._again = max(0, self._again - 1)
                self.begin(wanted, now_s)

    def expect_change(self) -> None:
        """Something is about to be done to the jobs: look again at the next two looks."""
        self._again = 2

    def stop(self) -> bool:
        """Stop the search that is running; False when there is none."""
        if self._running is None:
            return False
        self._running.stop()
        return True

    async def _run(self, run: DelayedSearch) -> None:
        ticking = self._screen.set_interval(_PROGRESS_S, self._on_change)
        try:
            await asyncio.sleep(_TYPING_S)
            await self._screen.app.read(run.run(self._screen.app.keys))
        except StoreError as error:
            run.stop()
            run.problem = str(error)
            self._screen.app.say(f"looking through the jobs: {safe(str(error))}", "bad")
        finally:
            ticking.stop()
            if self._running is run:
                self._running = None
        run.is_over = True
        self._last = run
        self._on_change()
