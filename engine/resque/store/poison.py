"""Failed jobs that killed their process again and again: a requeue of everything leaves them out.

Two things tell: how often a worker put a job back whose process had died, where workers do that;
and how many entries say of one payload that its process died, whichever worker recorded them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from queuecore import windows
from queuecore.digests import sha1_hex
from queuecore.exchange import Steps
from queuecore.windows import Item
from resque.errors import WIRE_NAMES, DirtyExit, PruneDeadWorkerDirtyExit
from resque.keys import Keys
from resque.store import failures, stale
from resque.store.failures import FAILED, Failure

_DEADLY = frozenset({WIRE_NAMES[DirtyExit], WIRE_NAMES[PruneDeadWorkerDirtyExit]})
#: So many deaths of one payload are no accident. (A deploy that kills what runs may record one.)
MANY = 3
#: Counts asked for in one round trip.
_AT_ONCE = 1000


class _Died(NamedTuple):
    """An entry of a job whose process died, without the job: it may be large."""

    sha: str
    count_key: bytes
    payload_sha: str


class Raised(Protocol):
    """A failure, or a job that has failed."""

    @property
    def item(self) -> Item:
        """Its bytes, perhaps only their beginning."""

    @property
    def exception(self) -> str | None:
        """The name of what was raised."""


def may_be(entry: Raised) -> bool:
    """Whether a failure may be of such a job, as far as the entry itself tells. Pure."""
    # Of one with a large payload the exception is beyond the cut.
    return entry.exception in _DEADLY or (entry.item.is_cut and entry.exception is None)


class Suspects:
    """Failures of one list that may be of such jobs. Some 300 bytes are kept of each."""

    def __init__(self, keys: Keys, list_name: str = FAILED) -> None:
        self._keys, self._list_name = keys, list_name
        self._died: list[_Died] = []
        self._cut: list[tuple[str, int]] = []

    def add(self, entry: Failure) -> bool:
        """Take in a failure. Returns whether it may be of such a job. O(bytes)."""
        if not may_be(entry):
            return False
        if entry.item.is_cut:
            self._cut.append((entry.item.sha, entry.place))
        else:
            self._take(entry.item.raw, entry.item.sha)
        return True

    def _take(self, raw: bytes, sha: str) -> None:
        job = failures.job_of(raw)
        if not isinstance(job, str):
            self._died.append(_Died(sha, stale.lost_key(self._keys, *job), sha1_hex(job[1])))

    def poisoned(self) -> Steps[dict[str, int]]:
        """The poisoned ones; see `among`."""
        list_key = failures.list_key(self._keys, self._list_name)
        for sha, place in self._cut:
            raw: bytes | None = yield windows.find(list_key, sha, place)
            if raw is not None and failures.read(windows.whole(raw), 0).exception in _DEADLY:
                self._take(raw, sha)
        self._cut.clear()
        counts: list[int] = []
        for at in range(0, len(self._died), _AT_ONCE):
            part = self._died[at : at + _AT_ONCE]
            counts += yield stale.times_lost_under([each.count_key for each in part])
        deaths = Counter(each.payload_sha for each in self._died)
        died = {
            each.sha: max(
                count, deaths[each.payload_sha] if deaths[each.payload_sha] >= MANY else 0
            )
            for each, count in zip(self._died, counts, strict=True)
        }
        return {sha: count for sha, count in died.items() if count}


def among(
    keys: Keys, entries: Sequence[Failure], *, list_name: str = FAILED
) -> Steps[dict[str, int]]:
    """The poisoned ones: by the SHA-1 of their entries, how often their process died: how often
    their jobs were put back for that within a day, before they failed by it (only workers that put
    lost jobs back count that), or how many of these entries, at least `MANY`, tell it of the same
    payload. A round trip for each 1,000 entries, and one for each that is cut."""
    suspects = Suspects(keys, list_name)
    for entry in entries:
        suspects.add(entry)
    return suspects.poisoned()
