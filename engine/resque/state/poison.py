"""Failed jobs that killed their process again and again: a retry of everything spares them."""

from __future__ import annotations

from collections.abc import Sequence

from resque.errors import WIRE_NAMES, DirtyExit, PruneDeadWorkerDirtyExit
from resque.state import bulk, failures, lost, windows
from resque.state.failures import FAILED, Failure
from resque.state.windows import Item
from resque.wire.exchange import Steps, single
from resque.wire.keys import Keys

_DEADLY = frozenset({WIRE_NAMES[DirtyExit], WIRE_NAMES[PruneDeadWorkerDirtyExit]})
#: Counts asked for in one round trip.
_AT_ONCE = 1000


def among(
    keys: Keys, entries: Sequence[Failure], *, list_name: str = FAILED
) -> Steps[dict[str, int]]:
    """The poisoned ones: by the SHA-1 of their entries, how often their jobs were put back after
    their process had died, within a day, before they failed by it. (Only workers that put lost
    jobs back count that.) A round trip for each 1,000 entries, and one for each that is cut."""
    jobs: list[tuple[str, bytes]] = []
    for entry in entries:
        if not _may_be(entry):
            continue
        raw: bytes | None = entry.item.raw
        if entry.item.is_cut:
            list_key = failures.list_key(keys, list_name)
            raw = yield windows.find(list_key, entry.item.sha, entry.place)
        if raw is None or failures.read(windows.whole(raw), 0).exception not in _DEADLY:
            continue
        job = failures.job_of(raw)
        if not isinstance(job, str):
            jobs.append((entry.item.sha, lost.count_key(keys, *job)))
    counts: list[bytes | None] = []
    for at in range(0, len(jobs), _AT_ONCE):
        counts += yield single(("MGET", *(key for _, key in jobs[at : at + _AT_ONCE])), list)
    pairs = zip(jobs, counts, strict=True)
    return {sha: int(count) for (sha, _), count in pairs if count is not None}


def everywhere(keys: Keys, *, list_name: str = FAILED) -> Steps[dict[str, int]]:
    """As `among`, of a whole list of failures. A round trip for each 1,000 entries more."""

    def choose(item: Item, place: int) -> Failure | None:
        entry = failures.read(item, place)
        return entry if _may_be(entry) else None

    entries: list[Failure] = yield from bulk.scan(failures.list_key(keys, list_name), choose)
    poisoned: dict[str, int] = yield from among(keys, entries, list_name=list_name)
    return poisoned


def _may_be(entry: Failure) -> bool:
    # Of one with a large payload the exception is beyond the cut.
    return entry.exception in _DEADLY or (entry.item.is_cut and entry.exception is None)
