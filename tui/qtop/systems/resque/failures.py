"""What the console's keys would do to failed jobs; see `plans`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from qtop.search.failure_groups import GroupKey, Reader
from qtop.search.fields import of_failure
from qtop.search.filter_language import Filter
from qtop.search.selection import Hit, JobSource, Selection, hit_of
from qtop.text.safe import beginning, safe
from queuecore.active_job import unwrapped
from queuecore.values import replace
from queuecore.windows import Item, read_item
from resque.store.failures import FAILED, Failure

# Finding failures in a list of any length: those of a group, those that match a filter.

#: Matches that are listed; all are counted.
MOST_LISTED: Final = 10_000
_KEPT_CHARACTERS: Final = 300
#: Of arguments: characters of each text, items of each list, levels of lists within.
_KEPT_OF_ARGUMENTS: Final = (80, 8, 2)


@dataclass(frozen=True, slots=True)
class FailureQuery:
    """Which failures: of one list, of some groups (None: of any), as a filter says. `but` turns the
    groups round: all but these, which is what "other" means."""

    list_name: str = FAILED
    filter: Filter = Filter("")  # noqa: RUF009  a constant
    groups: frozenset[GroupKey] | None = None
    but: bool = False
    named: str = ""

    @property
    def is_everything(self) -> bool:
        """Whether the whole list is wanted."""
        return self.groups is None and self.filter.is_empty

    @property
    def source(self) -> JobSource:
        """The list."""
        return JobSource("failed", self.list_name)

    def __str__(self) -> str:
        """In words, for the record."""
        words = [str(self.source)]
        if self.groups is not None:
            words.append(f"group {self.named}"[:200])
        if not self.filter.is_empty:
            words.append(f"filter {self.filter.text}"[:200])
        return ", ".join(words)


class FailureSearch:
    """Tells which entries are wanted. `now` is the server's clock, for ages."""

    def __init__(self, wanted: FailureQuery, now: datetime) -> None:
        self.wanted = wanted
        self.now = now
        self.source = wanted.source
        self._reader = Reader()
        #: Entries that were too long to be looked into, where that would have mattered.
        self.too_large = 0

    def hit(self, reply: bytes | list[bytes | int], place: int) -> Hit | None:
        """An entry as a stretch holds it, if it is wanted. Never raises."""
        wanted = self.wanted
        if wanted.groups is not None:
            is_in = self._reader.read(reply).fingerprint in wanted.groups
            if is_in is wanted.but:
                return None
        hit = hit_of(self.source, read_item(reply), place, self.now)
        if wanted.filter.is_empty:
            return hit
        self.too_large += hit.item.is_cut
        return hit if wanted.filter.matches(hit.subject) else None


class Matches:
    """The failures that are wanted: the newest ones listed, all of them counted."""

    def __init__(self, search: FailureSearch) -> None:
        self.search = search
        self.count = 0
        self._listed: list[Failure] = []
        self._newcomers: list[Failure] = []

    def visit(self, reply: bytes | list[bytes | int], place: int) -> None:
        """Look at an entry. Memory: about 1 KB each of the 10,000 that are listed."""
        hit = self.search.hit(reply, place)
        if hit is None or hit.failure is None:
            return
        self.count += 1
        is_newcomer = bool(self._listed) and place > self._listed[0].place
        if is_newcomer:
            self._newcomers.append(slim(hit.failure))
        elif len(self._listed) < MOST_LISTED:
            self._listed.append(slim(hit.failure))

    def listed(self) -> list[Failure]:
        """The newest of them, newest first, as far as a list shows them."""
        if self._newcomers:
            newest = sorted(self._newcomers, key=lambda entry: -entry.place)
            self._listed = [*newest, *self._listed][:MOST_LISTED]
            self._newcomers = []
        return self._listed


def slim(failure: Failure) -> Failure:
    """What a row shows of a failure; the rest is fetched when it is opened."""
    name, args = unwrapped(failure.class_name, failure.args)
    error = failure.error
    return replace(
        failure,
        item=Item(b"", failure.item.size, failure.item.sha),
        class_name=name,
        args=beginning(args, *_KEPT_OF_ARGUMENTS),
        error=error if error is None else error[:_KEPT_CHARACTERS],
        backtrace=(),
    )


def title(mark: GroupKey) -> str:
    """A group in words: safe text."""
    if mark.problem is not None:
        return safe(mark.problem)
    return safe(f"{mark.class_name or '(no class)'}: {mark.exception or '?'}")


def chosen_of(entries: Iterable[Failure]) -> Selection:
    """Entries that somebody pointed at, in figures."""
    chosen = Selection()
    for entry in entries:
        subject = of_failure(entry, entry.failed_at or datetime.now().astimezone())
        chosen.add(Hit(entry.item, entry.place, subject, entry))
    return chosen
