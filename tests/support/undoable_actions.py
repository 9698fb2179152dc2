"""Every action that can be undone, and a database with all that they change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support import list_actions
from tests.support.direct import Direct
from tests.support.operations import (
    FAILED,
    KEYS,
    contents,
    entry,
    fill,
    marks,
    newest_failures,
    numbered,
)

from queuecore.action_record import ActionRecord
from queuecore.bulk import JobRef
from queuecore.stores import Store
from resque.store import pauses, queues

ITEMS = [b"\xff\0", b"", b"same", *numbered(600), b"same", b"\r\n"]


PAYLOAD = b'{"args":[1.50, "\\u00e9"],"class":"A"}'


SOME = [0, 1, 2, 3, 100, 101, 250, 603, 604]


TARGET = "resque:queue:r"


#: Does an action with an audit record and returns how many jobs it touched.
Action = Callable[[Store, ActionRecord], int]


def clear(store: Store, mine: ActionRecord) -> int:
    return (
        store.run(list_actions.clear(KEYS, "q", store.run(list_actions.extent(KEYS, "q")), mine))
        or 0
    )


def clear_failures(store: Store, mine: ActionRecord) -> int:
    return (
        store.run(
            list_actions.clear_failures(KEYS, store.run(list_actions.failures_extent(KEYS)), mine)
        )
        or 0
    )


def delete(store: Store, mine: ActionRecord) -> int:
    return store.run(list_actions.delete(KEYS, "q", marks(ITEMS, SOME), mine)).done


def delete_all(store: Store, mine: ActionRecord) -> int:
    return store.run(list_actions.delete(KEYS, "q", marks(ITEMS, range(len(ITEMS))), mine)).done


def move(store: Store, mine: ActionRecord) -> int:
    return store.run(queues.move(KEYS, "q", marks(ITEMS, SOME), "r", mine)).done


def move_all_to_the_end(store: Store, mine: ActionRecord) -> int:
    return store.run(queues.move(KEYS, "q", marks(ITEMS, range(400)), "q", mine)).done


def replace(store: Store, mine: ActionRecord) -> int:
    return int(store.run(queues.replace(KEYS, "q", 300, ITEMS[300], b"edited", mine)))


def failed(store: Store) -> list[JobRef]:
    return [list_actions.ref_of(each) for each in newest_failures(store)]


def requeue(store: Store, mine: ActionRecord) -> int:
    return store.run(list_actions.requeue(KEYS, failed(store), mine)).done


def requeue_elsewhere(store: Store, mine: ActionRecord) -> int:
    return store.run(list_actions.requeue(KEYS, failed(store), mine, queue="r")).done


def delete_failures(store: Store, mine: ActionRecord) -> int:
    return store.run(list_actions.delete_failures(KEYS, failed(store)[3:9], mine)).done


def edit(store: Store, mine: ActionRecord) -> int:
    one = failed(store)[4]
    return store.run(list_actions.edit_and_requeue(KEYS, one, "r", b"edited", mine)).done


def remove(store: Store, mine: ActionRecord) -> int:
    return (
        store.run(
            list_actions.clear_and_remove(
                KEYS, "q", store.run(list_actions.extent(KEYS, "q")), mine
            )
        )
        or 0
    )


def pause(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.pause(KEYS, ["q", "r", "paused"], mine))


def resume(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.resume(KEYS, ["q", "paused"], mine))


def pause_all(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.pause_all(KEYS, mine))


def resume_all(store: Store, mine: ActionRecord) -> int:
    return store.run(pauses.resume_all(KEYS, mine))


ACTIONS: dict[str, tuple[Action, bytes, int]] = {
    "clear": (clear, KEYS.queue("q"), 605),
    "delete": (delete, KEYS.queue("q"), 9),
    "delete all": (delete_all, KEYS.queue("q"), 605),
    "move": (move, KEYS.queue("q"), 9),
    "move to the end": (move_all_to_the_end, KEYS.queue("q"), 400),
    "replace": (replace, KEYS.queue("q"), 1),
    "remove": (remove, KEYS.queue("q"), 605),
    "clear failures": (clear_failures, KEYS.failed(), 300),
    "requeue": (requeue, KEYS.failed(), 300),
    "requeue elsewhere": (requeue_elsewhere, KEYS.failed(), 300),
    "delete failures": (delete_failures, KEYS.failed(), 6),
    "edit": (edit, KEYS.failed(), 1),
    "pause": (pause, KEYS.pause_queue("q"), 2),
    "resume": (resume, KEYS.pause_queue("q"), 1),
    "pause all": (pause_all, KEYS.pause_all_workers(), 1),
    "resume all": (resume_all, KEYS.pause_all_workers(), 2),
}


@pytest.fixture
def before(direct: Direct) -> dict[bytes, object]:
    """A database with all that the actions touch, and what is in it."""
    direct("SADD", "resque:queues", "q", "r", "paused")
    fill(direct, ITEMS)
    fill(direct, [b"other", b"same"], TARGET)
    fill(direct, [entry(n, PAYLOAD, "qr"[n % 2]) for n in range(300)], FAILED)
    direct("SET", "resque:pause:queue:paused", "true")
    direct("SET", "resque:pause:all", "since Monday")
    # A value that pauses nothing; undoing a pause has to restore it all the same.
    direct("SET", "resque:pause-all-workers", "no")
    return contents(direct)
