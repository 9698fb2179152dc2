"""Sudden falls that operators' actions explain are taken off the rows. Pure.

The audit stream tells which actions there were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from qtop.model.job import JobSource
from qtop.monitor.drops import Drop
from qtop.monitor.rows import FleetRows, QueueRow
from qtop.systems.system import System
from queuecore.audit import AuditEntry

#: An action is on record at its first step, and one over many jobs takes some time.
_LASTS: Final = timedelta(seconds=10)
#: The look and the record are not made at the same instant.
_DOUBT: Final = timedelta(seconds=2)
#: They take jobs from where others had put them, which the record does not tell.
_ANYWHERE: Final = frozenset({"undo"})
_OF_WORKERS: Final = frozenset({"prune", "stop", "stop now", "kill"})
#: A worker that is asked to end finishes its job first.
_FINISHES: Final = timedelta(minutes=10)


def without_explained(
    fleet_rows: FleetRows, audit_entries: Sequence[AuditEntry], system: System
) -> FleetRows:
    """Rows without the falls that actions on record explain. O(queues)."""
    drops = fleet_rows.totals.drops
    fleet = drops.gone, drops.waiting, drops.workers, drops.failed
    rows = fleet_rows.queues or ()
    if not audit_entries or not (any(fleet) or any(row.drops for row in rows)):
        return fleet_rows

    def is_by(
        drop: Drop | None,
        names: frozenset[str],
        took: Callable[[JobSource], bool] = lambda source: False,
        lasts: timedelta = _LASTS,
    ) -> bool:
        return drop is not None and any(
            audit_entry.action in names
            or ((source := system.source_of(audit_entry)) is not None and took(source))
            for audit_entry in audit_entries
            if _may_explain(audit_entry, drop, lasts)
        )

    def unexplained(name: str, found: Sequence[Drop]) -> tuple[Drop, ...]:
        queue = JobSource("queue", name)
        return tuple(
            drop for drop in found if not is_by(drop, _ANYWHERE, lambda source: source == queue)
        )

    queues = tuple(_with(row, unexplained(row.name, row.drops)) for row in rows)
    gone = tuple((name, drop) for name, drop in drops.gone if unexplained(name, [drop]))
    left = [drop for row in queues for drop in row.drops] + [drop for _, drop in gone]
    waiting = drops.waiting
    if waiting is not None and not any(drop.at == waiting.at for drop in left):
        waiting = None
    is_ours = is_by(drops.failed, _ANYWHERE, lambda source: source.kind == "failed")
    drops = drops._replace(
        gone=gone,
        waiting=waiting,
        workers=None if is_by(drops.workers, _OF_WORKERS, lasts=_FINISHES) else drops.workers,
        failed=None if is_ours else drops.failed,
    )
    queues_known = None if fleet_rows.queues is None else queues
    return replace(fleet_rows, queues=queues_known, totals=replace(fleet_rows.totals, drops=drops))


def _with(row: QueueRow, drops: tuple[Drop, ...]) -> QueueRow:
    return row if len(drops) == len(row.drops) else row._replace(drops=drops)


def _may_explain(audit_entry: AuditEntry, drop: Drop, lasts: timedelta) -> bool:
    after = drop.at if drop.after is None else drop.after
    return after - lasts <= audit_entry.at <= drop.at + _DOUBT
