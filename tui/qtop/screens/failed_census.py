"""The groups of the failures that are wanted, counted in the background."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Final

from qtop.screens.failed_entries import as_reply
from qtop.search.following import Follower
from qtop.search.groups import FailureGroups
from qtop.search.walker import Visit
from qtop.systems.resque.failure_search import FailureQuery, FailureSearch
from resque.store.failures import Failure


class GroupCounter:
    """Counts failures by group: the newest at once, then the whole list, then what is new.

    Args:
        key: The list.
        wanted: Which of its entries count.
        now: Tells the server's clock.
        on_groups: Called when a count is over.
        rest: As for `Follower`.
    """

    def __init__(
        self,
        key: bytes,
        wanted: FailureQuery,
        now: Callable[[], datetime],
        on_groups: Callable[[], None],
        rest: Callable[[float], Awaitable[None]],
    ) -> None:
        self._wanted = wanted
        self._now = now
        self._on_groups = on_groups
        self._counting: FailureGroups | None = None
        self._search = FailureSearch(wanted, now())
        #: What to show; None when there is nothing yet.
        self.groups: FailureGroups | None = None
        self.follower: Final = Follower(key, self._begin, self._finish, sleep=rest)

    @property
    def too_large(self) -> int:
        """How many entries were too long to be looked into, where that would have mattered."""
        return self._search.too_large

    def take_newest(self, newest: Iterable[Failure], *, is_all: bool) -> None:
        """Count the newest entries, which are `is_all` there are, or what is shown at first."""
        groups = FailureGroups(self._now())
        visit = self._visit_for(groups)
        for entry in newest:
            visit(as_reply(entry.item), entry.place)
        groups.is_complete = is_all
        self.groups = groups

    def show_growth(self) -> bool:
        """Show a first count as it grows; a later one is shown when it is complete. Returns
        whether there is more to show."""
        shown, counting = self.groups, self._counting
        if counting is None or (shown is not None and counting.total < shown.total):
            return False
        self.groups = counting
        return True

    def _begin(self) -> Visit:
        self._counting = FailureGroups(self._now())
        return self._visit_for(self._counting)

    def _finish(self) -> None:
        if self._counting is not None:
            self._counting.is_complete = True
            self.groups = self._counting
            self._on_groups()

    def _visit_for(self, groups: FailureGroups) -> Visit:
        if self._wanted.filter.is_empty:
            return groups.add
        search = self._search = FailureSearch(self._wanted, self._now())

        def visit(reply: bytes | list[bytes | int], place: int) -> None:
            if search.hit(reply, place) is not None:
                groups.add(reply, place)

        return visit
