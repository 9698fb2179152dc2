"""What is paused, by whom and since when, as far as it is on record. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from qtop.config.limits import Thresholds
from qtop.monitor.incidents.incident import Incident, Link, Severity, first_few
from qtop.monitor.incidents.server_checks import argument
from qtop.monitor.rows import FleetRows, QueueRow
from qtop.text.format import jobs_waiting
from qtop.text.safe import ago
from queuecore.audit import AuditEntry

_EVERYTHING: Final = "everything"
#: How the record of an undo begins, and where it names the action that it took back.
_SWITCHES: Final = ("pause", "resume")


def pause_incidents(
    board: FleetRows, deeds: Sequence[AuditEntry], thresholds: Thresholds
) -> Iterator[Incident]:
    """What is paused. `deeds` are the newest actions, newest first. O(queues + deeds)."""
    if board.totals.is_paused:
        yield _everything(board, paused_by(deeds, None), thresholds)
    rows = [row for row in board.queues or () if row.is_paused]
    verdicts = [_queue(row, paused_by(deeds, row.name), board, thresholds) for row in rows]
    verdicts.sort(key=lambda verdict: verdict.severity != "warn")
    yield from first_few(
        verdicts,
        lambda rest: Incident(
            "pauses",
            "warn",
            f"{rest:,} more queues are paused",
            "queue",
            lead=Link("queues", filter="paused"),
            remedy="qtop resume QUEUE",
        ),
    )


def _everything(board: FleetRows, deed: AuditEntry | None, thresholds: Thresholds) -> Incident:
    age_s = _age_s(deed, board.server_time)
    severity: Severity = "bad" if age_s is not None and age_s > thresholds.paused_for_s else "warn"
    text = f"everything is paused{_by(deed, age_s)}; {jobs_waiting(board.totals)}"
    since = None if deed is None else deed.at
    lead, remedy = Link("queues"), "qtop resume --all"
    return Incident("pauses", severity, text, _EVERYTHING, "", lead, remedy, since)


def _queue(
    row: QueueRow, deed: AuditEntry | None, board: FleetRows, thresholds: Thresholds
) -> Incident:
    age_s = _age_s(deed, board.server_time)
    is_old = age_s is None or age_s > thresholds.paused_for_s
    forgotten = ": forgotten?" if age_s is not None and is_old else ""
    waiting = "unknown" if row.depth is None else f"{row.depth:,}"
    text = f"{row.name} is paused{_by(deed, age_s)}; {waiting} waiting{forgotten}"
    return Incident(
        "pauses",
        "warn" if is_old else "note",
        text,
        "queue",
        row.name,
        Link("queues", row.name),
        f"qtop resume {argument(row.name)}",
        None if deed is None else deed.at,
    )


def _by(deed: AuditEntry | None, age_s: float | None) -> str:
    return "" if deed is None else f" by {deed.actor.who} for {ago(max(60.0, age_s or 0.0))}"


def _age_s(deed: AuditEntry | None, now: datetime) -> float | None:
    return None if deed is None else (now - deed.at).total_seconds()


def paused_by(deeds: Sequence[AuditEntry], queue: str | None) -> AuditEntry | None:
    """The action that paused a queue, or everything for None; None when it is not on record.

    The newest action about it must be a pause: after a resume somebody else paused it, who left
    nothing. An undo is about what it took back.
    """
    by_id = {deed.id: deed for deed in deeds}
    for deed in deeds:
        about = deed
        if deed.action == "undo":
            taken_back = by_id.get(deed.subject.rpartition("(")[2].rstrip(")"))
            if taken_back is None or taken_back.action not in _SWITCHES:
                continue
            about = taken_back
        if about.action in _SWITCHES and _concerns(about, queue):
            is_pause = (about.action == "pause") != (deed is not about)
            return deed if is_pause else None
    return None


def _concerns(deed: AuditEntry, queue: str | None) -> bool:
    if queue is None:
        return deed.subject == _EVERYTHING and not deed.queue
    return deed.queue == queue or queue in deed.subject.split(", ")
