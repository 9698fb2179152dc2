"""Queues with jobs that no live worker serves: which workers served them, when each stopped, what
they hold. Pure, with what must be remembered from poll to poll."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from qtop.model.health import WaitingClasses
from qtop.monitor.changes import ServedBy
from qtop.monitor.incidents.incident import (
    Figure,
    Incident,
    Link,
    Remedy,
    first_few,
    to_serving,
)
from qtop.monitor.rows import NOT_ALIVE, FleetRows, QueueRow, WorkerRow
from qtop.text.format import named, rate
from qtop.text.safe import ago, counted
from queuecore.active_job import unwrapped

#: What is known to wait, by queue.
Classes = Mapping[str, WaitingClasses]

#: So many workers that left are remembered, each for so long.
_MOST_LEFT: Final = 1_000
_LEFT_FOR: Final = timedelta(hours=24)
_HOSTS, _NAMED = 2, 3


class _Left(NamedTuple):
    """A worker that left the register: its list of queues, and when that was seen."""

    id: str
    listed: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Former:
    """The workers that would serve a queue and take no jobs.

    Attributes:
        dead: Those that are registered and dead, as far as it is known.
        quiet: Those that were asked to take no more jobs.
        left: Those that left the register while this console watched, and when the last one did.
    """

    dead: tuple[WorkerRow, ...] = ()
    quiet: tuple[WorkerRow, ...] = ()
    left: tuple[str, ...] = ()
    left_at: datetime | None = None


_NONE: Final = Former()


class ServiceWatch:
    """Remembers which workers left the register. Bounded: 1,000 of them, for a day."""

    def __init__(self) -> None:
        self._alive: dict[str, tuple[str, ...]] = {}
        self._left: dict[str, _Left] = {}

    def add(self, fleet: FleetRows) -> None:
        """Take in a poll; the same one may be added again. A register that could not be read has
        lost no worker. O(workers)."""
        if fleet.workers is None:
            return
        present = {row.id for row in fleet.workers}
        now = fleet.server_time
        for name, listed in self._alive.items():
            if name not in present and len(self._left) < _MOST_LEFT:
                self._left[name] = _Left(name, listed, now)
        self._left = {
            name: each
            for name, each in self._left.items()
            if name not in present and now - each.at < _LEFT_FOR
        }
        self._alive = {
            row.id: row.process.listed for row in fleet.workers if row.condition not in NOT_ALIVE
        }

    def former(self, fleet: FleetRows, queues: Collection[str], served_by: ServedBy) -> Formers:
        """Who would serve some queues that no live worker serves. O(workers + queues)."""
        wanted = set(queues)
        dead: dict[str, list[WorkerRow]] = {}
        quiet: dict[str, list[WorkerRow]] = {}
        left: dict[str, list[_Left]] = {}
        if wanted:
            for row in fleet.workers or ():
                if row.condition in NOT_ALIVE or row.condition == "quiet":
                    kept = quiet if row.condition == "quiet" else dead
                    for name in wanted.intersection(served_by(row.process.listed)):
                        kept.setdefault(name, []).append(row)
            for gone in self._left.values():
                for name in wanted.intersection(served_by(gone.listed)):
                    left.setdefault(name, []).append(gone)
        found: dict[str, Former] = {}
        for name in wanted:
            gone_from = left.get(name, [])
            found[name] = Former(
                tuple(dead.get(name, ())),
                tuple(quiet.get(name, ())),
                tuple(each.id for each in gone_from),
                max((each.at for each in gone_from), default=None),
            )
        return found


#: The former workers of each queue that is not served.
Formers = Mapping[str, Former]


def unserved_rows(fleet: FleetRows) -> list[QueueRow]:
    """The queues whose jobs no live worker takes, the longest first. Those that are paused have an
    incident that says so. O(queues)."""
    rows = [row for row in fleet.queues or () if row.is_unserved and not row.is_paused]
    return sorted(rows, key=lambda row: -(row.depth or 0))


def unserved_incidents(
    fleet: FleetRows, rows: Sequence[QueueRow], classes: Classes, formers: Formers
) -> Iterator[Incident]:
    """An incident for each of these queues; one for all where no live worker serves any queue."""
    if rows and not any(row.serving for row in fleet.queues or ()):
        yield _no_worker(rows, classes, formers)
        return
    found = [_of_queue(row, classes, formers.get(row.name, _NONE)) for row in rows]
    more = sum(row.depth or 0 for row in rows[3:])
    rest = Incident(
        *("queues", "crit", "{:,} more queues: no live workers", "unserved"),
        link=Link("queues", filter='"no workers"'),
        figures=f"{more:,} waiting in all",
        meaning="Their jobs wait until a worker serves them.",
        remedies=(
            Remedy("the queues without workers", "table.open"),
            Remedy("start workers that know the classes of their jobs", "start_workers"),
        ),
    )
    yield from first_few(found, rest)


def _no_worker(rows: Sequence[QueueRow], classes: Classes, formers: Formers) -> Incident:
    names = [row.name for row in rows]
    former = _together(formers.get(name, _NONE) for name in names)
    waiting = sum(row.depth or 0 for row in rows)
    return Incident(
        *("queues", "crit", "no live workers", "no worker"),
        link=Link("workers"),
        figures=f"{waiting:,} waiting in {named(names, _NAMED)}{_last(former)}",
        cause=_cause(former, "any of these queues"),
        evidence=(
            *(Figure(row.name, f"{row.depth or 0:,} waiting") for row in rows[:5]),
            *_former_evidence(former),
        ),
        meaning=_meaning("No job runs until a worker starts", former),
        remedies=_remedies(Remedy("workers", "table.open"), worker_for(names, classes), former),
        since=_stopped_at(former),
    )


def _of_queue(row: QueueRow, classes: Classes, former: Former) -> Incident:
    name, known = row.name, classes.get(row.name)
    come = row.rates.in_per_s
    flow = f", +{rate(come)}/s" if come else ""
    oldest = f", oldest {ago(row.next_waits_s)}" if row.next_waits_s is not None else ""
    waiting = Figure("waiting", f"{row.depth or 0:,}{flow}{oldest}")
    is_known = known is not None and known.names
    class_names = [Figure("classes", named(known.names))] if known and is_known else []
    has_former = bool(former.dead or former.quiet)
    see = Remedy(f"workers that list {name}" if has_former else f"queue {name}", "table.open")
    return Incident(
        *("queues", "crit", f"{name}: no live workers", "unserved", name),
        link=to_serving(name, 0) if has_former else Link("queues", name),
        figures=f"{row.depth or 0:,} waiting{flow}{oldest}{_last(former)}",
        cause=_cause(former, name),
        evidence=(waiting, *class_names, *_former_evidence(former)),
        meaning=_meaning(f"Jobs of {name} wait until a worker serves it", former),
        remedies=_remedies(see, worker_for([name], classes), former),
        since=_stopped_at(former),
    )


def worker_for(queues: Iterable[str], classes: Classes) -> str:
    """What to do about queues that no worker serves. A worker without the classes of the jobs
    would fail them all: the classes that are known to wait are named."""
    known = [classes[queue] for queue in queues if queue in classes]
    names = list(dict.fromkeys(name for each in known for name in each.names))
    if not names:
        return "start a worker that knows the classes of the jobs (`qtop show` lists them)"
    more = "" if all(each.is_sampled for each in known) else " and all that waits behind"
    return f"start a worker that knows {named(names)}{more}"


def _remedies(see: Remedy, start: str, former: Former) -> tuple[Remedy, ...]:
    # What was started first takes the jobs that wait; the dead can be pruned at any time.
    remedies = [see, Remedy(start, "start_workers")]
    if dead := [row for row in former.dead if row.condition == "dead?"]:
        held = held_jobs(dead)
        moves = f" ({counted(held, 'held job')} to Failed)" if held else ""
        prune = f"prune {counted(len(dead), 'dead worker')}{moves}"
        remedies.append(Remedy(prune, "prune", "qtop prune"))
    if former.quiet:
        remedies.append(Remedy("restart the quiet workers: a quiet one takes no more jobs"))
    return tuple(remedies)


def held_jobs(rows: Iterable[WorkerRow]) -> int:
    """How many jobs some workers hold; one for each of which that is unknown and that is busy."""
    return sum(
        len(row.jobs) if row.jobs is not None else int(row.process.is_busy is not False)
        for row in rows
    )


def _together(formers: Iterable[Former]) -> Former:
    """The workers of several queues, each once."""
    dead: dict[str, WorkerRow] = {}
    quiet: dict[str, WorkerRow] = {}
    left: dict[str, None] = {}
    at: datetime | None = None
    for each in formers:
        dead |= {row.id: row for row in each.dead}
        quiet |= {row.id: row for row in each.quiet}
        left |= dict.fromkeys(each.left)
        at = max(filter(None, (at, each.left_at)), default=None)
    return Former(tuple(dead.values()), tuple(quiet.values()), tuple(left), at)


def _beats(rows: Sequence[WorkerRow]) -> list[datetime]:
    return sorted(row.process.beat_at for row in rows if row.process.beat_at is not None)


def _stopped_at(former: Former) -> datetime | None:
    """When the last of them stopped; None when that is not known."""
    moments = [*_beats(former.dead)[-1:], *filter(None, [former.left_at])]
    return max(moments, default=None)


def _last(former: Former) -> str:
    """`, last: 6 on mail-1, silent 18 min`."""
    if not former.dead:
        return ""
    beats = _beats(former.dead)
    silent = f", silent {ago((former.dead[0].now - beats[-1]).total_seconds())}" if beats else ""
    return f" (last: {len(former.dead):,} on {hosts(former.dead)}{silent})"


def hosts(rows: Iterable[WorkerRow], most: int = _HOSTS) -> str:
    """The machines of some workers: `web1, web2 and 3 more`."""
    return named(list(dict.fromkeys(row.process.host or row.id for row in rows)), most)


def _cause(former: Former, queue: str) -> str:
    parts: list[str] = []
    if dead := former.dead:
        beats = _beats(dead)
        when = ""
        if beats:
            span_s = (beats[-1] - beats[0]).total_seconds()
            is_at_once = len(beats) > 1 and span_s < 60
            within = f", all within {max(1, round(span_s))} s" if is_at_once else ""
            when = f" at {clock(beats[-1])}{within}"
        workers = counted(len(dead), "worker")
        parts.append(f"{workers} on {hosts(dead)} stopped sending heartbeats{when}.")
    if former.quiet:
        many = counted(len(former.quiet), "quiet worker")
        verb = "lists" if len(former.quiet) == 1 else "list"
        parts.append(f"{many} on {hosts(former.quiet)} {verb} it and take no more jobs.")
    if former.left and former.left_at is not None:
        many = counted(len(former.left), "worker")
        parts.append(f"{many} left the register, the last at {clock(former.left_at)}.")
    parts.append(
        f"No other worker serves {queue}." if parts else f"No registered worker lists {queue}."
    )
    return " ".join(parts)


def clock(moment: datetime) -> str:
    """A moment in local time."""
    return f"{moment.astimezone():%H:%M:%S}"


def _former_evidence(former: Former) -> Iterator[Figure]:
    if dead := former.dead:
        yield Figure("dead workers", f"{len(dead):,}: {named([row.id for row in dead], _NAMED)}")
        beats = _beats(dead)
        if beats:
            first, last = clock(beats[0]), clock(beats[-1])
            span = first if first == last else f"{first} to {last}"
            unknown = len(dead) - len(beats)
            more = f" ({unknown:,} unknown)" if unknown else ""
            yield Figure("last heartbeats", span + more)
        else:
            yield Figure("last heartbeats", "unknown")
        yield Figure("held jobs", held_words(dead))
    if former.left:
        names = named(former.left, _NAMED)
        yield Figure("left the register", f"{len(former.left):,}: {names}")


def held_words(rows: Sequence[WorkerRow]) -> str:
    """What some workers hold, by class: `3: Mailers::Welcome (2), Report`; never 0 where that is
    unknown."""
    unknown = sum(row.jobs is None for row in rows)
    jobs = [job for row in rows for job in row.jobs or ()]
    if unknown == len(rows):
        return "unknown"
    of_class = Counter(unwrapped(job.class_name, job.args)[0] or "unreadable" for job in jobs)
    parts = [f"{name} ({n:,})" if n > 1 else name for name, n in of_class.most_common()]
    more = f", unknown of {counted(unknown, 'worker')}" if unknown else ""
    return (f"{len(jobs):,}: {named(parts, _NAMED)}" if jobs else "none") + more


def _meaning(begin: str, former: Former) -> str:
    held = held_jobs(former.dead)
    if not held:
        return f"{begin}."
    jobs = counted(held, "job")
    verb = "is" if held == 1 else "are"
    return f"{begin}. {jobs} held by dead workers {verb} not running."


def without_attributed(dead: Sequence[WorkerRow], formers: Formers) -> list[WorkerRow]:
    """Those of some dead workers that no incident of a queue names as its cause. O(workers)."""
    named_ids = {row.id for each in formers.values() for row in each.dead}
    return [row for row in dead if row.id not in named_ids]
