"""What an operator does with jobs that wait in a queue: delete, move, edit; one, many, or all that
match.

Jobs are named by `JobRef`s whose places are counted from the job that is to run next (index -1 of
the list): so newcomers, which come at the head, change no place. Every operation returns numbers
and can leave a record for its undo, whose `source` is the key of the queue. What each does, and
what it costs, is `queuecore.bulk.take` of a list to the head of which newcomers come.
"""

from __future__ import annotations

from collections.abc import Sequence

from queuecore import bulk
from queuecore.action_record import ActionRecord
from queuecore.bulk import TAKE_ITEMS, Decide, JobRef, Result, Taking
from queuecore.exchange import Steps
from sidekiq.keys import SidekiqKeys
from sidekiq.store.pushes import PayloadEdit, edited_job, moved


def delete(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    record: ActionRecord | None = None,
    *,
    at_once: int = TAKE_ITEMS,
) -> Steps[Result]:
    """Delete waiting jobs, also what is no job. Costs as `bulk.take`."""
    return _act(keys, queue, refs, bulk.delete, record, at_once)


def move(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    to: str,
    record: ActionRecord | None = None,
    *,
    at_once: int = TAKE_ITEMS,
) -> Steps[Result]:
    """Move waiting jobs to the back of another queue, in their order, with another `queue` in their
    bytes. Costs as `bulk.take`."""

    def decide(raw: bytes) -> Taking | str:
        change = moved(raw, to)
        return change if isinstance(change, str) else Taking(0, raw, *change)

    return _act(keys, queue, refs, decide, record, at_once)


def edit(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    change: PayloadEdit,
    record: ActionRecord | None = None,
    *,
    to: str | None = None,
    at_once: int = TAKE_ITEMS,
) -> Steps[Result]:
    """Put other payloads in the places of waiting jobs, byte for byte; or at the back of the queue
    `to`, which becomes their `queue`. Refused where the edited text or what waits is no job. Costs
    as `bulk.take`."""

    def decide(raw: bytes) -> Taking | str:
        edited = edited_job(raw, change)
        if isinstance(edited, str):
            return edited
        if to is None:
            return Taking(0, raw, None, edited, stays=True)
        moving = moved(edited, to)
        return moving if isinstance(moving, str) else Taking(0, raw, *moving)

    return _act(keys, queue, refs, decide, record, at_once)


def _act(
    keys: SidekiqKeys,
    queue: str,
    refs: Sequence[JobRef],
    decide: Decide,
    record: ActionRecord | None,
    at_once: int,
) -> Steps[Result]:
    key = keys.queue(queue)
    return bulk.take(keys, key, refs, decide, record, at_once=at_once, newest="head")
