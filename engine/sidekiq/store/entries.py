"""Entries of the sorted sets `retry`, `schedule` and `dead`, and of the copies that
sidekiq-failures keeps: a page at a time from either end, or one of them whole.

Pollers take entries from the front of a set, and others insert anywhere, while thousands share one
score. So a place in a set is an entry, by its score and its bytes, as Redis orders them. What goes
on after an entry goes on at the right place also when that entry, or any other, is gone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from queuecore.exchange import Arg, Exchange, Reply, Steps
from queuecore.values import value
from queuecore.windows import Item, RawItem, read_item, whole
from sidekiq.codec import JobRecord, instant_of, read_ends, read_job
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.scripts import load_script

_WINDOW = load_script("set_window")
_MEMBER = load_script("set_member")

ListedSet = SetName | Literal["failed"]
"""A set whose entries are listed: Sidekiq's own, or the copies of sidekiq-failures."""
SetEnd = Literal["high", "low"]
"""Where a list of entries begins: with the highest score, the latest, or with the lowest."""

#: Of longer members only the beginning is listed.
LISTED_BYTES: Final = 65_536
#: What one round trip looks at, in bytes that Redis copies: some 10 ms where members are huge.
_LOOKED_AT_BYTES: Final = 3 << 20
#: Members that begin alike are looked at so far for one of them.
_ALIKE_BYTES: Final = 64 << 20


@value
class SetEntry:
    """One entry of a set as it was read.

    Attributes:
        listed_in: The set.
        score: Its score as Redis spells it: what finds it again, and puts it back.
        content: All its bytes, or, where they are many, an item that is cut.
        above: How many entries had their place above it, from the highest score down. What pollers
            take does not change that.
    """

    listed_in: ListedSet
    score: str
    content: bytes | Item
    above: int

    @property
    def item(self) -> Item:
        """Its bytes or their beginning, the size and the SHA-1 of all. O(bytes)."""
        return whole(self.content) if isinstance(self.content, bytes) else self.content

    @property
    def at(self) -> float:
        """Its score as a number: epoch seconds, or anything else that was written."""
        return float(self.score)

    @property
    def moment(self) -> datetime | None:
        """When it is tried again, comes due, or died; None where its score is no moment."""
        return instant_of(self.at)

    @property
    def record(self) -> JobRecord:
        """Its job, read at each call; of one that is cut what its beginning tells. Never raises.
        O(bytes)."""
        content = self.content
        if isinstance(content, bytes):
            return read_job(content)
        return read_ends(content.raw, b"", content.size)


def state_of(listed_in: ListedSet, job: JobRecord) -> str:
    """How far a job of a set is, in words: `retry 3 of 25`, `last try`, `dead`, `scheduled`. A
    number that cannot be told is `?`. With `retry_for` a time is its limit: since 8.1 no number is.
    """
    if listed_in != "retry":
        return {"schedule": "scheduled", "dead": "dead", "failed": "failed"}[listed_in]
    tried = job.tried
    number = "?" if tried is None else str(tried)
    if job.members.get("retry_for"):
        return f"retry {number}"
    # Without `retry` the limit is that of its class, which only Ruby knows.
    most = job.retries if job.members.get("retry") is not None else None
    if most is None:
        return f"retry {number} of ?"
    if tried is not None and tried >= most:
        return "last try"
    return f"retry {number} of {most}"


def set_key(keys: SidekiqKeys, name: ListedSet) -> bytes:
    """The key of a set."""
    return keys.copies_of_failures() if name == "failed" else keys.jobs(name)


@value
class SetWindow:
    """Entries that follow each other in a set, from the end that was asked for.

    Attributes:
        length: How many entries the set has.
        above: How many are above the first of these; where there are none, above their place.
        is_earlier: It may begin with entries that were read before: the one to go on after was only
            known by its beginning, and is gone.
        began_us, ended_us: The server's clock when it began to read and when it was done.
    """

    length: int
    above: int
    is_earlier: bool
    began_us: int
    ended_us: int
    entries: tuple[SetEntry, ...]


def window(
    keys: SidekiqKeys,
    name: ListedSet,
    end: SetEnd,
    after: SetEntry | None,
    most: int,
    *,
    max_bytes: int = LISTED_BYTES,
    looked_at_bytes: int = _LOOKED_AT_BYTES,
) -> Exchange[SetWindow]:
    """Read the entries after one, or from the end on: `most`, or fewer where they are so large that
    Redis looks at more than `looked_at_bytes`; at least one, if there is one. Members over
    `max_bytes` come cut. One round trip, O(log n + bytes looked at)."""

    def parse(reply: Reply) -> SetWindow:
        length, above, is_earlier, began_us, ended_us, flat = reply
        step = 1 if end == "high" else -1
        entries = tuple(
            SetEntry(name, score.decode(), _content(raw), above + step * at)
            for at, (score, raw) in enumerate(zip(flat[::2], flat[1::2], strict=True))
        )
        return SetWindow(length, above, bool(is_earlier), began_us, ended_us, entries)

    args = (end, most, max_bytes, looked_at_bytes, *_place(after))
    return _WINDOW.read([set_key(keys, name)], args, parse)


def _content(reply: RawItem) -> bytes | Item:
    return reply if isinstance(reply, bytes) else read_item(reply)


def _place(after: SetEntry | None) -> tuple[Arg, ...]:
    """A place as the scripts know it."""
    if after is None:
        return ()
    content = after.content
    if isinstance(content, bytes):
        return (after.score, content, len(content), "", after.above)
    return (after.score, content.raw, content.size, content.sha, after.above)


@value
class SetPage:
    """Some entries of a set in the order of the list.

    Attributes:
        after: What the next page goes on after; None at the end.
        first: Which of the set's `length` entries the first of these is, from 1.
    """

    entries: tuple[SetEntry, ...]
    after: SetEntry | None
    first: int
    length: int


def page(
    keys: SidekiqKeys,
    name: ListedSet,
    end: SetEnd,
    after: SetEntry | None,
    size: int,
    *,
    max_bytes: int = LISTED_BYTES,
) -> Steps[SetPage]:
    """Read the `size` entries after one, which need not be there any more, or the first (None). One
    round trip, more where members are huge. O(log n + bytes)."""
    found: list[SetEntry] = []
    first: int | None = None
    while True:
        last = found[-1] if found else after
        seen: SetWindow = yield window(
            keys, name, end, last, size - len(found), max_bytes=max_bytes
        )
        found += seen.entries
        if first is None:
            first = 1 + (seen.above if end == "high" else seen.length - 1 - seen.above)
        is_end = not seen.entries or _is_last(seen, end)
        if is_end or len(found) >= size:
            next_after = None if is_end else found[-1]
            return SetPage(tuple(found), next_after, first, seen.length)


def _is_last(seen: SetWindow, end: SetEnd) -> bool:
    above = seen.entries[-1].above
    return above == (seen.length - 1 if end == "high" else 0)


def before(
    keys: SidekiqKeys, name: ListedSet, end: SetEnd, first: SetEntry | None, size: int
) -> Steps[SetEntry | None]:
    """What the `size` entries before a page's first one come after; None: they are the first ones.
    With None the last `size` of the set. Costs as `page`."""
    other: SetEnd = "low" if end == "high" else "high"
    found: SetPage = yield from page(keys, name, other, first, size + 1, max_bytes=LISTED_BYTES)
    return found.entries[size] if len(found.entries) > size else None


def read_whole(keys: SidekiqKeys, entry: SetEntry) -> Exchange[SetEntry | None]:
    """The same entry with all its bytes, at the same score; None where it is there no more, or
    cannot be told from those that begin alike. One round trip, none for one that is not cut; of
    others that begin alike 64 MB are looked at."""
    content = entry.content
    if isinstance(content, bytes):
        return Exchange((), lambda _: entry)

    def parse(member: Reply) -> SetEntry | None:
        if not isinstance(member, bytes):
            return None
        return SetEntry(entry.listed_in, entry.score, member, entry.above)

    args = (entry.score, content.raw, content.size, content.sha, _ALIKE_BYTES)
    return _MEMBER.read([set_key(keys, entry.listed_in)], args, parse)
