"""Reads a whole list from its newest item to its oldest, in windows.

The list may change meanwhile. Items that are added are not seen. Items that are removed at the head
move the others: the last item of the window before is read again with each window, and shows how
far. A walk does no input or output: `list_search.walk` reads its windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from qtop.model.job_list import LISTED_BYTES, Entry
from queuecore import windows
from queuecore.exchange import Exchange
from queuecore.windows import Extent, RawItem, Stretch, read_item

#: The first window is small: a person waits for it.
_FIRST_ITEMS: Final = 250
#: Later ones carry about so much. Reaching the middle of a list takes Redis as long as carrying it.
_WINDOW_BYTES: Final = 4 << 20
_MOST_ITEMS: Final = 4_000
_FEWEST_ITEMS: Final = 20


class ListWalk:
    """One way through a list of Redis, from its newest item to its oldest: see `Walk`.

    Args:
        key: The list.
        entry: Makes an entry of an item and its place.
        since: What was there before is not looked at, if the list is still the one it was.
    """

    def __init__(
        self, key: bytes, entry: Callable[[RawItem, int], Entry], since: Extent | None = None
    ) -> None:
        self._key = key
        self._entry = entry
        self._floor = 0 if since is None else since.length
        self._floor_anchor = None if since is None else since.last
        # The anchor is read as well, to see whether it is still there.
        self._lowest = self._floor - (self._floor_anchor is not None)
        self._asked_to = 0
        self._anchor: str | None = None
        self._page = _FIRST_ITEMS
        self.extent = Extent(0, None)
        self.length: int | None = None
        self.is_broken = False

    @property
    def done(self) -> int:
        return 0 if self.length is None else self.length - self._asked_to

    def window(self) -> Exchange[Iterator[Entry]] | None:
        if self.length is None:
            newest = windows.stretch(self._key, -self._page, -1, max_bytes=LISTED_BYTES)
            return newest.then(self._newest)
        end = self._asked_to
        if end <= self._lowest:
            return None
        first = self._asked_to = max(self._lowest, end - self._page)
        # One more at the end, which was seen before: where it is now says what has moved.
        older = windows.stretch(self._key, first, end, max_bytes=LISTED_BYTES)
        return older.then(partial(self._older, first, end - first))

    def _newest(self, seen: Stretch) -> Iterator[Entry]:
        replies = seen.replies
        self.length, first = seen.length, seen.length - len(replies)
        self.extent = Extent(seen.length, read_item(replies[-1]).sha if replies else None)
        self._asked_to = max(first, self._lowest)
        self.is_broken = seen.length < self._floor
        return self._entries(seen, first, len(replies))

    def _older(self, first: int, expected: int, seen: Stretch) -> Iterator[Entry]:
        return self._entries(seen, first, self._fresh(expected, seen))

    def _entries(self, seen: Stretch, first: int, fresh: int) -> Iterator[Entry]:
        """The first `fresh` items of a window, newest first."""
        replies = seen.replies
        if replies:
            self._anchor = read_item(replies[0]).sha
            self._measure(seen)
        if first <= self._lowest and self._floor_anchor is not None:
            self._check_floor(seen, first)
        begin = max(0, self._floor - first)
        return (self._entry(replies[at], first + at) for at in reversed(range(begin, fresh)))

    def _fresh(self, expected: int, seen: Stretch) -> int:
        """How many items of a window come before the one that was seen last."""
        for at in range(min(expected, len(seen.replies) - 1), -1, -1):
            if read_item(seen.replies[at]).sha == self._anchor:
                return at
        self.is_broken = True
        return min(expected, len(seen.replies))

    def _measure(self, seen: Stretch) -> None:
        size = sum(len(each) if isinstance(each, bytes) else LISTED_BYTES for each in seen.replies)
        each_bytes = max(1, size // len(seen.replies))
        self._page = max(_FEWEST_ITEMS, min(_MOST_ITEMS, _WINDOW_BYTES // each_bytes))

    def _check_floor(self, seen: Stretch, first: int) -> None:
        before = self._floor - 1 - first
        is_there = 0 <= before < len(seen.replies)
        if not is_there or read_item(seen.replies[before]).sha != self._floor_anchor:
            self.is_broken = True
