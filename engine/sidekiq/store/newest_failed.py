"""The jobs that failed last, from poll to poll: of those that died and of those that are tried
again."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import UTC, datetime
from typing import Any, Final

from queuecore.cooperative import Slices
from queuecore.exchange import Arg, Command, Reply
from queuecore.values import value
from queuecore.windows import Item, whole
from sidekiq.codec import JobRecord, instant_of, read_ends, read_job
from sidekiq.errors import StoreError
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.scripts import load_script

_NEWEST_FAILED = load_script("newest_failed")
#: A job is read whole up to here, else both its ends.
_JOB_BYTES: Final = 16_384
_SETS: Final[tuple[SetName, ...]] = ("retry", "dead")
#: Everything is read at every so many polls; at the others a part of it, in which newer ones are.
_TURNS: Final = 10
_PART: Final = 10
#: What is more bytes is read only at those polls.
_HEAVY_BYTES: Final = 3 << 20
#: So many are read between two pauses.
_SLICE: Final = 100
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


#: A set, the score in it as text, and the bytes, or the SHA-1 of many.
_Name = tuple[SetName, bytes, bytes]


@value
class FailedEntry:
    """A job that failed: it died, or it is tried again.

    Attributes:
        listed_in: The set, `retry` or `dead`.
        score: Its score as Redis spells it: when it is tried again, or when it died, in epoch
            seconds.
        item: Its bytes, cut where they are many.
        record: What could be read of it.
        failed_at: When it failed last; where it does not say, of one that died, when it did.
    """

    listed_in: SetName
    score: str
    item: Item
    record: JobRecord
    failed_at: datetime | None


class NewestFailed:
    """Asks for the newest failed jobs and reads the answer; used for one poll at a time: `ask`,
    then `read`. One that is there with the same bytes at the same score stays the same object.

    Nothing in Redis is in the order of failures. The jobs that died last have the highest scores;
    of the others, where there are many, those are looked at that can have failed a moment ago by
    the usual delays. A class with delays of its own may be missed. One that is taken out of its set
    is seen for some polls more.
    """

    def __init__(self, keys: SidekiqKeys, *, limit: int) -> None:
        self._keys = keys
        self._limit = limit
        self._turn = 0
        self._is_whole = True
        self._is_heavy = False
        self._prints = dict.fromkeys(_SETS, b"")
        #: The newest, by what tells one from the other.
        self._known: dict[_Name, FailedEntry] = {}
        self._newest: tuple[FailedEntry, ...] = ()
        #: What was seen at the last poll that saw something else, also what was too old.
        self._seen: dict[SetName, Set[_Name]] = dict.fromkeys(_SETS, frozenset())

    def ask(self, *, whole: bool = False) -> list[Command]:
        """What to send, a command for each set; `whole`: also what seems to be unchanged. Nothing
        at most polls where the jobs are so large that reading them burdens the server."""
        self._turn = (self._turn + 1) % _TURNS
        self._is_whole = whole or not self._turn or not self._known
        if self._is_heavy and not self._is_whole:
            return []
        limit = self._limit if self._is_whole else -(-self._limit // _PART)
        commands: list[Command] = []
        for name in _SETS:
            known = b"" if self._is_whole else self._prints[name]
            args: list[Arg] = [limit, _JOB_BYTES, known, int(name == "retry")]
            commands.append(_NEWEST_FAILED.call([self._keys.jobs(name)], args))
        return commands

    def read(self, replies: Sequence[Reply]) -> Slices[tuple[FailedEntry, ...]]:
        """At most `limit` of them, that which failed last first; of a set that could not be read
        there is none. O(limit)."""
        if not replies:
            return self._newest
        seen: dict[_Name, FailedEntry] = {}
        prints = dict.fromkeys(_SETS, b"")
        is_changed = self._is_whole
        for name, reply in zip(_SETS, replies, strict=True):
            if isinstance(reply, StoreError):
                is_changed = True
                continue
            prints[name], *found = reply
            if found:
                is_changed = True
                now = yield from self._entries(name, found[0])
                if not self._is_whole and self._seen[name].isdisjoint(now):
                    # There may be more that are new.
                    self._turn = -1
                self._seen[name] = now.keys()
                seen |= now
        if not self._is_whole:
            kept = {name for name in _SETS if prints[name]}
            seen |= {key: each for key, each in self._known.items() if each.listed_in in kept}
        if self._is_whole:
            self._is_heavy = sum(each.item.size for each in seen.values()) > _HEAVY_BYTES
        if is_changed:
            newest = sorted(seen.items(), key=_order, reverse=True)[: self._limit]
            self._known = dict(newest)
            self._newest = tuple(self._known.values())
        self._prints = prints
        return self._newest

    def _entries(self, name: SetName, flat: Sequence[Any]) -> Slices[dict[_Name, FailedEntry]]:
        found: dict[_Name, FailedEntry] = {}
        for score, job, sha in zip(*[iter(flat)] * 3, strict=True):
            key = name, score, job if sha is None else sha
            found[key] = self._known.get(key) or _entry(name, score, job, sha)
            if len(found) % _SLICE == 0:
                yield
        return found


def _entry(name: SetName, score: bytes, job: Any, sha: bytes | None) -> FailedEntry:
    if sha is None:
        item, record = whole(job), read_job(job)
    else:
        beginning, end, size = job
        item, record = Item(beginning, size, sha.decode()), read_ends(beginning, end, size)
    failed_at = record.moment("retried_at") or record.moment("failed_at")
    if failed_at is None and name == "dead":
        failed_at = instant_of(float(score))
    return FailedEntry(name, score.decode(), item, record, failed_at)


def _order(named: tuple[_Name, FailedEntry]) -> tuple[datetime, _Name]:
    name, entry = named
    return entry.failed_at or _LONG_AGO, name
