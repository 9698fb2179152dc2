"""Falls of figures that operators' actions explain are taken off a board. Pure.

The audit stream tells which actions there were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from qtop.monitor.drops import Drop
from qtop.monitor.rows import FleetRows, QueueRow
from queuecore.audit import AuditEntry
from resque.keys import Keys

#: An action is on record at its first step, and one over many jobs takes some time.
_LASTS: Final = timedelta(seconds=10)
#: The look and the record are not made at the same instant.
_DOUBT: Final = timedelta(seconds=2)
#: They take jobs from where others had put them, which the record does not tell.
_ANYWHERE: Final = frozenset({"undo"})
_OF_WORKERS: Final = frozenset({"prune", "stop", "stop now", "kill"})
#: A worker that was told to end finishes its job first.
_FINISHES: Final = timedelta(minutes=10)


def without_deeds(board: FleetRows, deeds: Sequence[AuditEntry], keys: Keys) -> FleetRows:
    """A board without the falls that actions on record explain. O(queues)."""
    falls = board.totals.falls
    fleet = falls.gone, falls.waiting, falls.workers, falls.failed
    rows = board.queues or ()
    if not deeds or not (any(fleet) or any(row.falls for row in rows)):
        return board

    def is_by(
        fall: Drop | None,
        names: frozenset[str],
        source: bytes | None = None,
        lasts: timedelta = _LASTS,
    ) -> bool:
        return fall is not None and any(
            deed.action in names or (source is not None and deed.source == source)
            for deed in deeds
            if _may_explain(deed, fall, lasts)
        )

    def unexplained(name: str, found: Sequence[Drop]) -> tuple[Drop, ...]:
        source = keys.queue(name)
        return tuple(fall for fall in found if not is_by(fall, _ANYWHERE, source))

    queues = tuple(_with(row, unexplained(row.name, row.falls)) for row in rows)
    gone = tuple((name, fall) for name, fall in falls.gone if unexplained(name, [fall]))
    left = [fall for row in queues for fall in row.falls] + [fall for _, fall in gone]
    waiting = falls.waiting
    if waiting is not None and not any(fall.at == waiting.at for fall in left):
        waiting = None
    is_ours = is_by(falls.failed, _ANYWHERE, keys.failed())
    falls = falls._replace(
        gone=gone,
        waiting=waiting,
        workers=None if is_by(falls.workers, _OF_WORKERS, lasts=_FINISHES) else falls.workers,
        failed=None if is_ours else falls.failed,
    )
    queues_known = None if board.queues is None else queues
    return replace(board, queues=queues_known, totals=replace(board.totals, falls=falls))


def _with(row: QueueRow, falls: tuple[Drop, ...]) -> QueueRow:
    return row if len(falls) == len(row.falls) else row._replace(falls=falls)


def _may_explain(deed: AuditEntry, fall: Drop, lasts: timedelta) -> bool:
    after = fall.at if fall.after is None else fall.after
    return after - lasts <= deed.at <= fall.at + _DOUBT
