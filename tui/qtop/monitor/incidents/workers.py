"""What is wrong with workers: dead, silent, with clocks that differ, unknown; and jobs that no
index leads to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from qtop.config.limits import Thresholds
from qtop.model.health import StrayKind, Strays
from qtop.monitor.incidents.incident import Incident, Link, unread_doubt
from qtop.monitor.rows import FleetRows, WorkerRow
from qtop.text.format import argument, named
from qtop.text.safe import ago, counted

_HOSTS, _EVIDENCE = 3, 5


def worker_incidents(fleet: FleetRows, thresholds: Thresholds) -> Iterator[Incident]:
    """What is wrong with the workers at a poll; nothing when they are unknown: another incident
    says so. What only those with threads tell is in `ThreadWatch`. O(workers)."""
    rows = fleet.workers or ()
    # One pass over what may be thousands.
    odd = [row for row in rows if row.condition not in ("working", "idle")]
    if dead := [row for row in odd if row.condition == "dead?"]:
        yield from _dead(dead)
    if silent := [row for row in odd if row.condition == "silent"]:
        text = f"{counted(len(silent), 'worker')} silent for {_up_to(silent)}{_where(silent)}"
        link, remedy = _link(silent, "silent"), "look at their machines, and at their way to Redis"
        yield Incident("workers", "warn", text, "silent", "", link, remedy, _since(silent))
    limit = fleet.server_time + timedelta(seconds=thresholds.beat_ahead_s)
    ahead = [
        row for row in rows if (beat_at := row.process.beat_at) is not None and beat_at > limit
    ]
    if ahead:
        furthest_s = -min(row.beat_age_s or 0.0 for row in ahead)
        beats = f"heartbeats of {counted(len(ahead), 'worker')}"
        text = f"{beats} are up to {ago(furthest_s)} in the future{_where(ahead)}"
        remedy = "synchronise the clocks with NTP"
        yield Incident(
            *("clock", "warn", text, "ahead", "", Link("workers"), remedy),
            cause="their clocks are ahead of the server's",
            evidence=tuple(
                f"{row.id}: {ago(-(row.beat_age_s or 0.0))} ahead" for row in ahead[:_EVIDENCE]
            ),
        )
    if behind := [row for row in rows if _is_behind(row, thresholds)]:
        text = (
            f"{counted(len(behind), 'worker')} with heartbeats up to {ago(_oldest_s(behind))} old "
            f"whose sign of life is there{_where(behind)}: clocks are behind, or it never expires"
        )
        remedy = "synchronise the clocks with NTP"
        yield Incident(
            *("clock", "warn", text, "behind", "", Link("workers"), remedy),
            cause="their clocks are behind, or something keeps their signs of life from expiring",
            evidence=tuple(f"{row.id}: {ago(row.beat_age_s)} old" for row in behind[:_EVIDENCE]),
        )
    if unknown := [row for row in odd if row.condition == "no heartbeat"]:
        yield _without_heartbeat(unknown)
    unread = [row for row in odd if row.jobs is None and row.condition != "gone"]
    if unread and "jobs in hand" not in fleet.totals.problems:
        yield _unread(unread)


def _dead(dead: Sequence[WorkerRow]) -> Iterator[Incident]:
    holding = [row for row in dead if row.process.is_busy is not False]
    remedy = "qtop prune"
    text = f"{counted(len(dead), 'worker')} dead: silent for {_up_to(dead)}{_where(dead)}"
    link, since = _link(dead, "dead?"), _since(dead)
    yield Incident("workers", "warn", text, "dead", "", link, remedy, since, "prune")
    if holding:
        jobs = sum(1 if row.jobs is None else len(row.jobs) for row in holding)
        is_one = jobs == 1
        text = (
            f"{counted(jobs, 'job')} {'is' if is_one else 'are'} in dead hands: "
            f"{'it becomes a failure' if is_one else 'they become failures'} when pruned"
        )
        kind, link = "in dead hands", _link(holding, "dead?")
        yield Incident("workers", "bad", text, kind, "", link, remedy, mends="prune")


#: The sign of life of a process that tells more about itself lasts so long after each beat.
_LIFETIME_S: Final = 60.0


def _is_behind(row: WorkerRow, thresholds: Thresholds) -> bool:
    process, age_s = row.process, row.beat_age_s
    if process.facts is None or process.is_gone or age_s is None:
        return False
    return age_s > _LIFETIME_S + thresholds.beat_ahead_s


def _without_heartbeat(unknown: Sequence[WorkerRow]) -> Incident:
    text = (
        f"{counted(len(unknown), 'worker')} without heartbeat, perhaps of another implementation: "
        f"{'its' if len(unknown) == 1 else 'their'} life is unknown"
    )
    link = _link(unknown, '"no heartbeat"')
    return Incident("workers", "note", text, "no heartbeat", "", link, doubt="unjudged")


def _unread(rows: Sequence[WorkerRow]) -> Incident:
    why = f" ({rows[0].process.problem})"
    text = f"unknown: what {counted(len(rows), 'worker')} hold{'s' * (len(rows) == 1)}{why}"
    link, doubt = _link(rows, "unknown"), unread_doubt(text)
    return Incident("keys", "bad", text, "in hand", "", link, doubt=doubt)


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


def _where(rows: Sequence[WorkerRow]) -> str:
    """The machines of some workers: `, on web1, web2 and 3 more`."""
    hosts = list(dict.fromkeys(row.process.host or row.id for row in rows))
    return f", on {named(hosts, _HOSTS)}"


# Jobs under keys that no index leads to.

#: What each is called, and what puts it back.
_WORDS: Final[dict[StrayKind, tuple[str, str]]] = {
    "record": ("in the hands of workers that are on no register", "qtop prune --dry-run"),
    "queue": ("in queues that are missing from the set of queues", "qtop register {name}"),
    "unreadable": ("set aside from queues that are on no list", "qtop register {name}"),
    "delayed": ("delayed, but not in the schedule", "qtop register --delayed {name}"),
    "failed": ("in lists of failures that are on no list", "qtop register --failures {name}"),
    "held": ("left behind in private lists of processes that are gone", "start one of their kind"),
}


def stray_incidents(strays: Strays) -> Iterator[Incident]:
    """What no index leads to: a sentence for each kind."""
    for kind, (words, remedy) in _WORDS.items():
        if found := strays.of(kind):
            jobs = counted(sum(each.jobs for each in found), "job")
            text = f"{jobs} {words}: {named([each.name or repr('') for each in found])}"
            link = Link("workers", filter="unregistered") if kind == "record" else None
            does = remedy.format(name=argument(found[0].name))
            yield Incident("keys", "warn", text, kind, "", link, does)
