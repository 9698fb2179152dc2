"""What an operator does with schedules: queue their jobs now, delete them. Each leaves a record,
can be taken back, and returns numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from queuecore.action_record import ActionRecord, recorded
from queuecore.bulk import Result
from queuecore.exchange import Arg, Steps
from queuecore.keys import name_bytes
from resque.errors import StoreError
from resque.keys import Keys
from resque.scheduler.definition import Schedule
from resque.scheduler.moving import QueueOf, no_queue
from resque.scripts import load_script

_DROP = load_script("schedule_drop")
_PUSH = load_script("push_noted")

_CHANGED = "it was changed meanwhile"
_NO_QUEUE = "it names no queue, and its class has none that is known here"


@dataclass(frozen=True, slots=True)
class ScheduleRef:
    """One persistent schedule as it was seen: its name, and the SHA-1 of its configuration."""

    name: str
    sha: str


def run_now(
    keys: Keys,
    schedules: Sequence[Schedule],
    record: ActionRecord | None = None,
    *,
    queue_of: QueueOf = no_queue,
) -> Steps[Result]:
    """Put the jobs of schedules onto their queues now; their next firings stay. One round trip
    each, which is not tried again when its answer is lost."""
    result = Result()
    try:
        for schedule in schedules:
            queue = schedule.queue_for(queue_of)
            if queue is None:
                result = result.plus(refused=[_NO_QUEUE])
                continue
            touched = [keys.queues(), keys.queue(queue)]
            args: list[Arg] = [name_bytes(queue), schedule.payload]
            yield recorded(_PUSH, keys, record, touched, args, int)
            result = result.plus(1)
    except StoreError as error:
        return replace(result, stopped=error)
    return result


def delete(
    keys: Keys, refs: Sequence[ScheduleRef], record: ActionRecord | None = None
) -> Steps[Result]:
    """Delete persistent schedules and tell the schedulers, each only while its configuration is
    what was seen. One round trip each. Schedules of a scheduler's file are not in Redis: it
    writes those that are to persist again when it starts."""
    result = Result()
    touched = [keys.persistent_schedules(), keys.schedules_changed()]
    try:
        for ref in refs:
            args: list[Arg] = [name_bytes(ref.name), ref.sha]
            outcome: int = yield recorded(_DROP, keys, record, touched, args, int)
            result = result.plus(
                done=outcome == 1, gone=outcome == 0, refused=[_CHANGED] if outcome < 0 else []
            )
    except StoreError as error:
        return replace(result, stopped=error)
    return result
