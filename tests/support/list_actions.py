"""What an operator does with failures and waiting jobs, as the console does it: one call each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from queuecore import bulk, windows
from queuecore.action_record import ActionRecord
from queuecore.bulk import Decide, JobRef, Result, Taking
from queuecore.exchange import Exchange, Steps, single
from queuecore.windows import Extent, Item
from resque.keys import Keys
from resque.store import failures
from resque.store.failures import FAILED, Failure


def ref_of(failure: Failure) -> JobRef:
    return JobRef(failure.place, failure.item.sha)


def select(
    keys: Keys, wanted: Callable[[Failure], bool], list_name: str = FAILED
) -> Steps[list[JobRef]]:
    """The failures that match, newest first."""

    def choose(item: Item, place: int) -> JobRef | None:
        return JobRef(place, item.sha) if wanted(failures.read(item, place)) else None

    return bulk.scan(failures.list_key(keys, list_name), choose)


def requeue(
    keys: Keys,
    refs: Sequence[JobRef],
    record: ActionRecord | None = None,
    *,
    list_name: str = FAILED,
    queue: str | None = None,
    at_once: int = bulk.TAKE_ITEMS,
) -> Steps[Result]:
    """Put the jobs of failures onto their queues, or all onto `queue`."""
    key, decide = failures.list_key(keys, list_name), partial(failures.requeue, to=queue)
    return bulk.take(keys, key, refs, decide, record, at_once=at_once)


def delete_failures(
    keys: Keys,
    refs: Sequence[JobRef],
    record: ActionRecord | None = None,
    *,
    list_name: str = FAILED,
    at_once: int = bulk.TAKE_ITEMS,
) -> Steps[Result]:
    key = failures.list_key(keys, list_name)
    return bulk.take(keys, key, refs, bulk.delete, record, at_once=at_once)


def edit_and_requeue(
    keys: Keys, ref: JobRef, queue: str, payload: bytes, record: ActionRecord | None = None
) -> Steps[Result]:
    """Put another payload on a queue in place of a failure's."""
    return bulk.take(keys, keys.failed(), [ref], instead(queue, payload), record)


def instead(queue: str, payload: bytes) -> Decide:
    """Decides that another payload takes an item's place, on a queue."""
    return lambda raw: Taking(0, raw, queue, payload)


def count_of_failures(keys: Keys) -> Exchange[int]:
    return single(("LLEN", keys.failed()), int)


def failures_extent(keys: Keys, list_name: str = FAILED) -> Exchange[Extent]:
    return windows.extent(failures.list_key(keys, list_name))


def clear_failures(
    keys: Keys, seen: Extent, record: ActionRecord | None = None, list_name: str = FAILED
) -> Exchange[int | None]:
    return windows.clear_to(keys, failures.list_key(keys, list_name), seen, record=record)


def delete(
    keys: Keys, queue: str, refs: Sequence[JobRef], record: ActionRecord | None = None
) -> Steps[Result]:
    """Delete waiting jobs."""
    return bulk.take(keys, keys.queue(queue), refs, bulk.delete, record)


def extent(keys: Keys, queue: str) -> Exchange[Extent]:
    return windows.extent(keys.queue(queue))


def clear(
    keys: Keys, queue: str, seen: Extent, record: ActionRecord | None = None
) -> Exchange[int | None]:
    """Delete the jobs that waited when `seen` was read."""
    return windows.clear_to(keys, keys.queue(queue), seen, record=record)


def clear_and_remove(
    keys: Keys, queue: str, seen: Extent, record: ActionRecord | None = None
) -> Exchange[int | None]:
    """As `clear`; the queue's name goes too where nothing is left."""
    return windows.clear_to(keys, keys.queue(queue), seen, record=record, remove_queue=queue)
