"""A way through a whole set, from its highest score to its lowest.

Pollers take entries at the low end, where such a walk comes last. It goes from entry to entry by
score and bytes, so what comes, goes or shifts meanwhile moves no other out of sight.
"""

from __future__ import annotations

from typing import Final

from queuecore.exchange import Exchange
from queuecore.windows import Item
from sidekiq.keys import SidekiqKeys
from sidekiq.store.entries import LISTED_BYTES, ListedSet, SetEntry, SetWindow, window

#: The first window is small: a person waits for it.
_FIRST_ENTRIES: Final = 250
#: Later ones look at so much, which takes Redis 2 or 3 ms.
_MOST_ENTRIES: Final = 1_000
_WINDOW_BYTES: Final = 1_000_000
#: Among huge entries of one score that begin alike it may lose its place; after so many times it
#: leaves the rest of them out.
_MOST_LOST: Final = 20


class EntryWalk:
    """One way through a set in windows: `window` until it is None.

    An entry that is in the set at one score all the time is met exactly once. One that gets another
    score meanwhile leaves its place and comes to another: it may be met at both or at none.

    Attributes:
        length: How many entries the set had at the last window; None before the first.
        done: How many of these the walk has come past.
        is_broken: Entries were left out: huge ones of one score that begin alike, while others
            changed the set around them again and again.
        took_us: How long the last window kept Redis busy, in microseconds, without the sending.
        began_us, ended_us: The server's clock at the beginning, and at the last window.

    Args:
        below: Only entries of lower scores than this one, as Redis spells it.
        lowest: Only entries of this score (a number) or higher ones.
        most: Entries in one window, at most.
    """

    def __init__(
        self,
        keys: SidekiqKeys,
        name: ListedSet,
        *,
        below: str | None = None,
        lowest: float = float("-inf"),
        most: int = _MOST_ENTRIES,
        max_bytes: int = LISTED_BYTES,
    ) -> None:
        self._keys, self._name = keys, name
        self._lowest, self._most, self._max_bytes = lowest, most, max_bytes
        # Before all bytes: all entries of lower scores follow.
        self._after = None if below is None else SetEntry(name, below, b"", 0)
        #: The score and the beginning of the last that was cut; the SHA-1s of those like it.
        self._run: tuple[str, bytes] | None = None
        self._met: set[str] = set()
        self._times_lost = 0
        self._is_over = False
        self.length: int | None = None
        self.done = 0
        self.is_broken = False
        self.took_us = self.began_us = self.ended_us = 0

    def window(self) -> Exchange[list[SetEntry]] | None:
        """What reads the next window, and gives what is new in it; None at the end. Its reply moves
        the walk on: it is read once, before the next is asked for. One round trip, O(log n + 1,000
        entries, or 1 MB of them)."""
        if self._is_over:
            return None
        most = min(self._most, _FIRST_ENTRIES) if self.length is None else self._most
        return window(
            *(self._keys, self._name, "high", self._after, most),
            max_bytes=self._max_bytes,
            looked_at_bytes=_WINDOW_BYTES,
        ).then(self._read)

    def _read(self, seen: SetWindow) -> list[SetEntry]:
        if self.length is None:
            self.began_us = seen.began_us
        self.ended_us, self.took_us = seen.ended_us, seen.ended_us - seen.began_us
        self.length, self.done = seen.length, seen.above + len(seen.entries)
        self._is_over = self.done >= seen.length
        if not seen.entries:
            return []
        self._times_lost += seen.is_earlier and _run_of(seen.entries[0]) == self._run
        fresh = [each for each in seen.entries if self._is_new(each)]
        self._after = last = seen.entries[-1]
        if self._times_lost > _MOST_LOST and isinstance(last.content, Item):
            self.is_broken = True
            # Its beginning alone comes after all that begin so.
            self._after = SetEntry(self._name, last.score, last.content.raw, last.above)
        if last.at < self._lowest:
            self._is_over = True
            return [each for each in fresh if each.at >= self._lowest]
        return fresh

    def _is_new(self, entry: SetEntry) -> bool:
        """Whether an entry was not met before. Only one that was cut may have been: where the one
        before is gone, the window began earlier."""
        content = entry.content
        if isinstance(content, bytes):
            return True
        if (run := _run_of(entry)) != self._run:
            self._run, self._met, self._times_lost = run, set(), 0
        if content.sha in self._met:
            return False
        self._met.add(content.sha)
        return True


def _run_of(entry: SetEntry) -> tuple[str, bytes] | None:
    content = entry.content
    return (entry.score, content.raw) if isinstance(content, Item) else None
