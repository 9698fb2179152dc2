"""Failed jobs that killed their process again and again: a retry of everything spares them."""

from __future__ import annotations

from collections.abc import Sequence

from resque.errors import WIRE_NAMES, DirtyExit, PruneDeadWorkerDirtyExit
from resque.state import failures, lost, windows
from resque.state.failures import FAILED, Failure
from resque.wire.exchange import Steps
from resque.wire.keys import Keys

_DEADLY = frozenset({WIRE_NAMES[DirtyExit], WIRE_NAMES[PruneDeadWorkerDirtyExit]})
#: Counts asked for in one round trip.
_AT_ONCE = 1000


def may_be(entry: Failure) -> bool:
    """Whether a failure may be of such a job, as far as the entry itself tells. Pure."""
    # Of one with a large payload the exception is beyond the cut.
    return entry.exception in _DEADLY or (entry.item.is_cut and entry.exception is None)


def among(
    keys: Keys, entries: Sequence[Failure], *, list_name: str = FAILED
) -> Steps[dict[str, int]]:
    """The poisoned ones: by the SHA-1 of their entries, how often their jobs were put back after
    their process had died, within a day, before they failed by it. (Only workers that put lost
    jobs back count that.) A round trip for each 1,000 entries, and one for each that is cut."""
    jobs: list[tuple[str, tuple[str, bytes]]] = []
    for entry in filter(may_be, entries):
        raw: bytes | None = entry.item.raw
        if entry.item.is_cut:
            list_key = failures.list_key(keys, list_name)
            raw = yield windows.find(list_key, entry.item.sha, entry.place)
        if raw is None or failures.read(windows.whole(raw), 0).exception not in _DEADLY:
            continue
        job = failures.job_of(raw)
        if not isinstance(job, str):
            jobs.append((entry.item.sha, job))
    counts: list[int] = []
    for at in range(0, len(jobs), _AT_ONCE):
        counts += yield lost.counts(keys, [job for _, job in jobs[at : at + _AT_ONCE]])
    return {sha: count for (sha, _), count in zip(jobs, counts, strict=True) if count}
