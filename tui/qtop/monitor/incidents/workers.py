"""What is wrong with workers: dead, silent, with clocks that differ, unknown; and jobs that no
index leads to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from qtop.config.limits import Thresholds
from qtop.model.health import StrayKind, Strays
from qtop.monitor.incidents.incident import (
    Figure,
    Incident,
    Link,
    Remedy,
    remedies_of,
    unread_doubt,
)
from qtop.monitor.incidents.service import (
    Formers,
    held_jobs,
    held_words,
    hosts,
    without_attributed,
)
from qtop.monitor.rows import FleetRows, WorkerRow
from qtop.text.format import argument, named
from qtop.text.safe import ago, counted

_HOSTS, _EVIDENCE = 3, 5


def worker_incidents(
    fleet: FleetRows, thresholds: Thresholds, formers: Formers = MappingProxyType({})
) -> Iterator[Incident]:
    """What is wrong with the workers at a poll; nothing when they are unknown: another incident
    says so. The dead of the `formers` are evidence of their queues' incidents, and left out here.
    What only those with threads tell is in `ThreadWatch`. O(workers)."""
    rows = fleet.workers or ()
    # One pass over what may be thousands.
    odd = [row for row in rows if row.condition not in ("working", "idle")]
    dead = [row for row in odd if row.condition == "dead?"]
    if others := without_attributed(dead, formers):
        yield _dead(others)
    if silent := [row for row in odd if row.condition == "silent"]:
        yield _silent(silent)
    limit = fleet.server_time + timedelta(seconds=thresholds.beat_ahead_s)
    ahead = [
        row for row in rows if (beat_at := row.process.beat_at) is not None and beat_at > limit
    ]
    if ahead:
        yield _ahead(ahead)
    if behind := [row for row in rows if _is_behind(row, thresholds)]:
        yield _behind(behind)
    if unknown := [row for row in odd if row.condition == "no heartbeat"]:
        yield _without_heartbeat(unknown)
    unread = [row for row in odd if row.jobs is None and row.condition != "gone"]
    if unread and "jobs in hand" not in fleet.totals.problems:
        yield _unread(unread)


_LOOK: Final = Remedy("check their machines, and their connection to Redis")
_NTP: Final = Remedy("synchronise the clocks with NTP")


def _dead(dead: Sequence[WorkerRow]) -> Incident:
    """The dead and what they hold are one incident: the same key ends both."""
    holding = [row for row in dead if row.process.is_busy is not False]
    jobs, many = held_jobs(holding), counted(len(dead), "dead worker")
    of_jobs = "" if not jobs else f" ({counted(jobs, 'job')} to Failed)"
    text, figures = many, f"silent {_up_to(dead)}, on {hosts(dead, _HOSTS)}"
    meaning = "They take no jobs and hold none: pruning removes them."
    if jobs:
        text = f"{counted(jobs, 'job')} held by {many if len(dead) == 1 else 'dead workers'}"
        figures = f"{_by_host(holding)}; {many} silent {_up_to(dead)}"
        it = "it" if jobs == 1 else "them"
        meaning = f"No worker runs {it}. Pruning moves {it} to Failed."
    return Incident(
        *("workers", "crit" if jobs else "warn", text, "dead"),
        link=_link(dead, "dead?"),
        figures=figures,
        cause=f"{many} on {hosts(dead, _HOSTS)} stopped sending heartbeats: killed, or cut off "
        "from Redis.",
        evidence=(
            Figure("dead workers", _ids(dead)),
            Figure("last heartbeats", f"up to {ago(_oldest_s(dead))} ago"),
            Figure("held jobs", held_words(dead)),
        ),
        meaning=meaning,
        remedies=(
            Remedy("the dead workers", "table.open"),
            Remedy(f"prune {many}{of_jobs}", "prune", "qtop prune"),
            Remedy("see first whether their processes still run"),
        ),
        since=_since(dead),
    )


def _by_host(rows: Sequence[WorkerRow]) -> str:
    """How many jobs are held on which machines: `mail-1 (3), web2 (2)`."""
    held: Counter[str] = Counter()
    for row in rows:
        held[row.process.host or row.id] += held_jobs([row])
    return named([f"{host} ({jobs:,})" for host, jobs in held.most_common()], _HOSTS)


def _ids(rows: Sequence[WorkerRow]) -> str:
    return f"{len(rows):,}: {named([row.id for row in rows], _EVIDENCE)}"


def _silent(silent: Sequence[WorkerRow]) -> Incident:
    return Incident(
        *("workers", "warn", f"{counted(len(silent), 'worker')} silent", "silent"),
        link=_link(silent, "silent"),
        figures=f"for {_up_to(silent)}, on {hosts(silent, _HOSTS)}",
        cause="Two heartbeats or more are missing: the machine is short of CPU or memory, or the "
        "way to Redis is cut.",
        evidence=(
            Figure("silent workers", _ids(silent)),
            Figure("held jobs", held_words(silent)),
        ),
        meaning="After five minutes without a heartbeat they count as dead.",
        remedies=(Remedy("the silent workers", "table.open"), _LOOK),
        since=_since(silent),
    )


def _ahead(ahead: Sequence[WorkerRow]) -> Incident:
    furthest = ago(-min(row.beat_age_s or 0.0 for row in ahead))
    workers = counted(len(ahead), "worker")
    return Incident(
        *("clock", "warn", f"{workers} with a clock that is ahead", "ahead"),
        link=Link("workers"),
        figures=f"heartbeats up to {furthest} in the future, on {hosts(ahead, _HOSTS)}",
        cause="The clocks of their machines are ahead of the server's.",
        evidence=tuple(
            Figure(row.id, f"{ago(-(row.beat_age_s or 0.0))} ahead") for row in ahead[:_EVIDENCE]
        ),
        meaning="When such a worker dies it is noticed later.",
        remedies=(_NTP,),
    )


def _behind(behind: Sequence[WorkerRow]) -> Incident:
    workers, oldest = counted(len(behind), "worker"), ago(_oldest_s(behind))
    return Incident(
        *("clock", "warn", f"{workers} with old heartbeats that do not expire", "behind"),
        link=Link("workers"),
        figures=f"up to {oldest} old, on {hosts(behind, _HOSTS)}",
        cause="Their clocks are behind, or something keeps their records from expiring.",
        evidence=tuple(Figure(row.id, f"{ago(row.beat_age_s)} old") for row in behind[:_EVIDENCE]),
        meaning="Their heartbeats do not show whether they are alive.",
        remedies=(_NTP,),
    )


#: The sign of life of a process that tells more about itself lasts so long after each beat.
_LIFETIME_S: Final = 60.0


def _is_behind(row: WorkerRow, thresholds: Thresholds) -> bool:
    process, age_s = row.process, row.beat_age_s
    if process.facts is None or process.is_gone or age_s is None:
        return False
    return age_s > _LIFETIME_S + thresholds.beat_ahead_s


def _without_heartbeat(unknown: Sequence[WorkerRow]) -> Incident:
    return Incident(
        *("workers", "info", f"{counted(len(unknown), 'worker')} without heartbeat"),
        kind="no heartbeat",
        link=_link(unknown, '"no heartbeat"'),
        figures="whether they live is unknown",
        cause="Their version of Resque, or another implementation, sends no heartbeats.",
        evidence=(Figure("workers", _ids(unknown)),),
        meaning="They are never pruned, and count as serving their queues.",
        remedies=(Remedy("see on their machines whether they run"),),
        doubt="unjudged",
    )


def _unread(rows: Sequence[WorkerRow]) -> Incident:
    why = f" ({rows[0].process.problem})"
    text = f"unknown: what {counted(len(rows), 'worker')} hold{'s' * (len(rows) == 1)}{why}"
    return Incident(
        *("keys", "crit", text, "in hand"),
        link=_link(rows, "unknown"),
        cause="Their records could not be read.",
        evidence=(Figure("workers", _ids(rows)),),
        doubt=unread_doubt(text),
    )


def _oldest_s(rows: Sequence[WorkerRow]) -> float:
    return max(row.beat_age_s or 0.0 for row in rows)


def _since(rows: Sequence[WorkerRow]) -> datetime:
    return rows[0].now - timedelta(seconds=_oldest_s(rows))


def _up_to(rows: Sequence[WorkerRow]) -> str:
    oldest = ago(_oldest_s(rows))
    return oldest if len(rows) == 1 else f"up to {oldest}"


def _link(rows: Sequence[WorkerRow], state: str) -> Link:
    if len(rows) == 1:
        return Link("workers", rows[0].id)
    return Link("workers", filter=state)


# Jobs under keys that no index leads to.

#: What each is called, and what puts it back.
_WORDS: Final[dict[StrayKind, tuple[str, str]]] = {
    "record": ("held by workers that are not registered", "qtop prune --dry-run"),
    "queue": ("in queues that are not registered", "qtop register {name}"),
    "unreadable": ("unreadable, of queues that are not registered", "qtop register {name}"),
    "delayed": ("delayed, but not in the schedule", "qtop register --delayed {name}"),
    "failed": ("in lists of failures that are not registered", "qtop register --failures {name}"),
    "held": ("left behind in private lists of processes that are gone", "start one of their kind"),
}


def stray_incidents(strays: Strays) -> Iterator[Incident]:
    """What no index leads to: a sentence for each kind."""
    for kind, (words, remedy) in _WORDS.items():
        if found := strays.of(kind):
            jobs = counted(sum(each.jobs for each in found), "job")
            is_record = kind == "record"
            yield Incident(
                *("keys", "warn", f"{jobs} {words}", kind),
                link=Link("workers", filter="unregistered") if is_record else None,
                figures=named([each.name or repr("") for each in found]),
                cause="The keys hold jobs, and the index that should name them does not.",
                evidence=tuple(
                    Figure(each.name or repr(""), counted(each.jobs, "job"))
                    for each in found[:_EVIDENCE]
                ),
                meaning="No worker or scheduler finds these jobs.",
                remedies=remedies_of(remedy.format(name=argument(found[0].name))),
            )
