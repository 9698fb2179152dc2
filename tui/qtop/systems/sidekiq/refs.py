"""What names jobs of Sidekiq's sets to actions: the set, the score and the SHA-1 of the bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from qtop.model.job import FAILED, JobSource
from queuecore.values import value
from sidekiq.keys import SetName
from sidekiq.store.entry_search import EntryRef, EntryRefs

#: In the order in which they are listed and acted on.
SETS: Final[tuple[SetName, ...]] = ("retry", "schedule", "dead")


def listed_sets(source: JobSource) -> tuple[SetName, ...]:
    """The sets that a list of failed or scheduled jobs shows; none for others."""
    if source.kind == "delayed":
        return ("schedule",)
    lists: dict[str, tuple[SetName, ...]] = {
        FAILED: ("retry", "dead"),
        "retry": ("retry",),
        "dead": ("dead",),
    }
    return lists.get(source.name, ()) if source.kind == "failed" else ()


@value
class SetRef:
    """One entry of one set."""

    set_name: SetName
    entry: EntryRef


class SetRefs:
    """Refs of many entries, of one set or of several: see `Refs`."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._by_set: dict[SetName, EntryRefs] = {}

    def add(self, ref: SetRef, size_bytes: int = 0, decided: object = None) -> None:
        """Take in the ref of a job of so many bytes. What was decided is decided again."""
        self._by_set.setdefault(ref.set_name, EntryRefs()).add(ref.entry)
        self.size_bytes += size_bytes

    def __len__(self) -> int:
        return sum(map(len, self._by_set.values()))

    def by_set(self) -> Iterator[tuple[SetName, EntryRefs]]:
        """The refs of each set that has some."""
        return ((name, self._by_set[name]) for name in SETS if name in self._by_set)
