"""Which jobs run longer than their class usually does, by what was seen of those that ended.
Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from qtop.config.limits import Thresholds
from qtop.monitor.incidents.incident import Incident, Link, first_few
from qtop.monitor.rows import FleetRows, WorkerRow
from qtop.search.filter_language import term
from qtop.text.safe import ago, counted
from queuecore.active_job import unwrapped
from resque.store.workers import Record

_KEPT: Final = 200
_MOST_CLASSES: Final = 1_000
#: Of very many jobs that end between two looks, so many tell enough.
_MOST_ENDED: Final = 200


class Durations:
    """How long the jobs of each class took, as far as this console saw them end.

    Only jobs that were in somebody's hands at a look are known, and a duration counts up to the
    look that did not find them any more: both make it longer, never shorter.
    """

    def __init__(self) -> None:
        self._held: Mapping[str, Record] = {}
        self._took_s: dict[str, deque[float]] = {}
        self._nearly_all_s: dict[str, float] = {}

    def add(self, board: FleetRows) -> None:
        """Take in a look. What it does not know has not ended. O(workers)."""
        rows = [row for row in board.workers or () if row.state.is_busy is not None]
        held = {
            row.state.identity.text: row.state.record
            for row in rows
            if row.state.record is not None
        }
        ended = [
            (worker_id, was)
            for worker_id, was in self._held.items()
            if (now := held.get(worker_id)) is not was and (now is None or now.raw != was.raw)
        ]
        self._held = held
        if ended:
            # Of a worker that has left nobody knows when its job ended.
            present = {row.state.identity.text for row in rows}
            for worker_id, record in ended[:_MOST_ENDED]:
                if worker_id in present:
                    self._note(record, board.server_time)

    def _note(self, record: Record, now: datetime) -> None:
        name, _ = unwrapped(record.class_name, record.args)
        if name is None or record.run_at is None or record.run_at > now:
            return
        if name not in self._took_s:
            if len(self._took_s) == _MOST_CLASSES:
                del self._took_s[next(iter(self._took_s))]
            self._took_s[name] = deque(maxlen=_KEPT)
        self._took_s[name].append((now - record.run_at).total_seconds())
        self._nearly_all_s.pop(name, None)

    def known(self, class_name: str) -> int:
        """How many ended jobs of a class are remembered."""
        return len(self._took_s.get(class_name, ()))

    def nearly_all_s(self, class_name: str) -> float:
        """How long 95 of 100 jobs of a class took at most; 0 when none is known."""
        if class_name not in self._nearly_all_s:
            took_s = sorted(self._took_s.get(class_name, (0.0,)))
            self._nearly_all_s[class_name] = took_s[min(len(took_s) - 1, len(took_s) * 95 // 100)]
        return self._nearly_all_s[class_name]


class _Long(NamedTuple):
    """The jobs of a class that run too long, the longest first. `usual_s` is None when it is not
    known how long that class usually takes."""

    class_name: str
    rows: list[WorkerRow]
    usual_s: float | None


def job_incidents(
    board: FleetRows, durations: Durations, thresholds: Thresholds
) -> Iterator[Incident]:
    """Jobs that run long, those of each class together. O(workers)."""
    yield from first_few(
        [_verdict(long) for long in _long(board, durations, thresholds)],
        lambda rest: Incident(
            "jobs", "warn", f"jobs of {rest:,} more classes run long", "long", lead=Link("workers")
        ),
    )


def _long(board: FleetRows, durations: Durations, thresholds: Thresholds) -> Sequence[_Long]:
    cutoff = board.server_time - timedelta(seconds=thresholds.overdue_after_s)
    found: dict[str, _Long] = {}
    for row in board.workers or ():
        record = row.state.record
        if record is None or record.run_at is None or record.run_at > cutoff:
            continue
        name, _ = unwrapped(record.class_name, record.args)
        if name is None or row.condition == "dead?":
            continue
        usual_s = None
        bound_s = thresholds.long_job_s
        if durations.known(name) >= thresholds.jobs_known:
            usual_s = durations.nearly_all_s(name)
            bound_s = max(thresholds.overdue_after_s, usual_s * thresholds.overdue_times)
        if (row.elapsed_s or 0.0) > bound_s:
            found.setdefault(name, _Long(name, [], usual_s)).rows.append(row)
    for long in found.values():
        long.rows.sort(key=lambda row: -(row.elapsed_s or 0.0))
    # Those that are known to be late come first.
    return sorted(
        found.values(), key=lambda long: (long.usual_s is None, -(long.rows[0].elapsed_s or 0.0))
    )


def _verdict(long: _Long) -> Incident:
    longest = long.rows[0]
    elapsed_s = longest.elapsed_s or 0.0
    many = len(long.rows) > 1
    runs = f"{counted(len(long.rows), 'job')} run up to" if many else "runs"
    usual = (
        "how long is usual is not known yet"
        if long.usual_s is None
        else f"95 of 100 took at most {ago(max(1.0, long.usual_s))}"
    )
    identity = longest.identity
    where = "" if many else f" on {identity.host or identity.text}"
    name = f"{long.class_name}:" if many else long.class_name
    return Incident(
        "jobs",
        "note" if long.usual_s is None else "warn",
        f"{name} {runs} {ago(elapsed_s)}{where}; {usual}",
        "long",
        long.class_name,
        Link("workers", filter=term("class", long.class_name))
        if many
        else Link("workers", identity.text),
        since=longest.now - timedelta(seconds=elapsed_s),
    )
