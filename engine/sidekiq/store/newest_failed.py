"""The jobs that failed last, from poll to poll: of those that died and of those that are tried
again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from queuecore.cooperative import Slices
from queuecore.exchange import Arg, Command, Reply
from queuecore.values import value
from queuecore.windows import Item, whole
from sidekiq.codec import JobRecord, instant_of, read_ends, read_job
from sidekiq.keys import SetName, SidekiqKeys
from sidekiq.scripts import load_script

_NEWEST_FAILED = load_script("newest_failed")
#: A job is read whole up to here, else both its ends.
_JOB_BYTES: Final = 16_384
_SETS: Final[tuple[SetName, ...]] = ("retry", "dead")
#: Everything is read at every so many polls; at the others a part of it, in which newer ones are.
_TURNS: Final = 10
_PART: Final = 10
#: So many are read between two pauses.
_SLICE: Final = 100
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


@value
class FailedEntry:
    """A job that failed: it died, or it is tried again.

    Attributes:
        set_name: `retry` or `dead`.
        score: When it is tried again, or when it died, in seconds since 1970.
        item: Its bytes, cut where they are many.
        job: What could be read of it.
        failed_at: When it failed last; where it does not say, of one that died, when it did.
    """

    set_name: SetName
    score: float
    item: Item
    job: JobRecord
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
        self._print = b""
        self._known: dict[Any, FailedEntry] = {}
        self._newest: tuple[FailedEntry, ...] = ()

    def ask(self, *, whole: bool = False) -> Command:
        """What to send; `whole`: also what seems to be unchanged."""
        self._turn = (self._turn + 1) % _TURNS
        self._is_whole = whole or not self._turn or not self._known
        limit = self._limit if self._is_whole else -(-self._limit // _PART)
        args: list[Arg] = [limit, _JOB_BYTES, b"" if self._is_whole else self._print]
        return _NEWEST_FAILED.call(list(map(self._keys.jobs, _SETS)), args)

    def read(self, reply: Reply) -> Slices[tuple[FailedEntry, ...]]:
        """At most `limit` of them, that which failed last first. O(limit)."""
        now, *found = reply
        if not found:
            return self._newest
        seen: dict[Any, FailedEntry] = {}
        (flat,) = found
        for which, score, job, sha in zip(*[iter(flat)] * 4, strict=True):
            name = which, score, job if sha is None else sha
            seen[name] = self._known.get(name) or _entry(which, score, job, sha)
            if len(seen) % _SLICE == 0:
                yield
        if not self._is_whole:
            if not self._known.keys() & seen.keys():
                # There may be more that are new.
                self._turn = -1
            seen = self._known | seen
        newest = sorted(seen.items(), key=_moment, reverse=True)[: self._limit]
        self._print, self._known = now, dict(newest)
        self._newest = tuple(self._known.values())
        return self._newest


def _entry(which: int, score_text: bytes, job: Any, sha: bytes | None) -> FailedEntry:
    score = float(score_text)
    if sha is None:
        item, record = whole(job), read_job(job)
    else:
        beginning, end, size = job
        item, record = Item(beginning, size, sha.decode()), read_ends(beginning, end, size)
    failed_at = record.moment("retried_at") or record.moment("failed_at")
    name = _SETS[which - 1]
    if failed_at is None and name == "dead":
        failed_at = instant_of(score)
    return FailedEntry(name, score, item, record, failed_at)


def _moment(named: tuple[Any, FailedEntry]) -> datetime:
    return named[1].failed_at or _LONG_AGO
