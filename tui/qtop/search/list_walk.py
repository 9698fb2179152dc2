"""Reads a whole list from its newest item to its oldest, in windows.

The list may change meanwhile. Items that are added are not seen. Items that are removed at the head
move the others: the last item of the window before is read again with each window, and shows how
far. A walk does no input or output: `list_search.walk` reads its windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from qtop.model.job_list import LISTED_BYTES, Ask, Entry
from queuecore import windows
from queuecore.windows import Extent, RawItem, Stretch, read_item

#: The first window is small: a person waits for it.
_FIRST_ITEMS: Final = 250
#: Later ones carry about so much. Reaching the middle of a list takes Redis as long as carrying it.
_WINDOW_BYTES: Final = 4 << 20
_MOST_ITEMS: Final = 4_000
_FEWEST_ITEMS: Final = 20


class ListWalk:
    """One way through a list of Redis, from its newest item to its oldest.

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
        self._asked_to: int | None = None
        self._anchor: str | None = None
        self._page = _FIRST_ITEMS
        self._newest: str | None = None
        #: How long the list was at the beginning.
        self.length: int | None = None
        #: The list changed so much that items may have been missed or met twice.
        self.is_broken = False

    @property
    def extent(self) -> Extent:
        return Extent(self.length or 0, self._newest)

    @property
    def done(self) -> int:
        return 0 if self.length is None or self._asked_to is None else self.length - self._asked_to

    def ask(self) -> Ask | None:
        """What to read next; None at the end. The first window must be taken in before the second
        is asked for; later ones may be asked for one ahead."""
        if self.length is None:
            newest = windows.stretch(self._key, -self._page, -1, max_bytes=LISTED_BYTES)
            return Ask(newest)
        end = self._asked_to
        if end is None or end <= self._lowest:
            return None
        first = max(self._lowest, end - self._page)
        self._asked_to = first
        # One more at the end, which was seen before: where it is now says what has moved.
        seen = windows.stretch(self._key, first, end, max_bytes=LISTED_BYTES)
        return Ask(seen, first, end)

    def take(self, ask: Ask, seen: Stretch) -> Iterator[Entry]:
        """What is new in a window, newest first. Raises nothing; look at `is_broken` at the
        end."""
        replies = seen.replies
        first, fresh = ask.first, len(replies)
        if ask.first < 0:
            self.length = seen.length
            first = seen.length - len(replies)
            self._newest = read_item(replies[-1]).sha if replies else None
            self._asked_to = max(first, self._lowest)
            self.is_broken = seen.length < self._floor
        else:
            fresh = self._fresh(ask, seen)
        if replies:
            self._anchor = read_item(replies[0]).sha
            self._measure(seen)
        if first <= self._lowest and self._floor_anchor is not None:
            self._check_floor(seen, first)
        begin = max(0, self._floor - first)
        return (self._entry(replies[at], first + at) for at in reversed(range(begin, fresh)))

    def _fresh(self, ask: Ask, seen: Stretch) -> int:
        """How many items of a window come before the one that was seen last."""
        expected = ask.end - ask.first
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
